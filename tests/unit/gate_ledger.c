/* What the gate lets in: the rules of the ledger as clients see them. Their numbers are those of quotagate.conf(5), "The
   ledger"; rules that need no store are in ledger.c. */
#include "../fake/world.h"

/* Joe's mailbox, known to the gate. */
static void know(uint64_t usage, uint64_t limit)
{
	box(0, "joe@a.example", usage, limit);
	struct client *c = prepare(0, "joe@a.example", 1, 0);
	c->ask.query.purpose = PURPOSE_REPORT;
	gate_ask(w.gate, &c->ask, w.now);
	answer_all();
	assert_int_equal(c->answers, 1);
}

static void charged(uint64_t octets, uint32_t messages)
{
	struct charge c = charges("joe@a.example");
	assert_int_equal(c.octets, octets);
	assert_int_equal(c.messages, messages);
}

/* New figures now, so that the ledger drops and pays. */
static void look_up(void)
{
	unsigned before = w.script.stores[0].started;
	msec ttl = w.conf.ttl_high;
	w.conf.ttl_low = w.conf.ttl_mid = w.conf.ttl_high = 0;
	gate_configure(w.gate, &w.conf, w.now);
	struct client *c = prepare(0, "joe@a.example", 1, 0);
	c->ask.query.purpose = PURPOSE_REPORT;
	gate_ask(w.gate, &c->ask, w.now);
	answer_all();
	assert_int_equal(w.script.stores[0].started, before + 1);
	w.conf.ttl_low = w.conf.ttl_mid = w.conf.ttl_high = ttl;
	gate_configure(w.gate, &w.conf, w.now);
}

static void rule_1_only_a_pass_for_delivery_is_charged(void **state)
{
	(void)state;
	static const struct {
		enum query_purpose purpose;
		uint64_t size, limit;
		bool shadow, bypass;
		enum action action;
		uint64_t charged;
	} cases[] = {
		{ PURPOSE_DELIVER, 10, 1000, false, false, ACTION_PASS, 10 },
		{ PURPOSE_REPORT, 10, 1000, false, false, ACTION_PASS, 0 },
		{ PURPOSE_PEEK, 10, 1000, false, false, ACTION_PASS, 0 },
		{ PURPOSE_DELIVER, 901, 1000, false, false, ACTION_DEFER, 0 },
		{ PURPOSE_DELIVER, 1001, 1000, false, false, ACTION_REJECT, 0 },
		{ PURPOSE_DELIVER, 901, 1000, true, false, ACTION_PASS, 0 }, /* would have been refused */
		{ PURPOSE_DELIVER, 10, 1000, true, false, ACTION_PASS, 10 },
		{ PURPOSE_DELIVER, 901, 1000, false, true, ACTION_PASS, 901 }, /* it will come all the same */
		{ PURPOSE_DELIVER, 901, 1000, true, true, ACTION_PASS, 901 },
		{ PURPOSE_REPORT, 901, 1000, false, true, ACTION_PASS, 0 },
		{ PURPOSE_DELIVER, 10, 0, false, false, ACTION_PASS, 0 }, /* nothing to run over */
	};
	static const char *const joe[] = { "joe@a.example" };
	for (unsigned i = 0; i < COUNT(cases); i++) {
		w.conf.shadow = cases[i].shadow;
		w.conf.bypass = (struct bypass){ .recipients = joe, .n_recipients = cases[i].bypass };
		make_gate((struct gate_size){ 10, 2, 10, 10 });
		know(100, cases[i].limit);
		struct client *c = prepare(i, "joe@a.example", cases[i].size, 1);
		c->ask.query.purpose = cases[i].purpose;
		gate_ask(w.gate, &c->ask, w.now);
		answer_all();
		assert_int_equal(c->ask.answer.verdict.action, cases[i].action);
		charged(cases[i].charged, cases[i].charged > 0);
	}
}

static void rule_2_a_question_without_transaction_ends_with_its_answer(void **state)
{
	(void)state;
	know(100, 1000);
	ask(0, "joe@a.example", 10, 0);
	ask(0, "joe@a.example", 10, 0);
	charged(20, 2);
	assert_int_equal(gate_stats(w.gate).transactions, 0);
	pass_time(SECONDS(121));
	look_up();
	charged(0, 0);
}

static void rule_3_asked_three_times_charges_once(void **state)
{
	(void)state;
	know(100, 1000);
	for (int i = 0; i < 3; i++)
		want(ask(0, "joe@a.example", 600, 1), REASON_ROOM);
	charged(600, 1);
	want(ask(0, "joe@a.example", 700, 1), REASON_ROOM);
	charged(700, 1);
	want(ask(0, "joe@a.example", 1000, 1), REASON_FULL);
	charged(0, 0);
	want(ask(0, "joe@a.example", 900, 1), REASON_ROOM);
	charged(900, 1);
}

static void rule_3_reaches_the_base_mailbox(void **state)
{
	(void)state;
	w.script.stores[0].at_once = true;
	know(100, 1000);
	want(ask(0, "joe+a@a.example", 500, 1), REASON_ROOM);
	want(ask(0, "joe+b@a.example", 500, 1), REASON_ROOM);
	charged(500, 1);
	want(ask(0, "joe+c@a.example", 500, 2), REASON_FULL);
}

static void rule_4_judged_by_the_charges_of_others(void **state)
{
	(void)state;
	know(100, 1000);
	want(ask(0, "joe@a.example", 500, 1), REASON_ROOM);
	want(ask(1, "joe@a.example", 400, 2), REASON_ROOM);
	want(ask(2, "joe@a.example", 1, 3), REASON_FULL);
	assert_int_equal(w.clients[2].ask.answer.charge.octets, 900);
	want(ask(0, "joe@a.example", 500, 1), REASON_ROOM);
	assert_int_equal(w.clients[0].ask.answer.charge.octets, 400);
	want(ask(0, "joe@a.example", 501, 1), REASON_FULL);
}

static struct client *end_of_message(unsigned n, const char *address, uint64_t size, unsigned tx)
{
	struct client *c = prepare(n, address, size, tx);
	c->ask.query.stage = STAGE_END_OF_MESSAGE;
	gate_ask(w.gate, &c->ask, w.now);
	return c;
}

static void rule_4_unknown_size_is_1_until_the_end_of_the_message(void **state)
{
	(void)state;
	know(100, 1000);
	box(0, "ann@a.example", 100, 1000);
	for (int several = 0; several < 2; several++) {
		unsigned tx = several ? 1 : 2;
		want(ask(0, "joe@a.example", 0, tx), REASON_ROOM);
		ask(1, "ann@a.example", 0, tx);
		answer_all();
		charged(1, 1);
		if (several)
			want(end_of_message(2, "", 800, tx), REASON_NOT_ASKED);
		else
			want(end_of_message(2, "joe@a.example", 800, tx), REASON_ROOM);
		charged(800, 1);
		assert_int_equal(charges("ann@a.example").octets, several ? 800 : 1);
		want(ask(3, "joe@a.example", 101, 9), REASON_FULL);
		/* No size says nothing. */
		end_of_message(2, "", 0, tx);
		charged(800, 1);
		/* What has come is not given back: it goes by rules 7 and 8. */
		gate_end(w.gate, transaction(tx), true, w.now);
		charged(800, 1);
		pass_time(w.conf.settle + SECONDS(2));
		look_up();
		charged(0, 0);
	}
}

/* The store may grow by it long before the MTA says that the transaction is over. */
static void rule_8_a_message_that_is_here_is_paid(void **state)
{
	(void)state;
	know(100, 1000);
	want(ask(0, "joe@a.example", 300, 1), REASON_ROOM);
	box(0, "joe@a.example", 400, 1000);
	look_up();
	charged(300, 1); /* it might as well have been another's */
	box(0, "joe@a.example", 100, 1000);
	look_up();
	want(end_of_message(0, "joe@a.example", 300, 1), REASON_ROOM);
	charged(300, 1);
	want(end_of_message(0, "joe@a.example", 300, 1), REASON_ROOM);
	charged(300, 1);
	box(0, "joe@a.example", 400, 1000);
	look_up();
	charged(0, 0);
}

static void rule_5_charges_outlive_failures_and_time(void **state)
{
	(void)state;
	know(100, 1000);
	ask(1, "joe@a.example", 500, 1);
	ask(1, "joe@a.example", 300, 0);
	pass_time(SECONDS(20 * 60));
	w.script.stores[0].fails = true;
	struct client *c = ask(1, "joe@a.example", 200, 2);
	answer_all();
	want(c, REASON_FULL);
	assert_true(c->ask.answer.verdict.stale);
	charged(800, 2);
}

static void rule_5_mailboxes_with_charges_are_not_evicted(void **state)
{
	(void)state;
	char name[32];
	w.script.stores[0].at_once = w.script.stores[1].at_once = true;
	make_gate((struct gate_size){ 20, 2, 10, 10 });
	know(100, 1000);
	ask(0, "joe@a.example", 500, 1);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "nobody%u@a.example", i);
		ask(0, name, 1, 0);
	}
	charged(500, 1);
	assert_int_equal(gate_stats(w.gate).mailboxes, 20);
	/* Ended and settled: a look-up now would drop it. */
	gate_end(w.gate, transaction(1), false, w.now);
	pass_time(SECONDS(121));
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "nobody%u@a.example", i);
		ask(0, name, 1, 0);
	}
	struct client *c = prepare(0, "joe@a.example", 1, 0);
	c->ask.query.purpose = PURPOSE_PEEK;
	gate_ask(w.gate, &c->ask, w.now);
	assert_int_not_equal(c->ask.answer.facts.state, FACTS_FOUND);
}

static void a_full_cache_judges_all_the_same(void **state)
{
	(void)state;
	make_gate((struct gate_size){ 1, 2, 10, 10 });
	know(100, 1000);
	ask(0, "joe@a.example", 500, 1);
	box(0, "ann@a.example", 1000, 1000);
	struct client *c = ask(1, "ann@a.example", 1, 2);
	answer_all();
	want(c, REASON_FULL);
	box(0, "ann@a.example", 100, 1000)->facts.firm = false;
	w.script.stores[0].at_once = true;
	want(ask(1, "ann@a.example", 1, 2), REASON_ROOM);
	want(ask(1, "ann@a.example", 1000, 2), REASON_FULL);
	assert_int_equal(gate_stats(w.gate).uncharged, 1);
	charged(500, 1);
}

static void rule_6_given_back_when_abandoned(void **state)
{
	(void)state;
	know(100, 1000);
	ask(0, "joe@a.example", 900, 1);
	want(ask(1, "joe@a.example", 900, 2), REASON_FULL);
	gate_end(w.gate, transaction(1), true, w.now);
	charged(0, 0);
	want(ask(1, "joe@a.example", 900, 2), REASON_ROOM);
	gate_end(w.gate, transaction(2), false, w.now);
	charged(900, 1);
	gate_end(w.gate, transaction(2), true, w.now); /* too late */
	charged(900, 1);
}

static void rule_7_settled_charges_go_at_a_lookup(void **state)
{
	(void)state;
	static const struct {
		msec ended, begun; /* after the question */
		uint64_t left;
	} cases[] = {
		{ 0, SECONDS(120), 500 }, { 0, SECONDS(121), 0 }, { SECONDS(600), SECONDS(720), 500 },
		{ SECONDS(600), SECONDS(721), 0 }, { -1, SECONDS(1799), 500 }, /* still open */
		{ -1, SECONDS(1800), 0 }, /* for too long */
	};
	for (unsigned i = 0; i < COUNT(cases); i++) {
		make_gate((struct gate_size){ 10, 2, 10, 10 });
		know(100, 1000);
		ask(0, "joe@a.example", 500, 1);
		if (cases[i].ended >= 0) {
			pass_time(cases[i].ended);
			gate_end(w.gate, transaction(1), false, w.now);
			pass_time(cases[i].begun - cases[i].ended);
		} else {
			pass_time(cases[i].begun);
		}
		charged(500, 1); /* nothing but a look-up drops it */
		look_up();
		charged(cases[i].left, cases[i].left > 0);
	}
}

/* What counts is when the look-up began: the figures may be as old as that. */
static void rule_7_counts_from_the_beginning_of_the_lookup(void **state)
{
	(void)state;
	know(100, 1000);
	ask(0, "joe@a.example", 500, 1);
	gate_end(w.gate, transaction(1), false, w.now);
	pass_time(SECONDS(119));
	struct client *c = prepare(1, "joe@a.example", 1, 2);
	c->ask.query.purpose = PURPOSE_REPORT;
	gate_ask(w.gate, &c->ask, w.now);
	pass_time(SECONDS(60));
	answer_all();
	charged(500, 1);
}

static void rule_8_growth_pays_ended_charges(void **state)
{
	(void)state;
	static const struct {
		uint64_t grown;
		bool ended;
		uint64_t left;
	} cases[] = {
		{ 0, true, 400 },
		{ 100, true, 300 },
		{ 349, true, 51 },
		{ 350, true, 0 },
		{ 800, true, 0 },
		{ 800, false, 400 },
	};
	for (unsigned i = 0; i < COUNT(cases); i++) {
		make_gate((struct gate_size){ 10, 2, 10, 10 });
		know(100, 1000);
		ask(0, "joe@a.example", 400, 1);
		if (cases[i].ended)
			gate_end(w.gate, transaction(1), false, w.now);
		pass_time(SECONDS(10));
		box(0, "joe@a.example", 100 + cases[i].grown, 1000);
		look_up();
		charged(cases[i].left, cases[i].left > 0);
	}
}

static void rule_8_oldest_first(void **state)
{
	(void)state;
	know(100, 100000);
	ask(0, "joe@a.example", 8000, 0);
	pass_time(SECONDS(60));
	ask(0, "joe@a.example", 8000, 0);
	pass_time(SECONDS(40));
	box(0, "joe@a.example", 100 + 8000, 100000);
	look_up();
	charged(8000, 1);
	pass_time(SECONDS(25)); /* by now the first would have settled */
	look_up();
	charged(8000, 1);
	pass_time(SECONDS(60));
	look_up();
	charged(0, 0);
}

/* It was delivered long ago, but nobody has looked since: what has come is not the younger one. */
static void rule_8_growth_may_be_what_has_settled(void **state)
{
	(void)state;
	know(100, 100000);
	ask(0, "joe@a.example", 8000, 0);
	pass_time(SECONDS(100));
	ask(0, "joe@a.example", 5000, 0);
	pass_time(SECONDS(25));
	box(0, "joe@a.example", 100 + 8000, 100000);
	look_up();
	charged(5000, 1);
	box(0, "joe@a.example", 100 + 8000 + 5000, 100000);
	look_up();
	charged(0, 0);
}

/* A maildirsize says 65, a recount 85 of 100. What they differ by is no mail that came: it pays for nothing, or a mailbox
   whose figures change with every question would let in as much each time. */
static void rule_8_a_correction_is_no_growth(void **state)
{
	(void)state;
	unsigned passed = 0;
	struct scripted_box *b = box(0, "joe@a.example", 65, 100);
	b->facts.firm = false;
	b->facts.source = SOURCE_MAILDIRSIZE;
	b->recount = found(85, 100);
	b->recount.source = SOURCE_RECOUNT;
	w.script.stores[0].at_once = true;
	for (unsigned i = 0; i < 60; i++) {
		passed += ask(0, "joe@a.example", 10, 0)->ask.answer.verdict.action == ACTION_PASS;
		pass_time(500);
	}
	assert_int_equal(passed, 3); /* as many as figures that are not firm allow */
	/* A count against an older count is growth. */
	look_up();
	b->recount.usage += 10;
	b->recount.source = SOURCE_REMEMBERED;
	b->facts = b->recount;
	look_up();
	b->facts.usage += 10;
	b->facts.messages++;
	b->facts.source = SOURCE_RECOUNT;
	charged(30, 3);
	look_up();
	charged(20, 2);
}

static void rule_9_asked_again_at_most_once_per_ttl_high(void **state)
{
	(void)state;
	w.script.stores[0].at_once = true;
	know(100, 1000);
	unsigned before = w.script.stores[0].started;
	for (unsigned i = 0; i < 100; i++) {
		ask(0, "joe@a.example", 8, 0);
		pass_time(100);
	}
	/* Near soft after the fiftieth, five seconds from the end. */
	assert_in_range(w.script.stores[0].started - before, 4, 6);
}

static void rule_11_what_only_charges_make_full_is_full(void **state)
{
	(void)state;
	w.conf.rules.full_for = SECONDS(60);
	gate_configure(w.gate, &w.conf, w.now);
	know(0, 1000);
	want(ask(0, "joe@a.example", 1000, 1), REASON_ROOM);
	struct client *c = ask(1, "joe@a.example", 1000, 2);
	want(c, REASON_FULL);
	assert_int_equal(c->ask.answer.facts.full_since, 0);
	want(ask(1, "joe@a.example", 1001, 2), REASON_TOO_LARGE);
	w.script.stores[0].at_once = true;
	pass_time(SECONDS(100));
	want(ask(1, "joe@a.example", 1000, 2), REASON_FULL);
}

static void full_for_counts_from_when_the_store_said_so(void **state)
{
	(void)state;
	w.conf.rules.full_for = SECONDS(60);
	gate_configure(w.gate, &w.conf, w.now);
	w.script.stores[0].at_once = true;
	know(1000, 1000);
	pass_time(SECONDS(60));
	want(ask(1, "joe@a.example", 1, 1), REASON_FULL);
	pass_time(SECONDS(2));
	want(ask(1, "joe@a.example", 1, 1), REASON_FULL_LONG);
	box(0, "joe@a.example", 999, 1000);
	pass_time(SECONDS(2));
	want(ask(1, "joe@a.example", 1, 1), REASON_ROOM);
	gate_end(w.gate, transaction(1), true, w.now);
	box(0, "joe@a.example", 1000, 1000);
	pass_time(SECONDS(2));
	want(ask(1, "joe@a.example", 1, 1), REASON_FULL);
	pass_time(SECONDS(61));
	want(ask(1, "joe@a.example", 1, 1), REASON_FULL_LONG);
}

/* Rule 12 and the reason for the ledger: 10 MB each into 15 MB of room. */
static void rule_12_of_twenty_at_once_one_is_let_in(void **state)
{
	(void)state;
	const uint64_t mb = UINT64_C(1) << 20;
	static const struct {
		bool cached, transactions, firm;
	} cases[] = {
		{ false, true, true },
		{ false, false, true },
		{ true, true, true },
		{ true, false, true },
		{ false, true, false },
		{ false, false, false },
		{ true, true, false },
		{ true, false, false },
	};
	for (unsigned i = 0; i < COUNT(cases); i++) {
		unsigned passed = 0;
		make_gate((struct gate_size){ 10, 2, 50, 50 });
		struct scripted_box *b = box(0, "joe@a.example", 85 * mb, 100 * mb);
		b->recount = b->facts;
		b->facts.firm = cases[i].firm;
		if (cases[i].cached) {
			struct client *c = prepare(0, "joe@a.example", 1, 0);
			c->ask.query.purpose = PURPOSE_REPORT;
			gate_ask(w.gate, &c->ask, w.now);
			answer_all();
		}
		for (unsigned n = 0; n < 20; n++)
			ask(n, "joe@a.example", 10 * mb, cases[i].transactions ? n + 1 : 0);
		answer_all();
		answer_all();
		for (unsigned n = 0; n < 20; n++) {
			assert_int_equal(w.clients[n].answers, 1);
			passed += w.clients[n].ask.answer.verdict.action == ACTION_PASS;
		}
		assert_int_equal(passed, 1);
		assert_true(w.script.n == 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rule_1_only_a_pass_for_delivery_is_charged),
		TEST(rule_2_a_question_without_transaction_ends_with_its_answer),
		TEST(rule_3_asked_three_times_charges_once),
		TEST(rule_3_reaches_the_base_mailbox),
		TEST(rule_4_judged_by_the_charges_of_others),
		TEST(rule_4_unknown_size_is_1_until_the_end_of_the_message),
		TEST(rule_5_charges_outlive_failures_and_time),
		TEST(rule_5_mailboxes_with_charges_are_not_evicted),
		TEST(a_full_cache_judges_all_the_same),
		TEST(rule_6_given_back_when_abandoned),
		TEST(rule_7_settled_charges_go_at_a_lookup),
		TEST(rule_7_counts_from_the_beginning_of_the_lookup),
		TEST(rule_8_growth_pays_ended_charges),
		TEST(rule_8_a_message_that_is_here_is_paid),
		TEST(rule_8_oldest_first),
		TEST(rule_8_growth_may_be_what_has_settled),
		TEST(rule_8_a_correction_is_no_growth),
		TEST(rule_9_asked_again_at_most_once_per_ttl_high),
		TEST(rule_11_what_only_charges_make_full_is_full),
		TEST(full_for_counts_from_when_the_store_said_so),
		TEST(rule_12_of_twenty_at_once_one_is_let_in),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
