/*
 * What is written with a stranger's text in it: base 64, names of mailboxes in IMAP, keys of Redis. Each can be read back to
 * the same text, by the simplest reader there is, and holds nothing that would end it.
 */
#include "fuzz.h"
#include "wire/base64.h"
#include "wire/imap_name.h"
#include "wire/redis_key.h"

#define IN_MAX 4096

static char space[8 * IN_MAX], back_space[8 * IN_MAX];

static int digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c == ',' ? '/' : c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* Base 64 without padding to octets; what is left of the bits must be 0. */
static void decode(struct buf *out, struct str text)
{
	uint32_t bits = 0;
	unsigned n = 0;
	for (size_t i = 0; i < text.len; i++) {
		int d = digit(text.at[i]);
		fuzz_require(d >= 0, "a digit of base 64");
		bits = (bits << 6 | (uint32_t)d) & 0xFFFFFF;
		n += 6;
		if (n >= 8) {
			n -= 8;
			buf_putc(out, (char)(bits >> n));
		}
	}
	fuzz_require(n < 6 && (bits & ((1U << n) - 1)) == 0, "no bits are left over");
}

static void try_base64(struct str in)
{
	struct buf out = BUF(space), back = BUF(back_space);
	base64_put(&out, in);
	struct str text = buf_str(&out);
	fuzz_require(text.len == (in.len + 2) / 3 * 4 && !out.full, "four for three");
	while (text.len && text.at[text.len - 1] == '=')
		text.len--;
	fuzz_require(out.len - text.len <= 2 && !memchr(out.at, ',', out.len), "the usual padding and digits");
	decode(&back, text);
	fuzz_require(str_eq(buf_str(&back), in), "base 64 reads back");
}

static void put_utf8(struct buf *out, uint32_t c)
{
	if (c >= 0x10000) {
		buf_putc(out, (char)(0xF0 | c >> 18));
		buf_putc(out, (char)(0x80 | (c >> 12 & 0x3F)));
	} else if (c >= 0x800) {
		buf_putc(out, (char)(0xE0 | c >> 12));
	} else {
		buf_putc(out, (char)(0xC0 | c >> 6));
	}
	if (c >= 0x800)
		buf_putc(out, (char)(0x80 | (c >> 6 & 0x3F)));
	buf_putc(out, (char)(0x80 | (c & 0x3F)));
}

/* The UTF-16 of one shift, of which nothing is a character that stands for itself. */
static void put_shift(struct buf *out, struct str base64)
{
	static char octets[8 * IN_MAX];
	struct buf b = BUF(octets);
	decode(&b, base64);
	fuzz_require(b.len && b.len % 2 == 0, "whole units of UTF-16");
	for (size_t i = 0; i < b.len; i += 2) {
		uint32_t c = (uint32_t)(uint8_t)octets[i] << 8 | (uint8_t)octets[i + 1];
		if (c >= 0xD800 && c < 0xDC00) {
			fuzz_require(i + 3 < b.len, "a pair of surrogates");
			uint32_t low = (uint32_t)(uint8_t)octets[i + 2] << 8 | (uint8_t)octets[i + 3];
			fuzz_require(low >= 0xDC00 && low < 0xE000, "a pair of surrogates");
			c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
			i += 2;
		}
		fuzz_require(c < 0x20 || c > 0x7E, "what is printable is not encoded");
		if (c < 0x80)
			buf_putc(out, (char)c);
		else
			put_utf8(out, c);
	}
}

static void try_imap(struct str in)
{
	struct buf out = BUF(space), back = BUF(back_space);
	bool good = imap_name_encode(&out, in);
	fuzz_require(good == str_is_utf8(in), "every name of UTF-8 can be written, and no other");
	fuzz_require(good || out.len == 0, "else nothing is");
	struct str rest = buf_str(&out);
	for (size_t i = 0; i < rest.len; i++)
		fuzz_require(rest.at[i] >= ' ' && rest.at[i] <= '~', "printable ASCII");
	while (good && rest.len) {
		char c = rest.at[0];
		rest = str_from(rest, 1);
		if (c != '&') {
			buf_putc(&back, c);
			continue;
		}
		size_t end = str_find(rest, '-');
		fuzz_require(end < rest.len, "a shift has its end");
		if (end == 0)
			buf_putc(&back, '&');
		else
			put_shift(&back, (struct str){ rest.at, end });
		rest = str_from(rest, end + 1);
	}
	fuzz_require(!good || str_eq(buf_str(&back), in), "a name of IMAP reads back");
}

static void try_redis(struct str in)
{
	struct buf out = BUF(space), back = BUF(back_space);
	redis_key_put(&out, STR("p/"), in, STR("storage"));
	struct str key = buf_str(&out), end = STR("/quota/storage");
	fuzz_require(
		str_starts(key, STR("p/")) && key.len >= 2 + end.len && str_eq(str_from(key, key.len - end.len), end),
		"a key has its ends");
	struct str user = { key.at + 2, key.len - 2 - end.len };
	bool escaped = str_find(in, '/') < in.len;
	for (size_t i = 0; i < user.len; i++) {
		fuzz_require(user.at[i] != '/', "a user has no slash");
		bool is = escaped && user.at[i] == '\\';
		i += is;
		fuzz_require(i < user.len, "a backslash stands before something");
		buf_putc(&back, is && user.at[i] == '-' ? '/' : user.at[i]);
	}
	fuzz_require(str_eq(buf_str(&back), in), "a key reads back");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size < IN_MAX ? size : IN_MAX };
	try_base64(in);
	try_imap(in);
	try_redis(in);
	return 0;
}
