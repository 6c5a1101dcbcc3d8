/* Rule 10 of the ledger, the backend's side: a frontend asks about a mailbox of ours. The table of loans alone is in
   loans.c, the frontend in gate_claims.c. */
#include "../fake/world.h"

#define KIB UINT64_C(1024)
#define LIMIT 1000000 /* octets of joe's mailbox; soft is at half of it */
#define LOAN (24 * KIB) /* a sixteenth of what is left below soft at USAGE */
#define USAGE 100000

static const struct hash mx1 = { 1, 1 }, mx2 = { 2, 1 };

static struct scripted_box *joe(void)
{
	return &w.script.stores[0].boxes[0];
}

static int set_up_backend(void **state)
{
	set_up(state);
	box(0, "joe@a.example", USAGE, LIMIT);
	w.script.stores[0].at_once = true;
	make_gate(
		(struct gate_size){ .mailboxes = 20, .lookups = 16, .transactions = 64, .charges = 256, .loans = 16 });
	return 0;
}

static struct client *frontend(unsigned n, struct borrower b, uint64_t size, unsigned tx)
{
	struct client *c = prepare(n, "joe@a.example", size, tx);
	c->ask.query.borrower = b;
	return c;
}

/* A frontend asks: it holds this loan, wants that one, and has spent so much. */
static struct client *from(struct hash name, uint32_t held, uint32_t next, uint64_t spent, uint64_t size, unsigned tx)
{
	struct borrower b = { .name = name, .held = held, .next = next, .spent = { spent, spent > 0 } };
	struct client *c = frontend(0, b, size, tx);
	gate_ask(w.gate, &c->ask, w.now);
	answer_all();
	assert_int_equal(c->answers, 1);
	return c;
}

static void lent(const struct client *c, uint32_t number, uint64_t octets)
{
	const struct loan *l = &c->ask.answer.loan;
	assert_int_equal(l->number, octets ? number : 0);
	assert_int_equal(l->octets, octets);
	if (octets)
		assert_int_equal(l->life, w.conf.ttl_low);
}

static void charged(uint64_t octets, uint32_t messages)
{
	struct charge c = charges("joe@a.example");
	assert_int_equal(c.octets, octets);
	assert_int_equal(c.messages, messages);
}

/* ---- how much ---- */

static void a_sixteenth_of_the_room_below_soft(void **state)
{
	(void)state;
	static const struct {
		uint64_t usage, limit, size, lent;
	} cases[] = {
		{ USAGE, LIMIT, 100, LOAN },
		{ 0, LIMIT, 100, 30 * KIB },
		{ 0, 16 * KIB * 16 * 2, 1, 15 * KIB }, /* whole KiB: the message is charged too */
		{ 483500, LIMIT, 100, KIB },
		{ 483600, LIMIT, 100, 0 },
		{ 499900, LIMIT, 100, 0 },
		{ 500000, LIMIT, 100, 0 },
		{ 900000, LIMIT, 100, 0 },
		{ 400000, LIMIT, 100000, 0 }, /* with it the mailbox is at soft */
		{ 0, UINT64_MAX, 1, ((UINT64_MAX / 100 * 50 + UINT64_MAX % 100 / 2 - 1) / 16) & ~(KIB - 1) },
	};
	for (uint32_t i = 0; i < COUNT(cases); i++) {
		joe()->facts = found(cases[i].usage, cases[i].limit);
		make_gate((struct gate_size){ 10, 2, 10, 10, .loans = 4 });
		struct client *c = from(mx1, 0, 7, 0, cases[i].size, 1);
		want(c, REASON_ROOM);
		lent(c, 7, cases[i].lent);
		charged(cases[i].size + cases[i].lent, 1 + (cases[i].lent > 0));
		assert_int_equal(gate_stats(w.gate).lent, cases[i].lent > 0);
		assert_int_equal(gate_stats(w.gate).loans, cases[i].lent > 0);
	}
}

static void messages_are_lent_too(void **state)
{
	(void)state;
	joe()->facts.message_limit = 1000;
	joe()->facts.messages = 99;
	struct client *c = from(mx1, 0, 7, 0, 100, 1);
	lent(c, 7, LOAN);
	assert_int_equal(c->ask.answer.loan.messages, 25);
	charged(100 + LOAN, 26);
	joe()->facts.messages = 490;
	make_gate((struct gate_size){ 10, 2, 10, 10, .loans = 4 });
	lent(from(mx1, 0, 7, 0, 100, 1), 7, 0); /* ten below soft are none to be lent */
	joe()->facts.message_limit = 0;
	make_gate((struct gate_size){ 10, 2, 10, 10, .loans = 4 });
	c = from(mx1, 0, 7, 0, 100, 1);
	assert_int_equal(c->ask.answer.loan.messages, UINT32_MAX);
	/* And a limit of messages alone. */
	joe()->facts.message_limit = 1000;
	joe()->facts.limit = 0;
	make_gate((struct gate_size){ 10, 2, 10, 10, .loans = 4 });
	c = from(mx1, 0, 7, 0, 100, 1);
	assert_int_equal(c->ask.answer.loan.number, 0);
	joe()->facts.messages = 99;
	make_gate((struct gate_size){ 10, 2, 10, 10, .loans = 4 });
	c = from(mx1, 0, 7, 0, 100, 1);
	assert_true(c->ask.answer.loan.octets == UINT64_MAX && c->ask.answer.loan.messages == 25);
	charged(100, 26);
}

static void several_frontends_share_the_room(void **state)
{
	(void)state;
	uint64_t all = 0;
	for (uint32_t i = 1; i <= 16; i++) {
		struct client *c = from((struct hash){ i, 1 }, 0, i, 0, 1, i);
		assert_true(i == 1 || c->ask.answer.loan.octets < all);
		all += c->ask.answer.loan.octets;
		assert_int_equal(c->ask.answer.charge.octets, all - c->ask.answer.loan.octets + i - 1);
	}
	assert_true(USAGE + 16 + all < LIMIT / 2);
	charged(all + 16, 32);
}

static void nothing_is_lent(void **state)
{
	(void)state;
	static const struct {
		enum query_purpose purpose;
		const char *address;
		uint32_t next;
		uint64_t size;
		bool fails, unlimited;
	} cases[] = {
		{ .purpose = PURPOSE_REPORT, .next = 7, .size = 1 },
		{ .purpose = PURPOSE_PEEK, .next = 7, .size = 1 },
		{ .next = 0, .size = 1 },
		{ .next = 7, .size = LIMIT }, /* refused */
		{ .next = 7, .size = 2 * LIMIT },
		{ .next = 7, .size = 1, .fails = true }, /* stale facts */
		{ .next = 7, .size = 1, .unlimited = true }, /* nothing is asked about those at all */
		{ .next = 7, .size = 1, .address = "gone@a.example" },
		{ .next = 7, .size = 1, .address = "" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		w.script.stores[0].fails = false;
		joe()->facts = found(USAGE, cases[i].unlimited ? 0 : LIMIT);
		make_gate((struct gate_size){ 10, 2, 10, 10, .loans = 4 });
		ask(1, "joe@a.example", 1, 0);
		pass_time(SECONDS(3600));
		w.script.stores[0].fails = cases[i].fails;
		struct client *c =
			frontend(0, (struct borrower){ .name = mx1, .next = cases[i].next }, cases[i].size, 1);
		c->ask.query.purpose = cases[i].purpose;
		if (cases[i].address)
			c->ask.query.address = str_of(cases[i].address);
		gate_ask(w.gate, &c->ask, w.now);
		assert_int_equal(c->answers, 1);
		assert_int_equal(c->ask.answer.loan.octets, 0);
		assert_int_equal(gate_stats(w.gate).loans, 0);
	}
}

/* ---- the next question ---- */

static void judged_without_his_own_loan(void **state)
{
	(void)state;
	lent(from(mx1, 0, 7, 0, 100, 1), 7, LOAN);
	struct client *c = from(mx1, 7, 8, 0, 200, 2);
	assert_int_equal(c->ask.answer.charge.octets, 100);
	charged(300 + LOAN, 3);
	/* What he spent counts, to himself too. */
	c = from(mx1, 8, 9, 5000, 200, 3);
	assert_int_equal(c->ask.answer.charge.octets, 5300);
	c = from(mx2, 0, 7, 0, 1, 4);
	assert_int_equal(c->ask.answer.charge.octets, 5500 + LOAN);
	/* Somebody at home sees all of it. */
	uint64_t all = charges("joe@a.example").octets;
	assert_int_equal(ask(9, "joe@a.example", 1, 5)->ask.answer.charge.octets, all);
}

static void refused_for_what_he_spent(void **state)
{
	(void)state;
	joe()->facts.usage = 999000;
	want(from(mx1, 5, 6, 900, 100, 1), REASON_ROOM);
	want(from(mx1, 6, 7, 0, 1, 2), REASON_FULL);
	want(from(mx1, 5, 6, 900, 100, 1), REASON_ROOM); /* the same once more: nothing is counted twice */
	charged(1000, 2);
	/* A refusal takes over too. */
	make_gate((struct gate_size){ 10, 2, 10, 10, .loans = 4 });
	want(from(mx1, 5, 6, 1000, 1, 1), REASON_FULL);
	charged(1000, 1);
	/* A report says nothing. */
	struct client *c = frontend(0, (struct borrower){ mx1, 5, 9, { 77, 1 } }, 1, 3);
	c->ask.query.purpose = PURPOSE_REPORT;
	gate_ask(w.gate, &c->ask, w.now);
	charged(1000, 1);
}

static void a_repeated_question_is_charged_once(void **state)
{
	(void)state;
	lent(from(mx1, 0, 7, 0, 100, 1), 7, LOAN);
	for (int i = 0; i < 3; i++)
		lent(from(mx1, 7, 8, 5000, 200, 2), 8, 24 * KIB);
	charged(5300 + LOAN, 4);
}

/* As long as what was let in at its end may take to the store, and until the store is asked. */
static void a_loan_is_charged_until_it_has_settled(void **state)
{
	(void)state;
	from(mx1, 0, 7, 0, 100, 1);
	gate_end(w.gate, transaction(1), true, w.now);
	pass_time(w.conf.ttl_low - 1);
	assert_int_equal(gate_expiry(w.gate), w.now + 1);
	assert_int_equal(gate_stats(w.gate).loans, 1);
	pass_time(w.conf.settle);
	assert_int_equal(gate_stats(w.gate).loans, 0);
	charged(LOAN, 1);
	pass_time(SECONDS(1) + 1);
	charged(LOAN, 1);
	want(ask(1, "joe@a.example", 1, 0), REASON_ROOM);
	charged(1, 1);
}

/* The store is asked early when loans reach soft, but nobody is refused for one. */
static void a_mailbox_that_lends_stays(void **state)
{
	(void)state;
	char name[32];
	from(mx1, 0, 7, 0, 100, 1);
	gate_end(w.gate, transaction(1), true, w.now);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "nobody%u@a.example", i);
		ask(1, name, 1, 0);
	}
	charged(LOAN, 1);
}

/* A frontend may be lent to by way of extensions too, and each has its own. */
static void extensions_share_the_room(void **state)
{
	(void)state;
	static const char *const names[] = { "joe+a@a.example", "joe+b@a.example" };
	uint64_t all = 0;
	for (uint32_t i = 0; i < COUNT(names); i++) {
		struct client *c = frontend(0, (struct borrower){ .name = mx1, .next = 7 + i }, 1, i + 1);
		c->ask.query.address = str_of(names[i]);
		gate_ask(w.gate, &c->ask, w.now);
		assert_true(c->ask.answer.loan.octets > 0);
		all += c->ask.answer.loan.octets;
	}
	charged(2 + all, 4);
}

/* ---- withdrawing ---- */

static void a_message_is_withdrawn(void **state)
{
	(void)state;
	ask(0, "joe@a.example", 100, 1);
	ask(1, "joe@a.example", 30, 2);
	unsigned started = w.script.stores[0].started;
	pass_time(SECONDS(7200)); /* whatever its facts are worth by now */
	ask(1, "joe@a.example", 30, 2);
	for (unsigned i = 0; i < 2; i++) {
		struct client *c = prepare(2, i ? "gone@a.example" : "joe@a.example", 0, 1);
		c->ask.query.purpose = PURPOSE_WITHDRAW;
		gate_ask(w.gate, &c->ask, w.now);
		assert_int_equal(c->answers, 1);
		charged(30, 1);
	}
	assert_int_equal(w.script.stores[0].started, started + 1);
	assert_int_equal(w.script.n_news, 0);
	/* The transaction goes on. */
	want(ask(0, "joe@a.example", 50, 1), REASON_ROOM);
	charged(80, 2);
}

static void withdrawing_is_passed_on(void **state)
{
	(void)state;
	w.stores[0].ledger = w.route.has_ledgers = w.script.stores[0].ledger = true;
	gate_configure(w.gate, &w.conf, w.now);
	ask(0, "joe@a.example", 100, 1);
	struct client *c = prepare(2, "joe@a.example", 0, 1);
	c->ask.query.purpose = PURPOSE_WITHDRAW;
	gate_ask(w.gate, &c->ask, w.now);
	assert_int_equal(w.script.n_news, 1);
	assert_int_equal(w.script.news[0].kind, NEWS_WITHDRAWN);
	/* And nothing is lent of what is not ours. */
	assert_int_equal(from(mx1, 0, 7, 0, 1, 1)->ask.answer.loan.octets, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_backend, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sixteenth_of_the_room_below_soft),
		TEST(messages_are_lent_too),
		TEST(several_frontends_share_the_room),
		TEST(nothing_is_lent),
		TEST(judged_without_his_own_loan),
		TEST(refused_for_what_he_spent),
		TEST(a_repeated_question_is_charged_once),
		TEST(a_loan_is_charged_until_it_has_settled),
		TEST(a_mailbox_that_lends_stays),
		TEST(extensions_share_the_room),
		TEST(a_message_is_withdrawn),
		TEST(withdrawing_is_passed_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
