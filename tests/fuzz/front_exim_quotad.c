/* The front of exim-quotad: one number is sent, and no path is asked for that could mean another place. */
#include "fuzz.h"

extern const struct front exim_quotad_front;

static void check_line(struct str line)
{
	uint64_t n;
	if (str_starts(line, STR("<")))
		fuzz_require(str_u64(str_from(line, 2), &n), "a number is sent");
	if (!str_starts(line, STR("? path address=")))
		return;
	fuzz_require(line.at[15] == '/', "paths are absolute");
	for (size_t i = 0; i < line.len; i++) {
		struct str rest = str_from(line, i);
		fuzz_require(!str_starts(rest, STR("//")) && !str_starts(rest, STR("/./")) &&
				     !str_starts(rest, STR("/../")) && !str_starts(rest, STR("\\x00")),
			"paths mean what they say");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str transcript = fuzz_front(&exim_quotad_front, NULL, data, size);
	while (transcript.len)
		check_line(str_cut(&transcript, '\n'));
	return 0;
}
