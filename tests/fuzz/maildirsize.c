/* The reader of maildirsize files: never believes figures that cannot be, and looks at no more than it says. */
#include "wire/maildirsize.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct maildirsize m, start;
	struct str in = { (const char *)data, size };
	maildirsize_decode(&m, in);
	fuzz_require(m.valid == !m.why, "what is not valid says why");
	fuzz_require(m.usage <= INT64_MAX && m.limit <= INT64_MAX, "figures are below 2^63");
	fuzz_require(m.valid || (m.usage == 0 && m.messages == 0), "what is not valid has no totals");
	fuzz_require(!m.valid || (m.lines > 0 && size < MAILDIRSIZE_MAX), "totals come from lines");
	if (size <= MAILDIRSIZE_MAX)
		return 0;
	maildirsize_decode(&start, (struct str){ in.at, MAILDIRSIZE_MAX });
	fuzz_require(m.valid == start.valid && m.limit == start.limit && m.message_limit == start.message_limit,
		"what stands behind is not looked at");
	return 0;
}
