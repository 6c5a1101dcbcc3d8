/* How often strangers make us log: once per source and minute, and many sources no more than a few. */
#include "base/throttle.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct network source(unsigned n)
{
	return (struct network){ .octets = { [12] = (uint8_t)(n >> 24),
					 [13] = (uint8_t)(n >> 16),
					 [14] = (uint8_t)(n >> 8),
					 [15] = (uint8_t)n },
		.bits = 128 };
}

static bool passes(struct throttle *t, unsigned n, msec now, uint64_t *unlogged)
{
	struct network s = source(n);
	*unlogged = 99;
	return throttle_passes(t, &s, now, unlogged);
}

static void test_one_source(void **state)
{
	struct throttle t = { 0 };
	uint64_t unlogged;
	(void)state;
	assert_true(passes(&t, 0, 5, &unlogged)); /* time and source may be 0 or near it */
	assert_int_equal(unlogged, 0);
	for (msec now = 6; now < 5 + THROTTLE_PAUSE; now += 1000)
		assert_false(passes(&t, 0, now, &unlogged));
	assert_true(passes(&t, 0, 5 + THROTTLE_PAUSE, &unlogged));
	assert_int_equal(unlogged, 60);
	assert_false(passes(&t, 0, 6 + THROTTLE_PAUSE, &unlogged));
	assert_true(passes(&t, 0, 5 + 2 * THROTTLE_PAUSE, &unlogged));
	assert_int_equal(unlogged, 1);
}

static void test_sources_apart(void **state)
{
	struct throttle t = { 0 };
	uint64_t unlogged;
	(void)state;
	for (unsigned n = 1; n <= THROTTLE_SOURCES; n++)
		assert_true(passes(&t, n, 1000 + n, &unlogged));
	for (unsigned n = 1; n <= THROTTLE_SOURCES; n++)
		assert_false(passes(&t, n, 2000, &unlogged));
}

/* A thousand sources at once: those with a place, one line for the others together. */
static void test_crowd(void **state)
{
	struct throttle t = { 0 };
	uint64_t unlogged, lines = 0, told = 0;
	(void)state;
	for (unsigned n = 0; n < 1000; n++)
		lines += passes(&t, n, 1000, &unlogged);
	assert_int_equal(lines, THROTTLE_SOURCES + 1);
	assert_false(passes(&t, 5000, 1001, &unlogged));
	/* A minute later there are places again; the number of what was not logged is told when its place is used. */
	for (unsigned n = 2000; n < 2000 + THROTTLE_SOURCES + 1; n++) {
		assert_true(passes(&t, n, 1000 + THROTTLE_PAUSE, &unlogged));
		told += unlogged;
	}
	assert_int_equal(told, 1000 - THROTTLE_SOURCES - 1 + 1);
}

/* An hour of ten new sources a second. */
static void test_flood(void **state)
{
	struct throttle t = { 0 };
	uint64_t unlogged, lines = 0;
	(void)state;
	for (unsigned n = 0; n < 36000; n++)
		lines += passes(&t, n, 1000 + 100 * (msec)n, &unlogged);
	assert_true(lines <= 61 * (THROTTLE_SOURCES + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_source),
		cmocka_unit_test(test_sources_apart),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_flood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
