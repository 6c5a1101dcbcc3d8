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

struct step {
	msec at;
	unsigned mark;
	bool full;
	bool told_mark, told_full;
};

/* One mailbox through time. */
static void live(struct notices *t, const struct step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct step *s = &steps[i];
		struct notice_news news = notices_see(t, box(1), s->mark, s->full, PERIOD, s->at);
		if (news.mark != s->told_mark || news.full != s->told_full)
			fail_msg("step %zu: mark %d full %d", i, news.mark, news.full);
		assert_true(news.changed || !(news.mark || news.full));
	}
}

#define LIVE(t, steps) live(t, steps, sizeof(steps) / sizeof(steps[0]))

static void test_marks(void **state)
{
	static const struct step steps[] = {
		{ 0, 0, false, false, false },
		{ 1, 80, false, true, false },
		{ 2, 80, false, false, false },
		{ 3, 95, false, true, false }, /* a higher one is news at once */
		{ 5, 80, false, false, false },
		{ 6, 95, false, false, false }, /* the period goes on */
		{ 7, 0, false, false, false },
		{ 8, 80, false, false, false },
		{ 3 + PERIOD, 80, false, false, false }, /* it stands there since */
		{ 5 + PERIOD, 0, false, false, false },
		{ 6 + PERIOD, 80, false, true, false },
		{ 7 + PERIOD, 95, false, true, false },
		{ 7 + 3 * PERIOD, 95, false, false, false },
	};
	struct notices *t = notices_new(4);
	(void)state;
	assert_non_null(t);
	LIVE(t, steps);
	assert_int_equal(notices_count(t), 1);
	notices_free(t);
}

/* A refusal, which whoever writes SIZE= may bring about at any percentage, mutes no mark, and no mark mutes it. */
static void test_full_is_apart(void **state)
{
	static const struct step steps[] = {
		{ 0, 0, true, false, true }, { 1, 0, true, false, false }, { 2, 80, false, true, false },
		{ 3, 95, true, true, false }, { 4, 95, true, false, false },
		{ PERIOD, 95, true, false, true }, /* once a period, though it stands where it is */
		{ PERIOD + 1, 0, false, false, false }, { 2 * PERIOD - 1, 0, true, false, false },
		{ 2 * PERIOD, 95, true, true, true }, /* both at once are two pieces of news */
	};
	struct notices *t = notices_new(4);
	(void)state;
	LIVE(t, steps);
	notices_free(t);
}

/* A table that does not know what was told before it: where a mailbox stands at first is no news, a refusal is. */
static void test_base_line(void **state)
{
	static const struct step high[] = {
		{ 1, 80, false, false, false },
		{ 2, 80, false, false, false },
		{ 3, 95, false, true, false },
	};
	static const struct step falls[] = {
		{ 1, 95, true, false, true },
		{ 2, 0, false, false, false },
		{ 3, 80, false, true, false }, /* nobody has told of it yet */
		{ 4, 95, false, true, false },
	};
	(void)state;
	struct notices *t = notices_new(4);
	LIVE(t, high);
	notices_free(t);
	t = notices_new(4);
	LIVE(t, falls);
	notices_free(t);
	t = notices_new(4);
	notices_complete(t); /* it does know: nothing */
	assert_true(notices_see(t, box(1), 80, false, PERIOD, 1).mark);
	assert_false(notices_see(t, box(1), 80, false, PERIOD, 2).mark);
	notices_free(t);
}

/* What was told before is not told again, and what was not is. */
static void test_restore(void **state)
{
	static const struct step steps[] = {
		{ 10, 80, true, false, false },
		{ 11, 95, false, true, false },
		{ 12, 0, false, false, false },
		{ PERIOD - 6, 0, true, false, false },
		{ PERIOD - 5, 0, true, false, true },
	};
	const struct notice was = {
		.mailbox = box(1), .told = -3, .told_full = -5, .stands = 80, .highest = 80, .full = true
	};
	struct notice first = was;
	struct notices *t = notices_new(2);
	(void)state;
	first.told_full = -7;
	notices_restore(t, &first);
	notices_restore(t, &was); /* the later counts */
	assert_int_equal(notices_count(t), 1);
	notices_complete(t);
	LIVE(t, steps);
	for (uint64_t n = 2; n <= 4; n++)
		notices_restore(t, &(struct notice){ .mailbox = box(n), .stands = 80 });
	assert_int_equal(notices_count(t), 2);
	assert_int_equal(notices_rows(t), 2);
	assert_true(notices_see(t, box(2), 80, false, PERIOD, 20).mark); /* the oldest made room */
	assert_false(notices_see(t, box(4), 80, false, PERIOD, 20).mark);
	notices_free(t);
}

/* Whoever keeps what stands in the rows misses nothing. */
static void test_rows(void **state)
{
	struct notices *t = notices_new(3);
	struct notice kept[3] = { { .stands = 0 } };
	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		static const unsigned at[] = { 0, 80, 95, 0, 80 };
		struct notice_news news =
			notices_see(t, box(i % 7), at[(i * 31 / 7) % 5], i % 11 == 0, SECONDS(1), (msec)i * 100);
		if (news.changed)
			kept[news.row] = notices_at(t, news.row);
		for (size_t k = 0; k < 3; k++) {
			struct notice is = notices_at(t, k);
			assert_memory_equal(&is.mailbox, &kept[k].mailbox, sizeof(is.mailbox));
			assert_int_equal(is.stands, kept[k].stands);
			assert_int_equal(is.highest, kept[k].highest);
			assert_int_equal(is.told, kept[k].told);
			assert_int_equal(is.told_full, kept[k].told_full);
		}
	}
	notices_free(t);
}

static bool told(struct notices *t, uint64_t n, unsigned mark, msec now)
{
	return notices_see(t, box(n), mark, false, PERIOD, now).mark;
}

static void test_room(void **state)
{
	struct notices *t = notices_new(3);
	(void)state;
	notices_complete(t);
	for (uint64_t n = 1; n <= 3; n++)
		assert_true(told(t, n, 80, 10));
	assert_false(told(t, 1, 80, 11)); /* 2 is now the oldest */
	assert_true(told(t, 4, 80, 12));
	assert_int_equal(notices_count(t), 3);
	assert_false(told(t, 1, 80, 13));
	assert_false(told(t, 3, 80, 13));
	assert_false(told(t, 4, 80, 13));
	assert_true(told(t, 2, 80, 13));
	for (uint64_t n = 1; n <= 4; n++) /* who has fallen for a period is forgotten */
		assert_false(told(t, n, 0, 20 + PERIOD));
	assert_int_equal(notices_count(t), 0);
	for (uint64_t n = 0; n < 1000; n++)
		assert_true(notices_see(t, box(n), 0, true, PERIOD, 30 + PERIOD).full);
	assert_int_equal(notices_count(t), 3);
	notices_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percent),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_full_is_apart),
		cmocka_unit_test(test_base_line),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
