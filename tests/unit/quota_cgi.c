/* The answers of a quota.cgi. Every input lies right before a page that may not be read. */
#include "wire/quota_cgi.h"

#include "brink.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int decode(struct quota_cgi *q, const char *in, const char *asked)
{
	return quota_cgi_decode(q, at_brink(str_of(in)), str_of(asked));
}

static void test_good(void **state)
{
	static const struct {
		const char *in, *asked;
		struct quota_cgi want;
	} rows[] = {
		{ "OK joe 1 2", "joe", { .usage = 1, .quota = 2 } },
		{ "OK joe 1 2\n", "joe", { .usage = 1, .quota = 2 } },
		{ "OK joe 1 2\r\n", "joe", { .usage = 1, .quota = 2 } },
		{ "OK joe@example.org 0 0\n", "joe@example.org", { .usage = 0 } },
		{ "OVERQUOTA joe 300 200\n", "joe", { .over = true, .usage = 300, .quota = 200 } },
		{ "OK joe 1 2 3 4\n", "joe", { .usage = 1, .quota = 2, .messages = 3, .message_quota = 4 } },
		{ "OK \"a b\"@example.org 1 2 3 4", "\"a b\"@example.org", { false, 1, 2, 3, 4 } },
		{ "OK joe 1 2 3 4", "joe 1 2", { .usage = 3, .quota = 4 } },
		{ "OK  1 2", "", { .usage = 1, .quota = 2 } },
		{ "OK joe 9223372036854775808 99999999999999999999999", "joe",
			{ .usage = INT64_MAX, .quota = INT64_MAX } },
		{ "OK joe 1 2 4294967296 4294967295", "joe", { false, 1, 2, UINT32_MAX, UINT32_MAX } },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct quota_cgi q;
		assert_int_equal(decode(&q, rows[i].in, rows[i].asked), strlen(rows[i].in));
		assert_int_equal(q.over, rows[i].want.over);
		assert_true(q.usage == rows[i].want.usage && q.quota == rows[i].want.quota);
		assert_int_equal(q.messages, rows[i].want.messages);
		assert_int_equal(q.message_quota, rows[i].want.message_quota);
	}
}

static void test_malformed(void **state)
{
	static const struct {
		const char *in, *asked;
	} rows[] = {
		{ "", "joe" },
		{ "OK", "joe" },
		{ "ok joe 1 2", "joe" },
		{ " OK joe 1 2", "joe" },
		{ "OKAY joe 1 2", "joe" },
		{ "OK jim 1 2", "joe" },
		{ "OK joey 1 2", "joe" },
		{ "OK jo 1 2", "joe" },
		{ "OK joe", "joe" },
		{ "OK joe 1", "joe" },
		{ "OK joe 1 2 3", "joe" },
		{ "OK joe 1 2 3 ", "joe" },
		{ "OK joe 1 2 ", "joe" },
		{ "OK joe  1 2", "joe" },
		{ "OK joe 1  2", "joe" },
		{ "OK joe -1 2", "joe" },
		{ "OK joe +1 2", "joe" },
		{ "OK joe 1.5 2", "joe" },
		{ "OK joe 0x1 2", "joe" },
		{ "OK joe 1 2 3 4 5", "joe" },
		{ "OK joe 1 2\n\n", "joe" },
		{ "OK joe 1 2\n\r", "joe" },
		{ "OK joe 1 2\nOK joe 1 2\n", "joe" },
		{ "OVERQUOTA joe", "joe" },
		{ "<html>OK joe 1 2</html>", "joe" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct quota_cgi q;
		if (decode(&q, rows[i].in, rows[i].asked) >= 0)
			fail_msg("\"%s\" is taken for an answer about %s", rows[i].in, rows[i].asked);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_malformed),
	};
	return cmocka_run_group_tests_name("quota_cgi", tests, brink_make, NULL);
}
