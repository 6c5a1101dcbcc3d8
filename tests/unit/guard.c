/* The guard: what opens it, whose question is the probe, and what those hear who are not let through. */
#include "core/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char askers[4];

#define NOBODY STR("")

/* One question of asker i that comes to this. */
static enum guard_turn put(struct guard *g, int i, enum heard heard, msec now)
{
	assert_true(guard_admits(g, &askers[i], now));
	return guard_heard(g, &askers[i], heard, STR("no answer\nin time"), now);
}

static struct guard fresh(void)
{
	struct guard g;
	guard_init(&g, STR("inet:127.0.0.1:6379"), 7);
	return g;
}

static struct guard opened(msec now)
{
	struct guard g = fresh();
	for (int i = 1; i < GUARD_FAILURES; i++)
		assert_int_equal(put(&g, 0, HEARD_FAULT, now), GUARD_AS_BEFORE);
	assert_int_equal(put(&g, 0, HEARD_FAULT, now), GUARD_LEFT_ALONE);
	assert_int_equal(guard_peer(&g).state, PEER_OPEN);
	return g;
}

static void says(const struct guard *g, msec now, const char *want)
{
	char text[256];
	struct buf b = BUF(text);
	guard_put_why(g, now, &b);
	assert_string_equal(buf_z(&b), want);
}

static void test_only_faults_in_a_row_open_it(void **state)
{
	struct guard g = fresh();
	(void)state;
	for (int round = 0; round < 5; round++) {
		for (int i = 1; i < GUARD_FAILURES; i++)
			assert_int_equal(put(&g, 0, HEARD_FAULT, 0), GUARD_AS_BEFORE);
		assert_int_equal(put(&g, 0, HEARD_NOTHING, 0), GUARD_AS_BEFORE);
		assert_int_equal(put(&g, 0, HEARD_ANSWER, 0), GUARD_AS_BEFORE);
	}
	for (int i = 0; i < 100; i++)
		assert_int_equal(put(&g, 0, HEARD_NOTHING, 0), GUARD_AS_BEFORE);
	struct peer_stats p = guard_peer(&g);
	assert_string_equal(p.name, "inet:127.0.0.1:6379");
	assert_int_equal(p.state, PEER_CLOSED);
	assert_int_equal(p.answered, 5);
	assert_int_equal(p.timeouts, 5 * (GUARD_FAILURES - 1));
	assert_int_equal(p.asked, 5 * (GUARD_FAILURES + 1) + 100);
}

/* What was not asked does not change the count either. */
static void test_nothing_heard_is_no_answer(void **state)
{
	struct guard g = fresh();
	(void)state;
	for (int i = 1; i < GUARD_FAILURES; i++) {
		put(&g, 0, HEARD_FAULT, 0);
		put(&g, 0, HEARD_NOTHING, 0);
	}
	assert_int_equal(put(&g, 0, HEARD_FAULT, 0), GUARD_LEFT_ALONE);
}

static void test_left_alone(void **state)
{
	struct guard g = opened(1000);
	msec until = g.breaker.until;
	(void)state;
	assert_true(until >= 1000 + SECONDS(4) && until <= 1000 + SECONDS(6));
	assert_false(guard_admits(&g, &askers[1], 1000));
	says(&g, until - 4000, "left alone for 4 s after 3 without an answer, last: no answer?in time");
	says(&g, until - 1, "left alone for 1 s after 3 without an answer, last: no answer?in time");
	assert_true(guard_admits(&g, &askers[1], until));
	assert_false(guard_admits(&g, &askers[2], until));
	assert_int_equal(guard_peer(&g).state, PEER_HALF_OPEN);
	says(&g, until, "left alone until one question is answered after 3 without an answer, last: no answer?in time");
	assert_int_equal(guard_heard(&g, &askers[1], HEARD_ANSWER, NOBODY, until), GUARD_ASKED_AGAIN);
	assert_int_equal(put(&g, 2, HEARD_ANSWER, until), GUARD_AS_BEFORE);
}

/* A probe without an answer makes the pause longer; who was asked before it opened changes nothing. */
static void test_a_probe_that_fails(void **state)
{
	struct guard g = fresh();
	(void)state;
	assert_true(guard_admits(&g, &askers[3], 0));
	for (int i = 0; i < GUARD_FAILURES; i++)
		put(&g, 0, HEARD_FAULT, 0);
	msec until = g.breaker.until;
	assert_int_equal(guard_heard(&g, &askers[3], HEARD_FAULT, NOBODY, 10), GUARD_AS_BEFORE);
	assert_true(g.breaker.until == until);
	assert_int_equal(put(&g, 1, HEARD_FAULT, until), GUARD_AS_BEFORE);
	assert_true(g.breaker.until >= until + SECONDS(8) && g.breaker.until <= until + SECONDS(12));
	assert_false(guard_admits(&g, &askers[1], until + SECONDS(7)));
}

/* A probe that was withdrawn, or that did not get there: the next question is one. */
static void test_a_probe_that_tells_nothing(void **state)
{
	struct guard g = opened(0);
	msec until = g.breaker.until;
	(void)state;
	assert_int_equal(put(&g, 1, HEARD_NOTHING, until), GUARD_AS_BEFORE);
	assert_true(guard_admits(&g, &askers[2], until));
	assert_false(guard_admits(&g, &askers[1], until));
	assert_int_equal(guard_heard(&g, &askers[0], HEARD_NOTHING, NOBODY, until), GUARD_AS_BEFORE);
	assert_false(guard_admits(&g, &askers[1], until));
	assert_int_equal(guard_heard(&g, &askers[2], HEARD_ANSWER, NOBODY, until), GUARD_ASKED_AGAIN);
}

static void test_long_names_and_words(void **state)
{
	struct guard g;
	char text[1000];
	(void)state;
	memset(text, 'x', sizeof(text));
	guard_init(&g, (struct str){ text, sizeof(text) }, 0);
	assert_int_equal(strlen(guard_peer(&g).name), sizeof(g.peer.name) - 1);
	assert_true(guard_admits(&g, askers, 0));
	guard_heard(&g, askers, HEARD_FAULT, (struct str){ text, sizeof(text) }, 0);
	assert_int_equal(strlen(g.words), GUARD_WORDS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_faults_in_a_row_open_it),
		cmocka_unit_test(test_nothing_heard_is_no_answer),
		cmocka_unit_test(test_left_alone),
		cmocka_unit_test(test_a_probe_that_fails),
		cmocka_unit_test(test_a_probe_that_tells_nothing),
		cmocka_unit_test(test_long_names_and_words),
	};
	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
