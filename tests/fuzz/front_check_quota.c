/* The front of the small quota daemons, in every form: what goes out is one of its answers. */
#include "fuzz.h"

extern const struct front check_quota_front;

static void configure(struct drive *d, unsigned choice)
{
	static const char *const forms[] = { "line", "address", "local-domain", "colon" };
	static const char *const words[] = { "pass", "full", "too_large", "unknown", "error" };
	fuzz_require(drive_option(d, STR("form"), forms[choice & 3], NULL), "a form is taken");
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char name[32];
		struct buf b = BUF(name);
		buf_printf(&b, "words.%s", words[i]);
		if (choice >> (i + 2) & 1)
			fuzz_require(drive_option(d, buf_str(&b), words[i], NULL), "a good word is taken");
	}
}

static bool is_answer(struct str line)
{
	static const char *const answers[] = { "QUOTA_OK", "QUOTA_FULL", "0", "1", "good", "bad", "pass", "full",
		"too_large", "unknown", "error", "ERROR", "Unknown command", "pong!", "Bye!" };
	if (line.len && line.at[line.len - 1] == '\\')
		line.len--;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (str_eq(line, str_of(answers[i])))
			return true;
	return str_starts(line, STR("using="));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str transcript = fuzz_front(&check_quota_front, configure, data, size);
	while (transcript.len) {
		struct str line = str_cut(&transcript, '\n');
		if (str_starts(line, STR("<")))
			fuzz_require(is_answer(str_from(line, 2)), "one of the answers");
	}
	return 0;
}
