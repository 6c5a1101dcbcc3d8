/* Replies of LMTP servers and of policy servers: bounds, prefixes that say "more", and mailboxes that stay one word of one
   line. */
#include "fuzz.h"
#include "wire/lmtp.h"
#include "wire/policy.h"

static void mailbox(struct str in)
{
	static char space[4096];
	struct buf out = BUF(space);
	struct str rest = in, local = str_cut(&rest, '@');
	if (!lmtp_put_mailbox(&out, local, rest, true))
		return;
	bool quoted = false;
	for (size_t i = 0; i < out.len; i++) {
		char c = space[i];
		fuzz_require((unsigned char)c >= 0x20 && c != 0x7F, "no line ends in a mailbox");
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else
			fuzz_require(quoted || (c == '>') == (i + 1 == out.len), "it ends at its end");
	}
}

static void policy(struct str in)
{
	struct str action, part;
	ssize_t n = policy_reply_decode(&action, in, 1000);
	fuzz_require(n <= 1000 && n <= (ssize_t)in.len, "eaten what is there");
	for (ssize_t len = 0; len < n; len++)
		fuzz_require(policy_reply_decode(&part, (struct str){ in.at, (size_t)len }, 1000) == 0,
			"a prefix wants more");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lmtp_reply r, part;
	struct str in = { (const char *)data, size }, parameters;
	ssize_t n = lmtp_reply_decode(&r, in);
	fuzz_require(n <= (ssize_t)size && n <= LMTP_REPLY_MAX, "eaten what is there");
	if (n > 0) {
		fuzz_require(r.code >= 200 && r.code <= 599 && r.lines.len == (size_t)n, "a whole reply");
		fuzz_require(lmtp_meaning(&r) <= LMTP_UNKNOWN, "it means something");
		lmtp_offers(&r, STR("SIZE"), &parameters);
		for (ssize_t len = 0; len<n; len += n> 512 ? 61 : 1)
			fuzz_require(lmtp_reply_decode(&part, (struct str){ in.at, (size_t)len }) == 0,
				"a prefix wants more");
	}
	policy(in);
	mailbox(in);
	return 0;
}
