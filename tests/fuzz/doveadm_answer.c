/* Answers of doveadm's HTTP API, to a question about one user and to those about several. */
#include "store/doveadm_answer.h"
#include "fuzz.h"

static void check(const struct store_question *q, const char *before)
{
	const struct facts *f = &q->facts;
	fuzz_require(f->usage <= INT64_MAX && f->limit <= INT64_MAX, "figures are below 2^63");
	fuzz_require(
		f->state == FACTS_FOUND || (!f->usage && !f->limit && !f->messages && !f->message_limit && !f->firm),
		"figures come with a mailbox only");
	fuzz_require(q->note.at == before && q->note.len > 0, "each has its note");
	for (size_t i = 0; i < q->note.len; i++)
		fuzz_require(
			(unsigned char)q->note.at[i] >= ' ' && q->note.at[i] != 0x7F, "the note is one clean line");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t numbers[] = { 1, 2, 3, DOVEADM_USERS_MAX };
	unsigned believed = 0;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char texts[DOVEADM_USERS_MAX][240];
		struct store_question many[DOVEADM_USERS_MAX];
		for (size_t k = 0; k < numbers[i]; k++)
			many[k] = (struct store_question){ .note = BUF(texts[k]) };
		bool good = doveadm_answer_read((struct str){ (const char *)data, size }, many, numbers[i]);
		believed += good;
		for (size_t k = 0; k < numbers[i]; k++) {
			check(&many[k], texts[k]);
			fuzz_require(good || many[k].facts.state == FACTS_FAILED, "all of it or nothing is believed");
		}
	}
	fuzz_require(believed <= 1, "it answers one request");
	return 0;
}
