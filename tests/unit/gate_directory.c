/* Whom an address means: what one or two directories say of it, in which form they are asked, how long that is known, and
   what becomes of their hints. Aliases of several members are in gate_alias.c. */
#include "../fake/directories.h"

/* ---- forms and directories ---- */

static void forms_are_tried_in_order(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		enum reason reason;
		const char *asked;
	} cases[] = {
		{ "joe@a.example", REASON_ROOM, "0:joe@a.example 1:joe@a.example" },
		{ "JOE@A.example", REASON_ROOM, "0:joe@a.example 1:joe@a.example" },
		{ "joe+x@a.example", REASON_ROOM,
			"0:joe+x@a.example 1:joe+x@a.example 0:joe@a.example 1:joe@a.example" },
		{ "own+x@a.example", REASON_FULL, "0:own+x@a.example 1:own+x@a.example" },
		{ "ann@a.example", REASON_NO_MAILBOX, "0:ann@a.example 1:ann@a.example 0:@a.example 1:@a.example" },
		{ "ann+x@a.example", REASON_NO_MAILBOX,
			"0:ann+x@a.example 1:ann+x@a.example 0:ann@a.example 1:ann@a.example "
			"0:@a.example 1:@a.example" },
		{ "ann+x+y@l.example", REASON_NO_MAILBOX, "0:ann+x+y@l.example 0:ann@l.example 0:@l.example" },
		{ "+x@l.example", REASON_NO_MAILBOX, "0:+x@l.example 0:@l.example" },
		{ "joe+x@l.example", REASON_ROOM, "0:joe+x@l.example 0:joe@l.example 0:@l.example" },
		{ "joe@b.example", REASON_NO_MAILBOX, "" },
	};
	box(0, "joe@a.example", 100, 1000);
	box(0, "joe@l.example", 100, 1000);
	box(0, "own+x@a.example", 1000, 1000);
	say(1, "joe@a.example", "=");
	say(1, "own+x@a.example", "=");
	for (int here = 0; here < 2; here++)
		for (unsigned i = 0; i < COUNT(cases); i++) {
			at_once(here, here);
			make_new();
			struct client *c = ask_all(i, cases[i].address, 10, 1);
			want(c, cases[i].reason);
			assert_false(c->ask.cached);
			want_asked(cases[i].asked);
			want(ask(i, cases[i].address, 10, 1), cases[i].reason);
			assert_true(c->ask.cached);
			want_asked("");
		}
}

/* What two directories say of one address, and no catch-all is there. */
static void two_directories(void **state)
{
	(void)state;
	static const struct {
		const char *first, *second;
		bool mailbox; /* the store knows it */
		enum reason reason;
		const char *asked; /* in its first form */
	} cases[] = {
		{ "?not-ours", "?not-ours", true, REASON_NOT_OURS, "0:joe@a.example 1:joe@a.example" },
		{ "?not-ours", "?unlisted", true, REASON_ROOM, "0:joe@a.example 1:joe@a.example" },
		{ "?not-ours", "?unlisted", false, REASON_NO_MAILBOX, "0:joe@a.example 1:joe@a.example" },
		{ "?not-ours", "?nobody", true, REASON_NO_MAILBOX, "0:joe@a.example 1:joe@a.example" },
		{ "?not-ours", "=", true, REASON_ROOM, "0:joe@a.example 1:joe@a.example" },
		{ "?unlisted", "?not-ours", true, REASON_ROOM, "0:joe@a.example 1:joe@a.example" },
		{ "?unlisted", "?unlisted", true, REASON_ROOM, "0:joe@a.example 1:joe@a.example" },
		{ "?unlisted", "?nobody", true, REASON_NO_MAILBOX, "0:joe@a.example 1:joe@a.example" },
		{ "?unlisted", "= limit=109", true, REASON_FULL, "0:joe@a.example 1:joe@a.example" },
		{ "?nobody", "?unlisted", true, REASON_NO_MAILBOX, "0:joe@a.example 1:joe@a.example" },
		{ "?nobody", "?nobody", true, REASON_NO_MAILBOX, "0:joe@a.example 1:joe@a.example" },
		{ "?nobody", "=", true, REASON_ROOM, "0:joe@a.example 1:joe@a.example" },
		{ "=", "?nobody", true, REASON_ROOM, "0:joe@a.example" },
		{ "=", "?failed", true, REASON_ROOM, "0:joe@a.example" },
		{ "=", "?failed", false, REASON_NO_MAILBOX, "0:joe@a.example" },
		{ "?failed", "=", true, REASON_ERROR, "0:joe@a.example" },
		{ "?garbage", "=", true, REASON_ERROR, "0:joe@a.example" },
		{ "?unlisted", "?failed", true, REASON_ERROR, "0:joe@a.example 1:joe@a.example" },
		{ "?nobody", "?failed", true, REASON_ERROR, "0:joe@a.example 1:joe@a.example" },
		{ "|", "=", true, REASON_ELSEWHERE, "0:joe@a.example" },
		{ "joe@x.example", "=", true, REASON_ELSEWHERE, "0:joe@a.example" },
		/* it names itself: the directories behind know its mailbox, else the stores */
		{ "joe@a.example", "?not-ours", true, REASON_ROOM, "0:joe@a.example 1:joe@a.example" },
		{ "joe@a.example", "?unlisted", true, REASON_ROOM, "0:joe@a.example 1:joe@a.example" },
		{ "JOE", "= limit=109", true, REASON_FULL, "0:joe@a.example 1:joe@a.example" },
		{ "joe", "?nobody", true, REASON_NO_MAILBOX, "0:joe@a.example 1:joe@a.example" },
		{ "?unlisted", "joe", true, REASON_ROOM, "0:joe@a.example 1:joe@a.example" },
		{ "?nobody", "joe", true, REASON_ROOM, "0:joe@a.example 1:joe@a.example" },
		{ "?nobody", "joe, |", true, REASON_ROOM, "0:joe@a.example 1:joe@a.example" },
	};
	for (unsigned i = 0; i < COUNT(cases); i++) {
		w.script.stores[0].boxes[0].name = NULL;
		if (cases[i].mailbox)
			box(0, "joe@a.example", 100, 1000);
		for (unsigned n = 0; n < 2; n++) {
			const char *says = n ? cases[i].second : cases[i].first;
			bool none = says[0] == '?' && says[1] != 'f' && says[1] != 'g';
			say(n, "joe@a.example", says);
			say(n, "@a.example", none ? says : "?unlisted");
		}
		make_new();
		struct client *c = ask_all(0, "joe@a.example", 10, 1);
		if (c->ask.answer.verdict.reason != cases[i].reason)
			print_error("\"%s\" and \"%s\":\n", cases[i].first, cases[i].second);
		want(c, cases[i].reason);
		d.log[strlen(cases[i].asked)] = '\0';
		want_asked(cases[i].asked);
	}
}

static void catch_all(void **state)
{
	(void)state;
	static const struct {
		const char *says, *address;
		enum reason reason;
		const char *charged; /* 10 octets; null: nobody */
	} cases[] = {
		{ "bob@b.example", "nobody@l.example", REASON_ROOM, "bob@b.example" },
		{ "bob@b.example", "nobody+x@l.example", REASON_ROOM, "bob@b.example" },
		{ "=bob@b.example", "nobody@l.example", REASON_ROOM, "bob@b.example" },
		{ "|", "nobody@l.example", REASON_ELSEWHERE, NULL },
		/* an address that maps to itself is its mailbox, by whatever form */
		{ "ann", "nobody@l.example", REASON_FULL, NULL },
		{ "ann@l.example", "ann@l.example", REASON_FULL, NULL },
		{ "ann", "ann@l.example", REASON_FULL, NULL },
		{ "ann, ann", "ann@l.example", REASON_FULL, NULL },
		{ "ann, tom", "ann@l.example", REASON_FULL, NULL },
		{ "ann, bob@b.example", "ann@l.example", REASON_ROOM, "bob@b.example" },
		/* the same local part in another domain */
		{ "@b.example", "bob@l.example", REASON_ROOM, "bob@b.example" },
		{ "@b.example", "bob+x@l.example", REASON_ROOM, "bob@b.example" },
		{ "@b.example", "nobody@l.example", REASON_NO_MAILBOX, NULL },
		{ "@l.example", "ann@l.example", REASON_FULL, NULL },
		{ "@x.example", "ann@l.example", REASON_ELSEWHERE, NULL },
		/* its mailbox has no address: nobody knows where it is */
		{ "=", "nobody@l.example", REASON_ELSEWHERE, NULL },
		{ "= limit=1", "ann@l.example", REASON_ELSEWHERE, NULL },
	};
	box(0, "bob@b.example", 100, 1000);
	box(0, "ann@l.example", 1000, 1000);
	box(0, "tom@l.example", 1000, 1000);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		say(0, "@l.example", cases[i].says);
		make_new();
		struct client *c = ask_all(0, cases[i].address, 10, 1);
		if (c->ask.answer.verdict.reason != cases[i].reason)
			print_error("%s for %s: %s\n", cases[i].says, cases[i].address, c->note);
		want(c, cases[i].reason);
		if (cases[i].charged)
			assert_int_equal(charges(cases[i].charged).octets, 10);
	}
}

/* ---- hints ---- */

static void directory_limit_comes_first(void **state)
{
	(void)state;
	static const struct {
		const char *says;
		uint64_t store, domain; /* their limits */
		uint64_t limit; /* in force */
		enum reason reason;
	} cases[] = {
		{ "=", 0, 0, 0, REASON_NO_LIMIT },
		{ "=", 1000, 0, 1000, REASON_ROOM },
		{ "=", 0, 109, 109, REASON_FULL },
		{ "= limit=109", 1000, 1000, 109, REASON_FULL },
		{ "= limit=110", 105, 0, 110, REASON_ROOM },
		{ "= limit=9", 1000, 0, 9, REASON_TOO_LARGE },
		{ "= limit=0", 105, 109, 0, REASON_NO_LIMIT }, /* unlimited ends the search */
		{ "joe@a.example", 105, 0, 105, REASON_FULL },
		{ "=joe@a.example limit=109", 1000, 0, 109, REASON_FULL },
		{ "=joe limit=109", 1000, 0, 109, REASON_FULL },
		{ "= limit=109 store=old", 1000, 0, 109, REASON_FULL },
	};
	box(1, "joe@a.example", 100, 1000);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		box(0, "joe@a.example", 100, cases[i].store);
		say(0, "joe@a.example", cases[i].says);
		say(1, "joe@a.example", "?unlisted");
		d.domains[0].limit = (struct limit){ .named = cases[i].domain > 0, .octets = cases[i].domain };
		make_new();
		struct client *c = ask_all(0, "joe@a.example", 10, 1);
		want(c, cases[i].reason);
		assert_int_equal(c->ask.limit.octets, cases[i].limit);
	}
}

static void store_named_by_the_directory(void **state)
{
	(void)state;
	static const struct {
		const char *says;
		unsigned store; /* that is asked */
		const char *name;
	} cases[] = {
		{ "=", 0, "vmail" },
		{ "= store=vmail", 0, "vmail" },
		{ "= store=old", 1, "old" },
		{ "= store=spool", 2, "spool" },
		{ "= store=gone", 0, "vmail" }, /* no such store: as the domain says */
		{ "= store=quotad", 0, "vmail" }, /* for paths only */
		{ "=joe@a.example store=old, |", 1, "old" },
	};
	box(0, "joe@a.example", 100, 0);
	box(1, "joe@a.example", 100, 0);
	box(2, "joe", 100, 0);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		say(0, "joe@a.example", cases[i].says);
		make_new();
		struct client *c = ask(0, "joe@a.example", 10, 1);
		answer_directories();
		assert_int_equal(w.script.n, 1);
		assert_int_equal(w.script.held[0]->store, cases[i].store);
		answer_all();
		assert_int_equal(c->answers, 1);
		if (c->ask.answer.verdict.reason == REASON_NO_LIMIT)
			assert_true(str_eq(c->ask.store->name, str_of(cases[i].name)));
	}
}

static void a_mailbox_that_the_directory_named_has_no_other_form(void **state)
{
	(void)state;
	box(0, "joe@a.example", 100, 1000);
	say(0, "joe+x@a.example", "=");
	want(ask_all(0, "joe+x@a.example", 10, 1), REASON_NO_MAILBOX);
	say(0, "joe+y@a.example", "=joe+y@a.example");
	want(ask_all(0, "joe+y@a.example", 10, 1), REASON_NO_MAILBOX);
	/* What a table of aliases does not know goes to the store in both forms. */
	say(1, "joe+z@a.example", "?unlisted"), say(1, "joe@a.example", "?unlisted"), say(1, "@a.example", "?unlisted");
	want(ask_all(0, "joe+z@a.example", 10, 1), REASON_ROOM);
}

/* Asks for joe, whose directory says this; his mailbox's look-up carries host and home. Was the store asked? */
static bool hint(const char *says, const char *host, const char *home)
{
	say(0, "joe@a.example", says);
	pass_time(SECONDS(61));
	struct client *c = ask(0, "joe@a.example", 10, 0);
	answer_directories();
	bool asked = w.script.n;
	if (asked) {
		assert_true(str_eq(w.script.held[0]->mailbox.host, str_of(host)));
		assert_true(str_eq(w.script.held[0]->mailbox.home, str_of(home)));
		assert_true(str_eq(w.script.held[0]->mailbox.address, STR("joe@a.example")));
	}
	answer_all();
	want(c, REASON_ROOM);
	return asked;
}

static void host_and_home_are_part_of_the_mailbox(void **state)
{
	(void)state;
	box(0, "joe@a.example", 100, 1000000);
	assert_true(hint("=", "", ""));
	assert_false(hint("=", "", ""));
	assert_true(hint("= host=mx1", "mx1", ""));
	assert_false(hint("= host=mx1", "mx1", ""));
	assert_true(hint("= host=mx2", "mx2", "")); /* he was moved */
	assert_false(hint("= host=mx1", "mx1", ""));
	assert_true(hint("= host=mx home=1", "mx", "1"));
	assert_true(hint("= home=/home/joe", "", "/home/joe"));
	assert_true(hint("= host=mx1 home=/home/joe", "mx1", "/home/joe"));
	assert_false(hint("= limit=1000000 host=mx1 home=/home/joe", "mx1", "/home/joe"));
	assert_false(hint("=", "", ""));
	assert_int_equal(charges("joe@a.example").octets, 30); /* of that mailbox, not of the others */
}

static void host_that_is_too_long_is_none(void **state)
{
	(void)state;
	static char text[PROBE_HINTS + 10];
	box(0, "joe@a.example", 100, 1000);
	for (size_t len = PROBE_HINTS - 8; len < PROBE_HINTS; len++) {
		snprintf(text, sizeof(text), "= home=%0*d", (int)len, 0);
		say(0, "joe@a.example", text);
		make_new();
		struct client *c = ask(0, "joe@a.example", 10, 1);
		answer_directories();
		assert_int_equal(w.script.held[0]->mailbox.home.len, len);
		answer_all();
		want(c, REASON_ROOM);
	}
	static char longer[2 * PROBE_HINTS];
	snprintf(longer, sizeof(longer), "= host=mx home=%0*d", PROBE_HINTS - 1, 0);
	say(0, "joe@a.example", longer);
	make_new();
	struct client *c = ask(0, "joe@a.example", 10, 1);
	answer_directories();
	assert_int_equal(w.script.held[0]->mailbox.home.len + w.script.held[0]->mailbox.host.len, 0);
	answer_all();
	want(c, REASON_ROOM);
}

/* ---- time ---- */

static void answers_live_as_long_as_the_directory_says(void **state)
{
	(void)state;
	box(0, "joe@d.example", 100, 1000000);
	say(1, "joe@d.example", "=");
	at_once(true, true);
	want(ask(0, "joe@d.example", 10, 1), REASON_ROOM);
	pass_time(SECONDS(60) - 1);
	want(ask(0, "joe@d.example", 10, 1), REASON_ROOM);
	want_asked("1:joe@d.example");
	pass_time(1);
	want(ask(0, "joe@d.example", 10, 1), REASON_ROOM);
	want_asked("1:joe@d.example");
	want(ask(0, "ann@d.example", 10, 1), REASON_NO_MAILBOX);
	want_asked("1:ann@d.example 1:@d.example");
	pass_time(SECONDS(10) - 1);
	want(ask(0, "ann@d.example", 10, 1), REASON_NO_MAILBOX);
	want_asked("");
	pass_time(1);
	say(1, "ann@d.example", "=joe@d.example");
	want(ask(0, "ann@d.example", 10, 1), REASON_ROOM);
	want_asked("1:ann@d.example");
}

static void age_counts_from_when_it_was_asked(void **state)
{
	(void)state;
	box(0, "joe@d.example", 100, 1000000);
	say(1, "joe@d.example", "=");
	ask(0, "joe@d.example", 10, 1);
	pass_time(SECONDS(3));
	answer_everything();
	pass_time(SECONDS(57) - 1);
	ask_all(0, "joe@d.example", 10, 1);
	want_asked("1:joe@d.example");
	pass_time(1);
	ask_all(0, "joe@d.example", 10, 1);
	want_asked("1:joe@d.example");
}

static void silent_directory(void **state)
{
	(void)state;
	static const struct {
		const char *says; /* before; null: nothing was asked */
		msec age;
		bool defer; /* error = defer */
		enum reason reason;
		enum action action;
	} cases[] = {
		{ NULL, 0, false, REASON_ERROR, ACTION_PASS },
		{ NULL, 0, true, REASON_ERROR, ACTION_DEFER },
		{ "=", SECONDS(61), true, REASON_ROOM, ACTION_PASS },
		{ "= limit=105", SECONDS(61), false, REASON_FULL, ACTION_DEFER },
		{ "bob@b.example", SECONDS(61), true, REASON_ROOM, ACTION_PASS },
		{ "=", SECONDS(86400), true, REASON_ROOM, ACTION_PASS },
		{ "=", SECONDS(86400) + 1, true, REASON_ERROR, ACTION_DEFER },
		{ "?nobody", SECONDS(61), true, REASON_NO_MAILBOX, ACTION_PASS },
		{ "?unlisted", SECONDS(61), true, REASON_ROOM, ACTION_PASS },
		{ "?nobody", SECONDS(86400) + 1, true, REASON_ERROR, ACTION_DEFER },
	};
	w.conf.ttl_low = w.conf.ttl_none = SECONDS(86400);
	box(0, "joe@d.example", 100, 1000000);
	box(0, "bob@b.example", 100, 1000000);
	say(1, "@d.example", "?unlisted");
	for (int late = 0; late < 2; late++)
		for (unsigned i = 0; i < COUNT(cases); i++) {
			w.conf.rules.error = cases[i].defer ? ERROR_DEFER : ERROR_PASS;
			make_new();
			at_once(true, true);
			if (cases[i].says) {
				say(1, "joe@d.example", cases[i].says);
				ask(0, "joe@d.example", 10, 1);
			}
			pass_time(cases[i].age - (late && cases[i].says ? SECONDS(4) : 0));
			at_once(false, true);
			d.all[1].fails = true;
			struct client *c = ask(0, "joe@d.example", 10, 1);
			if (late)
				pass_time(SECONDS(4)); /* and no answer at all */
			else
				answer_everything();
			if (c->answers == 1 && c->ask.answer.verdict.reason != cases[i].reason)
				print_error("case %u%s\n", i, late ? ", late" : "");
			want(c, cases[i].reason);
			assert_int_equal(c->ask.answer.verdict.action, cases[i].action);
			if (cases[i].reason == REASON_ERROR)
				assert_string_equal(c->note, late ? "no answer in time" : "out of order");
			d.all[1].fails = false;
			answer_everything();
		}
}

static void failed_answers_are_not_kept(void **state)
{
	(void)state;
	box(0, "joe@d.example", 100, 1000);
	say(1, "joe@d.example", "?failed");
	want(ask_all(0, "joe@d.example", 10, 1), REASON_ERROR);
	say(1, "joe@d.example", "?garbage");
	struct client *c = ask_all(0, "joe@d.example", 10, 1);
	want(c, REASON_ERROR);
	assert_string_equal(c->note, "its answer makes no sense");
	assert_int_equal(gate_stats(w.gate).answers, 0);
	assert_int_equal(gate_stats(w.gate).failed, 2);
	say(1, "joe@d.example", "=");
	want(ask_all(0, "joe@d.example", 10, 1), REASON_ROOM);
}

static void look_up_goes_on_and_warms_the_book(void **state)
{
	(void)state;
	box(0, "joe@d.example", 100, 1000);
	say(1, "joe@d.example", "=");
	struct client *c = ask(0, "joe@d.example", 10, 1);
	pass_time(SECONDS(4));
	want(c, REASON_ERROR);
	c = ask(0, "joe@d.example", 10, 1);
	want(c, REASON_ERROR); /* waited for too long already: no sense in waiting for it again */
	answer_directories();
	assert_int_equal(gate_stats(w.gate).answers, 1);
	c = ask(0, "joe@d.example", 10, 1);
	answer_all();
	want(c, REASON_ROOM);
	want_asked("1:joe@d.example");
}

/* ---- many askers ---- */

static void thousand_askers_cost_one_lookup_each(void **state)
{
	(void)state;
	say(0, "all@l.example", "bob@b.example, tom@b.example");
	box(0, "bob@b.example", 100, 1000000);
	box(0, "tom@b.example", 100, 100);
	make_gate_of((struct gate_size){ 1000, 16, 64, 256, 2 * 1000, 10, 10000 });
	for (unsigned i = 0; i < 1000; i++)
		ask(i, "all@l.example", 1, 0);
	want_asked("0:all@l.example");
	answer_directories();
	assert_int_equal(w.script.n, 2);
	answer_all();
	for (unsigned i = 0; i < 1000; i++)
		want(&w.clients[i], REASON_ROOM);
	assert_int_equal(w.script.stores[0].started, 2);
	assert_int_equal(charges("bob@b.example").octets, 1000);
	assert_int_equal(charges("tom@b.example").octets, 0);
	make_new();
}

/* More members than look-ups: who cannot be asked about did not answer. */
static void too_many_look_ups_in_flight(void **state)
{
	(void)state;
	static const struct {
		bool defer; /* error = defer */
		enum alias_rule alias;
		enum reason reason;
	} cases[] = {
		{ false, ALIAS_ALL_FULL, REASON_ERROR },
		{ true, ALIAS_ALL_FULL, REASON_FULL },
		{ false, ALIAS_ANY_FULL, REASON_FULL },
		{ true, ALIAS_ANY_FULL, REASON_FULL },
	};
	say(0, "all@l.example", "full@b.example, a@d.example, b@d.example, c@d.example");
	say(1, "a@d.example", "=full@b.example");
	box(0, "full@b.example", 1000, 1000);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		w.conf.rules.error = cases[i].defer ? ERROR_DEFER : ERROR_PASS;
		w.conf.alias = cases[i].alias;
		make_gate_of((struct gate_size){ 10, 2, 10, 10, 10, 10, 1000 });
		struct client *c = ask(0, "all@l.example", 10, 1);
		answer_directories();
		assert_int_equal(d.n + w.script.n, 2);
		assert_int_equal(gate_stats(w.gate).crowded, 2);
		answer_everything();
		want(c, cases[i].reason);
	}
	make_new();
}

/* A book that keeps one answer, or none, costs look-ups and nothing else. */
static void a_small_book(void **state)
{
	(void)state;
	static const size_t octets[] = { 0, 50, 200, 10000 };
	say(0, "all@a.example", "all@l.example, ann@a.example");
	say(0, "all@l.example", "joe@a.example");
	say(1, "joe@a.example", "= limit=109");
	say(1, "ann@a.example", "= limit=109");
	box(0, "joe@a.example", 100, 0);
	box(0, "ann@a.example", 100, 0);
	for (unsigned i = 0; i < 2 * COUNT(octets); i++) {
		make_gate_of((struct gate_size){ 10, 10, 10, 10, 10, 1, octets[i / 2] });
		at_once(i % 2, i % 2);
		want(ask_all(0, "all@a.example", 10, 1), REASON_FULL);
		want(ask_all(0, "tom@a.example", 10, 1), REASON_NO_MAILBOX);
		want(ask_all(0, "joe+x@a.example", 9, 1), REASON_ROOM);
		assert_true(gate_stats(w.gate).answers <= 1);
	}
	make_new();
}

static void peek_asks_nobody(void **state)
{
	(void)state;
	box(0, "joe@d.example", 100, 1000);
	say(1, "joe@d.example", "=");
	for (int known = 0; known < 2; known++) {
		struct client *c = prepare(0, "joe@d.example", 10, 1);
		c->ask.query.purpose = PURPOSE_PEEK;
		gate_ask(w.gate, &c->ask, w.now);
		want(c, known ? REASON_ROOM : REASON_NOT_OURS);
		assert_int_equal(d.n + w.script.n, 0);
		ask_all(1, "joe@d.example", 10, 0);
		pass_time(SECONDS(100000)); /* however old */
	}
	assert_int_equal(charges("joe@d.example").octets, 10);
}

static void reports_charge_nobody(void **state)
{
	(void)state;
	box(0, "bob@b.example", 100, 1000);
	say(0, "all@l.example", "bob@b.example, |");
	struct client *c = prepare(0, "all@l.example", 10, 1);
	c->ask.query.purpose = PURPOSE_REPORT;
	gate_ask(w.gate, &c->ask, w.now);
	answer_everything();
	want(c, REASON_ROOM);
	assert_true(c->steps >= 2);
	assert_int_equal(charges("bob@b.example").octets, 0);
}

static void salt_tells_directories_apart(void **state)
{
	(void)state;
	at_once(true, true);
	say(1, "joe@d.example", "|");
	want(ask(0, "joe@d.example", 10, 1), REASON_ELSEWHERE);
	say(1, "joe@d.example", "?nobody");
	d.routes[1].salt++; /* its settings have changed */
	gate_configure(w.gate, &w.conf, w.now);
	want(ask(0, "joe@d.example", 10, 1), REASON_NO_MAILBOX);
	d.routes[1].salt--;
	gate_configure(w.gate, &w.conf, w.now);
	want(ask(0, "joe@d.example", 10, 1), REASON_ELSEWHERE);
}

/* Somebody comes while the canary is asked about whether there is nobody: what was said of him last is kept. */
static void a_no_that_is_believed_late(void **state)
{
	(void)state;
	d.routes[1].canary.present = STR("bird@d.example");
	say(1, "bird@d.example", "=");
	box(0, "joe@d.example", 100, 1000);
	make_new();
	struct client *first = ask(0, "joe@d.example", 10, 0);
	answer_directories();
	assert_int_equal(d.n, 1);
	struct lookup *canary = d.held[0];
	pass_time(1);
	say(1, "joe@d.example", "=");
	struct client *second = ask(1, "joe@d.example", 10, 0);
	assert_int_equal(d.n, 2);
	directory_answer(d.held[1], w.now);
	directory_answer(canary, w.now);
	answer_everything();
	want(first, REASON_NO_MAILBOX);
	want(second, REASON_ROOM);
	want(ask_all(2, "joe@d.example", 10, 0), REASON_ROOM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_directories, tear_down_directories)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(forms_are_tried_in_order),
		TEST(two_directories),
		TEST(catch_all),
		TEST(directory_limit_comes_first),
		TEST(store_named_by_the_directory),
		TEST(a_mailbox_that_the_directory_named_has_no_other_form),
		TEST(host_and_home_are_part_of_the_mailbox),
		TEST(host_that_is_too_long_is_none),
		TEST(answers_live_as_long_as_the_directory_says),
		TEST(age_counts_from_when_it_was_asked),
		TEST(silent_directory),
		TEST(failed_answers_are_not_kept),
		TEST(look_up_goes_on_and_warms_the_book),
		TEST(thousand_askers_cost_one_lookup_each),
		TEST(too_many_look_ups_in_flight),
		TEST(a_small_book),
		TEST(peek_asks_nobody),
		TEST(reports_charge_nobody),
		TEST(a_no_that_is_believed_late),
		TEST(salt_tells_directories_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
