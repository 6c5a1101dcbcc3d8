/*
 * Stores of rule `asked`: they give verdicts, no figures. What is kept is the largest size taken and the smallest refused;
 * a question between them is asked, with all that was let in before it.
 */
#include "../fake/world.h"

#define JOE "joe@a.example"

static struct scripted_store *server(void)
{
	return &w.script.stores[0];
}

static struct scripted_box *joe(void)
{
	return &server()->boxes[0];
}

static int set_up_server(void **state)
{
	set_up(state);
	struct scripted_box *b = box(0, JOE, 0, 0);
	b->asked = true;
	b->room = 5000;
	return 0;
}

static unsigned asked(void)
{
	return server()->started;
}

/* Client n asks in a transaction of its own, and the store answers whatever it is asked. */
static struct client *answered(unsigned n, uint64_t size, enum reason reason)
{
	struct client *c = ask(n, JOE, size, n + 1);
	while (w.script.n)
		answer_all();
	want(c, reason);
	return c;
}

/* Some time after their messages came nothing is charged any more, whatever is known. */
static void settle(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		gate_end(w.gate, transaction(i + 1), false, w.now);
	pass_time(SECONDS(130));
}

/* ---- sizes ---- */

static void what_was_taken_serves_for_what_is_smaller(void **state)
{
	(void)state;
	struct client *c = prepare(1, JOE, 1000, 0);
	c->ask.query.purpose = PURPOSE_REPORT;
	gate_ask(w.gate, &c->ask, w.now);
	answer_all();
	want(c, REASON_ROOM);
	assert_int_equal(server()->size_with_charges, 1000);
	assert_int_equal(c->ask.answer.rule, RULE_ASKED);
	assert_int_equal(c->ask.answer.limit, 0);
	want(ask(2, JOE, 1000, 2), REASON_ROOM);
	assert_int_equal(asked(), 1);
}

static void a_larger_one_is_asked_about(void **state)
{
	(void)state;
	answered(0, 1000, REASON_ROOM);
	gate_end(w.gate, transaction(1), true, w.now);
	answered(1, 1001, REASON_ROOM);
	assert_int_equal(asked(), 2);
	gate_end(w.gate, transaction(2), true, w.now);
	answered(2, 6000, REASON_FULL);
	assert_int_equal(asked(), 3);
	/* Both are remembered. */
	want(ask(3, JOE, 900, 4), REASON_ROOM);
	want(ask(4, JOE, 6000, 5), REASON_FULL);
	assert_int_equal(asked(), 3);
}

static void charges_are_asked_about_too(void **state)
{
	(void)state;
	answered(0, 3000, REASON_ROOM);
	answered(1, 2000, REASON_ROOM);
	assert_int_equal(asked(), 2);
	assert_int_equal(server()->size, 2000);
	assert_int_equal(server()->size_with_charges, 5000);
	answered(2, 1, REASON_FULL);
	assert_int_equal(server()->size_with_charges, 5001);
	gate_end(w.gate, transaction(1), true, w.now); /* its message will not come */
	want(ask(3, JOE, 1, 9), REASON_ROOM);
	assert_int_equal(asked(), 3);
}

/* The store lets the last message go over the limit, but not several together. */
static void grace_is_for_one(void **state)
{
	(void)state;
	w.stores[0].terms.grace = 1000;
	gate_configure(w.gate, &w.conf, w.now);
	answered(0, 5000, REASON_ROOM);
	gate_end(w.gate, transaction(1), true, w.now);
	answered(1, 3000, REASON_ROOM);
	answered(2, 1000, REASON_ROOM);
	assert_int_equal(charges(JOE).octets, 4000);
	answered(3, 1, REASON_FULL);
	assert_int_equal(server()->size, 1);
	assert_int_equal(server()->size_with_charges, 5001);
}

/* The same transaction asks again, with the size that came: its own charge does not count. */
static void a_repeated_question_is_not_in_its_own_way(void **state)
{
	(void)state;
	answered(0, 3000, REASON_ROOM);
	want(ask(0, JOE, 3000, 1), REASON_ROOM);
	answered(0, 5000, REASON_ROOM);
	assert_int_equal(charges(JOE).octets, 5000);
	answered(0, 5001, REASON_FULL);
	assert_int_equal(charges(JOE).octets, 0);
	assert_int_equal(asked(), 3);
}

static void too_large_is_what_the_message_alone_is(void **state)
{
	(void)state;
	joe()->whole = 8000;
	answered(0, 3000, REASON_ROOM);
	answered(1, 5500, REASON_FULL); /* 8500 were too large, but 3000 of them are others' */
	settle(1);
	answered(2, 8500, REASON_TOO_LARGE);
	assert_int_equal(w.clients[2].ask.answer.verdict.action, ACTION_REJECT);
}

static void an_unknown_size_is_one_octet(void **state)
{
	(void)state;
	answered(0, 0, REASON_ROOM);
	assert_int_equal(server()->size_with_charges, 1);
}

static void no_mailbox_is_no_mailbox(void **state)
{
	(void)state;
	struct client *c = ask(0, "ann@a.example", 1, 1);
	answer_all();
	want(c, REASON_NO_MAILBOX);
}

/* Nobody sees the store grow: charges leave by `settle` alone. */
static void charges_leave_by_settle(void **state)
{
	(void)state;
	answered(0, 3000, REASON_ROOM);
	gate_end(w.gate, transaction(1), false, w.now);
	joe()->room = 2000; /* it was delivered */
	pass_time(SECONDS(60));
	answered(1, 1000, REASON_FULL);
	pass_time(SECONDS(61));
	answered(2, 1000, REASON_ROOM);
	assert_int_equal(charges(JOE).octets, 1000);
}

/* The store was asked about the message and the charge, which is dropped then; the room in which it was taken has gone. */
static void what_was_taken_long_ago_answers_nothing(void **state)
{
	(void)state;
	answered(0, 3000, REASON_ROOM);
	gate_end(w.gate, transaction(1), false, w.now);
	joe()->room = 2000; /* it was delivered */
	pass_time(SECONDS(121));
	answered(1, 2500, REASON_FULL);
	assert_int_equal(asked(), 3);
}

static void nothing_is_lent(void **state)
{
	(void)state;
	make_gate(
		(struct gate_size){ .mailboxes = 100, .lookups = 16, .transactions = 64, .charges = 256, .loans = 16 });
	struct client *c = prepare(0, JOE, 1000, 1);
	c->ask.query.borrower = (struct borrower){ .name = { 7, 7 }, .next = 1 };
	gate_ask(w.gate, &c->ask, w.now);
	answer_all();
	want(c, REASON_ROOM);
	assert_true(c->ask.answer.charged);
	assert_int_equal(c->ask.answer.loan.number, 0);
}

/* ---- lifetimes ---- */

static void a_refusal_lives_for_ttl_high(void **state)
{
	(void)state;
	answered(0, 6000, REASON_FULL);
	pass_time(999);
	want(ask(1, JOE, 6000, 2), REASON_FULL);
	assert_int_equal(asked(), 1);
	pass_time(1);
	joe()->room = 7000;
	answered(2, 6000, REASON_ROOM);
	assert_int_equal(asked(), 2);
}

static void what_was_taken_lives_for_ttl_mid(void **state)
{
	(void)state;
	answered(0, 4000, REASON_ROOM);
	gate_end(w.gate, transaction(1), true, w.now);
	pass_time(SECONDS(30) - 1);
	want(ask(1, JOE, 4000, 2), REASON_ROOM);
	gate_end(w.gate, transaction(2), true, w.now);
	assert_int_equal(asked(), 1);
	pass_time(1);
	joe()->room = 100;
	answered(2, 4000, REASON_FULL);
	assert_int_equal(asked(), 2);
	/* Contradicted, it is gone. */
	answered(3, 3999, REASON_FULL);
	assert_int_equal(asked(), 3);
}

/* A smaller size that was taken does not make an older, larger one younger; and that one serves while it lives. */
static void each_size_has_its_age(void **state)
{
	(void)state;
	answered(0, 4000, REASON_ROOM);
	gate_end(w.gate, transaction(1), true, w.now);
	pass_time(SECONDS(20));
	answered(1, 6000, REASON_FULL);
	pass_time(SECONDS(10));
	answered(2, 3000, REASON_ROOM);
	assert_int_equal(asked(), 3);
	gate_end(w.gate, transaction(3), true, w.now);
	answered(3, 4000, REASON_ROOM);
	assert_int_equal(asked(), 4);
}

static void last_known_sizes_serve_when_the_store_is_silent(void **state)
{
	(void)state;
	answered(0, 4000, REASON_ROOM);
	gate_end(w.gate, transaction(1), true, w.now);
	answered(1, 10000, REASON_FULL);
	pass_time(SECONDS(3600));
	server()->fails = true;
	assert_true(answered(2, 4000, REASON_ROOM)->ask.answer.verdict.stale);
	gate_end(w.gate, transaction(3), true, w.now);
	assert_true(answered(3, 10000, REASON_FULL)->ask.answer.verdict.stale);
	answered(4, 5000, REASON_ERROR);
	assert_int_equal(charges(JOE).octets, 0);
}

/* ---- stores that are not told sizes ---- */

static void not_told_sizes_it_takes_any(void **state)
{
	(void)state;
	joe()->blind = true;
	answered(0, 10, REASON_ROOM);
	gate_end(w.gate, transaction(1), true, w.now);
	want(ask(1, JOE, 1000000, 2), REASON_ROOM);
	assert_int_equal(asked(), 1);
	/* With others on their way it is asked each time; one that is full, not more often than every second. */
	answered(2, 10, REASON_ROOM);
	joe()->room = 0;
	answered(3, 10, REASON_FULL);
	want(ask(4, JOE, 1, 5), REASON_FULL);
	assert_int_equal(asked(), 3);
}

static void not_told_sizes_it_may_be_full_for_long(void **state)
{
	(void)state;
	w.conf.rules.full_for = SECONDS(3600);
	gate_configure(w.gate, &w.conf, w.now);
	joe()->blind = true;
	joe()->room = 0;
	answered(0, 10, REASON_FULL);
	pass_time(SECONDS(3602));
	answered(1, 10, REASON_FULL_LONG);
	joe()->room = 1;
	pass_time(SECONDS(2));
	answered(2, 10, REASON_ROOM);
	joe()->room = 0;
	settle(3);
	answered(3, 10, REASON_FULL);
}

/* ---- several at once ---- */

/* A look-up for 5000 answers who wants 4000 when it is taken; he asks on when it is refused. */
static void a_waiter_asks_on_when_the_answer_is_not_his(void **state)
{
	(void)state;
	struct client *large = prepare(0, JOE, 6000, 1), *small = prepare(1, JOE, 4000, 2),
		      *larger = prepare(2, JOE, 7000, 3);
	gate_ask(w.gate, &large->ask, w.now);
	gate_ask(w.gate, &small->ask, w.now);
	gate_ask(w.gate, &larger->ask, w.now);
	assert_int_equal(asked(), 1);
	answer_all();
	want(large, REASON_FULL);
	want(larger, REASON_FULL);
	assert_int_equal(small->answers, 0);
	assert_int_equal(asked(), 2);
	assert_int_equal(server()->size_with_charges, 4000);
	answer_all();
	want(small, REASON_ROOM);
}

static void what_is_taken_answers_smaller_waiters(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		struct client *c = prepare(i, JOE, i ? 100 : 5000, 0);
		c->ask.query.purpose = PURPOSE_REPORT;
		gate_ask(w.gate, &c->ask, w.now);
	}
	answer_all();
	for (unsigned i = 0; i < 10; i++)
		want(&w.clients[i], REASON_ROOM);
	assert_int_equal(asked(), 1);
}

/* Of a burst as much is let in as the store says there is room for, to the octet. */
static void a_burst_does_not_overrun(void **state)
{
	(void)state;
	unsigned room = 0, full = 0;
	for (unsigned i = 0; i < 100; i++)
		ask(i, JOE, 100, i + 1);
	assert_int_equal(asked(), 1);
	while (w.script.n)
		answer_all();
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(w.clients[i].answers, 1);
		room += w.clients[i].ask.answer.verdict.reason == REASON_ROOM;
		full += w.clients[i].ask.answer.verdict.reason == REASON_FULL;
	}
	assert_int_equal(room, 50);
	assert_int_equal(full, 50);
	assert_int_equal(charges(JOE).octets, 5000);
}

static void a_store_that_answers_at_once(void **state)
{
	(void)state;
	server()->at_once = true;
	for (unsigned i = 0; i < 60; i++)
		want(ask(i, JOE, 100, i + 1), i < 50 ? REASON_ROOM : REASON_FULL);
}

/* ---- across machines: the store is another quotagate, whose store gives verdicts ---- */

static void a_frontend_asks_each_time(void **state)
{
	(void)state;
	w.stores[0].ledger = w.route.has_ledgers = server()->ledger = true;
	gate_configure(w.gate, &w.conf, w.now);
	for (unsigned i = 0; i < 5; i++)
		answered(i, 100, REASON_ROOM);
	assert_int_equal(asked(), 5);
	assert_int_equal(server()->claim.size, 100);
	answered(5, 6000, REASON_FULL);
	answered(6, 4000, REASON_ROOM);
	assert_int_equal(asked(), 7);
}

/* What the backend makes of its own sizes has the last word, even if it is none. */
static void a_backend_that_cannot_tell_is_asked_once(void **state)
{
	(void)state;
	w.stores[0].ledger = w.route.has_ledgers = server()->ledger = true;
	gate_configure(w.gate, &w.conf, w.now);
	struct client *c = ask(0, JOE, 100, 1);
	struct lookup *l = w.script.held[0];
	l->facts = (struct facts){ .state = FACTS_FOUND, .firm = true, .ruled = true, .rule = RULE_ASKED, .usage = 50 };
	scripted_drop(&w.script, l);
	lookup_done(l, w.now);
	want(c, REASON_ERROR);
	assert_int_equal(asked(), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up_server, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_was_taken_serves_for_what_is_smaller),
		CASE(a_larger_one_is_asked_about),
		CASE(charges_are_asked_about_too),
		CASE(grace_is_for_one),
		CASE(a_repeated_question_is_not_in_its_own_way),
		CASE(too_large_is_what_the_message_alone_is),
		CASE(an_unknown_size_is_one_octet),
		CASE(no_mailbox_is_no_mailbox),
		CASE(charges_leave_by_settle),
		CASE(what_was_taken_long_ago_answers_nothing),
		CASE(nothing_is_lent),
		CASE(a_refusal_lives_for_ttl_high),
		CASE(what_was_taken_lives_for_ttl_mid),
		CASE(each_size_has_its_age),
		CASE(last_known_sizes_serve_when_the_store_is_silent),
		CASE(not_told_sizes_it_takes_any),
		CASE(not_told_sizes_it_may_be_full_for_long),
		CASE(a_waiter_asks_on_when_the_answer_is_not_his),
		CASE(what_is_taken_answers_smaller_waiters),
		CASE(a_burst_does_not_overrun),
		CASE(a_store_that_answers_at_once),
		CASE(a_frontend_asks_each_time),
		CASE(a_backend_that_cannot_tell_is_asked_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
