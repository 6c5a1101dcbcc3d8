/*
 * Key files, and messages under the keys in them. The first part of the input, up to a NUL, is a key file, the rest a message.
 * What was sealed is believed until an octet of it is changed, and a reason gives no octet of a key away.
 */
#include "fuzz.h"
#include "wire/facts_message.h"

#define LEAST (SEAL_NAME_AT + 4 + SEAL_OCTETS)

static void change(char *message, size_t len, const struct seal_keys *keys)
{
	for (size_t i = 0; i<len; i += len> 64 ? 13 : 1) {
		message[i] ^= 0x40;
		fuzz_require(!seal_check(keys, (struct str){ message, len }), "a changed message is not believed");
		message[i] ^= 0x40;
	}
	fuzz_require(!seal_check(keys, (struct str){ message, len - 1 }), "nor is one without its end");
}

static void seal(const struct seal_keys *keys, struct str in)
{
	char message[FACTS_MESSAGE_MAX];
	if (in.len < LEAST || in.len > sizeof(message))
		return;
	for (size_t i = 0; i < keys->n; i++) {
		memcpy(message, in.at, in.len);
		seal_put(&keys->at[i], message, in.len);
		fuzz_require(seal_check(keys, (struct str){ message, in.len }) == &keys->at[i], "it is its key's");
		fuzz_require(!seal_is_missing((struct str){ message, in.len }), "it says that it is sealed");
		change(message, in.len, keys);
	}
	seal_put(NULL, message, in.len);
	fuzz_require(seal_is_missing((struct str){ message, in.len }), "it says that it is not sealed");
	fuzz_require(!seal_check(keys, (struct str){ message, in.len }), "what is not sealed is not believed");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct octets in = OCTETS(data, size);
	struct str text = fuzz_text(&in, '\0'), message = fuzz_take(&in, size);
	struct seal_keys keys;
	struct err err = { "" };
	if (!seal_keys_parse(&keys, text, &err)) {
		fuzz_require(err.text[0] && strlen(err.text) < 80, "what is wrong is told in a few words of our own");
		return 0;
	}
	fuzz_require(keys.n >= 1 && keys.n <= SEAL_KEYS_MAX, "a bounded number of keys");
	for (size_t i = 0; i < keys.n; i++)
		fuzz_require(keys.at[i].name != 0, "every key has a name");
	fuzz_require(!seal_check(&keys, message), "nobody guesses a seal");
	seal(&keys, message);
	return 0;
}
