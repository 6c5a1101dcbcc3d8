#include "wire/base64.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_put(struct buf *out, struct str in)
{
	for (size_t i = 0; i < in.len; i += 3) {
		unsigned long group = 0;
		size_t n = in.len - i < 3 ? in.len - i : 3;
		for (size_t j = 0; j < 3; j++)
			group = group << 8 | (j < n ? (unsigned char)in.at[i + j] : 0);
		for (size_t j = 0; j < 4; j++)
			buf_putc(out, j <= n ? letters[group >> (18 - 6 * j) & 63] : '=');
	}
}
