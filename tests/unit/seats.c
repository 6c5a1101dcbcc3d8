/* Who has to go when a listener has no place for one more. */
#include "base/seats.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW ((msec)100000)

struct room {
	struct seats seats;
	struct seat at[16];
};

static void init(struct room *r)
{
	seats_init(&r->seats);
	for (size_t i = 0; i < sizeof(r->at) / sizeof(r->at[0]); i++)
		seat_init(&r->at[i]);
}

/* Number of who goes, -1: nobody. */
static long victim(const struct room *r, size_t places)
{
	const struct seat *seat = seats_victim(&r->seats, places, NOW);
	return seat ? seat - r->at : -1;
}

static void goes(struct room *r, size_t places, long number)
{
	assert_int_equal(victim(r, places), number);
	if (number >= 0)
		seat_leave(&r->seats, &r->at[number]);
}

static void test_order(void **state)
{
	struct room r;
	(void)state;
	init(&r);
	seat_take(&r.seats, &r.at[0], SEAT_ASKING, NOW - SECONDS(90));
	seat_take(&r.seats, &r.at[1], SEAT_IDLE, NOW - SECONDS(80));
	seat_take(&r.seats, &r.at[2], SEAT_IDLE, NOW - SECONDS(70));
	seat_take(&r.seats, &r.at[3], SEAT_BUSY, NOW - SECONDS(6));
	seat_take(&r.seats, &r.at[4], SEAT_BUSY, NOW - 1);
	seat_take(&r.seats, &r.at[5], SEAT_NEW, NOW - SECONDS(5));
	seat_take(&r.seats, &r.at[6], SEAT_NEW, NOW - SEATS_GRACE);
	seat_take(&r.seats, &r.at[7], SEAT_NEW, NOW - SEATS_GRACE + 1);
	seat_take(&r.seats, &r.at[8], SEAT_NEW, NOW);
	const long order[] = { 5, 6, 3, 1, 2, 7, 8, 4, -1 };
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		goes(&r, 9, order[i]);
	assert_int_equal(r.seats.n_new, 0);
}

/* However fast they come, those who say nothing have half of the places. */
static void test_half(void **state)
{
	struct room r;
	(void)state;
	init(&r);
	seat_take(&r.seats, &r.at[0], SEAT_IDLE, NOW - SECONDS(80));
	for (int i = 1; i < 8; i++)
		seat_take(&r.seats, &r.at[i], SEAT_NEW, NOW);
	goes(&r, 8, 1);
	goes(&r, 8, 2);
	goes(&r, 8, 3);
	goes(&r, 8, 0);
}

static void test_states_change(void **state)
{
	struct room r;
	(void)state;
	init(&r);
	assert_int_equal(victim(&r, 4), -1);
	seat_leave(&r.seats, &r.at[0]);
	seat_take(&r.seats, &r.at[0], SEAT_NEW, NOW - 2);
	seat_take(&r.seats, &r.at[1], SEAT_NEW, NOW - 1);
	seat_take(&r.seats, &r.at[0], SEAT_NEW, NOW); /* it has begun to ask: its time begins anew */
	assert_int_equal(r.seats.n_new, 2);
	assert_int_equal(victim(&r, 4), 1);
	seat_take(&r.seats, &r.at[1], SEAT_ASKING, NOW);
	assert_int_equal(r.seats.n_new, 1);
	assert_int_equal(victim(&r, 4), 0);
	seat_leave(&r.seats, &r.at[0]);
	seat_leave(&r.seats, &r.at[0]);
	assert_int_equal(r.seats.n_new, 0);
	assert_int_equal(victim(&r, 4), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_half),
		cmocka_unit_test(test_states_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
