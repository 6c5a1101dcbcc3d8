/* Replies between quotagates: what is read is a whole message, and the only way to write it. */
#include "fuzz.h"
#include "wire/facts_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[FACTS_MESSAGE_MAX];
	struct str in = { (const char *)data, size };
	struct buf out = BUF(text);
	struct facts_reply p;
	int n = facts_reply_decode(&p, in);
	if (n < 0)
		return 0;
	fuzz_require((size_t)n == size && size <= FACTS_MESSAGE_MAX, "all of it is eaten");
	fuzz_require(p.state <= FACTS_REPLY_CLOCK && p.source <= FACTS_SOURCE_LAST && p.rule <= FACTS_RULE_LAST,
		"enums are in their ranges");
	fuzz_require(p.usage <= INT64_MAX && p.limit <= INT64_MAX && p.charge <= INT64_MAX && p.age <= INT64_MAX &&
			     p.full_for <= INT64_MAX && p.loan <= INT64_MAX && p.time >= 0,
		"amounts have their bound");
	facts_reply_encode(&out, &p, FACTS_MESSAGE_MAX);
	memcpy(text + SEAL_NAME_AT, in.at + SEAL_NAME_AT, 4);
	fuzz_require(out.len == size && memcmp(text, in.at, size - SEAL_OCTETS) == 0, "what was read can be written");
	out.len = 0;
	facts_reply_encode(&out, &p, FACTS_REQUEST_MIN);
	fuzz_require(out.len <= FACTS_REQUEST_MIN && !out.full, "a reply is cut to its request");
	return 0;
}
