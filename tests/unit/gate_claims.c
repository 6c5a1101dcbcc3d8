/*
 * Rule 10 of the ledger, the asker's side: a store that keeps a ledger of its own is asked about each message but those
 * that it lent the room for, and is told what was let in without it. The other side is in gate_lends.c.
 */
#include "../fake/world.h"

#define LENT 10240 /* octets */
#define LENT_MESSAGES 6

static struct scripted_store *far(void)
{
	return &w.script.stores[0];
}

static int set_up_far(void **state)
{
	set_up(state);
	w.stores[0].ledger = w.route.has_ledgers = far()->ledger = true;
	struct scripted_box *b = box(0, "joe@a.example", 100000, 1000000);
	b->loan = (struct loan){ .octets = LENT, .messages = LENT_MESSAGES, .life = SECONDS(600) };
	gate_configure(w.gate, &w.conf, w.now);
	return 0;
}

static struct scripted_box *joe(void)
{
	return &far()->boxes[0];
}

static unsigned asked(void)
{
	return far()->started;
}

static void charged(uint64_t octets, uint32_t messages)
{
	struct charge c = charges("joe@a.example");
	assert_int_equal(c.octets, octets);
	assert_int_equal(c.messages, messages);
}

/* Client n asks, and the store answers; the reason must be this. */
static struct client *answered(unsigned n, uint64_t size, unsigned tx, enum reason reason)
{
	struct client *c = ask(n, "joe@a.example", size, tx);
	answer_all();
	want(c, reason);
	return c;
}

static struct client *end_of_message(unsigned n, const char *address, uint64_t size, unsigned tx)
{
	struct client *c = prepare(n, address, size, tx);
	c->ask.query.stage = STAGE_END_OF_MESSAGE;
	gate_ask(w.gate, &c->ask, w.now);
	return c;
}

/* The mailbox is known, and a loan is held. */
static uint32_t borrow(void)
{
	answered(0, 100, 99, REASON_ROOM);
	assert_true(far()->claim.deliver && far()->claim.number);
	return far()->claim.number;
}

/* Nothing is in flight; `n` look-ups all in all since borrow(). */
static void asked_only(unsigned n)
{
	assert_int_equal(w.script.n, 0);
	assert_int_equal(asked(), 1 + n);
}

/* What the last look-up said of loans. */
static void claimed(uint32_t held, uint64_t spent, uint32_t messages)
{
	const struct claim *c = &far()->claim;
	assert_true(c->deliver && c->number && c->number != held);
	assert_int_equal(c->held, held);
	assert_int_equal(c->spent.octets, spent);
	assert_int_equal(c->spent.messages, messages);
}

/* ---- within the loan ---- */

static void within_the_loan_nobody_is_asked(void **state)
{
	(void)state;
	borrow();
	charged(0, 0); /* the first one is charged where the mailbox is */
	want(ask(1, "joe@a.example", 6000, 1), REASON_ROOM);
	want(ask(2, "joe@a.example", 4240, 2), REASON_ROOM);
	asked_only(0);
	charged(10240, 2);
	struct client *c = ask(3, "joe@a.example", 1, 3);
	assert_int_equal(c->answers, 0);
	assert_int_equal(asked(), 2);
}

static void beyond_the_loan_the_store_is_told(void **state)
{
	(void)state;
	uint32_t held = borrow();
	ask(1, "joe@a.example", 6000, 1);
	ask(2, "joe@a.example", 4240, 2);
	answered(3, 500, 3, REASON_ROOM);
	asked_only(1);
	claimed(held, 10240, 2);
	assert_int_equal(far()->claim.size, 500);
	charged(0, 0);
	/* There is a new loan. */
	want(ask(4, "joe@a.example", 10240, 4), REASON_ROOM);
	asked_only(1);
	/* The ends of those that were handed over change nothing. */
	gate_end(w.gate, transaction(1), true, w.now);
	gate_end(w.gate, transaction(2), false, w.now);
	gate_end(w.gate, transaction(3), true, w.now);
	charged(10240, 1);
}

static void messages_are_lent_too(void **state)
{
	(void)state;
	borrow();
	for (unsigned i = 1; i <= LENT_MESSAGES; i++)
		want(ask(i, "joe@a.example", 1, i), REASON_ROOM);
	asked_only(0);
	answered(9, 1, 9, REASON_ROOM);
	asked_only(1);
	assert_int_equal(far()->claim.spent.messages, LENT_MESSAGES);
}

static void a_loan_ends(void **state)
{
	(void)state;
	uint32_t held = borrow();
	pass_time(SECONDS(599));
	want(ask(1, "joe@a.example", 1000, 1), REASON_ROOM);
	asked_only(0);
	pass_time(SECONDS(1));
	answered(2, 10, 2, REASON_ROOM);
	asked_only(1);
	claimed(held, 1000, 1);
	charged(0, 0);
}

/* Its life counts from when it was asked for: the answer may have been long under way. */
static void a_loan_is_as_old_as_its_question(void **state)
{
	(void)state;
	struct client *c = ask(0, "joe@a.example", 100, 9);
	pass_time(SECONDS(3));
	answer_all();
	want(c, REASON_ROOM);
	pass_time(SECONDS(597));
	answered(1, 10, 1, REASON_ROOM);
	asked_only(1);
}

static void nothing_lent_is_asked_each_time(void **state)
{
	(void)state;
	joe()->loan = (struct loan){ 0 };
	borrow();
	for (unsigned i = 1; i < 5; i++)
		answered(i, 10, i, REASON_ROOM);
	asked_only(4);
	assert_int_equal(far()->claim.spent.messages, 0);
	charged(0, 0);
}

/* ---- transactions ---- */

static void a_lone_recipient_is_alone_to_the_end(void **state)
{
	(void)state;
	uint32_t held = borrow();
	want(ask(1, "joe@a.example", 1000, 1), REASON_ROOM);
	want(ask(1, "joe@a.example", 1000, 1), REASON_ROOM);
	want(end_of_message(1, "joe@a.example", 1100, 1), REASON_ROOM);
	charged(1100, 1);
	/* Another restriction list asks again: the message is here and charged, whatever became of the loan. */
	want(end_of_message(1, "joe@a.example", 1100, 1), REASON_ROOM);
	pass_time(SECONDS(600));
	want(end_of_message(1, "joe@a.example", 1100, 1), REASON_ROOM);
	asked_only(0);
	charged(1100, 1);
	answered(2, 10, 2, REASON_ROOM);
	claimed(held, 1100, 1);
	charged(0, 0);
}

static void what_the_store_charged_it_is_asked_about_at_the_end(void **state)
{
	(void)state;
	joe()->loan.octets = 0;
	borrow();
	answered(1, 1000, 1, REASON_ROOM);
	joe()->loan.octets = LENT;
	answered(2, 10, 2, REASON_ROOM);
	asked_only(2);
	struct client *c = end_of_message(1, "joe@a.example", 1100, 1);
	answer_all();
	want(c, REASON_ROOM);
	asked_only(3);
	assert_int_equal(far()->claim.stage, STAGE_END_OF_MESSAGE);
	assert_int_equal(far()->claim.size, 1100);
	assert_true(hash_eq(far()->claim.transaction, transaction(1)));
	charged(0, 0);
}

/* Of several, the first to be let in is not the end of the transaction there. */
static void of_several_each_is_asked_about_with_the_true_size(void **state)
{
	(void)state;
	make_gate((struct gate_size){ .mailboxes = 10, .lookups = 2, .transactions = 2, .charges = 4, .probes = 2 });
	joe()->loan.octets = 0;
	answered(1, 0, 1, REASON_ROOM);
	struct client *c = prepare(1, "", 1100, 1);
	c->ask.query.stage = STAGE_END_OF_MESSAGE;
	c->ask.query.recipients = STR("joe@a.example, sue@x.example");
	gate_ask(w.gate, &c->ask, w.now);
	answer_all();
	want(c, REASON_NOT_ASKED);
	assert_int_equal(far()->claim.stage, STAGE_RCPT);
	assert_int_equal(far()->claim.size, 1100);
	assert_true(hash_eq(far()->claim.transaction, transaction(1)));
	charged(0, 0);
}

/* The true size goes beyond the loan: the store has the one charge then, and it is not here any more. */
static void a_message_that_outgrew_the_loan(void **state)
{
	(void)state;
	uint32_t held = borrow();
	want(ask(1, "joe@a.example", 1000, 1), REASON_ROOM);
	want(ask(2, "joe@a.example", 2000, 2), REASON_ROOM);
	struct client *c = end_of_message(1, "joe@a.example", 20000, 1);
	answer_all();
	want(c, REASON_ROOM);
	asked_only(1);
	claimed(held, 2000, 1);
	charged(0, 0);
	/* Refused, it is nowhere. */
	want(ask(3, "joe@a.example", 1000, 3), REASON_ROOM);
	c = end_of_message(3, "joe@a.example", 950000, 3);
	answer_all();
	want(c, REASON_FULL);
	charged(0, 0);
}

/* When its size is told with the end of all recipients, the store must know whose it is. */
static void an_unknown_size_is_not_let_in_alone(void **state)
{
	(void)state;
	borrow();
	answered(1, 0, 1, REASON_ROOM);
	asked_only(1);
	assert_int_equal(far()->claim.size, 0);
	want(ask(2, "joe@a.example", 0, 0), REASON_ROOM); /* nothing more will be told of it */
	asked_only(1);
	charged(1, 1);
}

static void ends_of_several_recipients_reach_the_loan(void **state)
{
	(void)state;
	uint32_t held = borrow();
	want(ask(1, "joe@a.example", 1000, 1), REASON_ROOM);
	want(end_of_message(1, "", 3000, 1), REASON_NOT_ASKED);
	charged(3000, 1);
	answered(2, 9000, 2, REASON_ROOM);
	claimed(held, 3000, 1);
}

/* ---- handing over ---- */

/* Between question and answer anything may happen to what was told; and more may be let in where the store cannot be asked. */
static void what_was_told_is_handed_over_and_nothing_else(void **state)
{
	(void)state;
	make_gate((struct gate_size){ 10, 1, 10, 10 });
	borrow();
	for (unsigned i = 1; i <= 3; i++)
		want(ask(i, "joe@a.example", 1000, i), REASON_ROOM);
	struct client *c = ask(4, "joe@a.example", 8000, 4);
	assert_int_equal(far()->claim.spent.octets, 3000);
	gate_end(w.gate, transaction(1), true, w.now); /* told already: it stays */
	gate_end(w.gate, transaction(2), false, w.now);
	end_of_message(2, "", 5000, 3);
	charged(3000, 3);
	want(ask(5, "joe@a.example", 700, 5), REASON_ROOM);
	want(ask(6, "joe@a.example", 20, 0), REASON_ROOM);
	charged(3720, 5);
	answer_all();
	want(c, REASON_ROOM);
	charged(720, 2);
	gate_end(w.gate, transaction(5), true, w.now);
	charged(20, 1);
}

/* Several questions at once: one tells, and only it brings a loan. */
static void one_question_at_a_time_tells(void **state)
{
	(void)state;
	uint32_t held = borrow();
	want(ask(1, "joe@a.example", 5000, 1), REASON_ROOM);
	ask(2, "joe@a.example", 6000, 2);
	claimed(held, 5000, 1);
	uint32_t second = far()->claim.number;
	ask(3, "joe@a.example", 6000, 3);
	const struct claim *c = &far()->claim;
	assert_true(c->deliver && c->number == 0 && c->held == 0 && c->spent.messages == 0);
	/* The later one is answered first: nothing moves. */
	scripted_answer(&w.script, w.script.held[1], w.now);
	want(&w.clients[3], REASON_ROOM);
	charged(5000, 1);
	ask(4, "joe@a.example", 500, 4); /* the store may have taken the loan back by now */
	answer_all();
	want(&w.clients[2], REASON_ROOM);
	want(&w.clients[4], REASON_ROOM);
	charged(0, 0);
	asked_only(3);
	want(ask(5, "joe@a.example", 500, 5), REASON_ROOM);
	answered(6, 10000, 6, REASON_ROOM);
	claimed(second, 500, 1);
}

static void who_gets_no_answer_tells_again(void **state)
{
	(void)state;
	uint32_t held = borrow();
	want(ask(1, "joe@a.example", 5000, 1), REASON_ROOM);
	far()->fails = true;
	struct client *c = answered(2, 6000, 2, REASON_ROOM);
	assert_true(c->ask.answer.verdict.stale);
	claimed(held, 5000, 1);
	charged(11000, 2); /* let in on what was known last */
	far()->fails = false;
	/* What is lost may have been the answer: nothing is let in alone any more. */
	answered(3, 10, 3, REASON_ROOM);
	claimed(held, 11000, 2);
	charged(0, 0);
}

static void a_store_that_does_not_answer_in_time(void **state)
{
	(void)state;
	uint32_t held = borrow();
	want(ask(1, "joe@a.example", 5000, 1), REASON_ROOM);
	struct client *c = ask(2, "joe@a.example", 6000, 2);
	pass_time(SECONDS(4));
	want(c, REASON_ROOM);
	assert_true(c->ask.answer.verdict.stale);
	charged(11000, 2);
	/* It answers after all: it has charged that message, and heard of the one before. */
	answer_all();
	charged(0, 0);
	answered(3, 20000, 3, REASON_ROOM);
	assert_int_not_equal(far()->claim.held, held);
	/* It answers after all, and had no room: the message comes all the same. */
	want(ask(4, "joe@a.example", 5000, 4), REASON_ROOM);
	c = ask(5, "joe@a.example", 6000, 5);
	pass_time(SECONDS(4));
	want(c, REASON_ROOM);
	joe()->others = (struct charge){ 899999, 9 };
	answer_all();
	charged(6000, 1);
}

static void an_asker_leaves(void **state)
{
	(void)state;
	borrow();
	want(ask(1, "joe@a.example", 5000, 1), REASON_ROOM);
	struct client *c = ask(2, "joe@a.example", 6000, 2);
	gate_forget(w.gate, &c->ask);
	gate_end(w.gate, transaction(2), true, w.now);
	answer_all();
	assert_int_equal(c->answers, 0);
	charged(0, 0);
	want(ask(3, "joe@a.example", LENT, 3), REASON_ROOM);
	asked_only(1);
}

static void a_new_configuration_tells_again(void **state)
{
	(void)state;
	uint32_t held = borrow();
	want(ask(1, "joe@a.example", 5000, 1), REASON_ROOM);
	struct client *c = ask(2, "joe@a.example", 6000, 2), *d = ask(3, "joe@a.example", 6000, 3);
	gate_configure(w.gate, &w.conf, w.now);
	assert_int_equal(far()->cancelled, 2);
	assert_int_equal(w.script.n, 2);
	answer_all();
	want(c, REASON_ROOM);
	want(d, REASON_ROOM);
	charged(0, 0);
	answered(4, 20000, 4, REASON_ROOM);
	assert_true(far()->claim.held && far()->claim.held != held);
}

/* ---- verdicts ---- */

static void a_refusal_is_remembered_for_a_moment(void **state)
{
	(void)state;
	joe()->facts.usage = 999990;
	answered(1, 11, 1, REASON_FULL);
	want(ask(2, "joe@a.example", 11, 2), REASON_FULL);
	assert_int_equal(asked(), 1);
	/* What still fits it is asked about. */
	answered(3, 10, 3, REASON_ROOM);
	assert_int_equal(asked(), 2);
	pass_time(SECONDS(1));
	answered(4, 11, 4, REASON_FULL);
	assert_int_equal(asked(), 3);
	charged(0, 0);
}

/* What others let in is known to the store alone, and counts in its answer. */
static void the_charges_of_others_count(void **state)
{
	(void)state;
	joe()->others = (struct charge){ 899000, 3 };
	struct client *c = answered(1, 1001, 1, REASON_FULL);
	assert_int_equal(c->ask.answer.charge.octets, 899000);
	answered(1, 1000, 1, REASON_ROOM);
	assert_int_equal(asked(), 2);
}

static void joined_askers_are_refused_together(void **state)
{
	(void)state;
	joe()->facts.usage = 1000000;
	for (unsigned i = 0; i < 10; i++)
		ask(i, "joe@a.example", 10, i);
	assert_int_equal(w.script.n, 1);
	answer_all();
	for (unsigned i = 0; i < 10; i++)
		want(&w.clients[i], REASON_FULL);
	assert_int_equal(asked(), 1);
}

static void joined_askers_claim_each_for_himself(void **state)
{
	(void)state;
	joe()->loan.octets = 0;
	for (unsigned i = 0; i < 5; i++)
		ask(i, "joe@a.example", 10, i + 1);
	assert_int_equal(w.script.n, 1);
	answer_all();
	want(&w.clients[0], REASON_ROOM);
	assert_int_equal(w.script.n, 4);
	answer_all();
	for (unsigned i = 1; i < 5; i++)
		want(&w.clients[i], REASON_ROOM);
	assert_int_equal(asked(), 5);
	charged(0, 0);
	/* With a loan the first answer serves them all. */
	joe()->loan.octets = LENT;
	pass_time(SECONDS(3601));
	for (unsigned i = 0; i < 5; i++)
		ask(i, "joe@a.example", 10, i + 11);
	answer_all();
	for (unsigned i = 0; i < 5; i++)
		want(&w.clients[i], REASON_ROOM);
	assert_int_equal(asked(), 6);
	charged(40, 4);
}

/* They judge with the message that the answer let in. */
static void joined_askers_count_the_first(void **state)
{
	(void)state;
	joe()->facts.usage = 1000000 - 15;
	ask(1, "joe@a.example", 10, 1);
	ask(2, "joe@a.example", 10, 2);
	answer_all();
	want(&w.clients[1], REASON_ROOM);
	want(&w.clients[2], REASON_FULL);
	assert_int_equal(asked(), 1);
}

static void weak_facts_are_counted_and_claimed(void **state)
{
	(void)state;
	joe()->facts.usage = 999990;
	joe()->facts.firm = false;
	joe()->recount = found(500000, 1000000);
	for (unsigned i = 0; i < 3; i++)
		ask(i, "joe@a.example", 11, i + 1);
	for (unsigned i = 0; i < 4 && w.script.n; i++)
		answer_all();
	assert_int_equal(w.script.n, 0);
	for (unsigned i = 0; i < 3; i++)
		want(&w.clients[i], REASON_ROOM);
	charged(22, 2); /* the others within the loan that the count brought */
	assert_int_equal(far()->firm, 1);
	assert_int_equal(asked(), 2);
}

/* What the store says is in force, its grace included, whatever is said here. */
static void judged_by_the_rule_of_the_store(void **state)
{
	(void)state;
	w.stores[0].terms = (struct terms){ .rule = RULE_FITS, .grace = 5000, .ignore_store_limit = true };
	w.stores[0].terms.store = (struct limit){ .named = true, .octets = 500 };
	w.domains[0].limit = (struct limit){ .named = true, .octets = 700000 };
	gate_configure(w.gate, &w.conf, w.now);
	joe()->facts.rule = RULE_COURIER;
	joe()->facts.usage = 999000;
	struct client *c = answered(1, 1000, 1, REASON_ROOM);
	assert_int_equal(c->ask.limit.octets, 1000000);
	assert_int_equal(c->ask.answer.rule, RULE_COURIER);
	assert_int_equal(c->ask.answer.grace, 0);
	assert_int_equal(far()->claim.limit.octets, 700000);
	assert_false(far()->claim.limit_is_default);
	answered(2, 1001, 2, REASON_FULL);
	/* Its rule holds from the cache as well. */
	joe()->facts.rule = RULE_CYRUS;
	pass_time(SECONDS(1));
	answered(3, 1, 3, REASON_ROOM);
	assert_int_equal(answered(4, 5000, 4, REASON_ROOM)->ask.answer.rule, RULE_CYRUS);
}

/* What answers in place of a ledger keeps none: then it is kept here, as for any store. */
static void a_peer_without_a_ledger(void **state)
{
	(void)state;
	far()->ledger = false;
	answered(0, 100, 9, REASON_ROOM);
	want(ask(1, "joe@a.example", 5000, 1), REASON_ROOM);
	charged(5100, 2);
	gate_end(w.gate, transaction(9), true, w.now);
	pass_time(SECONDS(3600));
	answered(2, 1, 2, REASON_ROOM);
	charged(1, 1); /* open for too long, and settled */
	joe()->facts.usage = 990000;
	pass_time(SECONDS(3600));
	answered(3, 5000, 3, REASON_ROOM);
	answered(4, 5001, 4, REASON_FULL); /* with the one before */
	gate_end(w.gate, transaction(3), true, w.now);
	answered(4, 5000, 4, REASON_ROOM);
	assert_false(far()->claim.number || far()->claim.spent.messages);
	/* Now there is one. */
	far()->ledger = true;
	pass_time(SECONDS(1));
	answered(5, 5000, 5, REASON_ROOM);
	charged(5000, 1);
	answered(6, 1, 6, REASON_ROOM);
	assert_int_equal(far()->claim.spent.octets, 5000);
	charged(0, 0);
}

static void a_report_claims_nothing(void **state)
{
	(void)state;
	borrow();
	want(ask(1, "joe@a.example", 5000, 1), REASON_ROOM);
	pass_time(SECONDS(3600));
	struct client *c = prepare(2, "joe@a.example", 10, 2);
	c->ask.query.purpose = PURPOSE_REPORT;
	gate_ask(w.gate, &c->ask, w.now);
	answer_all();
	want(c, REASON_ROOM);
	assert_false(far()->claim.deliver || far()->claim.number || far()->claim.spent.messages);
	charged(5000, 1); /* whatever its age: the store has not heard of it */
}

static void a_store_that_does_not_know_the_mailbox(void **state)
{
	(void)state;
	uint32_t held = borrow();
	want(ask(1, "joe@a.example", 5000, 1), REASON_ROOM);
	joe()->facts.state = FACTS_NO_MAILBOX;
	answered(2, 6000, 2, REASON_NO_MAILBOX);
	joe()->facts.state = FACTS_FOUND;
	pass_time(SECONDS(20));
	answered(3, 6000, 3, REASON_ROOM);
	claimed(held, 5000, 1); /* nobody has heard of it */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_far, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(within_the_loan_nobody_is_asked),
		TEST(beyond_the_loan_the_store_is_told),
		TEST(messages_are_lent_too),
		TEST(a_loan_ends),
		TEST(a_loan_is_as_old_as_its_question),
		TEST(nothing_lent_is_asked_each_time),
		TEST(a_lone_recipient_is_alone_to_the_end),
		TEST(what_the_store_charged_it_is_asked_about_at_the_end),
		TEST(of_several_each_is_asked_about_with_the_true_size),
		TEST(a_message_that_outgrew_the_loan),
		TEST(an_unknown_size_is_not_let_in_alone),
		TEST(ends_of_several_recipients_reach_the_loan),
		TEST(what_was_told_is_handed_over_and_nothing_else),
		TEST(one_question_at_a_time_tells),
		TEST(who_gets_no_answer_tells_again),
		TEST(a_store_that_does_not_answer_in_time),
		TEST(an_asker_leaves),
		TEST(a_new_configuration_tells_again),
		TEST(a_refusal_is_remembered_for_a_moment),
		TEST(the_charges_of_others_count),
		TEST(joined_askers_are_refused_together),
		TEST(joined_askers_claim_each_for_himself),
		TEST(joined_askers_count_the_first),
		TEST(weak_facts_are_counted_and_claimed),
		TEST(judged_by_the_rule_of_the_store),
		TEST(a_peer_without_a_ledger),
		TEST(a_report_claims_nothing),
		TEST(a_store_that_does_not_know_the_mailbox),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
