/*
 * Answers of other machines as they become a look-up's: facts_reply reads the message, here is what is made of it. Octets 0 to 7 are
 * the time of day, the rest the message, or, where it is none, a quota.cgi's answer.
 */
#include "core/asked.h"
#include "fuzz.h"
#include "store/remote_inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lookup l;
	struct octets in = OCTETS(data, size);
	struct facts_reply p;
	uint64_t wall = 0;
	for (int i = 0; i < 8; i++)
		wall = wall << 8 | fuzz_choose(&in, 256);
	if (facts_reply_decode(&p, fuzz_take(&in, size)) < 0)
		return 0;
	memset(&l, 0xEE, sizeof(l));
	bool answered = remote_understand(&l, &p, "host:1", SECONDS(1000), (msec)(wall & INT64_MAX));
	const struct facts *f = &l.facts;
	fuzz_require(answered == (p.state != FACTS_REPLY_NOTED), "all but what is noted answers");
	fuzz_require(f->state <= FACTS_NOT_OURS && (f->state == FACTS_FOUND) == (p.state == FACTS_REPLY_FOUND),
		"a state that there is");
	fuzz_require(f->usage <= INT64_MAX && f->limit <= INT64_MAX && l.others.octets <= INT64_MAX &&
			     l.loan.octets <= INT64_MAX && l.loan.life >= 0,
		"amounts have their bound");
	fuzz_require(f->taken >= 0 && f->took_at >= 0 && f->refused_at >= 0, "nothing is younger than now");
	fuzz_require(f->state == FACTS_FOUND || (!f->usage && !f->limit && !l.charged && !l.loan.octets),
		"figures, charges and loans come with a mailbox only");
	fuzz_require(!asked_is(f) || (!f->messages && !f->message_limit), "verdicts count no messages");
	fuzz_require(memchr(l.note, '\0', LOOKUP_NOTE) && fuzz_is_clean(str_of(l.note)), "one clean line");
	return 0;
}
