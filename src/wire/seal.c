#include "wire/seal.h"

#include <assert.h>

/* Where there is no libsodium there are no keys, and so nothing that could be sealed or checked. */
#if HAVE_SODIUM
#include <sodium.h>
#endif

#define KEY_TEXT_MIN 16

static uint32_t name_of(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put_name(char *message, uint32_t name)
{
	for (int i = 0; i < 4; i++)
		message[SEAL_NAME_AT + i] = (char)(name >> (24 - 8 * i));
}

static bool can_be_sealed(size_t len)
{
	return len >= SEAL_NAME_AT + 4 + SEAL_OCTETS;
}

#if HAVE_SODIUM

static_assert(SEAL_OCTETS == crypto_generichash_BYTES, "BLAKE2b-256");

static void hash(uint8_t *out, struct str of, const struct seal_key *key)
{
	int failed = crypto_generichash(out, SEAL_OCTETS, (const unsigned char *)of.at, of.len,
		key ? key->octets : NULL, key ? sizeof(key->octets) : 0);
	assert(!failed);
	(void)failed;
}

static bool is_able(struct err *err)
{
	return sodium_init() >= 0 || err_set(err, "libsodium does not start");
}

static bool is_sealed_by(const struct seal_key *key, struct str message)
{
	uint8_t seal[SEAL_OCTETS];
	struct str sealed = { message.at, message.len - SEAL_OCTETS };
	hash(seal, sealed, key);
	return sodium_memcmp(seal, message.at + sealed.len, SEAL_OCTETS) == 0;
}

#else

static void hash(uint8_t *out, struct str of, const struct seal_key *key)
{
	(void)out, (void)of, (void)key;
	assert(!"a key without libsodium");
}

static bool is_able(struct err *err)
{
	return err_set(err, "this quotagate was built without libsodium, and can use no keys");
}

static bool is_sealed_by(const struct seal_key *key, struct str message)
{
	(void)key, (void)message;
	return false;
}

#endif

/* ---- keys ---- */

static bool add_key(struct seal_keys *keys, struct str text, unsigned line, struct err *err)
{
	struct seal_key *key = &keys->at[keys->n]; /* in place, so that no copy is left on the stack */
	uint8_t named[SEAL_OCTETS];
	if (text.len < KEY_TEXT_MIN)
		return err_set(err, "line %u: a key of less than %d octets", line, KEY_TEXT_MIN);
	if (keys->n == SEAL_KEYS_MAX)
		return err_set(err, "line %u: more than %d keys", line, SEAL_KEYS_MAX);
	hash(key->octets, text, NULL);
	hash(named, (struct str){ (const char *)key->octets, sizeof(key->octets) }, NULL);
	key->name = name_of(named);
	if (key->name == 0)
		key->name = 1;
	for (size_t i = 0; i < keys->n; i++)
		if (keys->at[i].name == key->name)
			return err_set(err, "line %u: the same key once more", line);
	keys->n++;
	return true;
}

static struct str trim_line(struct str line)
{
	if (line.len && line.at[line.len - 1] == '\r')
		line.len--;
	return str_trim(line);
}

bool seal_keys_parse(struct seal_keys *keys, struct str text, struct err *err)
{
	*keys = (struct seal_keys){ 0 };
	if (!is_able(err))
		return false;
	for (unsigned line = 1; text.at; line++) {
		struct str s = trim_line(str_cut(&text, '\n'));
		if (s.len && s.at[0] != '#' && !add_key(keys, s, line, err))
			return false;
	}
	return keys->n > 0 || err_set(err, "no key in it");
}

/* ---- seals ---- */

void seal_put(const struct seal_key *key, char *message, size_t len)
{
	assert(can_be_sealed(len));
	char *seal = message + len - SEAL_OCTETS;
	put_name(message, key ? key->name : 0);
	if (key)
		hash((uint8_t *)seal, (struct str){ message, len - SEAL_OCTETS }, key);
	else
		memset(seal, 0, SEAL_OCTETS);
}

const struct seal_key *seal_check(const struct seal_keys *keys, struct str message)
{
	if (!can_be_sealed(message.len))
		return NULL;
	uint32_t name = name_of((const uint8_t *)message.at + SEAL_NAME_AT);
	for (size_t i = 0; i < keys->n; i++)
		if (keys->at[i].name == name && is_sealed_by(&keys->at[i], message))
			return &keys->at[i];
	return NULL;
}

bool seal_is_missing(struct str message)
{
	return message.len >= SEAL_NAME_AT + 4 && name_of((const uint8_t *)message.at + SEAL_NAME_AT) == 0;
}
