/*
 * Replies as the configuration has them. Line 1 is the text, line 2 the address that is put in. What goes out is one line
 * of printable characters, and of a class that a refusal may have.
 */
#include "core/verdict.h"
#include "fuzz.h"

static bool is_reply(struct str line, unsigned code)
{
	if (line.len < 10 || line.at[3] != ' ' || line.at[0] != line.at[4] || line.at[5] != '.')
		return false;
	uint64_t n;
	return str_u64((struct str){ line.at, 3 }, &n) && n == code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct octets in = OCTETS(data, size);
	struct str text = fuzz_text(&in, '\n'), address = fuzz_take(&in, size);
	char space[4096];
	struct buf out = BUF(space);
	struct reply r;
	struct err err = { "" };
	if (!reply_parse(&r, text, &err)) {
		fuzz_require(err.text[0], "what is wrong is told");
		return 0;
	}
	fuzz_require(r.code >= 400 && r.code <= 599 && r.code != 421 && r.code != 521, "a code that refuses");
	fuzz_require(fuzz_inside(r.text, text), "its text is a part of it");
	reply_print(&out, &r, address);
	fuzz_require(fuzz_is_clean(buf_str(&out)), "one clean line");
	fuzz_require(is_reply(buf_str(&out), r.code), "a code and its class");
	return 0;
}
