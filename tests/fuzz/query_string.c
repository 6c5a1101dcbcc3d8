/* Targets and parameters: slices lie in the input, what is decoded is never longer and holds no control character. */
#include "wire/query_string.h"
#include "fuzz.h"

static void require_inside(struct str s, struct str in)
{
	fuzz_require(s.len == 0 || (s.at >= in.at && s.at + s.len <= in.at + in.len), "a slice of the input");
}

static void decode(struct str text)
{
	static char space[65536];
	struct buf out = BUF(space);
	if (!percent_decode(&out, text))
		return;
	fuzz_require(out.len <= text.len, "decoded is not longer");
	for (size_t i = 0; i < out.len; i++)
		fuzz_require((unsigned char)out.at[i] >= 0x20 && out.at[i] != 0x7F, "no control character");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size }, rest = in;
	struct query_pair pair;
	struct http_target target;
	size_t pairs = 0;
	if (http_target_parse(&target, in)) {
		require_inside(target.path, in);
		require_inside(target.query, in);
		fuzz_require(target.path.at[0] == '/', "a path");
		rest = target.query;
		decode(target.path);
	}
	while (query_string_next(&rest, &pair)) {
		require_inside(pair.name, in);
		require_inside(pair.value, in);
		decode(pair.name);
		decode(pair.value);
		fuzz_require(++pairs <= size, "an end");
	}
	return 0;
}
