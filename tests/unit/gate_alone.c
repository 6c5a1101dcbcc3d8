/*
 * Stores that take one message at a time (`alone`): while one that was let in may not have come, all others for the mailbox
 * wait. Store 0 takes what comes while it has room, and is not told sizes.
 */
#include "../fake/directories.h"

#define JOE "joe@b.example"
#define ANN "ann@b.example"
#define SETTLED SECONDS(122) /* charges go by whole seconds */

static struct scripted_store *server(void)
{
	return &w.script.stores[0];
}

static struct scripted_box *joe(void)
{
	return &server()->boxes[0];
}

static void take(const char *name)
{
	struct scripted_box *b = box(0, name, 0, 0);
	b->asked = b->blind = true;
	b->room = 5000;
}

static int set_up_alone(void **state)
{
	set_up_directories(state);
	take(JOE);
	take(ANN);
	w.stores[0].terms.alone = true;
	return 0;
}

static unsigned asked(void)
{
	return server()->started;
}

/* Client n asks in transaction n + 1, and the store answers whatever it is asked. */
static struct client *answered(unsigned n, const char *whom, uint64_t size, enum reason reason)
{
	struct client *c = ask(n, whom, size, n + 1);
	while (w.script.n)
		answer_all();
	want(c, reason);
	return c;
}

static void end(unsigned n)
{
	gate_end(w.gate, transaction(n + 1), false, w.now);
}

/* ---- who waits ---- */

static void whoever_comes_second_waits(void **state)
{
	(void)state;
	static const uint64_t sizes[] = { 0, 1, 10, 1000000 };
	answered(0, JOE, 10, REASON_ROOM);
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		const struct client *c = answered(i + 1, JOE, sizes[i], REASON_FULL);
		assert_int_equal(c->ask.answer.verdict.action, ACTION_DEFER);
		assert_false(c->ask.answer.charged);
	}
	assert_int_equal(charges(JOE).messages, 1);
	assert_int_equal(asked(), 1);
	answered(9, ANN, 10, REASON_ROOM);
}

/* Nor is a store that is told sizes asked about one that it has not spoken of. */
static void told_sizes_it_takes_one_as_well(void **state)
{
	(void)state;
	joe()->blind = false;
	answered(0, JOE, 3000, REASON_ROOM);
	answered(1, JOE, 10, REASON_FULL);
	answered(2, JOE, 3000, REASON_FULL);
	assert_int_equal(asked(), 1);
	end(0);
	pass_time(SETTLED);
	answered(3, JOE, 2000, REASON_ROOM);
	assert_int_equal(server()->size_with_charges, 2000);
}

static void a_transaction_is_not_in_its_own_way(void **state)
{
	(void)state;
	answered(0, JOE, 10, REASON_ROOM);
	answered(0, JOE, 10, REASON_ROOM);
	answered(0, "joe+x@b.example", 10, REASON_ROOM);
	for (unsigned i = 0; i < 2; i++) {
		struct client *c = prepare(0, JOE, 2000, 1);
		c->ask.query.stage = STAGE_END_OF_MESSAGE;
		gate_ask(w.gate, &c->ask, w.now);
		want(c, REASON_ROOM);
	}
	assert_int_equal(charges(JOE).messages, 1);
	answered(1, JOE, 10, REASON_FULL);
}

static void each_recipient_of_a_message_has_others_waiting(void **state)
{
	(void)state;
	answered(0, JOE, 10, REASON_ROOM);
	answered(0, ANN, 10, REASON_ROOM);
	answered(1, JOE, 10, REASON_FULL);
	answered(2, ANN, 10, REASON_FULL);
	end(0);
	answered(3, JOE, 10, REASON_FULL);
	answered(4, ANN, 10, REASON_FULL);
}

/* All wait for one look-up, and one of them is let in. */
static void of_many_at_once_one_is_let_in(void **state)
{
	(void)state;
	unsigned room = 0;
	for (unsigned i = 0; i < 50; i++)
		ask(i, JOE, 10, i + 1);
	assert_int_equal(asked(), 1);
	while (w.script.n)
		answer_all();
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(w.clients[i].answers, 1);
		room += w.clients[i].ask.answer.verdict.reason == REASON_ROOM;
	}
	assert_int_equal(room, 1);
	assert_int_equal(asked(), 1);
	assert_int_equal(charges(JOE).messages, 1);
}

/* ---- until when ---- */

static void the_next_is_asked_about_when_it_has_settled(void **state)
{
	(void)state;
	answered(0, JOE, 10, REASON_ROOM);
	pass_time(SETTLED);
	answered(1, JOE, 10, REASON_FULL); /* its transaction is still open */
	end(0);
	pass_time(SECONDS(119));
	answered(2, JOE, 10, REASON_FULL);
	assert_int_equal(asked(), 1);
	pass_time(SECONDS(3));
	answered(3, JOE, 10, REASON_ROOM);
	assert_int_equal(asked(), 2);
	answered(4, JOE, 10, REASON_FULL);
	assert_int_equal(charges(JOE).messages, 1);
}

/* What was known before the message came says nothing of the room that it left, however young that is. */
static void what_was_taken_before_lets_nobody_in(void **state)
{
	(void)state;
	w.conf.ttl_mid = SECONDS(3600);
	for (unsigned blind = 0; blind < 2; blind++) {
		make_new();
		server()->started = 0;
		joe()->blind = blind;
		joe()->room = 5000;
		answered(0, JOE, 10, REASON_ROOM);
		end(0);
		joe()->room = 0; /* it has come */
		pass_time(SETTLED);
		answered(1, JOE, 10, REASON_FULL);
		assert_int_equal(asked(), 2);
	}
}

static void what_will_not_come_keeps_nobody_waiting(void **state)
{
	(void)state;
	answered(0, JOE, 10, REASON_ROOM);
	gate_end(w.gate, transaction(1), true, w.now);
	answered(1, JOE, 10, REASON_ROOM);
	assert_int_equal(asked(), 1);
}

/* A store that is silent lets in one at a time as well, by what it said last. */
static void a_silent_store_keeps_nobody_waiting_for_ever(void **state)
{
	(void)state;
	answered(0, JOE, 10, REASON_ROOM);
	end(0);
	server()->fails = true;
	answered(1, JOE, 10, REASON_FULL);
	pass_time(SETTLED);
	ask(2, JOE, 10, 3);
	ask(3, JOE, 10, 4);
	while (w.script.n)
		answer_all();
	want(&w.clients[2], REASON_ROOM);
	want(&w.clients[3], REASON_FULL);
	assert_true(w.clients[2].ask.answer.verdict.stale);
	answered(2, JOE, 10, REASON_ROOM); /* the charge that nobody could drop is not in its way */
	end(2);
	answered(4, JOE, 10, REASON_FULL);
	pass_time(SETTLED);
	answered(5, JOE, 10, REASON_ROOM);
}

static void it_is_no_sign_of_a_mailbox_nobody_empties(void **state)
{
	(void)state;
	w.conf.rules.full_for = SECONDS(10);
	gate_configure(w.gate, &w.conf, w.now);
	answered(0, JOE, 10, REASON_ROOM);
	for (unsigned i = 1; i < 10; i++) {
		pass_time(SECONDS(10));
		answered(i, JOE, 10, REASON_FULL);
	}
}

/* ---- what the store has refused ---- */

static void a_refusal_of_the_store_answers_while_it_lives(void **state)
{
	(void)state;
	joe()->blind = false;
	joe()->whole = 8000;
	answered(0, JOE, 9000, REASON_TOO_LARGE);
	answered(1, JOE, 10, REASON_ROOM);
	assert_int_equal(asked(), 2);
	answered(2, JOE, 9000, REASON_TOO_LARGE);
	answered(3, JOE, 8995, REASON_FULL); /* but for what is on its way it might fit */
	assert_int_equal(asked(), 2);
	pass_time(SECONDS(2));
	joe()->whole = joe()->room = 20000; /* the postmaster is kind */
	answered(4, JOE, 9000, REASON_FULL);
	assert_int_equal(asked(), 3);
}

/* ---- aliases ---- */

static void an_alias_waits_by_its_rule(void **state)
{
	(void)state;
	at_once(true, true);
	say(0, "all@l.example", JOE ", " ANN);
	answered(0, JOE, 10, REASON_ROOM);
	w.conf.alias = ALIAS_ANY_FULL;
	gate_configure(w.gate, &w.conf, w.now);
	answered(1, "all@l.example", 10, REASON_FULL);
	assert_int_equal(charges(ANN).messages, 0);
	w.conf.alias = ALIAS_ALL_FULL;
	gate_configure(w.gate, &w.conf, w.now);
	answered(2, "all@l.example", 10, REASON_ROOM);
	answered(3, "all@l.example", 10, REASON_FULL);
	assert_int_equal(charges(ANN).messages, 1);
}

/* While an alias waited for its last member, another message came to the first. */
static void a_member_is_judged_once_more(void **state)
{
	(void)state;
	at_once(true, false);
	w.conf.alias = ALIAS_ANY_FULL;
	gate_configure(w.gate, &w.conf, w.now);
	say(0, "all@l.example", JOE ", " ANN);
	struct client *all = ask(0, "all@l.example", 10, 1);
	assert_int_equal(w.script.n, 2);
	scripted_answer(&w.script, w.script.held[0], w.now);
	assert_int_equal(all->answers, 0);
	want(ask(1, JOE, 10, 2), REASON_ROOM);
	answer_all();
	want(all, REASON_FULL);
	assert_int_equal(charges(ANN).messages, 0);
}

/* ---- frontends ---- */

static struct client *ask_on_loan(unsigned n, struct charge spent)
{
	struct client *c = prepare(n, JOE, 10, n + 1);
	c->ask.query.borrower = (struct borrower){ .name = { 7, 7 }, .next = n + 1, .spent = spent };
	gate_ask(w.gate, &c->ask, w.now);
	while (w.script.n)
		answer_all();
	assert_int_equal(c->ask.answer.loan.number, 0);
	return c;
}

/* What a frontend let in by itself, while it could not reach us, may not have come either. */
static void what_a_frontend_let_in_has_others_waiting(void **state)
{
	(void)state;
	want(ask_on_loan(0, (struct charge){ 0 }), REASON_ROOM);
	want(ask_on_loan(1, (struct charge){ 0 }), REASON_FULL);
	gate_end(w.gate, transaction(1), true, w.now);
	want(ask_on_loan(2, (struct charge){ 500, 2 }), REASON_FULL);
	pass_time(SECONDS(60));
	want(ask_on_loan(3, (struct charge){ 0 }), REASON_FULL);
	pass_time(SECONDS(62));
	want(ask_on_loan(4, (struct charge){ 0 }), REASON_ROOM);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up_alone, tear_down_directories)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(whoever_comes_second_waits),
		CASE(told_sizes_it_takes_one_as_well),
		CASE(a_transaction_is_not_in_its_own_way),
		CASE(each_recipient_of_a_message_has_others_waiting),
		CASE(of_many_at_once_one_is_let_in),
		CASE(the_next_is_asked_about_when_it_has_settled),
		CASE(what_was_taken_before_lets_nobody_in),
		CASE(what_will_not_come_keeps_nobody_waiting),
		CASE(a_silent_store_keeps_nobody_waiting_for_ever),
		CASE(it_is_no_sign_of_a_mailbox_nobody_empties),
		CASE(a_refusal_of_the_store_answers_while_it_lives),
		CASE(an_alias_waits_by_its_rule),
		CASE(a_member_is_judged_once_more),
		CASE(what_a_frontend_let_in_has_others_waiting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
