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

/* The octets of the control or line separator at the head of well-formed UTF-8: C1 controls, which terminals obey, and
   U+2028, U+2029. */
static size_t unprintable(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.at;
	if (s.len >= 2 && p[0] == 0xC2 && p[1] < 0xA0)
		return 2;
	return s.len >= 3 && p[0] == 0xE2 && p[1] == 0x80 && (p[2] == 0xA8 || p[2] == 0xA9) ? 3 : 0;
}

void buf_put_clean(struct buf *b, struct str s)
{
	bool utf8 = str_is_utf8(s);
	for (size_t i = 0, n; i < s.len; i += n) {
		unsigned char c = (unsigned char)s.at[i];
		n = c >= 0x80 && utf8 ? unprintable(str_from(s, i)) : 0;
		bool fit = n == 0 && ((c >= 0x20 && c < 0x7F) || (c >= 0x80 && utf8));
		n = n ? n : 1;
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
