#include "wire/imap_name.h"

/* A run of base64: bits wait until there are six of them. */
struct run {
	bool open;
	uint32_t bits;
	unsigned n; /* bits that wait, at most 5 between two units */
};

static void put_sextet(struct buf *out, uint32_t n)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
	buf_putc(out, letters[n & 63]);
}

static void put_unit(struct buf *out, struct run *r, uint32_t unit)
{
	if (!r->open) {
		*r = (struct run){ .open = true };
		buf_putc(out, '&');
	}
	r->bits = r->bits << 16 | unit;
	for (r->n += 16; r->n >= 6; r->n -= 6)
		put_sextet(out, r->bits >> (r->n - 6));
	r->bits &= (UINT32_C(1) << r->n) - 1;
}

static void end_run(struct buf *out, struct run *r)
{
	if (!r->open)
		return;
	if (r->n)
		put_sextet(out, r->bits << (6 - r->n));
	buf_putc(out, '-');
	r->open = false;
}

/* Takes one character off the front of well-formed UTF-8. */
static uint32_t take_character(struct str *in)
{
	unsigned char first = (unsigned char)in->at[0];
	size_t more = first < 0x80 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
	uint32_t c = more ? first & (0x3FU >> more) : first;
	for (size_t i = 1; i <= more; i++)
		c = c << 6 | ((unsigned char)in->at[i] & 0x3FU);
	*in = str_from(*in, more + 1);
	return c;
}

bool imap_name_encode(struct buf *out, struct str name)
{
	struct run r = { 0 };
	if (!str_is_utf8(name))
		return false;
	while (name.len) {
		uint32_t c = take_character(&name);
		if (c >= 0x20 && c < 0x7F) {
			end_run(out, &r);
			buf_putc(out, (char)c);
			if (c == '&')
				buf_putc(out, '-');
		} else if (c < 0x10000) {
			put_unit(out, &r, c);
		} else {
			put_unit(out, &r, 0xD800 + ((c - 0x10000) >> 10));
			put_unit(out, &r, 0xDC00 + ((c - 0x10000) & 0x3FF));
		}
	}
	end_run(out, &r);
	return true;
}
