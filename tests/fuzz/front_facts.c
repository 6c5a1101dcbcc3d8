/* The front of other quotagates, without keys: what goes out answers a message, and is no longer than it. */
#include "fuzz.h"
#include "wire/facts_message.h"

extern const struct front facts_front;

static void put_reply(struct buf *transcript, struct str sent)
{
	struct facts_reply p;
	if (sent.len == 0)
		return;
	fuzz_require(facts_reply_decode(&p, sent) == (int)sent.len, "a reply is one");
	fuzz_require(sent.len <= FACTS_REQUEST_MIN, "a reply is no longer than the shortest request");
	fuzz_require(seal_is_missing(sent), "it is sealed like its question");
	buf_printf(transcript, "< state %d\n", (int)p.state);
}

static void configure(struct drive *d, unsigned choice)
{
	(void)choice;
	d->put_sent = put_reply;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_front(&facts_front, configure, data, size);
	return 0;
}
