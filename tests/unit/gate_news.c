/* What a store with a ledger of its own is told of messages that it charged: their ends, and those that do not come because of
   something that it could not know. What it is asked is in gate_claims.c. */
#include "../fake/directories.h"

#include <string.h>

/* The store of b.example keeps a ledger; it lends nothing but where a test says so. */
static int set_up_news(void **state)
{
	set_up_directories(state);
	w.stores[0].ledger = w.route.has_ledgers = w.script.stores[0].ledger = true;
	w.conf.alias = ALIAS_ANY_FULL;
	box(0, "free@b.example", 100, 1000000);
	box(0, "roomy@b.example", 100, 1000000);
	box(0, "full@b.example", 1000, 1000);
	say(0, "all@l.example", "free@b.example, roomy@b.example");
	say(0, "mixed@l.example", "free@b.example, full@b.example, roomy@b.example");
	gate_configure(w.gate, &w.conf, w.now);
	at_once(true, true);
	return 0;
}

/* "arrived 100", "withdrawn free@b.example", one after another; then all is forgotten. */
#define told(text) told_at(text, __FILE__, __LINE__)

static void told_at(const char *want, const char *file, int line)
{
	char text[1000];
	struct buf out = BUF(text);
	for (size_t i = 0; i < w.script.n_news; i++) {
		const struct news *n = &w.script.news[i];
		static const char *const kinds[] = { "arrived", "ended", "abandoned", "withdrawn" };
		assert_true(hash_eq(n->transaction, transaction(1)));
		buf_printf(&out, "%s%s", i ? ", " : "", kinds[n->kind]);
		if (n->kind == NEWS_ARRIVED)
			buf_printf(&out, " %ju", (uintmax_t)n->size);
		if (n->kind == NEWS_WITHDRAWN)
			buf_printf(&out, " %s", str_eq(n->mailbox.address, STR("free@b.example")) ? "free" : "roomy");
	}
	if (strcmp(buf_z(&out), want) != 0) {
		print_error("told \"%s\"; want \"%s\"\n", text, want);
		_fail(file, line);
	}
	w.script.n_news = 0;
}

static struct client *end_of_message(unsigned n, const char *address, uint64_t size, unsigned tx)
{
	struct client *c = prepare(n, address, size, tx);
	c->ask.query.stage = STAGE_END_OF_MESSAGE;
	gate_ask(w.gate, &c->ask, w.now);
	return c;
}

static uint64_t charged(const char *address)
{
	return charges(address).octets;
}

static unsigned asked(void)
{
	return w.script.stores[0].started;
}

static void lend(const char *address, uint64_t octets)
{
	for (struct scripted_box *b = w.script.stores[0].boxes; b->name; b++)
		if (strcmp(b->name, address) == 0)
			b->loan = (struct loan){ .octets = octets, .messages = 100, .life = SECONDS(3600) };
}

/* ---- ends ---- */

static void ends_are_told(void **state)
{
	(void)state;
	want(ask(0, "free@b.example", 100, 1), REASON_ROOM);
	gate_end(w.gate, transaction(1), false, w.now);
	told("ended");
	want(ask(0, "free@b.example", 100, 1), REASON_ROOM);
	gate_end(w.gate, transaction(1), true, w.now);
	told("abandoned");
	gate_end(w.gate, transaction(0), false, w.now); /* no transaction has no end */
	told("");
}

static void arrivals_are_told(void **state)
{
	(void)state;
	want(ask(0, "free@b.example", 100, 1), REASON_ROOM);
	want(end_of_message(0, "free@b.example", 150, 1), REASON_ROOM);
	told(""); /* the question was the news */
	want(end_of_message(0, "", 200, 1), REASON_NOT_ASKED);
	told("arrived 200");
	want(end_of_message(0, "", 0, 1), REASON_NOT_ASKED);
	told("arrived 0");
	lend("free@b.example", 10240);
	want(ask(0, "free@b.example", 100, 2), REASON_ROOM);
	want(ask(0, "free@b.example", 100, 1), REASON_ROOM);
	told("");
	want(end_of_message(0, "free@b.example", 150, 1), REASON_ROOM);
	told("arrived 150"); /* alone here, but another store may know of it */
	want(ask(0, "all@l.example", 100, 1), REASON_ROOM);
	want(end_of_message(0, "all@l.example", 100, 1), REASON_ROOM);
	told("arrived 100");
	want(end_of_message(0, "mixed@l.example", 100, 1), REASON_FULL);
	told("withdrawn roomy"); /* it was refused, and has not arrived; free was let in alone */
}

/* Several are claimed each, and arrive together; refused, those that were charged are withdrawn. */
static void several_arrive_together(void **state)
{
	static const struct {
		const char *recipients, *told;
		enum reason reason;
	} cases[] = {
		{ "free@b.example, roomy@b.example", "arrived 500", REASON_NOT_ASKED },
		{ "free@b.example, full@b.example, roomy@b.example", "withdrawn free, withdrawn roomy", REASON_FULL },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned before = asked();
		struct client *c = prepare(0, "", 500, 1);
		c->ask.query.stage = STAGE_END_OF_MESSAGE;
		c->ask.query.recipients = str_of(cases[i].recipients);
		gate_ask(w.gate, &c->ask, w.now);
		want(c, cases[i].reason);
		assert_int_equal(asked(), before + 2 + i);
		told(cases[i].told);
	}
}

static void nobody_is_told_without_a_ledger(void **state)
{
	(void)state;
	w.stores[0].ledger = w.route.has_ledgers = w.script.stores[0].ledger = false;
	gate_configure(w.gate, &w.conf, w.now);
	want(ask(0, "mixed@l.example", 100, 1), REASON_FULL);
	want(ask(0, "free@b.example", 100, 1), REASON_ROOM);
	want(end_of_message(0, "free@b.example", 100, 1), REASON_ROOM);
	want(end_of_message(0, "", 100, 1), REASON_NOT_ASKED);
	gate_end(w.gate, transaction(1), false, w.now);
	gate_end(w.gate, transaction(1), true, w.now);
	told("");
}

/* ---- messages that do not come ---- */

static void a_refused_alias_is_withdrawn_from_its_members(void **state)
{
	(void)state;
	want(ask(0, "mixed@l.example", 100, 1), REASON_FULL);
	told("withdrawn free, withdrawn roomy");
	/* Those that were let in alone are nobody's business. */
	lend("free@b.example", 10240);
	lend("roomy@b.example", 10240);
	want(ask(0, "all@l.example", 100, 0), REASON_ROOM);
	want(ask(0, "mixed@l.example", 100, 1), REASON_FULL);
	told("");
	assert_int_equal(charged("free@b.example"), 0);
	w.conf.alias = ALIAS_ALL_FULL;
	gate_configure(w.gate, &w.conf, w.now);
	want(ask(0, "mixed@l.example", 100, 1), REASON_ROOM);
	told("");
	assert_int_equal(charged("free@b.example"), 100);
}

/* Nobody could say which question it was. */
static void without_a_transaction_nothing_is_withdrawn(void **state)
{
	(void)state;
	want(ask(0, "mixed@l.example", 100, 0), REASON_FULL);
	told("");
}

static void a_forged_sender_withdraws_the_message(void **state)
{
	(void)state;
	d.domains[3].check_sender = true;
	w.route.checks_senders = true;
	for (int later = 0; later < 2; later++) {
		struct client *c = prepare(0, "free@b.example", 100, 1);
		c->ask.query.sender = STR("ann@d.example");
		at_once(later, true);
		gate_ask(w.gate, &c->ask, w.now);
		answer_everything();
		want(c, REASON_FORGED);
		told("withdrawn free");
		assert_int_equal(charged("free@b.example"), 0);
	}
}

static void shadow_mode_withdraws_what_it_would_refuse(void **state)
{
	(void)state;
	w.conf.shadow = true;
	gate_configure(w.gate, &w.conf, w.now);
	struct client *c = ask(0, "mixed@l.example", 100, 1);
	want(c, REASON_FULL);
	assert_int_equal(c->ask.answer.verdict.action, ACTION_PASS);
	told("withdrawn free, withdrawn roomy");
	want(ask(0, "full@b.example", 100, 1), REASON_FULL);
	told("");
	assert_int_equal(charged("full@b.example"), 0);
	want(ask(0, "free@b.example", 100, 1), REASON_ROOM);
	told("");
}

/* It comes all the same: what the store did not charge is charged here, and told later. */
static void a_bypass_is_charged_somewhere(void **state)
{
	(void)state;
	static const char *const bypassed[] = { "full@b.example", "mixed@l.example" };
	w.conf.bypass = (struct bypass){ .recipients = bypassed, .n_recipients = COUNT(bypassed) };
	gate_configure(w.gate, &w.conf, w.now);
	struct client *c = ask(0, "full@b.example", 100, 1);
	want(c, REASON_FULL);
	assert_int_equal(c->ask.answer.verdict.action, ACTION_PASS);
	assert_int_equal(charged("full@b.example"), 100);
	gate_end(w.gate, transaction(1), false, w.now);
	told("ended");
	box(0, "full@b.example", 500, 1000000);
	pass_time(SECONDS(2));
	want(ask(0, "full@b.example", 100, 2), REASON_ROOM);
	assert_int_equal(w.script.stores[0].claim.spent.octets, 100);
	assert_int_equal(charged("full@b.example"), 0);
	box(0, "full@b.example", 1000, 1000);
	pass_time(SECONDS(3600));
	want(ask(0, "mixed@l.example", 100, 1), REASON_FULL);
	assert_int_equal(charged("full@b.example"), 100);
	assert_int_equal(charged("free@b.example"), 0);
	told("");
}

/* ---- aliases and loans ---- */

/* While the other member is waited for, somebody else uses up what was lent. */
static void a_member_whose_loan_is_gone_asks_again(void **state)
{
	(void)state;
	lend("free@b.example", 10240);
	want(ask(0, "free@b.example", 100, 9), REASON_ROOM);
	unsigned before = asked();
	at_once(true, false);
	struct client *c = ask(1, "all@l.example", 6000, 1);
	assert_int_equal(asked(), before + 1); /* roomy */
	want(ask(2, "free@b.example", 6000, 2), REASON_ROOM);
	answer_all();
	assert_int_equal(c->answers, 0);
	assert_int_equal(asked(), before + 2);
	assert_int_equal(w.script.stores[0].claim.spent.octets, 6000);
	answer_all();
	want(c, REASON_ROOM);
	assert_int_equal(asked(), before + 2);
	assert_int_equal(charged("free@b.example"), 0);
}

static void members_are_claimed_each_and_once(void **state)
{
	(void)state;
	want(ask(0, "all@l.example", 100, 1), REASON_ROOM);
	assert_int_equal(asked(), 2);
	want(ask(0, "all@l.example", 100, 1), REASON_ROOM);
	assert_int_equal(asked(), 4);
	assert_int_equal(charged("free@b.example") + charged("roomy@b.example"), 0);
	/* Two names of one mailbox: one answer may serve both, two do no harm. */
	say(0, "twice@l.example", "free+x@b.example, free+y@b.example");
	want(ask(0, "twice@l.example", 100, 1), REASON_ROOM);
	assert_int_equal(charged("free@b.example"), 0);
	told("");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_news, tear_down_directories)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ends_are_told),
		TEST(arrivals_are_told),
		TEST(several_arrive_together),
		TEST(nobody_is_told_without_a_ledger),
		TEST(a_refused_alias_is_withdrawn_from_its_members),
		TEST(without_a_transaction_nothing_is_withdrawn),
		TEST(a_forged_sender_withdraws_the_message),
		TEST(shadow_mode_withdraws_what_it_would_refuse),
		TEST(a_bypass_is_charged_somewhere),
		TEST(a_member_whose_loan_is_gone_asks_again),
		TEST(members_are_claimed_each_and_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
