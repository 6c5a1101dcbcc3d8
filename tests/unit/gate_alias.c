/* Several mailboxes behind one address: who decides, who is charged, what bounds the expansion, and what happens while its
   members are asked. */
#include "../fake/directories.h"

/* Members in b.example, which has no directory: free has room for 10 octets, full for none, tight for 15. */
static void set_members(void)
{
	box(0, "free@b.example", 100, 1000);
	box(0, "roomy@b.example", 100, 1000);
	box(0, "full@b.example", 1000, 1000);
	box(0, "full2@b.example", 1000, 1000);
	box(0, "tiny@b.example", 0, 5);
}

static uint64_t charged(const char *local)
{
	char address[64];
	snprintf(address, sizeof(address), "%s@b.example", local);
	struct client *c = prepare(CLIENTS - 1, address, 1, 0);
	c->ask.query.purpose = PURPOSE_PEEK;
	gate_ask(w.gate, &c->ask, w.now);
	return c->ask.answer.charge.octets;
}

/* ---- who decides ---- */

static void all_full_and_any_full(void **state)
{
	(void)state;
	static const struct {
		const char *says;
		enum reason all, any; /* by the rule */
		uint64_t charged[2]; /* free@b.example, by the rule */
	} cases[] = {
		{ "free@b.example", REASON_ROOM, REASON_ROOM, { 10, 10 } },
		{ "full@b.example", REASON_FULL, REASON_FULL, { 0, 0 } },
		{ "free@b.example, roomy@b.example", REASON_ROOM, REASON_ROOM, { 10, 10 } },
		{ "full@b.example, free@b.example", REASON_ROOM, REASON_FULL, { 10, 0 } },
		{ "free@b.example, full@b.example", REASON_ROOM, REASON_FULL, { 10, 0 } },
		{ "full@b.example, full2@b.example", REASON_FULL, REASON_FULL, { 0, 0 } },
		{ "tiny@b.example, full@b.example", REASON_FULL, REASON_FULL, { 0, 0 } }, /* 452 before 552 */
		{ "full@b.example, tiny@b.example", REASON_FULL, REASON_FULL, { 0, 0 } },
		{ "tiny@b.example", REASON_TOO_LARGE, REASON_TOO_LARGE, { 0, 0 } },
		{ "tiny@b.example, free@b.example", REASON_ROOM, REASON_TOO_LARGE, { 10, 0 } },
		{ "full@b.example, joe@x.example", REASON_ELSEWHERE, REASON_FULL, { 0, 0 } },
		{ "free@b.example, joe@x.example", REASON_ROOM, REASON_ROOM, { 10, 10 } },
		{ "full@b.example, |", REASON_ELSEWHERE, REASON_FULL, { 0, 0 } },
		{ "|, |, |", REASON_ELSEWHERE, REASON_ELSEWHERE, { 0, 0 } },
		{ "full@b.example, gone@b.example", REASON_NO_MAILBOX, REASON_FULL, { 0, 0 } },
		{ "full@b.example, bad..@b..example", REASON_ELSEWHERE, REASON_FULL, { 0, 0 } },
		{ "full@b.example, =free@b.example limit=100", REASON_FULL, REASON_FULL, { 0, 0 } },
		{ "=full@b.example limit=1010, full2@b.example", REASON_ROOM, REASON_FULL, { 0, 0 } },
		{ "full@b.example, inner@l.example", REASON_ROOM, REASON_FULL, { 10, 0 } },
		{ "inner@l.example, inner@l.example", REASON_ROOM, REASON_ROOM, { 10, 10 } },
		{ "=full@b.example, =free@b.example", REASON_ROOM, REASON_FULL, { 10, 0 } },
	};
	set_members();
	say(0, "inner@l.example", "free@b.example");
	for (unsigned i = 0; i < 4 * COUNT(cases); i++) {
		unsigned n = i / 4;
		bool any = i % 2;
		w.conf.alias = any ? ALIAS_ANY_FULL : ALIAS_ALL_FULL;
		say(0, "all@l.example", cases[n].says);
		make_new();
		at_once(i & 2, i & 2);
		struct client *c = ask_all(0, "all@l.example", 10, 1);
		enum reason reason = any ? cases[n].any : cases[n].all;
		if (c->ask.answer.verdict.reason != reason)
			print_error("\"%s\", %s\n", cases[n].says, any ? "any_full" : "all_full");
		want(c, reason);
		assert_int_equal(charged("free"), cases[n].charged[any]);
		assert_int_equal(charged("full2"), 0);
		want(ask(0, "all@l.example", 10, 1), reason); /* the same transaction, by what is known now */
		assert_int_equal(charged("free"), cases[n].charged[any]);
	}
}

static void every_member_with_room_is_charged(void **state)
{
	(void)state;
	set_members();
	say(0, "all@l.example", "free@b.example, full@b.example, roomy@b.example");
	at_once(true, true);
	for (unsigned i = 1; i <= 3; i++)
		want(ask(i, "all@l.example", 10, i), REASON_ROOM);
	want(ask(4, "all@l.example", 10, 0), REASON_ROOM);
	assert_int_equal(charged("free"), 40);
	assert_int_equal(charged("roomy"), 40);
	assert_int_equal(charged("full"), 0);
	gate_end(w.gate, transaction(2), true, w.now);
	assert_int_equal(charged("free"), 30);
	/* A refusal takes the charge of its transaction away again, from every member. */
	want(ask(1, "all@l.example", 1000, 1), REASON_FULL);
	assert_int_equal(charged("free"), 20);
	assert_int_equal(charged("roomy"), 20);
}

static void one_mailbox_is_charged_once(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"free@b.example, free@b.example",
		"FREE@b.example, free@B.example",
		"free@b.example, inner@l.example",
		"inner@l.example, free@b.example",
		"=free@b.example, =free@b.example",
		"=free@b.example, free@b.example",
		"free+x@b.example, free+y@b.example",
	};
	set_members();
	say(0, "inner@l.example", "free@b.example");
	for (unsigned i = 0; i < COUNT(cases); i++)
		for (unsigned tx = 0; tx < 2; tx++) {
			say(0, "all@l.example", cases[i]);
			make_new();
			at_once(true, true);
			want(ask(0, "all@l.example", 10, tx), REASON_ROOM);
			if (charged("free") != 10)
				print_error("\"%s\"\n", cases[i]);
			assert_int_equal(charged("free"), 10);
		}
}

static void every_mailbox_is_told_as_judged(void **state)
{
	(void)state;
	static const struct {
		const char *says;
		bool shadow;
		enum query_purpose purpose;
		const char *judged;
	} cases[] = {
		{ "Free+x@b.example, full@b.example", false, PURPOSE_DELIVER, "free@b.example full@b.example! " },
		{ "tiny@b.example", false, PURPOSE_DELIVER, "tiny@b.example " }, /* too large is not full */
		{ "full@b.example", true, PURPOSE_DELIVER, "full@b.example " },
		{ "gone@b.example, joe@x.example", false, PURPOSE_DELIVER, "" },
		{ "full@b.example", false, PURPOSE_REPORT, "" },
		{ "full@b.example", false, PURPOSE_PEEK, "" },
	};
	set_members();
	for (unsigned i = 0; i < COUNT(cases); i++) {
		say(0, "all@l.example", cases[i].says);
		w.conf.shadow = cases[i].shadow;
		make_new();
		at_once(true, true);
		struct client *c = prepare(0, "all@l.example", 10, 1);
		c->ask.query.purpose = cases[i].purpose;
		gate_ask(w.gate, &c->ask, w.now);
		assert_string_equal(d.judged, cases[i].judged);
	}
}

static void shadow_and_bypass_of_an_alias(void **state)
{
	(void)state;
	static const char *const all[] = { "all@l.example" };
	static const struct {
		bool shadow, bypass;
		enum action action;
		uint64_t free, full; /* charged */
	} cases[] = {
		{ false, false, ACTION_DEFER, 0, 0 },
		{ true, false, ACTION_PASS, 0, 0 },
		{ false, true, ACTION_PASS, 10, 10 }, /* it comes all the same */
		{ true, true, ACTION_PASS, 10, 10 },
	};
	set_members();
	say(0, "all@l.example", "free@b.example, full@b.example");
	w.conf.alias = ALIAS_ANY_FULL;
	at_once(true, true);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		w.conf.shadow = cases[i].shadow;
		w.conf.bypass = (struct bypass){ .recipients = all, .n_recipients = cases[i].bypass };
		make_new();
		struct client *c = ask(0, "all@l.example", 10, 1);
		want(c, REASON_FULL);
		assert_int_equal(c->ask.answer.verdict.action, cases[i].action);
		assert_int_equal(charged("free"), cases[i].free);
		assert_int_equal(charged("full"), cases[i].full);
	}
}

/* ---- how targets are read ---- */

static void targets_lead_on(void **state)
{
	(void)state;
	static const struct {
		const char *says[5]; /* a@l.example, b@l.example, ... */
		const char *address;
		enum reason reason;
		const char *note;
	} cases[] = {
		{ { "free@b.example" }, "a+x@l.example", REASON_ROOM, "" },
		{ { "free+x@b.example" }, "a@l.example", REASON_ROOM, "" },
		{ { "b", "full@b.example" }, "a@l.example", REASON_FULL, "" }, /* without a domain: the alias's */
		{ { "b+x", "full@b.example" }, "a+y@l.example", REASON_FULL, "" },
		{ { "b", "c", "d", "e", "full@b.example" }, "a@l.example", REASON_FULL, "" },
		{ { "b, |", "full@b.example" }, "a@l.example", REASON_ELSEWHERE, "" },
		{ { "b, c", "full@b.example", "full2@b.example" }, "a@l.example", REASON_FULL, "" },
		/* nothing but loops: they count as room */
		{ { "b", "a" }, "a@l.example", REASON_ELSEWHERE, "the alias leads back to itself" },
		{ { "b", "c", "b" }, "a@l.example", REASON_ELSEWHERE, "the alias leads back to itself" },
		{ { "b", "c", "a" }, "c@l.example", REASON_ELSEWHERE, "the alias leads back to itself" },
		{ { "a+x" }, "a+x@l.example", REASON_ELSEWHERE, "the alias leads back to itself" },
		{ { "b, full@b.example", "a" }, "a@l.example", REASON_ELSEWHERE, "the alias leads back to itself" },
		{ { "full@b.example, b", "a" }, "a@l.example", REASON_ELSEWHERE, "the alias leads back to itself" },
		/* twice by different ways is no loop */
		{ { "b, c", "d", "d", "full@b.example" }, "a@l.example", REASON_FULL, "" },
		{ { "d, b", "d", NULL, "full@b.example" }, "a@l.example", REASON_FULL, "" },
	};
	static const char *const names[] = { "a@l.example", "b@l.example", "c@l.example", "d@l.example",
		"e@l.example" };
	set_members();
	for (unsigned i = 0; i < COUNT(cases); i++) {
		for (unsigned n = 0; n < COUNT(names); n++)
			say(0, names[n], cases[i].says[n] ? cases[i].says[n] : "?unlisted");
		make_new();
		struct client *c = ask_all(0, cases[i].address, 10, 1);
		if (c->ask.answer.verdict.reason != cases[i].reason)
			print_error("\"%s\": \"%s\"\n", cases[i].says[0], c->note);
		want(c, cases[i].reason);
		if (cases[i].note[0] || cases[i].reason == REASON_ELSEWHERE)
			assert_string_equal(c->note, cases[i].note);
		assert_int_equal(gate_stats(w.gate).cut, 0);
	}
}

/* joe: joe, bob; the directory behind knows joe's mailbox. */
static void an_alias_that_keeps_a_copy(void **state)
{
	(void)state;
	static const struct {
		const char *says, *staff, *address;
		enum reason reason;
		uint64_t free; /* charged */
	} cases[] = {
		{ "joe, free@b.example", "= limit=109", "joe@a.example", REASON_ROOM, 10 },
		{ "joe, full@b.example", "= limit=109", "joe@a.example", REASON_FULL, 0 },
		{ "joe, full@b.example", "= limit=110", "joe@a.example", REASON_ROOM, 0 },
		{ "joe, full@b.example", "=", "joe+x@a.example", REASON_ROOM, 0 },
		{ "full@b.example, JOE@a.example", "= limit=109", "joe@a.example", REASON_FULL, 0 },
		{ "joe, joe, full@b.example", "= limit=109", "joe@a.example", REASON_FULL, 0 },
		{ "joe, full@b.example", "?nobody", "joe@a.example", REASON_NO_MAILBOX, 0 },
		{ "joe, full@b.example", "?unlisted", "joe@a.example", REASON_ROOM, 0 }, /* the store knows him */
		{ "joe, full@b.example", "?failed", "joe@a.example", REASON_ERROR, 0 },
		{ "=, full@b.example", "?failed", "joe@a.example", REASON_ROOM, 0 },
	};
	set_members();
	box(0, "joe@a.example", 100, 1000);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		say(0, "joe@a.example", cases[i].says);
		say(1, "joe@a.example", cases[i].staff);
		make_new();
		struct client *c = ask_all(0, cases[i].address, 10, 1);
		if (c->ask.answer.verdict.reason != cases[i].reason)
			print_error("\"%s\" and \"%s\"\n", cases[i].says, cases[i].staff);
		want(c, cases[i].reason);
		assert_int_equal(charged("free"), cases[i].free);
	}
}

static void the_reply_names_whom_the_sender_typed(void **state)
{
	(void)state;
	char text[200];
	struct buf out = BUF(text);
	set_members();
	w.conf.rules.full = reply("452 4.2.2 Quota exceeded for %u");
	say(0, "all@l.example", "full@b.example");
	make_new();
	struct client *c = ask_all(0, "all@l.example", 10, 1);
	want(c, REASON_FULL);
	verdict_print(&out, &c->ask.answer.verdict, &c->ask.query);
	assert_string_equal(buf_z(&out), "452 4.2.2 Quota exceeded for all@l.example");
}

/* ---- bounds ---- */

static void too_deep(void **state)
{
	(void)state;
	static char names[14][32], says[14][32];
	set_members();
	for (unsigned i = 0; i < COUNT(names); i++) {
		snprintf(names[i], sizeof(names[i]), "n%u@l.example", i);
		snprintf(says[i], sizeof(says[i]), "n%u", i + 1);
		say(0, names[i], i + 1 < COUNT(names) ? says[i] : "full@b.example");
	}
	at_once(true, true);
	/* The last alias is n13; 11 addresses behind the first are looked at, that of the mailbox among them. */
	for (unsigned i = 0; i < COUNT(names); i++) {
		struct client *c = ask(i, names[i], 10, 1);
		bool reached = COUNT(names) - i <= 10;
		want(c, reached ? REASON_FULL : REASON_ELSEWHERE);
		assert_string_equal(c->note, reached ? "" : "aliases lie too deep");
	}
}

/* What lies at the end of a long chain, but elsewhere, is not too deep. */
static void elsewhere_at_the_deepest(void **state)
{
	(void)state;
	static const char *const ends[] = { "|", "joe@x.example", "bad..@b..example" };
	static char names[11][32], says[11][32];
	at_once(true, true);
	for (unsigned n = 0; n < COUNT(ends); n++) {
		for (unsigned i = 0; i < COUNT(names); i++) {
			snprintf(names[i], sizeof(names[i]), "n%u@l.example", i);
			snprintf(says[i], sizeof(says[i]), "n%u", i + 1);
			say(0, names[i], i + 1 < COUNT(names) ? says[i] : ends[n]);
		}
		make_new();
		struct client *c = ask(0, names[0], 10, 1);
		want(c, REASON_ELSEWHERE);
		assert_string_equal(c->note, "");
	}
}

/* So many members that are full. */
static const char *crowd(unsigned n)
{
	static char text[300 * 20];
	struct buf all = BUF(text);
	for (unsigned i = 0; i < n; i++)
		buf_printf(&all, "%s=full+%u@b.example", i ? "," : "", i);
	return buf_z(&all);
}

static void more_members_than_are_looked_at(void **state)
{
	(void)state;
	static const struct {
		size_t probes;
		unsigned members;
		bool cut;
	} cases[] = {
		{ 300, 255, false },
		{ 300, 256, false },
		{ 300, 257, true },
		{ 300, 290, true },
		{ 256, 256, false },
		{ 40, 40, false },
		{ 40, 41, true },
		{ 1, 1, false },
		{ 1, 2, true },
		{ 0, 1, true },
	};
	set_members();
	for (unsigned i = 0; i < 4 * COUNT(cases); i++) {
		const bool any = i & 1, here = i & 2;
		unsigned n = i / 4;
		w.conf.alias = any ? ALIAS_ANY_FULL : ALIAS_ALL_FULL;
		make_gate_of((struct gate_size){ 500, 300, 64, 256, cases[n].probes, 10, 100000 });
		at_once(here, here);
		say(0, "all@l.example", crowd(cases[n].members));
		/* full+1@b.example is a mailbox that the directory named, and is not there: no such mailbox */
		w.conf.rules.unknown = UNKNOWN_REJECT;
		gate_configure(w.gate, &w.conf, w.now);
		struct client *c = ask_all(0, "all@l.example", 10, 1);
		bool passes = cases[n].cut && (!any || cases[n].probes == 0);
		want(c, passes ? REASON_ELSEWHERE : REASON_NO_MAILBOX);
		assert_string_equal(c->note, cases[n].cut ? "the alias has too many members" : "");
		assert_int_equal(gate_stats(w.gate).cut, cases[n].cut);
		want(ask_all(0, "all@l.example", 10, 1), passes ? REASON_ELSEWHERE : REASON_NO_MAILBOX);
		assert_int_equal(gate_stats(w.gate).cut, 2 * cases[n].cut);
	}
	make_new();
}

/* Who waits holds members; the next alias gets what is left. */
static void members_of_all_addresses_are_bounded(void **state)
{
	(void)state;
	say(0, "all@l.example", crowd(30));
	ask(0, "all@l.example", 10, 1);
	answer_directories();
	assert_int_equal(gate_stats(w.gate).cut, 0);
	struct client *c = ask(1, "all@l.example", 10, 2);
	assert_int_equal(gate_stats(w.gate).cut, 1);
	answer_everything();
	want(c, REASON_ELSEWHERE); /* the ten that had no place count as room */
	assert_string_equal(c->note, "the alias has too many members");
	want(&w.clients[0], REASON_NO_MAILBOX);
	assert_string_equal(w.clients[0].note, "");
	ask_all(1, "all@l.example", 10, 2);
	assert_int_equal(gate_stats(w.gate).cut, 1);
}

/* 16 aliases of 16 aliases each, over and over: bounded by members, not by the depth. */
static void a_tree_of_aliases(void **state)
{
	(void)state;
	static char names[16][32], all[400];
	struct buf b = BUF(all);
	for (unsigned i = 0; i < 16; i++) {
		snprintf(names[i], sizeof(names[i]), "n%u@l.example", i);
		buf_printf(&b, "%sn%u+x,n%u", i ? "," : "", i, i);
	}
	buf_z(&b);
	for (unsigned i = 0; i < 16; i++)
		say(0, names[i], all);
	for (int here = 0; here < 2; here++) {
		make_new();
		at_once(here, here);
		struct client *c = ask_all(0, "n0@l.example", 10, 1);
		assert_int_equal(c->answers, 1);
		assert_int_equal(c->ask.answer.verdict.action, ACTION_PASS);
		assert_string_equal(c->note, "the alias has too many members");
		assert_true(d.all[0].started <= 200);
		d.all[0].started = 0;
		d.log[0] = '\0';
	}
}

/* ---- while members are asked ---- */

static void members_are_asked_at_the_same_time(void **state)
{
	(void)state;
	set_members();
	say(0, "all@l.example", "free@b.example, b@l.example, c@l.example, full@b.example, d@d.example");
	struct client *c = ask(0, "all@l.example", 10, 1);
	answer_directories();
	assert_int_equal(w.script.n, 2);
	assert_int_equal(d.n, 3);
	assert_int_equal(gate_stats(w.gate).waiting, 1);
	assert_int_equal(c->answers, 0);
	answer_everything();
	want(c, REASON_ROOM);
	/* Two that ask about one member at the same time cost one look-up of it. */
	make_new();
	say(0, "too@l.example", "free@b.example, full@b.example");
	ask(0, "all@l.example", 10, 1);
	ask(1, "too@l.example", 10, 2);
	answer_directories();
	assert_int_equal(w.script.n, 2);
	answer_everything();
	want(&w.clients[0], REASON_ROOM);
	want(&w.clients[1], REASON_ROOM);
	assert_int_equal(charged("free"), 20);
}

static void a_deadline_with_half_of_the_answers(void **state)
{
	(void)state;
	static const struct {
		const char *first, *second; /* the second does not answer */
		bool known; /* facts of the second stand in the cache */
		bool defer; /* error = defer */
		enum reason all, any;
	} cases[] = {
		{ "free", "roomy", false, false, REASON_ROOM, REASON_ROOM },
		{ "free", "roomy", false, true, REASON_ROOM, REASON_ERROR },
		{ "full", "roomy", false, false, REASON_ERROR, REASON_FULL },
		{ "full", "roomy", false, true, REASON_FULL, REASON_FULL },
		{ "full", "roomy", true, true, REASON_ROOM, REASON_FULL },
		{ "full", "full2", true, false, REASON_FULL, REASON_FULL },
		{ "free", "full2", true, false, REASON_ROOM, REASON_FULL },
	};
	char says[100];
	set_members();
	for (unsigned i = 0; i < 2 * COUNT(cases); i++) {
		unsigned n = i / 2;
		bool any = i % 2;
		w.conf.alias = any ? ALIAS_ANY_FULL : ALIAS_ALL_FULL;
		w.conf.rules.error = cases[n].defer ? ERROR_DEFER : ERROR_PASS;
		make_new();
		snprintf(says, sizeof(says), "=%s@b.example", cases[n].second);
		say(0, "all@l.example", says);
		if (cases[n].known)
			ask_all(0, "all@l.example", 10, 0);
		pass_time(SECONDS(7200));
		snprintf(says, sizeof(says), "%s@b.example, %s@b.example", cases[n].first, cases[n].second);
		say(0, "all@l.example", says);
		struct client *c = ask(0, "all@l.example", 10, 1);
		answer_directories();
		assert_int_equal(w.script.n, 2);
		scripted_answer(&w.script, w.script.held[0], w.now);
		pass_time(SECONDS(4) - 1);
		assert_int_equal(c->answers, 0);
		pass_time(1);
		want(c, any ? cases[n].any : cases[n].all);
		assert_int_equal(gate_stats(w.gate).late, 1);
		answer_everything();
		assert_int_equal(c->answers, 1);
	}
}

/* Between the answers about one member and about the next one, others are let in. */
static void many_at_once_are_judged_by_one_ledger(void **state)
{
	(void)state;
	static const struct {
		const char *says;
		bool any;
	} cases[] = {
		{ "free@b.example, roomy@b.example", false },
		{ "free@b.example, roomy@b.example", true },
		{ "free@b.example, roomy@b.example, full@b.example", false },
		{ "roomy@b.example, inner@l.example", false },
		{ "inner@l.example, roomy@b.example", true },
	};
	set_members();
	say(0, "inner@l.example", "free@b.example");
	for (unsigned i = 0; i < 2 * COUNT(cases); i++) {
		bool weak = i % 2; /* no refusal by the figures at hand */
		box(0, "free@b.example", 100, 1000)->recount = found(100, 1000);
		box(0, "free@b.example", 100, 1000)->facts.firm = !weak;
		w.conf.alias = cases[i / 2].any ? ALIAS_ANY_FULL : ALIAS_ALL_FULL;
		say(0, "all@l.example", cases[i / 2].says);
		make_new();
		for (unsigned n = 0; n < 10; n++)
			ask(n, "all@l.example", 600, n + 1);
		answer_everything();
		unsigned passed = 0;
		for (unsigned n = 0; n < 10; n++) {
			assert_int_equal(w.clients[n].answers, 1);
			passed += w.clients[n].ask.answer.verdict.action == ACTION_PASS;
		}
		assert_int_equal(passed, 1);
		assert_int_equal(charged("free"), 600);
		assert_int_equal(charged("roomy"), 600);
	}
}

/* A refusal that comes of it rests on firm facts, here of less than the figures at hand. */
static void a_late_refusal_wants_firm_facts(void **state)
{
	(void)state;
	for (unsigned late = 0; late < 2; late++) {
		set_members();
		struct scripted_box *b = box(0, "free@b.example", 300, 1000);
		b->facts.firm = false;
		b->recount = found(0, 1000);
		w.conf.alias = ALIAS_ANY_FULL;
		say(0, "all@l.example", "free@b.example, slow@l.example");
		say(0, "slow@l.example", "roomy@b.example");
		make_new();
		struct client *c = ask(0, "all@l.example", 500, 1);
		answer_directories();
		answer_all();
		assert_int_equal(c->answers, 0);
		ask(1, "free@b.example", 400, 2);
		answer_all();
		want(&w.clients[1], REASON_ROOM);
		answer_directories();
		scripted_answer(&w.script, w.script.held[0], w.now);
		assert_int_equal(c->answers, 0);
		assert_int_equal(w.script.n, 1);
		if (late)
			pass_time(SECONDS(4));
		answer_everything();
		want(c, late ? REASON_FULL : REASON_ROOM);
		assert_int_equal(charged("free"), late ? 400 : 900);
	}
}

/* Two look-ups at one mailbox: the figures of the one that was begun first do not take the place of newer ones, or what
   came between the two would pay charges twice. */
static void an_older_answer_that_comes_last(void **state)
{
	(void)state;
	set_members();
	struct scripted_box *b = box(0, "free@b.example", 300, 1000);
	b->facts.firm = false;
	b->recount = found(700, 1000);
	w.conf.alias = ALIAS_ANY_FULL;
	say(0, "all@l.example", "free@b.example, slow@l.example");
	say(0, "slow@l.example", "roomy@b.example");
	make_new();
	struct client *c = ask(0, "all@l.example", 500, 1);
	answer_directories();
	answer_all();
	ask(1, "free@b.example", 400, 2);
	answer_all();
	want(&w.clients[1], REASON_ROOM);
	gate_end(w.gate, transaction(2), false, w.now);
	pass_time(SECONDS(2));
	struct client *other = ask(2, "free@b.example", 1, 3);
	struct lookup *older = w.script.held[0];
	pass_time(1);
	answer_directories();
	scripted_answer(&w.script, w.script.held[1], w.now);
	assert_int_equal(w.script.n, 2);
	assert_true(w.script.held[1]->firm);
	scripted_answer(&w.script, w.script.held[1], w.now);
	want(c, REASON_FULL);
	assert_int_equal(charged("free"), 0); /* it is paid */
	scripted_answer(&w.script, older, w.now);
	want(other, REASON_ROOM);
	assert_int_equal(other->ask.answer.facts.usage, 700);
	assert_int_equal(charged("free"), 1);
}

/* What `check` shows of targets that are not followed. */
static char shown[256];

static void on_step_shown(struct ask *a, const struct gate_step *step)
{
	size_t len = strlen(shown);
	(void)a;
	if (!step->directory && !step->store)
		snprintf(shown + len, sizeof(shown) - len, "%.*s;", (int)step->address->whole.len,
			step->address->whole.at);
}

static void what_is_elsewhere_is_shown_as_it_is_named(void **state)
{
	(void)state;
	static const struct {
		const char *says, *shown;
	} cases[] = {
		{ "joe@x.example, |", "joe@x.example;;" }, { "|prog, ann@x.example", "prog;ann@x.example;" },
		{ "|, bad..@b..example", ";bad..@b..example;" }, /* nothing of who was there before */
	};
	at_once(true, true);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		static const char *const names[] = { "n0@l.example", "n1@l.example", "n2@l.example" };
		say(0, names[i], cases[i].says);
		struct client *c = prepare(0, names[i], 10, 0);
		c->ask.explain = on_step_shown;
		shown[0] = '\0';
		gate_ask(w.gate, &c->ask, w.now);
		want(c, REASON_ELSEWHERE);
		assert_string_equal(shown, cases[i].shown);
	}
}

/* The directory's last word serves, and its members have no time left either. */
static void a_deadline_of_the_directory_itself(void **state)
{
	(void)state;
	set_members();
	say(0, "all@l.example", "free@b.example, full@b.example");
	at_once(true, true);
	want(ask(0, "all@l.example", 10, 0), REASON_ROOM);
	pass_time(SECONDS(7200));
	at_once(false, false);
	struct client *c = ask(0, "all@l.example", 10, 1);
	pass_time(SECONDS(4));
	want(c, REASON_ROOM);
	assert_true(c->ask.answer.verdict.stale);
	assert_int_equal(charged("free"), 20);
	answer_everything();
}

static void asker_leaves(void **state)
{
	(void)state;
	set_members();
	say(0, "all@l.example", "free@b.example, full@b.example, b@l.example");
	for (unsigned stage = 0; stage < 4; stage++) {
		make_new();
		struct client *gone = ask(0, "all@l.example", 10, 1), *stays = ask(1, "all@l.example", 10, 2);
		if (stage >= 1)
			answer_directories();
		if (stage >= 2)
			scripted_answer(&w.script, w.script.held[0], w.now);
		if (stage >= 3)
			answer_directories();
		gate_forget(w.gate, &gone->ask);
		answer_everything();
		assert_int_equal(gone->answers, 0);
		want(stays, REASON_ROOM);
		assert_int_equal(charged("free"), 10);
		/* With the last asker gone the look-ups go on. */
		pass_time(SECONDS(7200));
		stays = ask(1, "all@l.example", 10, 2);
		if (stage >= 1)
			answer_directories();
		gate_forget(w.gate, &stays->ask);
		assert_int_equal(gate_stats(w.gate).waiting, 0);
		answer_everything();
		assert_int_equal(stays->answers, 0);
		assert_int_equal(gate_stats(w.gate).answers, stage >= 1 ? 3 : 3);
	}
}

static void configured_anew_in_the_middle(void **state)
{
	(void)state;
	set_members();
	say(0, "all@l.example", "free@b.example, full@b.example, b@l.example");
	for (unsigned stage = 0; stage < 4; stage++) {
		w.conf.alias = ALIAS_ALL_FULL;
		make_new();
		struct client *c = ask(0, "all@l.example", 10, 1);
		pass_time(SECONDS(1));
		if (stage >= 1)
			answer_directories();
		if (stage >= 2)
			scripted_answer(&w.script, w.script.held[0], w.now);
		if (stage >= 3)
			answer_directories();
		w.conf.alias = ALIAS_ANY_FULL;
		gate_configure(w.gate, &w.conf, w.now);
		assert_int_equal(c->answers, 0);
		assert_int_equal(gate_stats(w.gate).waiting, 1);
		assert_true(d.n + w.script.n > 0);
		answer_everything();
		want(c, REASON_FULL);
		assert_int_equal(charged("free"), 0);
		/* Its deadline is the old one. */
		pass_time(SECONDS(7200));
		c = ask(0, "all@l.example", 10, 1);
		if (stage >= 1)
			answer_directories();
		pass_time(SECONDS(3));
		gate_configure(w.gate, &w.conf, w.now);
		pass_time(SECONDS(1));
		assert_int_equal(c->answers, 1);
		answer_everything();
	}
}

/* The answer brings the next question with the same struct, the look-ups of which may be those just done. */
static void answer_may_bring_the_next_question(void **state)
{
	(void)state;
	set_members();
	say(0, "all@l.example", "free@b.example, full@b.example");
	for (unsigned late = 0; late < 2; late++) {
		make_new();
		for (unsigned i = 0; i < 10; i++) {
			struct client *c = prepare(i, "all@l.example", 1, 0);
			prepare(10 + i, "all@l.example", 1, 0);
			c->next = &w.clients[10 + i];
			gate_ask(w.gate, &c->ask, w.now);
		}
		answer_directories();
		if (late)
			pass_time(SECONDS(4));
		answer_everything();
		for (unsigned i = 0; i < 20; i++)
			assert_int_equal(w.clients[i].answers, 1);
		if (!late)
			assert_int_equal(charged("free"), 20);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_directories, tear_down_directories)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_full_and_any_full),
		TEST(every_member_with_room_is_charged),
		TEST(one_mailbox_is_charged_once),
		TEST(every_mailbox_is_told_as_judged),
		TEST(shadow_and_bypass_of_an_alias),
		TEST(targets_lead_on),
		TEST(an_alias_that_keeps_a_copy),
		TEST(the_reply_names_whom_the_sender_typed),
		TEST(too_deep),
		TEST(elsewhere_at_the_deepest),
		TEST(more_members_than_are_looked_at),
		TEST(members_of_all_addresses_are_bounded),
		TEST(a_tree_of_aliases),
		TEST(members_are_asked_at_the_same_time),
		TEST(a_deadline_with_half_of_the_answers),
		TEST(many_at_once_are_judged_by_one_ledger),
		TEST(a_late_refusal_wants_firm_facts),
		TEST(an_older_answer_that_comes_last),
		TEST(what_is_elsewhere_is_shown_as_it_is_named),
		TEST(a_deadline_of_the_directory_itself),
		TEST(asker_leaves),
		TEST(configured_anew_in_the_middle),
		TEST(answer_may_bring_the_next_question),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
