/* Frontends and a backend (tests/farm.h): much mail for few mailboxes, the same at every run. */
#include "../farm.h"

#include "lives.h"

#define SEEDS 30
#define LIVES 300
#define CHOICES 4000 /* octets a life */

static struct farm_sums live(unsigned loss)
{
	struct farm_sums sums = { 0 };
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		const char *broken = farm_live(seed * 77777, loss, &sums);
		if (broken)
			fail_msg("seed %u: %s", (unsigned)seed, broken);
	}
	print_message(
		"loss %u %%: %u let in, %u refused, %u overran\n", loss, sums.accepted, sums.refused, sums.overrun);
	assert_true(sums.accepted > 10000 && sums.refused > 10000);
	return sums;
}

static void what_all_let_in_fits(void **state)
{
	(void)state;
	assert_int_equal(live(0).overrun, 0);
}

/* Who gets no answer goes by what he knew last: some overrun then, but few. */
static void lost_datagrams_let_little_through(void **state)
{
	(void)state;
	struct farm_sums sums = live(10);
	assert_true(sums.overrun < sums.accepted / 200);
}

static void promises_are_kept_whatever_happens(void **state)
{
	(void)state;
	lives_run(LIVES, CHOICES, farm_run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_all_let_in_fits),
		cmocka_unit_test(lost_datagrams_let_little_through),
		cmocka_unit_test(promises_are_kept_whatever_happens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
