/*
 * The front of other quotagates, without keys, or with two: what goes out answers a message, is no longer than it, and is
 * sealed as it is. With keys each message whose key's name is not 0 is sealed before it is sent, with the one that the name's
 * last bit chooses, so that the rest of it is looked at.
 */
#include "fuzz.h"
#include "wire/facts_message.h"

#include <stdlib.h>

extern const struct front facts_front;

#define LEAST (SEAL_NAME_AT + 4 + SEAL_OCTETS)

static struct seal_keys keys;

static void check_reply(struct buf *transcript, struct str sent, bool sealed)
{
	struct facts_reply p;
	if (sent.len == 0)
		return;
	fuzz_require(facts_reply_decode(&p, sent) == (int)sent.len, "a reply is one");
	fuzz_require(sent.len <= FACTS_REQUEST_MIN, "a reply is no longer than the shortest request");
	fuzz_require(
		sealed ? seal_check(&keys, sent) != NULL : seal_is_missing(sent), "it is sealed like its question");
	buf_printf(transcript, "< state %d\n", (int)p.state);
}

static void put_reply(struct buf *transcript, struct str sent)
{
	check_reply(transcript, sent, false);
}

static void put_sealed_reply(struct buf *transcript, struct str sent)
{
	check_reply(transcript, sent, true);
}

/* Without libsodium there are no keys. */
static bool has_keys(void)
{
	return keys.n || seal_keys_parse(&keys, STR("a key of the fuzzer\nanother key of it"), NULL);
}

static void configure(struct drive *d, unsigned choice)
{
	bool sealed = choice & 1 && has_keys();
	d->keys = sealed ? &keys : NULL;
	d->put_sent = sealed ? put_sealed_reply : put_reply;
}

static void seal_all(char *at, size_t len)
{
	size_t n = 0;
	for (; len; at += n, len -= n) {
		for (n = 0; n + 1 < len && !str_starts((struct str){ at + n, 2 }, STR("\xFF\xFE"));)
			n++;
		n = n + 1 < len ? n : len;
		if (n >= LEAST && n <= FACTS_MESSAGE_MAX && !seal_is_missing((struct str){ at, n }))
			seal_put(&keys.at[at[SEAL_NAME_AT + 3] & 1], at, n);
		n += n + 1 < len ? 2 : 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	fuzz_require(copy != NULL, "memory");
	if (size)
		memcpy(copy, data, size);
	if (size > 2 && copy[1] & 1 && has_keys())
		seal_all((char *)copy + 2, size - 2);
	fuzz_front(&facts_front, configure, copy, size);
	free(copy);
	return 0;
}
