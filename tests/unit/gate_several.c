/* The end of a message for several recipients: all that were let in are judged with the true size, the first that has no
   room refuses the message, and then nobody is charged for it. */
#include "../fake/directories.h"

#define JOE "joe@b.example"
#define ANN "ann@b.example"
#define BOTH JOE ", " ANN

static int set_up_several(void **state)
{
	set_up_directories(state);
	box(0, JOE, 100, 1000);
	box(0, ANN, 500, 1000);
	at_once(true, true);
	return 0;
}

static struct client *end(unsigned n, const char *recipients, uint64_t size, unsigned tx)
{
	struct client *c = prepare(n, "", size, tx);
	c->ask.query.stage = STAGE_END_OF_MESSAGE;
	c->ask.query.recipients = str_of(recipients);
	gate_ask(w.gate, &c->ask, w.now);
	return c;
}

static void let_in(unsigned tx)
{
	want(ask(0, JOE, 0, tx), REASON_ROOM);
	want(ask(0, ANN, 0, tx), REASON_ROOM);
}

static void charged(uint64_t joe, uint64_t ann)
{
	assert_int_equal(charges(JOE).octets, joe);
	assert_int_equal(charges(ANN).octets, ann);
}

static void the_first_without_room_refuses(void **state)
{
	static const struct {
		const char *recipients;
		uint64_t size;
		enum reason reason;
		const char *refused;
	} cases[] = {
		{ BOTH, 500, REASON_NOT_ASKED, "" }, { BOTH, 501, REASON_FULL, ANN }, { BOTH, 901, REASON_FULL, JOE },
		{ ANN "," JOE, 901, REASON_FULL, ANN }, { BOTH, 1001, REASON_TOO_LARGE, JOE },
		{ JOE, 600, REASON_NOT_ASKED, "" },
		{ "joe+x@b.example, sue@x.example, bad..@, " ANN, 501, REASON_FULL, ANN },
		{ "", 5000, REASON_NOT_ASKED, "" }, { BOTH, 0, REASON_NOT_ASKED, "" }, /* of unknown size */
	};
	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		make_new();
		let_in(1);
		struct client *c = end(1, cases[i].recipients, cases[i].size, 1);
		want(c, cases[i].reason);
		assert_true(str_eq(c->ask.query.address, str_of(cases[i].refused)));
	}
}

static void a_refused_message_is_charged_to_nobody(void **state)
{
	(void)state;
	let_in(1);
	charged(1, 1);
	want(end(1, BOTH, 501, 1), REASON_FULL);
	charged(0, 0);
}

static void a_message_that_fits_is_charged_once(void **state)
{
	(void)state;
	let_in(1);
	want(end(1, BOTH, 400, 1), REASON_NOT_ASKED);
	charged(400, 400);
	want(ask(2, ANN, 101, 2), REASON_FULL);
	gate_end(w.gate, transaction(1), true, w.now); /* its message is here: too late */
	charged(400, 400);
}

static void others_charges_count(void **state)
{
	(void)state;
	let_in(1);
	want(ask(2, JOE, 450, 2), REASON_ROOM);
	want(end(1, BOTH, 451, 1), REASON_FULL);
	assert_int_equal(w.clients[1].ask.answer.charge.octets, 450);
	let_in(3);
	want(end(1, BOTH, 450, 3), REASON_NOT_ASKED);
}

static void whom_a_refusal_bypasses_is_charged(void **state)
{
	static const char *const ann[] = { ANN };
	(void)state;
	w.conf.bypass = (struct bypass){ .recipients = ann, .n_recipients = 1 };
	make_new();
	let_in(1);
	want(end(1, BOTH, 600, 1), REASON_NOT_ASKED);
	charged(600, 600);
	want(end(1, ANN ", " JOE, 301, 2), REASON_FULL);
	assert_true(str_eq(w.clients[1].ask.query.address, STR(JOE)));
}

static void shadow_mode_refuses_nobody(void **state)
{
	(void)state;
	w.conf.shadow = true;
	make_new();
	let_in(1);
	want(end(1, BOTH, 600, 1), REASON_FULL);
	assert_int_equal(w.clients[1].ask.answer.verdict.action, ACTION_PASS);
	charged(0, 0);
}

static void an_alias_among_them_has_its_own_rule(void **state)
{
	(void)state;
	say(0, "all@l.example", BOTH);
	make_new();
	want(ask(0, "all@l.example", 0, 1), REASON_ROOM);
	want(end(1, "all@l.example, " JOE, 600, 1), REASON_NOT_ASKED); /* joe has room for it */
	charged(600, 0);
	want(end(1, "all@l.example, " ANN, 300, 2), REASON_NOT_ASKED);
	w.conf.alias = ALIAS_ANY_FULL;
	make_new();
	want(end(1, JOE ", all@l.example", 600, 3), REASON_FULL);
	assert_true(str_eq(w.clients[1].ask.query.address, STR("all@l.example")));
}

/* Side by side, and by the deadline of one question. */
static void they_wait_for_their_stores_together(void **state)
{
	(void)state;
	at_once(true, false);
	unsigned before = w.script.stores[0].started;
	struct client *c = end(1, BOTH, 501, 1);
	assert_int_equal(w.script.stores[0].started, before + 2);
	assert_int_equal(c->answers, 0);
	pass_time(w.conf.timeout);
	want(c, REASON_NOT_ASKED);
	while (w.script.n)
		answer_all();
	c = end(1, BOTH, 501, 1);
	while (w.script.n)
		answer_all();
	want(c, REASON_FULL);
}

/* More than there are probes: the rest is not judged, nothing else happens. */
static void as_many_as_the_bounds_allow(void **state)
{
	char list[8192];
	struct buf out = BUF(list);
	(void)state;
	for (int i = 0; i < 300; i++)
		buf_puts(&out, JOE ",");
	want(end(1, buf_z(&out), 400, 1), REASON_NOT_ASKED);
	assert_int_equal(gate_stats(w.gate).cut, 1);
	assert_string_equal(w.clients[1].note, "the message has too many recipients");
	assert_int_equal(charges(JOE).octets, 400);
	want(end(1, buf_z(&out), 901, 2), REASON_FULL);
}

/* Whose end nobody tells is over after `settle`. */
static void an_unbound_transaction_ends_by_itself(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct client *c = prepare(0, JOE, 300, 1);
		c->ask.query.unbound = true;
		gate_ask(w.gate, &c->ask, w.now);
		want(c, REASON_ROOM);
		pass_time(w.conf.settle / 2);
	}
	assert_int_equal(charges(JOE).octets, 300);
	pass_time(w.conf.settle / 2 - 1);
	assert_int_equal(gate_stats(w.gate).transactions, 1);
	pass_time(1);
	assert_int_equal(gate_stats(w.gate).transactions, 0);
	want(ask(1, JOE, 700, 2), REASON_ROOM);
	assert_int_equal(charges(JOE).octets, 700);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_several, tear_down_directories)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_without_room_refuses),
		TEST(a_refused_message_is_charged_to_nobody),
		TEST(a_message_that_fits_is_charged_once),
		TEST(others_charges_count),
		TEST(whom_a_refusal_bypasses_is_charged),
		TEST(shadow_mode_refuses_nobody),
		TEST(an_alias_among_them_has_its_own_rule),
		TEST(they_wait_for_their_stores_together),
		TEST(as_many_as_the_bounds_allow),
		TEST(an_unbound_transaction_ends_by_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
