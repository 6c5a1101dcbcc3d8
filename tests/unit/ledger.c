/* The rules of the ledger that can be seen without a store; the others are in gate.c. Their numbers are those of
   quotagate.conf(5), "The ledger". */
#include "core/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SETTLE SECONDS(120)
#define START SECONDS(10000) /* of the clock */

static const struct hash none, tx = { 1, 1 }, other = { 2, 1 }; /* may share a chain */

struct fixture {
	struct cache *cache;
	struct ledger *ledger;
	struct entry *box, *second;
};

static struct hash numbered(unsigned n)
{
	return (struct hash){ n, 77 };
}

static int set_up(void **state)
{
	static struct fixture f;
	f.cache = cache_new(1000);
	f.ledger = ledger_new(f.cache, 4, 600, SETTLE);
	f.box = cache_make(f.cache, numbered(1), 0);
	f.second = cache_make(f.cache, numbered(2), 0);
	*state = &f;
	return !f.box || !f.second;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	ledger_free(f->ledger);
	cache_free(f->cache);
	return 0;
}

static void want(const struct entry *e, uint64_t octets, uint32_t messages)
{
	struct charge c = tally_sum(&e->tally);
	assert_int_equal(c.octets, octets);
	assert_int_equal(c.messages, messages);
}

/* New figures without growth, by a look-up begun then. */
static void look_up(struct fixture *f, msec begun)
{
	static const struct facts same = { .state = FACTS_FOUND, .usage = 1000, .messages = 10 };
	ledger_settle(f->ledger, f->box, &same, &same, begun);
}

static void grow(struct fixture *f, uint64_t octets, uint32_t messages, msec begun)
{
	struct facts was = { .state = FACTS_FOUND, .usage = 1000, .messages = 10 }, is = was;
	is.usage += octets;
	is.messages += messages;
	ledger_settle(f->ledger, f->box, &was, &is, begun);
}

static void rule_2_without_a_transaction_it_ends_at_once(void **state)
{
	struct fixture *f = *state;
	ledger_charge(f->ledger, f->box, none, 10, START);
	ledger_charge(f->ledger, f->box, none, 10, START);
	want(f->box, 20, 2);
	assert_int_equal(f->box->tally.open_messages, 0);
	assert_int_equal(ledger_transactions(f->ledger), 0);
	assert_int_equal(ledger_others(f->ledger, f->box, none).octets, 20);
	ledger_refund(f->ledger, f->box, none);
	want(f->box, 20, 2);
}

static void rule_3_asked_three_times_is_charged_once(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 3; i++)
		ledger_charge(f->ledger, f->box, tx, 10, START + i);
	want(f->box, 10, 1);
	assert_int_equal(ledger_transactions(f->ledger), 1);
}

static void rule_3_another_size_replaces(void **state)
{
	struct fixture *f = *state;
	static const uint64_t sizes[] = { 10, 7000, 1, LEDGER_CHARGE_MOST, 3 };
	for (size_t i = 0; i < COUNT(sizes); i++) {
		ledger_charge(f->ledger, f->box, tx, sizes[i], START);
		want(f->box, sizes[i], 1);
	}
}

/* Sizes that no mailbox can have must not make the sum forget the others. */
static void a_charge_has_its_most(void **state)
{
	struct fixture *f = *state;
	for (unsigned t = 1; t <= 3; t++)
		ledger_charge(f->ledger, f->box, numbered(t), INT64_MAX, START);
	ledger_charge(f->ledger, f->box, numbered(4), 7, START);
	for (unsigned t = 1; t <= 3; t++)
		ledger_abandon(f->ledger, numbered(t));
	want(f->box, 7, 1);
}

static void rule_3_refusal_removes(void **state)
{
	struct fixture *f = *state;
	ledger_charge(f->ledger, f->box, tx, 10, START);
	ledger_charge(f->ledger, f->second, tx, 10, START);
	ledger_charge(f->ledger, f->box, other, 5, START);
	ledger_refund(f->ledger, f->box, tx);
	want(f->box, 5, 1);
	want(f->second, 10, 1);
	ledger_refund(f->ledger, f->box, tx);
	want(f->box, 5, 1);
	ledger_charge(f->ledger, f->box, tx, 20, START);
	want(f->box, 25, 2);
}

static void rule_4_judged_without_its_own_charge(void **state)
{
	struct fixture *f = *state;
	ledger_charge(f->ledger, f->box, tx, 10, START);
	ledger_charge(f->ledger, f->box, other, 5, START);
	ledger_charge(f->ledger, f->box, none, 3, START);
	const struct {
		struct hash id;
		uint64_t octets;
		uint32_t messages;
	} cases[] = { { tx, 8, 2 }, { other, 13, 2 }, { none, 18, 3 }, { { 9, 9 }, 18, 3 } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct charge c = ledger_others(f->ledger, f->box, cases[i].id);
		assert_int_equal(c.octets, cases[i].octets);
		assert_int_equal(c.messages, cases[i].messages);
	}
	assert_int_equal(ledger_others(f->ledger, f->second, tx).messages, 0);
}

static void rule_4_true_size_reaches_all_mailboxes(void **state)
{
	struct fixture *f = *state;
	ledger_charge(f->ledger, f->box, tx, 1, START);
	ledger_charge(f->ledger, f->second, tx, 1, START);
	ledger_charge(f->ledger, f->second, other, 5, START);
	ledger_resize(f->ledger, tx, 5000);
	want(f->box, 5000, 1);
	want(f->second, 5005, 2);
	ledger_resize(f->ledger, tx, 20);
	want(f->box, 20, 1);
	ledger_resize(f->ledger, none, 1);
	ledger_resize(f->ledger, numbered(5), 1);
	want(f->box, 20, 1);
	want(f->second, 25, 2);
}

static void rule_5_charges_do_not_age(void **state)
{
	struct fixture *f = *state;
	ledger_charge(f->ledger, f->box, tx, 10, START);
	ledger_charge(f->ledger, f->box, none, 5, START);
	ledger_expire(f->ledger, START + SECONDS(29 * 60));
	want(f->box, 15, 2);
	ledger_expire(f->ledger, START + SECONDS(24 * 3600));
	want(f->box, 15, 2);
}

static void rule_6_abandoned_is_given_back(void **state)
{
	struct fixture *f = *state;
	ledger_charge(f->ledger, f->box, tx, 10, START);
	ledger_charge(f->ledger, f->second, tx, 10, START);
	ledger_charge(f->ledger, f->box, other, 5, START);
	ledger_abandon(f->ledger, tx);
	want(f->box, 5, 1);
	want(f->second, 0, 0);
	assert_int_equal(ledger_transactions(f->ledger), 1);
	ledger_abandon(f->ledger, tx);
	ledger_abandon(f->ledger, none);
	want(f->box, 5, 1);
}

static void rule_6_ended_still_counts(void **state)
{
	struct fixture *f = *state;
	ledger_charge(f->ledger, f->box, tx, 10, START);
	ledger_end(f->ledger, tx, START);
	ledger_end(f->ledger, tx, START);
	want(f->box, 10, 1);
	assert_int_equal(f->box->tally.open_messages, 0);
	assert_int_equal(ledger_transactions(f->ledger), 0);
	assert_int_equal(ledger_others(f->ledger, f->box, tx).octets, 10);
	ledger_abandon(f->ledger, tx);
	want(f->box, 10, 1);
}

static void rule_7_ended_settles(void **state)
{
	struct fixture *f = *state;
	ledger_charge(f->ledger, f->box, tx, 10, START - SECONDS(500));
	ledger_end(f->ledger, tx, START);
	look_up(f, START + SETTLE);
	want(f->box, 10, 1);
	look_up(f, START + SETTLE + SECONDS(1));
	want(f->box, 0, 0);
}

/* What a look-up would drop is not coming any more, but stands until there is one. */
static void rule_7_some_may_still_be_coming(void **state)
{
	struct fixture *f = *state;
	ledger_charge(f->ledger, f->box, tx, 5, START);
	ledger_charge(f->ledger, f->box, none, 10, START);
	assert_int_equal(ledger_others_coming(f->ledger, f->box, tx, START + SETTLE).octets, 10);
	assert_int_equal(ledger_others_coming(f->ledger, f->box, tx, START + SETTLE + 1000).messages, 0);
	assert_int_equal(ledger_others_coming(f->ledger, f->box, other, START + SETTLE + 1000).octets, 5);
	ledger_charge(f->ledger, f->box, none, 20, START + SETTLE);
	assert_int_equal(ledger_others_coming(f->ledger, f->box, tx, START + SETTLE + 1000).octets, 20);
	assert_int_equal(ledger_others(f->ledger, f->box, tx).octets, 30);
	want(f->box, 35, 3);
}

static void rule_7_open_stays_for_half_an_hour(void **state)
{
	struct fixture *f = *state;
	ledger_charge(f->ledger, f->box, tx, 10, START);
	assert_int_equal(ledger_expiry(f->ledger), START + LEDGER_OPEN_MOST);
	look_up(f, START + LEDGER_OPEN_MOST);
	want(f->box, 10, 1);
	ledger_expire(f->ledger, START + LEDGER_OPEN_MOST - 1);
	assert_int_equal(ledger_transactions(f->ledger), 1);
	ledger_expire(f->ledger, START + LEDGER_OPEN_MOST);
	assert_int_equal(ledger_transactions(f->ledger), 0);
	want(f->box, 10, 1);
	look_up(f, START + LEDGER_OPEN_MOST);
	want(f->box, 0, 0);
	assert_int_equal(ledger_expiry(f->ledger), MSEC_NEVER);
}

/* The half hour is that of each; what was open for too long does not live on with what ends now. */
static void rule_7_open_too_long_goes_while_others_come(void **state)
{
	struct fixture *f = *state;
	msec late = START + LEDGER_OPEN_MOST;
	ledger_charge(f->ledger, f->box, tx, 10, START);
	ledger_charge(f->ledger, f->box, other, 7, START + SECONDS(60));
	ledger_charge(f->ledger, f->box, none, 5, late - SETTLE + SECONDS(1));
	ledger_charge(f->ledger, f->box, none, 3, late);
	ledger_expire(f->ledger, late);
	want(f->box, 25, 4);
	assert_int_equal(ledger_expiry(f->ledger), late + SECONDS(60));
	look_up(f, late + SECONDS(2));
	want(f->box, 10, 2);
}

static void rule_7_a_clock_that_just_began(void **state)
{
	struct fixture *f = *state;
	ledger_charge(f->ledger, f->box, none, 10, 0);
	look_up(f, 0);
	look_up(f, SETTLE);
	want(f->box, 10, 1);
	look_up(f, SETTLE + SECONDS(1));
	want(f->box, 0, 0);
}

static void rule_8_growth_pays_only_ended(void **state)
{
	struct fixture *f = *state;
	ledger_charge(f->ledger, f->box, tx, 80, START);
	ledger_charge(f->ledger, f->box, none, 40, START);
	grow(f, 120, 2, START + 1);
	want(f->box, 80, 1);
	ledger_end(f->ledger, tx, START + 2);
	want(f->box, 80, 1);
	grow(f, 70, 1, START + 3);
	want(f->box, 0, 0);
}

static void rule_8_only_figures_pay(void **state)
{
	struct fixture *f = *state;
	static const struct {
		enum facts_state was, is;
		uint64_t from, to, left;
	} cases[] = {
		{ FACTS_FAILED, FACTS_FOUND, 0, 1000, 80 }, /* the first look-up: nobody knows what grew */
		{ FACTS_NO_MAILBOX, FACTS_FOUND, 0, 1000, 80 },
		{ FACTS_FOUND, FACTS_NO_MAILBOX, 1000, 0, 80 },
		{ FACTS_FOUND, FACTS_FOUND, 1000, 900, 80 }, /* somebody made room */
		{ FACTS_FOUND, FACTS_FOUND, 1000, 1060, 20 },
		{ FACTS_FOUND, FACTS_FOUND, 1000, 1070, 0 },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct facts was = { .state = cases[i].was, .usage = cases[i].from };
		struct facts is = { .state = cases[i].is, .usage = cases[i].to };
		f->box->tally = (struct tally){ 0 };
		ledger_charge(f->ledger, f->box, none, 80, START);
		ledger_settle(f->ledger, f->box, &was, &is, START);
		want(f->box, cases[i].left, cases[i].left ? 1 : 0);
	}
}

static void oldest_transaction_ends_when_there_are_too_many(void **state)
{
	struct fixture *f = *state;
	for (unsigned n = 1; n <= 5; n++)
		ledger_charge(f->ledger, f->box, numbered(n), 10, START);
	assert_int_equal(ledger_transactions(f->ledger), 4);
	want(f->box, 50, 5);
	assert_int_equal(f->box->tally.open_messages, 4);
	ledger_abandon(f->ledger, numbered(1));
	want(f->box, 50, 5);
	ledger_abandon(f->ledger, numbered(5));
	want(f->box, 40, 4);
	look_up(f, START + SETTLE + SECONDS(1));
	want(f->box, 30, 3);
}

static void too_many_mailboxes_stand_as_ended(void **state)
{
	struct fixture *f = *state;
	for (unsigned n = 0; n < LEDGER_MAILBOXES; n++)
		ledger_charge(f->ledger, cache_make(f->cache, numbered(1000 + n), 0), tx, 10, START);
	ledger_charge(f->ledger, f->box, tx, 10, START);
	assert_int_equal(f->box->tally.open_messages, 0);
	want(f->box, 10, 1);
	ledger_abandon(f->ledger, tx);
	want(f->box, 10, 1);
	want(cache_find(f->cache, numbered(1000)), 0, 0);
	/* All of its places are free again. */
	for (unsigned n = 0; n < LEDGER_MAILBOXES; n++)
		ledger_charge(f->ledger, cache_make(f->cache, numbered(1000 + n), 0), tx, 10, START);
	assert_int_equal(cache_find(f->cache, numbered(1000 + LEDGER_MAILBOXES - 1))->tally.open_messages, 1);
}

static void too_many_charges_stand_as_ended(void **state)
{
	struct fixture *f = *state;
	for (unsigned n = 0; n < 600; n++)
		ledger_charge(
			f->ledger, cache_make(f->cache, numbered(1000 + n % 200), 0), numbered(n / 200), 10, START);
	ledger_charge(f->ledger, f->box, numbered(9), 10, START);
	assert_int_equal(f->box->tally.open_messages, 0);
	want(f->box, 10, 1);
	ledger_end(f->ledger, numbered(1), START);
	ledger_charge(f->ledger, f->box, numbered(9), 7, START);
	assert_int_equal(f->box->tally.open_messages, 1);
	want(f->box, 17, 2);
}

/* Its answer was lost, and it is asked again: nothing is charged twice, and it is judged without itself. */
static void a_question_that_lingers_may_come_again(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ledger_others(f->ledger, f->box, numbered(9)).octets, 0);
		ledger_charge(f->ledger, f->box, numbered(9), 100, START + i);
		ledger_linger(f->ledger, numbered(9), START + i);
		want(f->box, 100, 1);
	}
	assert_int_equal(ledger_transactions(f->ledger), 1);
	assert_int_equal(ledger_expiry(f->ledger), START + 2 + LEDGER_REPEATED_WITHIN);
	ledger_expire(f->ledger, START + 2 + LEDGER_REPEATED_WITHIN);
	assert_int_equal(ledger_transactions(f->ledger), 0);
	want(f->box, 100, 1);
	look_up(f, START + SETTLE + SECONDS(2));
	want(f->box, 0, 0);
}

/* Those that linger make room before those that are open. */
static void many_that_linger_do_not_end_the_open_ones(void **state)
{
	struct fixture *f = *state;
	ledger_charge(f->ledger, f->box, numbered(1), 1000, START);
	for (unsigned i = 10; i < 30; i++) {
		ledger_charge(f->ledger, f->box, numbered(i), 1, START);
		ledger_linger(f->ledger, numbered(i), START);
	}
	ledger_abandon(f->ledger, numbered(1));
	want(f->box, 20, 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_question_that_lingers_may_come_again),
		TEST(many_that_linger_do_not_end_the_open_ones),
		TEST(rule_2_without_a_transaction_it_ends_at_once),
		TEST(rule_3_asked_three_times_is_charged_once),
		TEST(rule_3_another_size_replaces),
		TEST(a_charge_has_its_most),
		TEST(rule_3_refusal_removes),
		TEST(rule_4_judged_without_its_own_charge),
		TEST(rule_4_true_size_reaches_all_mailboxes),
		TEST(rule_5_charges_do_not_age),
		TEST(rule_6_abandoned_is_given_back),
		TEST(rule_6_ended_still_counts),
		TEST(rule_7_ended_settles),
		TEST(rule_7_open_stays_for_half_an_hour),
		TEST(rule_7_some_may_still_be_coming),
		TEST(rule_7_open_too_long_goes_while_others_come),
		TEST(rule_7_a_clock_that_just_began),
		TEST(rule_8_growth_pays_only_ended),
		TEST(rule_8_only_figures_pay),
		TEST(oldest_transaction_ends_when_there_are_too_many),
		TEST(too_many_mailboxes_stand_as_ended),
		TEST(too_many_charges_stand_as_ended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
