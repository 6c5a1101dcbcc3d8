/*
 * The codec of netstrings. Every input lies right before a page that may not be read, and every strict prefix of a good
 * one says "more".
 */
#include "wire/netstring.h"

#include "brink.h"

#define MAX 10000

static ssize_t decode(struct str *payload, struct str in, size_t max)
{
	return netstring_decode(payload, at_brink(in), max);
}

static void check_good(struct str in, struct str want)
{
	struct str payload;
	for (size_t len = 0; len < in.len; len++)
		if (decode(&payload, (struct str){ in.at, len }, MAX) != 0)
			fail_msg("%zu octets of \"%.*s\" do not say more", len, (int)in.len, in.at);
	assert_int_equal(decode(&payload, in, MAX), in.len);
	assert_true(str_eq(payload, want));
}

static void test_good(void **state)
{
	static char text[MAX + 8];
	struct buf longest = BUF(text);
	(void)state;
	check_good(STR("0:,"), STR(""));
	check_good(STR("1:a,"), STR("a"));
	check_good(STR("5:a:b,c,"), STR("a:b,c"));
	check_good(STR("10:0123456789,"), STR("0123456789"));
	check_good(STR("21:quota joe@example.com,"), STR("quota joe@example.com"));
	check_good(STR("3:\0\n\xFF,"), STR("\0\n\xFF"));
	buf_puts(&longest, "10000:");
	while (longest.len < MAX + 6)
		buf_putc(&longest, 'a');
	buf_putc(&longest, ',');
	check_good(buf_str(&longest), (struct str){ text + 6, MAX });
}

/* Told with the first octet that is wrong, and not before. */
static void test_malformed(void **state)
{
	static const struct {
		const char *in;
		size_t good; /* octets that still say more */
	} bad[] = {
		{ ":", 0 },
		{ ",", 0 },
		{ "a", 0 },
		{ " 1:a,", 0 },
		{ "-1:a,", 0 },
		{ "+1:a,", 0 },
		{ "\n", 0 },
		{ "1 :a,", 1 },
		{ "1,", 1 },
		{ "00:,", 1 },
		{ "01:a,", 1 },
		{ "0x1:a,", 1 },
		{ "1:ab", 3 },
		{ "0:a", 2 },
		{ "5:abcde;", 7 },
		{ "10001:", 4 },
		{ "99999:", 4 },
		{ "18446744073709551617:", 4 },
	};
	struct str payload;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct str in = str_of(bad[i].in);
		for (size_t len = 0; len <= in.len; len++)
			if ((decode(&payload, (struct str){ in.at, len }, MAX) < 0) != (len > bad[i].good))
				fail_msg("%zu octets of \"%s\"", len, bad[i].in);
	}
}

static void test_bound(void **state)
{
	struct str payload;
	(void)state;
	assert_int_equal(decode(&payload, STR("0:,"), 0), 3);
	assert_true(decode(&payload, STR("1:a,"), 0) < 0);
	assert_int_equal(decode(&payload, STR("9:"), 9), 0);
	assert_true(decode(&payload, STR("10:"), 9) < 0);
	assert_int_equal(decode(&payload, STR("1073741824:"), 1 << 30), 0);
	assert_true(decode(&payload, STR("1073741825:"), 1 << 30) < 0);
}

static void test_two(void **state)
{
	struct str payload;
	(void)state;
	assert_int_equal(decode(&payload, STR("3:one,3:two,"), MAX), 6);
	assert_true(str_eq(payload, STR("one")));
	assert_int_equal(decode(&payload, STR("3:one,x"), MAX), 6);
}

static void test_encode(void **state)
{
	char text[32];
	struct buf out = BUF(text);
	(void)state;
	netstring_encode(&out, STR("OK 1,2"));
	netstring_encode(&out, STR(""));
	assert_string_equal(buf_z(&out), "6:OK 1,2,0:,");
	assert_false(out.full);
	out = (struct buf){ .at = text, .cap = 8 };
	netstring_encode(&out, STR("OK 1,2"));
	assert_true(out.full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_two),
		cmocka_unit_test(test_encode),
	};
	return cmocka_run_group_tests(tests, brink_make, NULL);
}
