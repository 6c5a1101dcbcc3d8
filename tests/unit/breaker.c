/* The breaker: when a host is left alone, for how long, and what a probe changes. */
#include "core/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MIDDLE 1000 /* with a pause of 5000 the jitter is none: the middle of 0..2000 */

static const struct breaker_conf conf = { .failures = 3, .pause = SECONDS(5) };

/* One that was opened at `now`. */
static struct breaker opened(msec now)
{
	struct breaker b = { 0 };
	for (unsigned i = 1; i < conf.failures; i++)
		assert_false(breaker_silent(&b, &conf, false, now, MIDDLE));
	assert_true(breaker_silent(&b, &conf, false, now, MIDDLE));
	return b;
}

static void test_opens_after_failures_in_a_row(void **state)
{
	struct breaker b = { 0 };
	(void)state;
	for (int round = 0; round < 5; round++) {
		assert_false(breaker_silent(&b, &conf, false, 10, MIDDLE));
		assert_false(breaker_silent(&b, &conf, false, 10, MIDDLE));
		assert_int_equal(breaker_ask(&b, 10), BREAKER_ASK);
		assert_false(breaker_answered(&b));
	}
	b = opened(10);
	assert_int_equal(b.state, BREAKER_OPEN);
	assert_int_equal(breaker_ask(&b, 10), BREAKER_REFUSED);
	assert_int_equal(breaker_ask(&b, 10 + SECONDS(5) - 1), BREAKER_REFUSED);
	assert_int_equal(breaker_ask(&b, 10 + SECONDS(5)), BREAKER_PROBE);
}

static void test_one_probe_alone(void **state)
{
	struct breaker b = opened(0);
	(void)state;
	assert_int_equal(breaker_ask(&b, SECONDS(5)), BREAKER_PROBE);
	assert_int_equal(breaker_ask(&b, SECONDS(5)), BREAKER_REFUSED);
	assert_int_equal(breaker_ask(&b, SECONDS(500)), BREAKER_REFUSED);
	assert_true(breaker_answered(&b));
	assert_int_equal(breaker_ask(&b, SECONDS(5)), BREAKER_ASK);
}

static void test_pauses_double_up_to_a_minute(void **state)
{
	static const msec pauses[] = { SECONDS(10), SECONDS(20), SECONDS(40), SECONDS(60), SECONDS(60) };
	struct breaker b = opened(0);
	msec now = SECONDS(5);
	(void)state;
	for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		assert_int_equal(breaker_ask(&b, now), BREAKER_PROBE);
		assert_false(breaker_silent(&b, &conf, true, now, (uint32_t)(pauses[i] / 5)));
		assert_int_equal(breaker_ask(&b, now + pauses[i] - 1), BREAKER_REFUSED);
		now += pauses[i];
	}
	assert_int_equal(breaker_ask(&b, now), BREAKER_PROBE);
	assert_true(breaker_answered(&b));
	b = opened(now);
	assert_int_equal(breaker_ask(&b, now + SECONDS(5)), BREAKER_PROBE); /* from the beginning */
}

static void test_a_long_pause_does_not_shrink(void **state)
{
	static const struct breaker_conf patient = { .failures = 1, .pause = SECONDS(300) };
	struct breaker b = { 0 };
	(void)state;
	assert_true(breaker_silent(&b, &patient, false, 0, (uint32_t)SECONDS(60)));
	assert_int_equal(breaker_ask(&b, SECONDS(300)), BREAKER_PROBE);
	assert_false(breaker_silent(&b, &patient, true, 0, (uint32_t)SECONDS(60)));
	assert_int_equal(breaker_ask(&b, SECONDS(300) - 1), BREAKER_REFUSED);
}

/* Questions that were out when it opened: their silence is old news, their answer is not. */
static void test_others_while_it_probes(void **state)
{
	struct breaker b = opened(0);
	(void)state;
	assert_false(breaker_silent(&b, &conf, false, SECONDS(1), 0));
	assert_int_equal(breaker_ask(&b, SECONDS(5)), BREAKER_PROBE);
	assert_false(breaker_silent(&b, &conf, false, SECONDS(5), 0));
	assert_int_equal(b.state, BREAKER_PROBING);
	assert_true(breaker_answered(&b));
	assert_int_equal(b.state, BREAKER_CLOSED);
	b = opened(0);
	assert_true(breaker_answered(&b));
}

static void test_a_probe_nobody_waits_for(void **state)
{
	struct breaker b = opened(0);
	(void)state;
	assert_int_equal(breaker_ask(&b, SECONDS(5)), BREAKER_PROBE);
	breaker_withdrawn(&b, SECONDS(6));
	assert_int_equal(breaker_ask(&b, SECONDS(6)), BREAKER_PROBE);
	assert_true(breaker_answered(&b));
	breaker_withdrawn(&b, SECONDS(6));
	assert_int_equal(b.state, BREAKER_CLOSED);
}

static void test_jitter(void **state)
{
	(void)state;
	assert_int_equal(breaker_jitter(1000, 0), 800);
	assert_int_equal(breaker_jitter(1000, 200), 1000);
	assert_int_equal(breaker_jitter(1000, 400), 1200);
	assert_int_equal(breaker_jitter(1000, 401), 800);
	assert_int_equal(breaker_jitter(4, UINT32_MAX), 4);
	for (uint32_t i = 0; i < 1000; i++)
		assert_in_range(breaker_jitter(300, i * 2654435761U), 240, 360);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opens_after_failures_in_a_row),
		cmocka_unit_test(test_one_probe_alone),
		cmocka_unit_test(test_pauses_double_up_to_a_minute),
		cmocka_unit_test(test_a_long_pause_does_not_shrink),
		cmocka_unit_test(test_others_while_it_probes),
		cmocka_unit_test(test_a_probe_nobody_waits_for),
		cmocka_unit_test(test_jitter),
	};
	return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}
