/* The front of the control socket: what goes out are lines of key=value, and nothing is charged. */
#include "fuzz.h"

extern const struct front control_front;

static void check_reply(struct str line)
{
	fuzz_require(
		str_eq(line, STR("state=unknown")) || str_starts(line, STR("state=found ")), "a state comes first");
	while (line.at) {
		struct str word = str_cut(&line, ' ');
		fuzz_require(str_find(word, '=') < word.len, "key=value");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str transcript = fuzz_front(&control_front, NULL, data, size);
	while (transcript.len) {
		struct str line = str_cut(&transcript, '\n');
		if (str_starts(line, STR("<")))
			check_reply(str_from(line, 2));
		else if (str_starts(line, STR("?")))
			fuzz_require(line.len > 13 && str_eq(str_from(line, line.len - 13), STR(" purpose=peek")),
				"it only looks");
	}
	return 0;
}
