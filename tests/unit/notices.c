/* Who is told that his mailbox is nearly full: once for each mark on the way up, and again after a fall and a period. */
#include "core/notices.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PERIOD SECONDS(1000)

static const struct notice_marks marks = { { 80, 95 }, 2 };

static struct hash box(uint64_t n)
{
	return (struct hash){ n * 7, n };
}

static void test_percent(void **state)
{
	static const struct {
		uint64_t usage, charge, limit;
		uint32_t messages, message_limit;
		unsigned want;
	} cases[] = {
		{ 0, 0, 0, 0, 0, 0 },
		{ 5, 0, 0, 7, 0, 0 }, /* no limit */
		{ 799, 0, 1000, 0, 0, 79 },
		{ 800, 0, 1000, 0, 0, 80 },
		{ 700, 100, 1000, 0, 0, 80 }, /* what was let in counts */
		{ 0, 0, 1000, 19, 20, 95 },
		{ 990, 0, 1000, 19, 20, 99 },
		{ 2000, 0, 1000, 0, 0, 200 },
		{ INT64_MAX, 0, 1, 0, 0, NOTICE_PERCENT_MAX },
		{ INT64_MAX, INT64_MAX, INT64_MAX, 0, 0, 200 },
		{ INT64_MAX / 5 * 4, 0, INT64_MAX / 5 * 5, 0, 0, 80 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct answer a = {
			.facts = { .state = FACTS_FOUND, .usage = cases[i].usage, .messages = cases[i].messages },
			.charge = { .octets = cases[i].charge },
			.limit = cases[i].limit,
			.message_limit = cases[i].message_limit
		};
		assert_int_equal(notices_percent(&a), cases[i].want);
		a.rule = RULE_ASKED;
		assert_int_equal(notices_percent(&a), 0);
	}
	assert_int_equal(notices_mark(&marks, 79), 0);
	assert_int_equal(notices_mark(&marks, 80), 80);
	assert_int_equal(notices_mark(&marks, 94), 80);
	assert_int_equal(notices_mark(&marks, 300), 95);
}

/* One mailbox through time. */
static void test_one(void **state)
{
	static const struct {
		msec at;
		unsigned mark;
		bool told;
	} steps[] = {
		{ 0, 0, false },
		{ 1, 80, true },
		{ 2, 80, false },
		{ 3, 95, true }, /* a higher one is news at once */
		{ 4, NOTICE_FULL, true },
		{ 5, 95, false }, /* downwards, or a small message */
		{ 6, NOTICE_FULL, false }, /* the period goes on */
		{ 7, 0, false },
		{ 8, 80, false },
		{ 4 + PERIOD, 80, false }, /* it stands there since */
		{ 5 + PERIOD, 0, false },
		{ 6 + PERIOD, 80, true },
		{ 7 + PERIOD, 95, true },
		{ 7 + 3 * PERIOD, 95, false },
		{ 8 + 3 * PERIOD, NOTICE_FULL, true },
	};
	struct notices *t = notices_new(4);
	(void)state;
	assert_non_null(t);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (notices_see(t, box(1), steps[i].mark, PERIOD, steps[i].at) != steps[i].told)
			fail_msg("step %zu", i);
	assert_int_equal(notices_count(t), 1);
	notices_free(t);
}

static void test_room(void **state)
{
	struct notices *t = notices_new(3);
	(void)state;
	for (uint64_t n = 1; n <= 3; n++)
		assert_true(notices_see(t, box(n), 80, PERIOD, 10));
	assert_false(notices_see(t, box(1), 80, PERIOD, 11)); /* 2 is now the oldest */
	assert_true(notices_see(t, box(4), 80, PERIOD, 12));
	assert_int_equal(notices_count(t), 3);
	assert_false(notices_see(t, box(1), 80, PERIOD, 13));
	assert_false(notices_see(t, box(3), 80, PERIOD, 13));
	assert_false(notices_see(t, box(4), 80, PERIOD, 13));
	assert_true(notices_see(t, box(2), 80, PERIOD, 13));
	for (uint64_t n = 1; n <= 4; n++) /* who has fallen for a period is forgotten */
		assert_false(notices_see(t, box(n), 0, PERIOD, 20 + PERIOD));
	assert_int_equal(notices_count(t), 0);
	for (uint64_t n = 0; n < 1000; n++)
		assert_true(notices_see(t, box(n), NOTICE_FULL, PERIOD, 30 + PERIOD));
	assert_int_equal(notices_count(t), 3);
	notices_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percent),
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
