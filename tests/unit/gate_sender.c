/* Forged senders, and canaries: when "no such address" is believed. */
#include "../fake/directories.h"

static struct client *from(unsigned n, const char *sender, const char *recipient, unsigned tx)
{
	struct client *c = prepare(n, recipient, 10, tx);
	c->ask.query.sender = str_of(sender);
	gate_ask(w.gate, &c->ask, w.now);
	answer_everything();
	return c;
}

/* d.example has its senders checked, by staff; b.example takes mail. */
static int set_up_senders(void **state)
{
	set_up_directories(state);
	d.domains[3].check_sender = true;
	w.route.checks_senders = true;
	box(0, "bob@b.example", 100, 1000);
	box(0, "full@b.example", 1000, 1000);
	say(1, "joe@d.example", "=");
	say(1, "list@d.example", "joe@d.example, |");
	return 0;
}

static void forged(const struct client *c, const char *line)
{
	char text[600];
	struct buf out = BUF(text);
	want(c, REASON_FORGED);
	assert_int_equal(c->ask.answer.verdict.action, ACTION_REJECT);
	verdict_print(&out, &c->ask.answer.verdict, &c->ask.query);
	assert_string_equal(buf_z(&out), line);
}

/* ---- senders ---- */

static void senders(void **state)
{
	(void)state;
	static const struct {
		const char *sender;
		bool authenticated;
		enum reason reason;
		const char *asked;
	} cases[] = {
		{ "ann@d.example", false, REASON_FORGED, "1:ann@d.example 1:@d.example" },
		{ "Ann@D.Example", false, REASON_FORGED, "1:ann@d.example 1:@d.example" },
		{ "joe@d.example", false, REASON_ROOM, "1:joe@d.example" },
		{ "list@d.example", false, REASON_ROOM, "1:list@d.example" },
		{ "joe+x@d.example", false, REASON_ROOM, "1:joe+x@d.example 1:joe@d.example" },
		{ "ann+x@d.example", false, REASON_FORGED, "1:ann+x@d.example 1:ann@d.example 1:@d.example" },
		{ "ann@d.example", true, REASON_ROOM, "" },
		{ "", false, REASON_ROOM, "" },
		{ "<>", false, REASON_ROOM, "" },
		{ "SRS0=HHH=TT=x.example=ann@d.example", false, REASON_ROOM, "" },
		{ "SRS1=HHH=x.example==HHH=TT=y.example=ann@d.example", false, REASON_ROOM, "" },
		{ "prvs=1234abcdef=ann@d.example", false, REASON_ROOM, "" },
		{ "ann+bob=x.example@d.example", false, REASON_ROOM, "" },
		{ "ann@a.example", false, REASON_ROOM, "" }, /* senders there are not checked */
		{ "ann@b.example", false, REASON_ROOM, "" },
		{ "ann@x.example", false, REASON_ROOM, "" },
		{ "ann", false, REASON_ROOM, "" },
		{ "\"ann@d.example", false, REASON_ROOM, "" },
	};
	for (unsigned i = 0; i < 2 * COUNT(cases); i++) {
		unsigned n = i / 2;
		at_once(i % 2, i % 2);
		make_new();
		struct client *c = prepare(0, "bob@b.example", 10, 1);
		c->ask.query.sender = str_of(cases[n].sender);
		c->ask.query.authenticated = cases[n].authenticated;
		gate_ask(w.gate, &c->ask, w.now);
		answer_everything();
		want_asked(cases[n].asked);
		want(c, cases[n].reason);
		assert_int_equal(charges("bob@b.example").octets, cases[n].reason == REASON_ROOM ? 10 : 0);
	}
}

static void a_forged_sender_outweighs_everything(void **state)
{
	(void)state;
	static const char *const recipients[] = { "bob@b.example", "full@b.example", "gone@b.example", "joe@x.example",
		"all@l.example", "no..address@", "list@d.example", "ann@d.example", "fails@a.example" };
	static const enum reason honest[] = { REASON_ROOM, REASON_FULL, REASON_NO_MAILBOX, REASON_NOT_OURS, REASON_FULL,
		REASON_BAD_ADDRESS, REASON_ELSEWHERE, REASON_NO_MAILBOX, REASON_ERROR };
	say(0, "all@l.example", "bob@b.example, full@b.example");
	say(0, "fails@a.example", "?failed");
	for (unsigned i = 0; i < 2 * COUNT(recipients); i++) {
		const char *recipient = recipients[i / 2];
		at_once(i % 2, i % 2);
		w.conf.alias = ALIAS_ANY_FULL;
		make_new();
		forged(from(0, "Ann+x@d.example", recipient, 1),
			"550 5.7.1 Your From address Ann+x@d.example does not exist");
		struct client *c = from(0, "joe@d.example", recipient, 1);
		if (strcmp(recipient, "list@d.example") ==
			0) /* joe has no mailbox in the store, but the pipe has room */
			assert_int_equal(c->ask.answer.verdict.action, ACTION_PASS);
		else
			want(c, honest[i / 2]);
		forged(from(0, "ann@d.example", recipient, 1),
			"550 5.7.1 Your From address ann@d.example does not exist");
		ask_all(1, "bob@b.example", 10, 0);
		assert_int_equal(charges("bob@b.example").octets, 10); /* the charge of transaction 1 is back */
	}
}

static void a_catch_all_makes_all_senders_exist(void **state)
{
	(void)state;
	static const struct {
		const char *says;
		enum reason reason;
	} cases[] = {
		{ "|", REASON_ROOM },
		{ "joe@d.example", REASON_ROOM },
		{ "joe@x.example", REASON_ROOM },
		{ "=", REASON_ROOM },
		{ "?nobody", REASON_FORGED },
		{ "?unlisted", REASON_FORGED }, /* the address itself was said not to exist */
		{ "?failed", REASON_ROOM },
		{ "?garbage", REASON_ROOM },
	};
	for (unsigned i = 0; i < COUNT(cases); i++) {
		say(1, "@d.example", cases[i].says);
		make_new();
		want(from(0, "ann@d.example", "bob@b.example", 1), cases[i].reason);
	}
}

static void a_silent_directory_refuses_no_sender(void **state)
{
	(void)state;
	w.conf.rules.error = ERROR_DEFER;
	for (unsigned late = 0; late < 2; late++) {
		make_new();
		d.all[1].fails = true;
		struct client *c = prepare(0, "bob@b.example", 10, 1);
		c->ask.query.sender = STR("ann@d.example");
		gate_ask(w.gate, &c->ask, w.now);
		answer_all();
		assert_int_equal(c->answers, 0); /* the recipient has room; the sender is not known yet */
		if (late)
			pass_time(SECONDS(4));
		answer_everything();
		want(c, REASON_ROOM);
		assert_int_equal(charges("bob@b.example").octets, 10);
		d.all[1].fails = false;
		want(from(1, "ann@d.example", "bob@b.example", 2), REASON_FORGED);
		/* What it said last serves. */
		pass_time(SECONDS(60));
		d.all[1].fails = true;
		want(from(1, "ann@d.example", "bob@b.example", 2), REASON_FORGED);
		d.all[1].fails = false;
	}
}

static void tables_of_aliases_make_no_sender_forged(void **state)
{
	(void)state;
	d.domains[4].check_sender = true; /* l.example: lists alone */
	gate_configure(w.gate, &w.conf, w.now);
	want(from(0, "ann@l.example", "bob@b.example", 1), REASON_ROOM);
	d.domains[0].check_sender = true; /* a.example: lists and staff */
	gate_configure(w.gate, &w.conf, w.now);
	want(from(0, "ann@a.example", "bob@b.example", 1), REASON_FORGED);
	say(0, "sales@a.example", "bob@b.example");
	want(from(0, "sales@a.example", "bob@b.example", 1), REASON_ROOM);
}

static void the_sender_alone(void **state)
{
	(void)state;
	static const struct {
		const char *sender;
		bool fails;
		enum reason reason;
	} cases[] = {
		{ "ann@d.example", false, REASON_FORGED },
		{ "joe@d.example", false, REASON_ROOM },
		{ "ann@d.example", true, REASON_ERROR },
		{ "ann@x.example", false, REASON_NOT_ASKED },
		{ "", false, REASON_NOT_ASKED },
		{ "a=b@d.example", false, REASON_NOT_ASKED },
	};
	for (unsigned i = 0; i < COUNT(cases); i++) {
		make_new();
		d.all[1].fails = cases[i].fails;
		struct client *c = prepare(0, "ignored@b.example", 10, 1);
		c->ask.query.kind = QUERY_SENDER;
		c->ask.query.sender = str_of(cases[i].sender);
		gate_ask(w.gate, &c->ask, w.now);
		answer_everything();
		want(c, cases[i].reason);
		assert_int_equal(c->ask.answer.verdict.action == ACTION_REJECT, cases[i].reason == REASON_FORGED);
		assert_int_equal(w.script.stores[0].started, 0);
	}
}

/* At the end of the message the charge stays with its transaction, and a sender who was forged in between gives it back. */
static void the_end_of_the_message(void **state)
{
	(void)state;
	static const char *const recipients[] = { "bob@b.example", "all@l.example" };
	say(0, "all@l.example", "bob@b.example, full@b.example");
	for (unsigned i = 0; i < COUNT(recipients); i++) {
		make_new();
		at_once(true, true);
		want(from(0, "joe@d.example", recipients[i], 1), REASON_ROOM);
		struct client *c = prepare(0, recipients[i], 20, 1);
		c->ask.query.sender = STR("ann@d.example");
		c->ask.query.stage = STAGE_END_OF_MESSAGE;
		gate_ask(w.gate, &c->ask, w.now);
		want(c, REASON_FORGED);
		assert_int_equal(charges("bob@b.example").octets, 0);
		c = prepare(0, recipients[i], 20, 1);
		c->ask.query.sender = STR("joe@d.example");
		c->ask.query.stage = STAGE_END_OF_MESSAGE;
		gate_ask(w.gate, &c->ask, w.now);
		want(c, REASON_ROOM);
		assert_int_equal(charges("bob@b.example").octets, 20);
		c = prepare(0, "", 30, 1); /* several recipients: nothing is judged */
		c->ask.query.sender = STR("ann@d.example");
		c->ask.query.stage = STAGE_END_OF_MESSAGE;
		gate_ask(w.gate, &c->ask, w.now);
		want(c, REASON_NOT_ASKED);
	}
}

/* Without a place for its probe a sender is not checked; the recipient is judged all the same. */
static void no_place_for_the_sender(void **state)
{
	(void)state;
	make_gate_of((struct gate_size){ 100, 16, 64, 256, 1, 10, 10000 });
	struct client *first = prepare(0, "bob@b.example", 10, 1), *second = prepare(1, "full@b.example", 10, 2);
	first->ask.query.sender = second->ask.query.sender = STR("ann@d.example");
	gate_ask(w.gate, &first->ask, w.now);
	gate_ask(w.gate, &second->ask, w.now);
	answer_everything();
	want(first, REASON_FORGED);
	want(second, REASON_FULL);
	want(from(1, "ann@d.example", "full@b.example", 2), REASON_FORGED);
	make_new();
}

static void bypass_and_shadow(void **state)
{
	(void)state;
	static const char *const ann[] = { "ann@d.example" }, *const bob[] = { "bob@b.example" };
	struct network client;
	const struct {
		bool shadow;
		struct bypass bypass;
		enum waiver waived;
		uint64_t charged;
	} cases[] = {
		{ false, { 0 }, WAIVED_NOT, 0 },
		{ true, { 0 }, WAIVED_SHADOW, 0 },
		{ false, { .senders = ann, .n_senders = 1 }, WAIVED_BYPASS, 10 },
		{ false, { .clients = &client, .n_clients = 1 }, WAIVED_BYPASS, 10 },
		{ false, { .recipients = bob, .n_recipients = 1 }, WAIVED_BYPASS, 10 },
		{ true, { .recipients = bob, .n_recipients = 1 }, WAIVED_BYPASS, 10 },
	};
	assert_true(network_parse(&client, STR("192.0.2.0/24"), NULL));
	for (unsigned i = 0; i < COUNT(cases); i++) {
		w.conf.shadow = cases[i].shadow;
		w.conf.bypass = cases[i].bypass;
		make_new();
		struct client *c = prepare(0, "bob@b.example", 10, 1);
		c->ask.query.sender = STR("ann@d.example");
		c->ask.query.client = STR("192.0.2.1");
		gate_ask(w.gate, &c->ask, w.now);
		answer_everything();
		want(c, REASON_FORGED);
		assert_int_equal(c->ask.answer.verdict.waived, cases[i].waived);
		assert_int_equal(c->ask.answer.verdict.action, cases[i].waived ? ACTION_PASS : ACTION_REJECT);
		assert_int_equal(charges("bob@b.example").octets, cases[i].charged);
	}
}

/* ---- canaries ---- */

/* staff must know bird@d.example, and not ghost@d.example. */
static int set_up_canaries(void **state)
{
	set_up_senders(state);
	w.route.checks_senders = false;
	d.routes[1].canary.present = STR("bird@d.example");
	d.routes[1].canary.absent = STR("ghost@d.example");
	say(1, "bird@d.example", "=");
	say(1, "@d.example", "?unlisted"); /* so that one form alone is said not to exist */
	w.conf.rules.unknown = UNKNOWN_REJECT;
	make_new();
	return 0;
}

static void the_canary_is_asked_after_the_answer_in_doubt(void **state)
{
	(void)state;
	struct client *c = ask(0, "ann@d.example", 10, 1);
	want_asked("1:ann@d.example");
	pass_time(5);
	answer_directories();
	want_asked("1:bird@d.example");
	assert_int_equal(gate_stats(w.gate).answers, 0); /* not believed yet */
	pass_time(5);
	answer_directories();
	want_asked("1:ghost@d.example");
	answer_directories();
	want_asked("1:@d.example");
	answer_directories();
	want(c, REASON_NO_MAILBOX);
	assert_int_equal(c->ask.answer.verdict.action, ACTION_REJECT);
	assert_int_equal(d.all[1].won + d.all[1].lost, 0); /* nothing has changed */
	/* Kept now, for ttl_none from when it was asked. */
	pass_time(SECONDS(10) - 11);
	want(ask_all(0, "ann@d.example", 10, 1), REASON_NO_MAILBOX);
	want_asked("");
	pass_time(1);
	want(ask_all(0, "ann@d.example", 10, 1), REASON_NO_MAILBOX);
	want_asked("1:ann@d.example 1:bird@d.example 1:ghost@d.example");
	/* What was said of the canary before the answer proves nothing. */
	pass_time(1);
	want(ask_all(0, "tom@d.example", 10, 1), REASON_NO_MAILBOX);
	want_asked("1:tom@d.example 1:bird@d.example 1:ghost@d.example");
	/* Who is there needs no canary. */
	box(0, "joe@d.example", 100, 1000);
	want(ask_all(0, "joe@d.example", 10, 1), REASON_ROOM);
	want_asked("1:joe@d.example");
}

static void a_canary_asked_before_proves_nothing(void **state)
{
	(void)state;
	/* Two in doubt; the canary is under way for the first, and well, when the second is asked about. */
	struct client *first = ask(0, "ann@d.example", 10, 1);
	pass_time(1);
	answer_directories();
	want_asked("1:ann@d.example 1:bird@d.example");
	struct lookup *early = d.held[0];
	pass_time(1);
	struct client *second = ask(1, "tom@d.example", 10, 1);
	pass_time(1);
	directory_answer(d.held[1], w.now); /* tom is said not to exist: the canary is in flight */
	pass_time(1);
	directory_answer(early, w.now);
	say(1, "bird@d.example", "?nobody");
	answer_everything();
	want(first, REASON_NO_MAILBOX);
	want(second, REASON_ERROR);
	/* The canary was asked while the answer in doubt was under way. */
	say(1, "bird@d.example", "=");
	make_new();
	struct client *c = ask(0, "ann@d.example", 10, 1);
	pass_time(1);
	ask(1, "bird@d.example", 10, 2);
	directory_answer(d.held[1], w.now);
	pass_time(1);
	say(1, "bird@d.example", "?nobody");
	answer_everything();
	want(c, REASON_ERROR);
}

static void a_canary_that_is_not_well(void **state)
{
	(void)state;
	static const struct {
		const char *bird, *ghost;
		bool well;
	} cases[] = {
		{ "=", "?nobody", true },
		{ "joe@d.example, |", "?unlisted", true },
		{ "=", "?not-ours", true },
		{ "?nobody", "?nobody", false },
		{ "?unlisted", "?nobody", false },
		{ "?not-ours", "?nobody", false },
		{ "=", "=", false },
		{ "=", "|", false },
		{ "?failed", "?nobody", false },
		{ "=", "?failed", false },
		{ "?garbage", "?nobody", false },
	};
	char text[600];
	for (unsigned i = 0; i < 4 * COUNT(cases); i++) {
		unsigned n = i / 4;
		bool defer = i & 2,
		     silent = cases[n].bird[1] == 'f' || cases[n].ghost[1] == 'f' || cases[n].bird[1] == 'g';
		w.conf.rules.error = defer ? ERROR_DEFER : ERROR_PASS;
		d.all[1].won = d.all[1].lost = 0;
		make_new();
		at_once(i & 1, i & 1);
		say(1, "bird@d.example", cases[n].bird);
		say(1, "ghost@d.example", cases[n].ghost);
		struct client *c = ask_all(0, "ann@d.example", 10, 1);
		want(c, cases[n].well ? REASON_NO_MAILBOX : REASON_ERROR);
		assert_int_equal(c->ask.answer.verdict.action,
			cases[n].well ? ACTION_REJECT : (defer ? ACTION_DEFER : ACTION_PASS));
		assert_int_equal(d.all[1].lost, !cases[n].well && !silent);
		if (!cases[n].well)
			assert_string_equal(c->note,
				silent ? (cases[n].bird[1] == 'g' ? "its answer makes no sense" : "out of order")
				       : "its canary says that it is not well");
		snprintf(text, sizeof(text), "%s", d.log);
		want_asked(text);
		/* It is told once, however often it is found. */
		pass_time(1);
		want(ask_all(0, "ann@d.example", 10, 1), cases[n].well ? REASON_NO_MAILBOX : REASON_ERROR);
		want(ask_all(0, "tom@d.example", 10, 1), cases[n].well ? REASON_NO_MAILBOX : REASON_ERROR);
		assert_int_equal(d.all[1].lost, !cases[n].well && !silent);
		assert_int_equal(d.all[1].won, 0);
		/* Well again: believed again, and told once. */
		say(1, "bird@d.example", "=");
		say(1, "ghost@d.example", "?nobody");
		pass_time(1);
		want(ask_all(0, "ann@d.example", 10, 1), REASON_NO_MAILBOX);
		pass_time(1);
		want(ask_all(0, "sue@d.example", 10, 1), REASON_NO_MAILBOX);
		assert_int_equal(d.all[1].won, !cases[n].well && !silent);
	}
}

static void one_canary_alone(void **state)
{
	(void)state;
	d.routes[1].canary.absent = STR("");
	gate_configure(w.gate, &w.conf, w.now);
	want(ask_all(0, "ann@d.example", 10, 1), REASON_NO_MAILBOX);
	want_asked("1:ann@d.example 1:bird@d.example 1:@d.example");
	d.routes[1].canary.present = STR("");
	d.routes[1].canary.absent = STR("ghost@d.example");
	make_new();
	want(ask_all(0, "ann@d.example", 10, 1), REASON_NO_MAILBOX);
	want_asked("1:ann@d.example 1:ghost@d.example 1:@d.example");
	say(1, "ghost@d.example", "|");
	pass_time(SECONDS(10));
	want(ask_all(0, "ann@d.example", 10, 1), REASON_NO_MAILBOX); /* stale: what it said last, when it was well */
	assert_true(d.all[1].lost == 1);
	want(ask_all(0, "tom@d.example", 10, 1), REASON_ERROR);
}

static void the_last_believed_answer_serves(void **state)
{
	(void)state;
	box(0, "joe@d.example", 100, 1000);
	want(ask_all(0, "joe@d.example", 10, 1), REASON_ROOM);
	want(ask_all(0, "ann@d.example", 10, 1), REASON_NO_MAILBOX);
	pass_time(SECONDS(60));
	memset(d.all[1].listed, 0, sizeof(d.all[1].listed)); /* suddenly it knows nobody */
	want(ask_all(0, "joe@d.example", 10, 1), REASON_ROOM);
	struct client *c = ask_all(0, "ann@d.example", 10, 1);
	want(c, REASON_NO_MAILBOX);
	want(ask_all(0, "tom@d.example", 10, 1), REASON_ERROR);
	assert_int_equal(d.all[1].lost, 1);
	pass_time(SECONDS(86400));
	want(ask_all(0, "joe@d.example", 10, 1), REASON_ERROR);
	want(ask_all(0, "ann@d.example", 10, 1), REASON_ERROR);
}

static void the_canary_is_asked_once_for_many(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		ask(i, "ann@d.example", 10, 0);
	ask(1000, "tom@d.example", 10, 0);
	ask(1001, "sue@d.example", 10, 0);
	want_asked("1:ann@d.example 1:tom@d.example 1:sue@d.example");
	answer_directories();
	want_asked("1:bird@d.example");
	answer_directories();
	want_asked("1:ghost@d.example");
	answer_directories();
	want_asked("1:@d.example");
	answer_directories();
	for (unsigned i = 0; i < 1002; i++)
		want(&w.clients[i], REASON_NO_MAILBOX);
}

static void the_canary_itself_as_recipient(void **state)
{
	(void)state;
	box(0, "bird@d.example", 100, 1000);
	at_once(true, true);
	want(ask(0, "bird@d.example", 10, 1), REASON_ROOM);
	want_asked("1:bird@d.example");
	want(ask(0, "ghost@d.example", 10, 1), REASON_NO_MAILBOX);
	pass_time(SECONDS(60));
	say(1, "bird@d.example", "?nobody");
	want(ask(0, "Bird@d.example", 10, 1), REASON_ERROR);
	assert_int_equal(d.all[1].lost, 1);
	want(ask(0, "bird@d.example", 10, 1), REASON_ERROR);
	want(ask(0, "bird+x@d.example", 10, 1), REASON_ERROR);
	say(1, "bird@d.example", "=");
	pass_time(SECONDS(10));
	want(ask(0, "bird@d.example", 10, 1), REASON_ROOM);
}

static void a_forged_sender_needs_a_canary_too(void **state)
{
	(void)state;
	w.route.checks_senders = true;
	want(from(0, "ann@d.example", "bob@b.example", 1), REASON_FORGED);
	want_asked("1:ann@d.example 1:bird@d.example 1:ghost@d.example 1:@d.example");
	say(1, "bird@d.example", "?nobody");
	pass_time(1);
	want(from(0, "tom@d.example", "bob@b.example", 1), REASON_ROOM);
	assert_int_equal(d.all[1].lost, 1);
}

static void silent_canary(void **state)
{
	(void)state;
	struct client *c = ask(0, "ann@d.example", 10, 1);
	pass_time(SECONDS(3));
	answer_directories();
	want_asked("1:ann@d.example 1:bird@d.example");
	struct client *later = ask(1, "tom@d.example", 10, 1);
	pass_time(SECONDS(1));
	want(c, REASON_ERROR);
	assert_string_equal(c->note, "no answer in time");
	assert_int_equal(later->answers, 0);
	answer_everything();
	want(later, REASON_NO_MAILBOX);
	assert_int_equal(d.all[1].lost, 0);
}

static void forgotten_and_configured_with_a_canary_under_way(void **state)
{
	(void)state;
	for (unsigned stage = 0; stage < 3; stage++) {
		make_new();
		ask(0, "ann@d.example", 10, 1);
		struct client *stays = ask(1, "ann@d.example", 10, 1);
		for (unsigned i = 0; i < stage; i++)
			answer_directories();
		gate_forget(w.gate, &w.clients[0].ask);
		gate_configure(w.gate, &w.conf, w.now);
		assert_int_equal(d.n, 1);
		answer_everything();
		assert_int_equal(w.clients[0].answers, 0);
		want(stays, REASON_NO_MAILBOX);
	}
	/* A reload forgets what was thought of a directory: it is found out again. */
	say(1, "bird@d.example", "?nobody");
	pass_time(1);
	ask_all(0, "tom@d.example", 10, 1);
	gate_configure(w.gate, &w.conf, w.now);
	pass_time(1);
	ask_all(0, "tom@d.example", 10, 1);
	assert_int_equal(d.all[1].lost, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_senders, tear_down_directories)
#define CANARY(name) cmocka_unit_test_setup_teardown(name, set_up_canaries, tear_down_directories)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(senders),
		TEST(a_forged_sender_outweighs_everything),
		TEST(a_catch_all_makes_all_senders_exist),
		TEST(a_silent_directory_refuses_no_sender),
		TEST(tables_of_aliases_make_no_sender_forged),
		TEST(the_sender_alone),
		TEST(the_end_of_the_message),
		TEST(no_place_for_the_sender),
		TEST(bypass_and_shadow),
		CANARY(the_canary_is_asked_after_the_answer_in_doubt),
		CANARY(a_canary_asked_before_proves_nothing),
		CANARY(a_canary_that_is_not_well),
		CANARY(one_canary_alone),
		CANARY(the_last_believed_answer_serves),
		CANARY(the_canary_is_asked_once_for_many),
		CANARY(the_canary_itself_as_recipient),
		CANARY(a_forged_sender_needs_a_canary_too),
		CANARY(silent_canary),
		CANARY(forgotten_and_configured_with_a_canary_under_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
