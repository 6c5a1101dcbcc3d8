/* The codec of netstrings: prefixes say "more", what was read can be written and read again, nothing above the bound. */
#include "wire/netstring.h"
#include "fuzz.h"

#define MAX 10000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char space[MAX + 16];
	struct str in = { (const char *)data, size }, payload, part;
	struct buf out = BUF(space);
	ssize_t n = netstring_decode(&payload, in, MAX);
	fuzz_require(n <= (ssize_t)size, "eaten what is there");
	if (n < 0)
		return 0;
	size_t whole = n ? (size_t)n : size, step = whole > 512 ? 61 : 1;
	for (size_t len = 0; len < whole; len += step)
		fuzz_require(netstring_decode(&part, (struct str){ in.at, len }, MAX) == 0, "a prefix wants more");
	if (n == 0)
		return 0;
	fuzz_require(payload.len <= MAX, "a bound that holds");
	netstring_encode(&out, payload);
	fuzz_require(str_eq(buf_str(&out), (struct str){ in.at, whole }), "written as it was read");
	return 0;
}
