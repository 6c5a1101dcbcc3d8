/* Questions and events between quotagates: what is read is a whole message, and the only way to write it. */
#include "fuzz.h"
#include "wire/facts_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[FACTS_MESSAGE_MAX];
	struct str in = { (const char *)data, size };
	struct buf out = BUF(text);
	struct facts_request q;
	int n = facts_request_decode(&q, in);
	if (n < 0)
		return 0;
	fuzz_require((size_t)n == size && size >= FACTS_REQUEST_MIN && size <= FACTS_MESSAGE_MAX, "all of it is eaten");
	fuzz_require(q.address.len <= FACTS_ADDRESS_MAX, "an address has its bound");
	fuzz_require(
		q.size <= INT64_MAX && q.limit <= INT64_MAX && q.spent <= INT64_MAX && q.time >= 0, "so have amounts");
	fuzz_require((q.kind == FACTS_EVENT) == (q.event != FACTS_EVENT_NONE), "an event is one");
	fuzz_require(facts_request_encode(&out, &q) && !out.full, "what was read can be written");
	memcpy(text + SEAL_NAME_AT, in.at + SEAL_NAME_AT, 4);
	fuzz_require(out.len == size && memcmp(text, in.at, size - SEAL_OCTETS) == 0, "and is the same");
	return 0;
}
