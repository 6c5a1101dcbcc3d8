/* The sums of charges of one mailbox: a script of steps and what they leave, one table row each. */
#include "core/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define WIDTH 60
#define STEPS 10

enum verb {
	STOP, /* the end of a script */
	OPEN, /* octets */
	UNOPEN, /* octets */
	END, /* octets, at second */
	PAY, /* octets, messages */
	PAY_UNCOUNTED, /* by a store that does not count messages */
	DROP, /* before second */
};

struct step {
	enum verb verb;
	uint64_t octets;
	uint32_t n;
};

static void run(struct tally *t, const struct step *script)
{
	for (const struct step *s = script; s < script + STEPS; s++)
		switch (s->verb) {
		case STOP: return;
		case OPEN: tally_open(t, s->octets); break;
		case UNOPEN: tally_unopen(t, s->octets); break;
		case END: tally_end(t, (struct charge){ s->octets, 1 }, s->n, WIDTH); break;
		case PAY: tally_pay(t, (struct charge){ s->octets, s->n }, true); break;
		case PAY_UNCOUNTED: tally_pay(t, (struct charge){ s->octets, 0 }, false); break;
		case DROP: tally_drop(t, s->n); break;
		}
}

static const struct {
	const char *what;
	struct step script[STEPS];
	uint64_t octets;
	uint32_t messages;
} scripts[] = {
	{ "nothing", { { STOP } }, 0, 0 },
	{ "two open", { { OPEN, 10 }, { OPEN, 5 } }, 15, 2 },
	{ "one taken back", { { OPEN, 10 }, { OPEN, 5 }, { UNOPEN, 10 } }, 5, 1 },
	{ "more taken back than there is", { { OPEN, 10 }, { UNOPEN, 11 }, { UNOPEN, 1 } }, 0, 0 },
	{ "open and ended", { { OPEN, 10 }, { END, 7, 100 } }, 17, 2 },
	{ "four slots become three, nothing is lost",
		{ { END, 1, 100 }, { END, 2, 200 }, { END, 4, 300 }, { END, 8, 400 }, { END, 16, 500 } }, 31, 5 },

	{ "dropped at its second", { { END, 7, 100 }, { DROP, 0, 101 } }, 0, 0 },
	{ "not dropped in its second", { { END, 7, 100 }, { DROP, 0, 100 } }, 7, 1 },
	{ "open ones are not dropped", { { OPEN, 7 }, { DROP, 0, 4000000000 } }, 7, 1 },
	{ "a slot lives as long as its youngest", { { END, 1, 60 }, { END, 2, 119 }, { DROP, 0, 119 } }, 3, 2 },
	{ "slots are dropped alone", { { END, 1, 59 }, { END, 2, 60 }, { DROP, 0, 60 } }, 2, 1 },
	{ "what two slots became lives as long as the younger",
		{ { END, 1, 100 }, { END, 2, 200 }, { END, 4, 300 }, { END, 8, 400 }, { DROP, 0, 200 } }, 15, 4 },
	{ "and goes with it", { { END, 1, 100 }, { END, 2, 200 }, { END, 4, 300 }, { END, 8, 400 }, { DROP, 0, 201 } },
		12, 2 },
	{ "the end of time", { { END, 7, UINT32_MAX }, { DROP, 0, UINT32_MAX } }, 7, 1 },
	{ "the slot of second 0 is a slot", { { END, 7, 0 }, { DROP, 0, 0 } }, 7, 1 },

	{ "growth pays", { { END, 80, 100 }, { PAY, 30, 0 } }, 50, 1 },
	{ "in several look-ups", { { END, 80, 100 }, { PAY, 30, 0 }, { PAY, 20, 0 } }, 30, 1 },
	{ "one short of seven eighths", { { END, 80, 100 }, { PAY, 69, 1 } }, 11, 1 },
	{ "seven eighths is paid", { { END, 80, 100 }, { PAY, 70, 1 } }, 0, 0 },
	{ "more than all is paid", { { END, 80, 100 }, { PAY, 1000, 5 } }, 0, 0 },
	{ "what was paid too much does not pay later ones", { { END, 80, 100 }, { PAY, 1000, 5 }, { END, 80, 200 } },
		80, 1 },
	{ "growth before any charge pays none", { { PAY, 1000, 5 }, { END, 80, 100 } }, 80, 1 },
	{ "the oldest are paid first", { { END, 80, 100 }, { END, 40, 200 }, { PAY, 80, 1 }, { DROP, 0, 101 } }, 40,
		1 },
	{ "the rest pays the next", { { END, 80, 100 }, { END, 40, 200 }, { PAY, 100, 1 } }, 20, 1 },
	{ "open ones are not paid", { { OPEN, 80 }, { PAY, 1000, 5 } }, 80, 1 },
	{ "open ones stay when ended ones are paid", { { OPEN, 80 }, { END, 8, 100 }, { PAY, 1000, 5 } }, 80, 1 },
	{ "messages are paid without octets, but for one",
		{ { END, 80, 100 }, { END, 80, 100 }, { END, 80, 100 }, { PAY, 0, 3 } }, 240, 1 },
	{ "the last of eight is not paid by seven",
		{ { END, 10, 100 }, { END, 60, 100 }, { END, 10, 100 }, { PAY, 70, 2 } }, 10, 1 },
	{ "nor where nobody counts messages",
		{ { END, 10, 100 }, { END, 60, 100 }, { END, 10, 100 }, { PAY_UNCOUNTED, 70, 0 } }, 10, 3 },
	{ "but an eighth of one is forgiven",
		{ { END, 10, 100 }, { END, 60, 100 }, { END, 10, 100 }, { PAY_UNCOUNTED, 77, 0 } }, 0, 0 },
	{ "of a single one as well", { { END, 80, 100 }, { PAY_UNCOUNTED, 70, 0 } }, 0, 0 },
	{ "messages and octets may come apart", { { END, 80, 100 }, { PAY, 0, 1 }, { PAY, 70, 0 } }, 0, 0 },
	{ "what was paid of a dropped slot pays no other",
		{ { END, 80, 100 }, { END, 40, 200 }, { PAY, 60, 0 }, { DROP, 0, 150 } }, 40, 1 },
	{ "the payment stays when the two oldest become one",
		{ { END, 80, 100 }, { PAY, 60, 0 }, { END, 80, 200 }, { END, 1, 300 }, { END, 1, 400 } }, 102, 4 },

	{ "sums stop at the greatest number", { { OPEN, UINT64_MAX }, { OPEN, 5 }, { END, 5, 1 } }, UINT64_MAX, 3 },
	{ "paying it as well", { { END, UINT64_MAX, 1 }, { END, 5, 1 }, { PAY, UINT64_MAX, 2 } }, 0, 0 },
};

static void sums_follow_the_script(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(scripts); i++) {
		struct tally t = { 0 };
		run(&t, scripts[i].script);
		struct charge got = tally_sum(&t);
		if (got.octets != scripts[i].octets || got.messages != scripts[i].messages)
			fail_msg("%s: got %ju octets in %u, want %ju in %u", scripts[i].what, (uintmax_t)got.octets,
				got.messages, (uintmax_t)scripts[i].octets, scripts[i].messages);
	}
}

/* One that was open for half an hour counts as ended long ago: it must not live as long as what ended just now. */
static void late_end_joins_the_slot_of_its_time(void **state)
{
	(void)state;
	struct tally t = { 0 };
	tally_end(&t, (struct charge){ 1, 1 }, 100, WIDTH);
	tally_end(&t, (struct charge){ 2, 1 }, 1000, WIDTH);
	tally_end(&t, (struct charge){ 4, 1 }, 90, WIDTH);
	tally_drop(&t, 101);
	assert_int_equal(tally_sum(&t).octets, 2);
}

static void holds_what_a_drop_would_leave(void **state)
{
	(void)state;
	struct tally t = { 0 };
	assert_false(tally_holds(&t, 0));
	tally_open(&t, 1);
	assert_true(tally_holds(&t, UINT32_MAX));
	tally_unopen(&t, 1);
	assert_false(tally_holds(&t, 0));
	tally_end(&t, (struct charge){ 1, 1 }, 100, WIDTH);
	tally_end(&t, (struct charge){ 1, 1 }, 200, WIDTH);
	assert_true(tally_holds(&t, 100));
	assert_true(tally_holds(&t, 200));
	assert_false(tally_holds(&t, 201));
	tally_drop(&t, 201);
	assert_false(tally_holds(&t, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_follow_the_script),
		cmocka_unit_test(late_end_joins_the_slot_of_its_time),
		cmocka_unit_test(holds_what_a_drop_would_leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
