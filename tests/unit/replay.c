/* Which messages count as heard before, against a plain list of all that were. */
#include "wire/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct replay replay;

static int forget(void **state)
{
	(void)state;
	memset(&replay, 0, sizeof(replay));
	return 0;
}

static enum replay_outcome take(uint64_t asker, uint64_t sequence)
{
	return replay_take(&replay, asker, sequence, 1000, 0);
}

static void test_order(void **state)
{
	static const struct {
		uint64_t sequence;
		enum replay_outcome outcome;
	} steps[] = {
		{ 10, REPLAY_NEW },
		{ 10, REPLAY_HEARD },
		{ 11, REPLAY_NEW },
		{ 9, REPLAY_NEW },
		{ 9, REPLAY_HEARD },
		{ 0, REPLAY_NEW },
		{ 0, REPLAY_HEARD },
		{ 10 + REPLAY_WINDOW, REPLAY_NEW }, /* takes the place of 10 */
		{ 10, REPLAY_HEARD },
		{ 11, REPLAY_HEARD },
		{ 12, REPLAY_NEW },
		{ 12, REPLAY_HEARD },
		{ 10 + REPLAY_WINDOW, REPLAY_HEARD },
		{ UINT64_MAX - 1, REPLAY_NEW },
		{ UINT64_MAX - REPLAY_WINDOW - 1, REPLAY_HEARD },
		{ UINT64_MAX - REPLAY_WINDOW, REPLAY_NEW },
		{ UINT64_MAX, REPLAY_NEW },
		{ UINT64_MAX - REPLAY_WINDOW, REPLAY_HEARD },
		{ UINT64_MAX - 1, REPLAY_HEARD },
		{ UINT64_MAX, REPLAY_HEARD },
		{ 0, REPLAY_HEARD },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++)
		if (take(7, steps[i].sequence) != steps[i].outcome)
			fail_msg("step %zu", i);
}

/* Numbers in a disorder that is the same each time; some far ahead, some far behind. */
static void test_against_a_list(void **state)
{
	static bool heard[200000];
	uint32_t seed = 1;
	uint64_t base = 0, highest = 0;
	(void)state;
	memset(heard, 0, sizeof(heard));
	for (int i = 0; i < 100000; i++) {
		seed = seed * 1664525u + 1013904223u;
		base += seed >> 30;
		uint64_t n = base + (seed >> 16) % (i % 1000 == 0 ? 9000 : 5000);
		bool far = n < highest && highest - n >= REPLAY_WINDOW;
		assert_true(n < COUNT(heard));
		if (take(7, n) != (far || heard[n] ? REPLAY_HEARD : REPLAY_NEW))
			fail_msg("number %llu, turn %d", (unsigned long long)n, i);
		heard[n] = true;
		highest = n > highest ? n : highest;
	}
}

static void test_askers(void **state)
{
	(void)state;
	for (uint64_t asker = 0; asker < REPLAY_ASKERS; asker++)
		assert_int_equal(take(asker, 5), REPLAY_NEW);
	for (uint64_t asker = 0; asker < REPLAY_ASKERS; asker++)
		assert_int_equal(take(asker, 5), REPLAY_HEARD);
	assert_int_equal(take(REPLAY_ASKERS, 5), REPLAY_CROWDED);
	assert_int_equal(take(3, 6), REPLAY_NEW);
}

/* Forgotten is who was heard longest ago, and only when all he sent lies before the horizon. */
static void test_forgetting(void **state)
{
	(void)state;
	for (uint64_t asker = 0; asker < REPLAY_ASKERS; asker++)
		assert_int_equal(replay_take(&replay, asker, 5, 1000 + (msec)asker, 0), REPLAY_NEW);
	assert_int_equal(replay_take(&replay, 0, 6, 5000, 0), REPLAY_NEW);
	assert_int_equal(replay_take(&replay, 0, 7, 900, 0), REPLAY_NEW); /* late on its way */
	assert_int_equal(replay_take(&replay, 1000, 5, 5000, 1001), REPLAY_CROWDED);
	assert_int_equal(replay_take(&replay, 1000, 5, 5000, 1002), REPLAY_NEW); /* asker 1 has gone */
	assert_int_equal(replay_take(&replay, 1001, 5, 5000, 1002), REPLAY_CROWDED);
	assert_int_equal(replay_take(&replay, 1000, 5, 5000, 1002), REPLAY_HEARD);
	assert_int_equal(replay_take(&replay, 0, 6, 5000, 1002), REPLAY_HEARD);
	assert_int_equal(replay_take(&replay, 2, 5, 1002, 1002), REPLAY_HEARD);
	assert_int_equal(replay_take(&replay, 1, 4, 5000, 5000), REPLAY_NEW); /* asker 2 has gone */
	assert_int_equal(replay_take(&replay, 1, 5, 5000, 5000), REPLAY_NEW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_order, forget),
		cmocka_unit_test_setup(test_against_a_list, forget),
		cmocka_unit_test_setup(test_askers, forget),
		cmocka_unit_test_setup(test_forgetting, forget),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
