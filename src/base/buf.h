/*
 * A buffer of fixed size to write into, owned by the caller. What does not fit is cut and `full` stays set, so a
 * writer checks once at the end. Nothing here allocates.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

struct buf {
	char *at;
	size_t len, cap; /* octets */
	bool full; /* something was cut */
};

#define BUF(array) ((struct buf){ .at = (array), .cap = sizeof(array) })

static inline struct str buf_str(const struct buf *b)
{
	return (struct str){ b->at, b->len };
}

static inline void buf_put(struct buf *b, struct str s)
{
	size_t n = b->cap - b->len;
	if (s.len > n)
		b->full = true;
	else
		n = s.len;
	if (n)
		memcpy(b->at + b->len, s.at, n);
	b->len += n;
}

static inline void buf_putc(struct buf *b, char c)
{
	if (b->len < b->cap)
		b->at[b->len++] = c;
	else
		b->full = true;
}

static inline void buf_puts(struct buf *b, const char *z)
{
	buf_put(b, str_of(z));
}

/* Decimal digits. */
void buf_put_u64(struct buf *b, uint64_t n);

/* What a stranger typed, made fit for one line of a log or a reply: octets that are not printable ASCII, and those of
   ill-formed UTF-8, become '?'. Well-formed UTF-8 passes. */
void buf_put_clean(struct buf *b, struct str s);

__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *b, const char *format, ...);

/* The contents as a C string; the last octet is given up when there is no room for the NUL. */
const char *buf_z(struct buf *b);

#endif
