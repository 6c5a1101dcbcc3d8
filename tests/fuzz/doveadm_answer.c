/* Answers of doveadm's HTTP API. */
#include "store/doveadm_answer.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[240];
	struct buf note = BUF(text);
	struct facts f;
	doveadm_answer_read((struct str){ (const char *)data, size }, &f, &note);
	fuzz_require(f.usage <= INT64_MAX && f.limit <= INT64_MAX, "figures are below 2^63");
	fuzz_require(f.state == FACTS_FOUND || (!f.usage && !f.limit && !f.messages && !f.message_limit && !f.firm),
		"figures come with a mailbox only");
	for (size_t i = 0; i < note.len; i++)
		fuzz_require((unsigned char)text[i] >= ' ' && text[i] != 0x7F, "the note is one clean line");
	return 0;
}
