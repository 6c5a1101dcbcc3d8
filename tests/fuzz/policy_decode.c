/* The codec of policy delegation: both functions agree, prefixes say "more" or "malformed", and what was read can be
   written and read again. */
#include "fuzz.h"
#include "wire/policy.h"

static void require_same(struct str a, struct str b)
{
	fuzz_require(!a.at || (b.at && str_eq(a, b)), "what was written is read");
}

static void round_trip(const struct policy_request *r)
{
	static char space[1 << 20];
	struct buf out = BUF(space);
	struct policy_request back;
	if (!policy_request_encode(&out, r))
		return; /* a value ends in CR */
	fuzz_require(policy_decode(&back, buf_str(&out)) == (ssize_t)out.len, "what was written is a request");
	require_same(r->request, back.request);
	require_same(r->protocol_state, back.protocol_state);
	require_same(r->client_address, back.client_address);
	require_same(r->sender, back.sender);
	require_same(r->recipient, back.recipient);
	require_same(r->recipient_count, back.recipient_count);
	require_same(r->queue_id, back.queue_id);
	require_same(r->instance, back.instance);
	require_same(r->size, back.size);
	require_same(r->sasl_username, back.sasl_username);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_request r, part;
	struct str in = { (const char *)data, size };
	size_t checked = 0;
	ssize_t n = policy_decode(&r, in);
	fuzz_require(n <= (ssize_t)size, "eaten what is there");
	fuzz_require(policy_span(in, &checked) == n, "span and decode agree");
	fuzz_require(policy_size(r.size) <= INT64_MAX, "sizes are below 2^63");
	if (n <= 0)
		return 0;
	size_t step = n > 512 ? 61 : 1;
	checked = 0;
	for (size_t len = 0; len < (size_t)n; len += step) {
		struct str prefix = { in.at, len };
		fuzz_require(policy_decode(&part, prefix) == 0, "a prefix wants more");
		fuzz_require(policy_span(prefix, &checked) == 0, "a prefix wants more");
	}
	fuzz_require(policy_span(in, &checked) == n, "in pieces as whole");
	round_trip(&r);
	return 0;
}
