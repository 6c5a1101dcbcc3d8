#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

void buf_put_u64(struct buf *b, uint64_t n)
{
	char digits[20];
	size_t i = sizeof(digits);
	do
		digits[--i] = (char)('0' + n % 10);
	while (n /= 10);
	buf_put(b, (struct str){ digits + i, sizeof(digits) - i });
}

void buf_put_clean(struct buf *b, struct str s)
{
	bool utf8 = str_is_utf8(s);
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];
		bool fit = (c >= 0x20 && c < 0x7F) || (c >= 0x80 && utf8);
		buf_putc(b, fit ? (char)c : '?');
	}
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list ap;
	size_t room = b->cap - b->len;
	va_start(ap, format);
	int n = vsnprintf(room ? b->at + b->len : NULL, room, format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room) {
		b->len += room ? room - 1 : 0; /* vsnprintf kept the last octet for its NUL */
		b->full = true;
	} else {
		b->len += (size_t)n;
	}
}

const char *buf_z(struct buf *b)
{
	if (b->len == b->cap) {
		if (b->cap == 0)
			return "";
		b->full = true;
		b->len--;
	}
	b->at[b->len] = '\0';
	return b->at;
}
