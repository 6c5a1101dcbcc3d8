/* The table of loans alone: rule 10 of the ledger, the backend's side. Who is lent how much is the gate's business, see
   gate_claims.c. */
#include "core/loans.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SETTLE SECONDS(120)
#define START SECONDS(10000) /* of the clock */
#define LIFE SECONDS(3600)
#define LOANS 6

static const struct hash joe = { 8, 1 }, ann = { 8, 2 };

struct fixture {
	struct cache *cache;
	struct ledger *ledger;
	struct loans *loans;
	struct entry *box, *second;
	msec now;
};

static struct hash numbered(uint64_t n)
{
	return (struct hash){ n, 77 };
}

static int make(void **state, size_t mailboxes, size_t loans)
{
	static struct fixture f;
	f.now = START;
	f.cache = cache_new(mailboxes);
	f.ledger = ledger_new(f.cache, 4, 16, SETTLE);
	f.loans = loans_new(f.cache, f.ledger, loans);
	f.box = cache_make(f.cache, numbered(1), 0);
	f.second = cache_make(f.cache, numbered(2), 0);
	*state = &f;
	return !f.loans || !f.box || !f.second;
}

static int set_up(void **state)
{
	return make(state, 100, LOANS);
}

/* All loans lie in one chain. */
static int set_up_one(void **state)
{
	return make(state, 2, 1);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	loans_free(f->loans);
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

static struct borrower wants(struct hash name, uint32_t held, uint32_t next, uint64_t spent, uint32_t messages)
{
	return (struct borrower){ .name = name, .held = held, .next = next, .spent = { spent, messages } };
}

/* A request as the gate puts it: what he spent is taken over, and he is lent so much. True when he got it. */
static bool ask(struct fixture *f, struct entry *e, struct borrower b, uint64_t octets, uint32_t messages)
{
	struct loan loan = { .octets = octets, .messages = messages, .life = LIFE };
	loans_settle(f->loans, e, &b, f->now);
	bool lent = loans_lend(f->loans, e, &b, &loan, f->now);
	if (lent)
		assert_int_equal(loan.number, b.next);
	return lent;
}

static void weighs(struct fixture *f, const struct entry *e, struct borrower b, uint64_t octets, uint32_t messages)
{
	struct charge c = loans_weigh(f->loans, e, &b, tally_sum(&e->tally));
	assert_int_equal(c.octets, octets);
	assert_int_equal(c.messages, messages);
}

static void a_loan_is_charged_until_it_is_settled(void **state)
{
	struct fixture *f = *state;
	assert_true(ask(f, f->box, wants(joe, 0, 11, 0, 0), 4096, 4));
	want(f->box, 4096, 4);
	weighs(f, f->box, wants(joe, 11, 12, 1000, 2), 1000, 2);
	weighs(f, f->box, wants(ann, 0, 12, 0, 0), 4096, 4);
	assert_true(ask(f, f->box, wants(joe, 11, 12, 1000, 2), 2048, 2));
	want(f->box, 1000 + 2048, 4);
	assert_true(ask(f, f->box, wants(joe, 12, 13, 0, 0), 1024, 1));
	want(f->box, 1000 + 1024, 3);
	assert_int_equal(loans_count(f->loans), 1);
}

/* What was spent is a charge like those of transactions that have ended now. */
static void what_was_spent_settles(void **state)
{
	struct fixture *f = *state;
	static const struct facts same = { .state = FACTS_FOUND, .usage = 1000 };
	ask(f, f->box, wants(joe, 0, 11, 0, 0), 4096, 4);
	f->now += SECONDS(600);
	ask(f, f->box, wants(joe, 11, 12, 1000, 2), 2048, 2);
	ledger_settle(f->ledger, f->box, &same, &same, f->now + SETTLE);
	want(f->box, 1000 + 2048, 4);
	ledger_settle(f->ledger, f->box, &same, &same, f->now + SETTLE + SECONDS(1));
	want(f->box, 2048, 2);
}

/* Its reply was lost, and the network may repeat it as well. */
static void a_repeated_request_changes_nothing_twice(void **state)
{
	struct fixture *f = *state;
	ask(f, f->box, wants(joe, 0, 11, 0, 0), 4096, 4);
	for (int i = 0; i < 3; i++) {
		struct borrower b = wants(joe, 11, 12, 1000, 2);
		weighs(f, f->box, b, 1000, 2);
		assert_true(ask(f, f->box, b, 2048 >> i, 2));
		want(f->box, 1000 + 2048, 4);
	}
	assert_int_equal(loans_count(f->loans), 1);
}

static void a_repeated_request_gets_the_same_loan(void **state)
{
	struct fixture *f = *state;
	const struct borrower b = wants(joe, 0, 11, 0, 0);
	struct loan loan = { .octets = 4096, .messages = 4, .life = LIFE };
	assert_true(loans_lend(f->loans, f->box, &b, &loan, f->now));
	f->now += SECONDS(1);
	loan = (struct loan){ .life = LIFE }; /* by now there is nothing to be lent */
	loans_settle(f->loans, f->box, &b, f->now);
	assert_true(loans_lend(f->loans, f->box, &b, &loan, f->now));
	assert_int_equal(loan.octets, 4096);
	assert_int_equal(loan.messages, 4);
	assert_int_equal(loan.life, LIFE - SECONDS(1));
	want(f->box, 4096, 4);
}

/* He still holds the loan before the one that we know of, and has spent more on it. */
static void a_lost_reply_is_made_good(void **state)
{
	struct fixture *f = *state;
	ask(f, f->box, wants(joe, 0, 11, 0, 0), 4096, 4);
	ask(f, f->box, wants(joe, 11, 12, 1000, 2), 2048, 2);
	weighs(f, f->box, wants(joe, 11, 13, 1500, 3), 1500, 3);
	assert_true(ask(f, f->box, wants(joe, 11, 13, 1500, 3), 2048, 2));
	want(f->box, 1500 + 2048, 5);
	/* And once more. */
	assert_true(ask(f, f->box, wants(joe, 11, 14, 1700, 4), 1024, 1));
	want(f->box, 1700 + 1024, 5);
	/* At last one came through. */
	assert_true(ask(f, f->box, wants(joe, 14, 15, 10, 1), 1024, 1));
	want(f->box, 1710 + 1024, 6);
}

/* A try that the network held back until the next question was answered. */
static void a_late_request_changes_nothing(void **state)
{
	struct fixture *f = *state;
	ask(f, f->box, wants(joe, 0, 11, 0, 0), 4096, 4);
	ask(f, f->box, wants(joe, 11, 12, 1000, 2), 2048, 2);
	ask(f, f->box, wants(joe, 12, 13, 10, 1), 2048, 2);
	weighs(f, f->box, wants(joe, 11, 12, 1000, 2), 1010, 3);
	assert_false(ask(f, f->box, wants(joe, 11, 12, 1000, 2), 2048, 2));
	want(f->box, 1010 + 2048, 5);
	ask(f, f->box, wants(joe, 13, 14, 0, 0), 0, 0);
	assert_false(ask(f, f->box, wants(joe, 12, 13, 10, 1), 2048, 2));
	want(f->box, 1010, 3);
}

/* The backend was restarted, or the loan is over. */
static void an_unknown_number_is_taken_at_its_word(void **state)
{
	struct fixture *f = *state;
	weighs(f, f->box, wants(joe, 5, 6, 1000, 2), 1000, 2);
	assert_true(ask(f, f->box, wants(joe, 5, 6, 1000, 2), 2048, 2));
	want(f->box, 1000 + 2048, 4);
	weighs(f, f->box, wants(joe, 5, 6, 1000, 2), 1000, 2);
}

/* Charges without a loan, from a time when nobody could be asked. */
static void what_was_spent_without_a_loan_counts(void **state)
{
	struct fixture *f = *state;
	assert_false(ask(f, f->box, wants(joe, 0, 11, 1000, 2), 0, 0));
	want(f->box, 1000, 2);
	assert_int_equal(loans_count(f->loans), 1); /* the same request may come again */
	assert_false(ask(f, f->box, wants(joe, 0, 11, 1000, 2), 0, 0));
	want(f->box, 1000, 2);
	loans_expire(f->loans, START + SECONDS(60));
	assert_int_equal(loans_count(f->loans), 0);
}

static void nothing_is_lent_for_nothing(void **state)
{
	struct fixture *f = *state;
	assert_false(ask(f, f->box, wants(joe, 0, 11, 0, 0), 0, 5));
	assert_false(ask(f, f->box, wants(joe, 0, 11, 0, 0), 5, 0));
	assert_int_equal(loans_count(f->loans), 0);
	want(f->box, 0, 0);
	/* A mailbox without a limit of messages, or of octets: that is no charge, but it stays in the cache. */
	assert_true(ask(f, f->box, wants(joe, 0, 11, 0, 0), 4096, UINT32_MAX));
	want(f->box, 4096, 1);
	assert_true(tally_holds(&f->box->tally, UINT32_MAX));
	assert_true(ask(f, f->box, wants(joe, 11, 12, 0, 0), UINT64_MAX, 7));
	want(f->box, 0, 7);
	ask(f, f->box, wants(joe, 12, 13, 0, 0), 0, 0);
	want(f->box, 0, 0);
}

/* A question that does not speak of loans leaves them alone. */
static void who_wants_no_loan_keeps_his(void **state)
{
	struct fixture *f = *state;
	ask(f, f->box, wants(joe, 0, 11, 0, 0), 4096, 4);
	struct borrower b = wants(joe, 0, 0, 0, 0);
	weighs(f, f->box, b, 4096, 4);
	loans_settle(f->loans, f->box, &b, f->now);
	want(f->box, 4096, 4);
	assert_true(ask(f, f->box, wants(joe, 11, 12, 1000, 1), 1024, 1));
	want(f->box, 2024, 2);
}

/* By two names, for instance with a recipient extension. */
static void one_mailbox_may_have_several_names(void **state)
{
	struct fixture *f = *state;
	for (uint32_t i = 0; i < LOANS_EACH; i++)
		assert_true(ask(f, f->box, wants(joe, 0, 11 + i, 0, 0), 1024, 1));
	want(f->box, LOANS_EACH * 1024, LOANS_EACH);
	assert_false(ask(f, f->box, wants(joe, 0, 99, 7, 1), 1024, 1));
	want(f->box, LOANS_EACH * 1024 + 7, LOANS_EACH + 1);
	assert_true(ask(f, f->box, wants(joe, 12, 21, 100, 1), 2048, 1));
	want(f->box, (LOANS_EACH + 1) * 1024 + 107, LOANS_EACH + 2);
	weighs(f, f->box, wants(joe, 21, 22, 0, 0), (LOANS_EACH - 1) * 1024 + 107, LOANS_EACH + 1);
}

static void borrowers_and_mailboxes_are_told_apart(void **state)
{
	struct fixture *f = *state;
	ask(f, f->box, wants(joe, 0, 11, 0, 0), 1024, 1);
	ask(f, f->second, wants(joe, 0, 12, 0, 0), 2048, 2);
	ask(f, f->box, wants(ann, 0, 11, 0, 0), 4096, 3); /* two may choose one number */
	want(f->box, 5120, 4);
	want(f->second, 2048, 2);
	ask(f, f->box, wants(joe, 11, 13, 10, 1), 0, 0);
	want(f->box, 4106, 4);
	ask(f, f->second, wants(joe, 11, 14, 10, 1), 0, 0); /* held on another one: unknown here */
	want(f->second, 2058, 3);
	ask(f, f->box, wants(ann, 11, 15, 0, 0), 0, 0);
	want(f->box, 10, 1);
}

static void a_full_table_lends_nothing(void **state)
{
	struct fixture *f = *state;
	for (uint64_t i = 0; i < LOANS; i++)
		assert_true(ask(f, f->box, wants(numbered(i), 0, 11, 0, 0), 1024, 1));
	want(f->box, LOANS * 1024, LOANS);
	assert_false(ask(f, f->box, wants(joe, 0, 11, 500, 1), 1024, 1));
	want(f->box, LOANS * 1024 + 500, LOANS + 1);
	assert_int_equal(loans_count(f->loans), LOANS);
	/* Who has one gets the next in its place. */
	assert_true(ask(f, f->box, wants(numbered(3), 11, 12, 0, 0), 2048, 1));
	want(f->box, (LOANS + 1) * 1024 + 500, LOANS + 1);
}

static void one_place_serves_one_after_another(void **state)
{
	struct fixture *f = *state;
	assert_true(ask(f, f->box, wants(joe, 0, 11, 0, 0), 1024, 1));
	assert_false(ask(f, f->second, wants(joe, 0, 12, 0, 0), 1024, 1));
	assert_false(ask(f, f->box, wants(joe, 11, 13, 0, 0), 0, 0));
	assert_false(ask(f, f->second, wants(ann, 0, 12, 0, 0), 1024, 1)); /* the request may come again */
	loans_expire(f->loans, START + SECONDS(60));
	assert_true(ask(f, f->second, wants(ann, 0, 12, 0, 0), 1024, 1));
	want(f->box, 0, 0);
	want(f->second, 1024, 1);
}

static void loans_end_in_their_order(void **state)
{
	struct fixture *f = *state;
	static const msec lives[] = { SECONDS(50), SECONDS(20), SECONDS(90) };
	for (uint32_t i = 0; i < COUNT(lives); i++) {
		const struct borrower b = wants(joe, 0, 11 + i, 0, 0);
		struct loan loan = { .octets = 1024 << i, .messages = 1, .life = lives[i] };
		assert_true(loans_lend(f->loans, f->box, &b, &loan, f->now));
	}
	ask(f, f->second, wants(ann, 3, 4, 77, 1), 0, 0); /* remembered for a minute */
	static const struct {
		msec now, next;
		size_t left;
	} ends[] = {
		{ SECONDS(19), SECONDS(20), 4 },
		{ SECONDS(20), SECONDS(50), 3 },
		{ SECONDS(60), SECONDS(90), 1 },
		{ SECONDS(90), MSEC_NEVER - START, 0 },
	};
	for (size_t i = 0; i < COUNT(ends); i++) {
		loans_expire(f->loans, START + ends[i].now);
		assert_int_equal(loans_expiry(f->loans), START + ends[i].next);
		assert_int_equal(loans_count(f->loans), ends[i].left);
		want(f->box, 7168, 3); /* as if all of it had been let in */
	}
	want(f->second, 77, 1);
}

static void a_loan_that_ended_settles(void **state)
{
	struct fixture *f = *state;
	static const struct facts same = { .state = FACTS_FOUND, .usage = 1000 };
	ask(f, f->box, wants(joe, 0, 11, 0, 0), 4096, 4);
	loans_expire(f->loans, START + LIFE + SECONDS(500)); /* a little late */
	ledger_settle(f->ledger, f->box, &same, &same, START + LIFE + SETTLE);
	want(f->box, 4096, 4);
	ledger_settle(f->ledger, f->box, &same, &same, START + LIFE + SETTLE + SECONDS(1));
	want(f->box, 0, 0);
	/* The borrower comes after that, and says what he spent. */
	ask(f, f->box, wants(joe, 11, 20, 300, 2), 0, 0);
	want(f->box, 300, 2);
}

/* A mailbox that lends stays in the cache; one that does not may go, and another have its place. */
static void a_mailbox_goes_and_another_takes_its_place(void **state)
{
	struct fixture *f = *state;
	assert_true(ask(f, f->box, wants(joe, 0, 11, 0, 0), 1024, 1));
	ask(f, f->second, wants(joe, 0, 12, 0, 0), 0, 0);
	f->second = cache_make(f->cache, numbered(3), UINT32_MAX);
	assert_non_null(f->second);
	assert_non_null(cache_peek(f->cache, numbered(1)));
	/* A loan that was spent: its record knows the mailbox by name. */
	ask(f, f->box, wants(joe, 11, 13, 500, 1), 0, 0);
	f->box = cache_make(f->cache, numbered(4), UINT32_MAX);
	assert_non_null(f->box);
	assert_null(cache_peek(f->cache, numbered(1)));
	weighs(f, f->box, wants(joe, 13, 14, 10, 1), 10, 1);
	ask(f, f->box, wants(joe, 13, 14, 10, 1), 0, 0);
	want(f->box, 10, 1);
	loans_expire(f->loans, START + SECONDS(3600));
	want(f->box, 10, 1);
}

/* Figures come from another machine: any are. */
static void figures_of_any_size_do_not_wrap(void **state)
{
	struct fixture *f = *state;
	for (uint32_t i = 1; i < 40; i++) {
		ask(f, f->box, wants(joe, i, i + 1, UINT64_MAX, UINT32_MAX), UINT64_MAX - 1, UINT32_MAX - 1);
		struct charge all = tally_sum(&f->box->tally);
		assert_true(all.octets >= UINT64_MAX - 1 && all.messages == UINT32_MAX);
	}
	struct charge c = loans_weigh(f->loans, f->box, &(struct borrower){ joe, 40, 41, { UINT64_MAX, UINT32_MAX } },
		(struct charge){ UINT64_MAX, UINT32_MAX });
	assert_true(c.octets == UINT64_MAX && c.messages == UINT32_MAX);
	ask(f, f->second, wants(joe, UINT32_MAX, UINT32_MAX, UINT64_MAX, 1), 1, 1);
	want(f->second, LEDGER_CHARGE_MOST + 1, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_ONE(name) cmocka_unit_test_setup_teardown(name, set_up_one, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_loan_is_charged_until_it_is_settled),
		TEST(what_was_spent_settles),
		TEST(a_repeated_request_changes_nothing_twice),
		TEST(a_repeated_request_gets_the_same_loan),
		TEST(a_lost_reply_is_made_good),
		TEST(a_late_request_changes_nothing),
		TEST(an_unknown_number_is_taken_at_its_word),
		TEST(what_was_spent_without_a_loan_counts),
		TEST(nothing_is_lent_for_nothing),
		TEST(who_wants_no_loan_keeps_his),
		TEST(one_mailbox_may_have_several_names),
		TEST(borrowers_and_mailboxes_are_told_apart),
		TEST(a_full_table_lends_nothing),
		TEST_ONE(one_place_serves_one_after_another),
		TEST(loans_end_in_their_order),
		TEST(a_loan_that_ended_settles),
		TEST_ONE(a_mailbox_goes_and_another_takes_its_place),
		TEST(figures_of_any_size_do_not_wrap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
