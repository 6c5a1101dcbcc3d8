/* Seals and key files. Every message lies right before a page that may not be read. */
#include "wire/seal.h"

#include "brink.h"

#include <stdlib.h>

#define LEN 64
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct str place(const char *at, size_t len)
{
	return at_brink((struct str){ at, len });
}

static struct seal_keys keys_of(const char *text)
{
	struct seal_keys keys;
	struct err err = { "" };
	if (!seal_keys_parse(&keys, str_of(text), &err))
		fail_msg("%s", err.text);
	return keys;
}

static void fill(char message[LEN])
{
	memset(message, 0, LEN);
	memcpy(message, "QG\1\1", 4);
	for (int i = 0; i < 24; i++)
		message[8 + i] = (char)i;
}

/* Worked out with another BLAKE2b than libsodium's. */
static void test_known(void **state)
{
	static const char key[] = "\x1c\xd1\xac\x1f\x21\x1e\xfb\x56\x17\x30\x8d\x74\xd1\x4c\xf5\xde"
				  "\x87\xba\x9f\xbf\x7d\xf6\x46\x11\x32\x23\xc1\xe0\xfa\x26\xd7\xe9";
	static const char seal[] = "\xda\x5a\x65\xe9\xac\x86\x40\xb6\x6a\x9e\xf4\x54\xbc\x95\xd6\x5a"
				   "\xff\x22\xce\x20\x3e\x26\xb3\xf3\x13\xf9\xcf\x67\xd4\xb3\x80\xfd";
	struct seal_keys keys = keys_of("correct horse battery staple\n");
	char message[LEN];
	(void)state;
	assert_int_equal(keys.n, 1);
	assert_memory_equal(keys.at[0].octets, key, sizeof(keys.at[0].octets));
	assert_int_equal(keys.at[0].name, 0x6fa18714);
	fill(message);
	seal_put(&keys.at[0], message, LEN);
	assert_memory_equal(message + SEAL_NAME_AT, "\x6f\xa1\x87\x14", 4);
	assert_memory_equal(message + LEN - SEAL_OCTETS, seal, SEAL_OCTETS);
	assert_ptr_equal(seal_check(&keys, place(message, LEN)), &keys.at[0]);
}

static void test_every_bit_counts(void **state)
{
	struct seal_keys keys = keys_of("correct horse battery staple");
	char message[LEN];
	(void)state;
	fill(message);
	seal_put(&keys.at[0], message, LEN);
	for (int bit = 0; bit < 8 * LEN; bit++) {
		char changed[LEN];
		memcpy(changed, message, LEN);
		changed[bit / 8] = (char)(changed[bit / 8] ^ 1 << bit % 8);
		assert_null(seal_check(&keys, place(changed, LEN)));
	}
	for (size_t len = 0; len < LEN; len++)
		assert_null(seal_check(&keys, place(message, len)));
}

/* A new key comes second everywhere, then first, then the old one goes. */
static void test_rotation(void **state)
{
	struct seal_keys old = keys_of("the old key, long enough"),
			 both = keys_of("the old key, long enough\nthe new key, long enough"),
			 turned = keys_of("the new key, long enough\nthe old key, long enough"),
			 new = keys_of("the new key, long enough");
	char message[LEN];
	(void)state;
	fill(message);
	seal_put(&both.at[0], message, LEN);
	assert_ptr_equal(seal_check(&old, place(message, LEN)), &old.at[0]);
	assert_ptr_equal(seal_check(&turned, place(message, LEN)), &turned.at[1]);
	assert_null(seal_check(&new, place(message, LEN)));
	seal_put(&turned.at[0], message, LEN);
	assert_ptr_equal(seal_check(&both, place(message, LEN)), &both.at[1]);
	assert_ptr_equal(seal_check(&new, place(message, LEN)), &new.at[0]);
	assert_null(seal_check(&old, place(message, LEN)));
}

static void test_not_sealed(void **state)
{
	struct seal_keys keys = keys_of("correct horse battery staple");
	char message[LEN], zeros[SEAL_OCTETS] = { 0 };
	(void)state;
	fill(message);
	seal_put(&keys.at[0], message, LEN);
	assert_false(seal_is_missing(place(message, LEN)));
	seal_put(NULL, message, LEN);
	assert_memory_equal(message + LEN - SEAL_OCTETS, zeros, SEAL_OCTETS);
	assert_true(seal_is_missing(place(message, LEN)));
	assert_null(seal_check(&keys, place(message, LEN)));
	for (size_t len = 0; len < SEAL_NAME_AT + 4; len++)
		assert_false(seal_is_missing(place(message, len)));
}

#define KEY "0123456789abcdef"
#define OTHER "fedcba9876543210"

static void test_key_files(void **state)
{
	static const struct {
		const char *text;
		size_t keys;
		const char *reason;
	} cases[] = {
		{ KEY, 1, NULL },
		{ KEY "\n", 1, NULL },
		{ KEY "\r\n", 1, NULL },
		{ " \t" KEY " \n", 1, NULL },
		{ "# made in May\n\n" KEY "\n\n", 1, NULL },
		{ KEY "\n#\n" OTHER, 2, NULL },
		{ "", 0, "no key in it" },
		{ "\n\n", 0, "no key in it" },
		{ "#" KEY "\n", 0, "no key in it" },
		{ "\n123456789abcdef\n", 0, "line 2: a key of less than 16 octets" },
		{ KEY "\nx", 0, "line 2: a key of less than 16 octets" },
		{ KEY "\n" OTHER "\n" KEY "x", 0, "line 3: more than 2 keys" },
		{ KEY "\n" KEY, 0, "line 2: the same key once more" },
	};
	struct seal_keys first = keys_of(KEY), keys;
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { "" };
		bool good = seal_keys_parse(&keys, place(cases[i].text, strlen(cases[i].text)), &err);
		if (good != !cases[i].reason || (good && keys.n != cases[i].keys))
			fail_msg("case %zu: %s", i, err.text);
		if (good)
			assert_int_equal(keys.at[0].name, first.at[0].name);
		else
			assert_string_equal(err.text, cases[i].reason);
	}
	assert_false(seal_keys_parse(&keys, (struct str){ NULL, 0 }, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_not_sealed),
		cmocka_unit_test(test_key_files),
	};
	return cmocka_run_group_tests(tests, brink_make, NULL);
}
