/* The front for Postfix and Exim: whatever comes in, what goes out is whole answers. */
#include "fuzz.h"

extern const struct front policy_front;

static void configure(struct drive *d, unsigned choice)
{
	static const char *const words[] = { "pass", "full", "too_large", "unknown", "error" };
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char name[32];
		struct buf b = BUF(name);
		buf_printf(&b, "words.%s", words[i]);
		if (choice >> i & 1)
			fuzz_require(drive_option(d, buf_str(&b), words[i], NULL), "a good word is taken");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str transcript = fuzz_front(&policy_front, configure, data, size);
	while (transcript.len) {
		struct str line = str_cut(&transcript, '\n');
		if (line.len == 0 || line.at[0] != '<')
			continue;
		fuzz_require(str_starts(line, STR("< action=")) && line.len > strlen("< action="), "an action is sent");
		fuzz_require(str_eq(str_cut(&transcript, '\n'), STR("<")), "an empty line follows");
	}
	return 0;
}
