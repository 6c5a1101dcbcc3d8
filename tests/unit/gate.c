/* How the gate gets its facts: stores that answer at once, late, never or wrongly, and clients that come in crowds, leave
   early, and ask on. What it lets in is in gate_ledger.c. */
#include "../fake/world.h"

static void store_answers_at_once(void **state)
{
	(void)state;
	box(0, "joe@a.example", 100, 1000);
	w.script.stores[0].at_once = true;
	struct client *c = ask(0, "joe@a.example", 10, 1);
	want(c, REASON_ROOM);
	assert_false(c->ask.cached);
	assert_int_equal(c->ask.answer.facts.usage, 100);
	assert_int_equal(c->ask.answer.facts.taken, START);
	assert_int_equal(c->ask.limit.octets, 1000);
	assert_ptr_equal(c->ask.store, &w.stores[0]);
	c = ask(1, "JOE@A.EXAMPLE.", 10, 2);
	want(c, REASON_ROOM);
	assert_true(c->ask.cached);
	assert_int_equal(w.script.stores[0].started, 1);
	assert_int_equal(gate_stats(w.gate).hits, 1);
}

static void store_answers_late(void **state)
{
	(void)state;
	box(0, "joe@a.example", 1000, 1000);
	struct client *c = ask(0, "joe@a.example", 10, 1);
	assert_int_equal(c->answers, 0);
	assert_int_equal(gate_stats(w.gate).waiting, 1);
	pass_time(SECONDS(3));
	answer_all();
	want(c, REASON_FULL);
	assert_int_equal(c->ask.answer.facts.taken, START); /* when it was asked, not when it answered */
	assert_int_equal(gate_expiry(w.gate), MSEC_NEVER);
}

static void store_never_answers(void **state)
{
	(void)state;
	box(0, "joe@a.example", 100, 1000);
	struct client *c = ask(0, "joe@a.example", 10, 1);
	assert_int_equal(gate_expiry(w.gate), START + SECONDS(4));
	pass_time(SECONDS(4) - 1);
	assert_int_equal(c->answers, 0);
	pass_time(1);
	want(c, REASON_ERROR);
	assert_int_equal(c->ask.answer.verdict.action, ACTION_PASS);
	assert_string_equal(c->note, "no answer in time");
	assert_int_equal(gate_stats(w.gate).late, 1);
	assert_int_equal(w.script.n, 1);
	/* Others do not wait for a look-up that is overdue. */
	want(ask(1, "joe@a.example", 10, 2), REASON_ERROR);
	assert_int_equal(w.script.stores[0].started, 1);
	/* When it comes at last it warms the cache. */
	answer_all();
	assert_int_equal(c->answers, 1);
	c = ask(2, "joe@a.example", 10, 3);
	want(c, REASON_ROOM);
	assert_true(c->ask.cached);
}

static void store_fails(void **state)
{
	(void)state;
	static const struct {
		enum on_error error;
		enum action action;
		unsigned code;
	} cases[] = { { ERROR_PASS, ACTION_PASS, 0 }, { ERROR_DEFER, ACTION_DEFER, 451 } };
	w.script.stores[0].fails = true;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		w.conf.rules.error = cases[i].error;
		gate_configure(w.gate, &w.conf, w.now);
		struct client *c = ask(i, "joe@b.example", 10, 1);
		answer_all();
		want(c, REASON_ERROR);
		const struct verdict *v = &c->ask.answer.verdict;
		assert_int_equal(v->action, cases[i].action);
		assert_int_equal(v->reply ? v->reply->code : 0, cases[i].code);
		assert_string_equal(c->note, "out of order");
		assert_int_equal(w.script.stores[1].started, 0); /* nobody knows whether the next store may answer */
		assert_int_equal(gate_stats(w.gate).mailboxes, 0);
	}
	assert_int_equal(gate_stats(w.gate).failed, 2);
}

static void last_known_facts_serve_until_they_are_stale(void **state)
{
	(void)state;
	static const struct {
		uint64_t usage;
		msec age;
		bool late; /* no answer in time, else a failure */
		enum reason reason;
		bool stale;
	} cases[] = {
		{ 950, SECONDS(2), false, REASON_ROOM, true },
		{ 950, SECONDS(2), true, REASON_ROOM, true },
		{ 1000, SECONDS(2), false, REASON_FULL, true },
		{ 1000, SECONDS(86400), false, REASON_FULL, true },
		{ 1000, SECONDS(86400) + 1, false, REASON_ERROR, false },
		{ 1000, SECONDS(86400) - SECONDS(4), true, REASON_FULL, true },
		{ 1000, SECONDS(86400) - SECONDS(4) + 1, true, REASON_ERROR, false },
	};
	for (unsigned i = 0; i < COUNT(cases); i++) {
		make_gate((struct gate_size){ 10, 10, 10, 10 });
		w.script.stores[0].fails = false;
		box(0, "joe@a.example", cases[i].usage, 1000);
		ask(0, "joe@a.example", 1, 0);
		answer_all();
		gate_end(w.gate, transaction(1), false, w.now);
		pass_time(cases[i].age);
		w.script.stores[0].fails = true;
		struct client *c = ask(i + 1, "joe@a.example", 1, 0);
		if (cases[i].late)
			pass_time(SECONDS(4));
		answer_all();
		want(c, cases[i].reason);
		assert_int_equal(c->ask.answer.verdict.stale, cases[i].stale);
	}
}

static void asker_leaves(void **state)
{
	(void)state;
	box(0, "joe@a.example", 100, 1000);
	struct client *gone = ask(0, "joe@a.example", 10, 1), *stays = ask(1, "joe@a.example", 10, 2);
	gate_forget(w.gate, &gone->ask);
	gate_forget(w.gate, &gone->ask);
	answer_all();
	assert_int_equal(gone->answers, 0);
	want(stays, REASON_ROOM);
	assert_int_equal(charges("joe@a.example").messages, 1);
	/* With the last asker gone the look-up goes on. */
	struct client *last = ask(2, "ann@a.example", 10, 1);
	gate_forget(w.gate, &last->ask);
	assert_int_equal(gate_expiry(w.gate), START + LEDGER_OPEN_MOST);
	box(0, "ann@a.example", 100, 1000);
	answer_all();
	assert_int_equal(last->answers, 0);
	assert_true(ask(3, "ann@a.example", 10, 1)->ask.cached);
	gate_forget(w.gate, &w.clients[3].ask);
	want(&w.clients[3], REASON_ROOM);
}

static void thousand_askers_cost_one_lookup(void **state)
{
	(void)state;
	box(0, "joe@a.example", 100, 1000000);
	for (unsigned i = 0; i < 1000; i++)
		ask(i, "joe@a.example", 1, 0);
	assert_int_equal(w.script.n, 1);
	assert_int_equal(gate_stats(w.gate).joined, 999);
	answer_all();
	for (unsigned i = 0; i < 1000; i++)
		want(&w.clients[i], REASON_ROOM);
	assert_int_equal(w.script.stores[0].started, 1);
	assert_int_equal(charges("joe@a.example").octets, 1000);
}

static void thousand_refusals_cost_one_recount(void **state)
{
	(void)state;
	struct scripted_box *b = box(0, "joe@a.example", 1000, 1000);
	b->facts.firm = false;
	b->recount = found(1000, 1000);
	for (unsigned i = 0; i < 1000; i++)
		ask(i, "joe@a.example", 1, 0);
	answer_all();
	assert_int_equal(w.script.n, 1);
	answer_all();
	for (unsigned i = 0; i < 1000; i++)
		want(&w.clients[i], REASON_FULL);
	assert_int_equal(w.script.stores[0].started, 2);
	/* And with a store that answers before start() returns. */
	b = box(0, "ann@a.example", 1000, 1000);
	b->facts.firm = false;
	b->recount = found(1000, 1000);
	for (unsigned i = 0; i < 1000; i++)
		ask(i, "ann@a.example", 1, 0);
	w.script.stores[0].at_once = true;
	answer_all();
	for (unsigned i = 0; i < 1000; i++)
		want(&w.clients[i], REASON_FULL);
	assert_int_equal(w.script.stores[0].started, 4);
}

static void refusal_asks_for_firm_facts_once(void **state)
{
	(void)state;
	static const struct {
		uint64_t usage, counted; /* by the figures at hand, by a recount */
		bool firm; /* the recount brings firm facts */
		enum reason reason;
		unsigned started;
	} cases[] = {
		{ 100, 0, true, REASON_ROOM, 1 }, /* a pass does not ask */
		{ 1000, 100, true, REASON_ROOM, 2 },
		{ 1000, 1000, true, REASON_FULL, 2 },
		{ 1000, 1000, false, REASON_FULL, 2 },
	};
	for (unsigned i = 0; i < COUNT(cases); i++) {
		make_gate((struct gate_size){ 10, 2, 10, 10 });
		w.script.stores[0].started = w.script.stores[0].firm = 0;
		struct scripted_box *b = box(0, "joe@a.example", cases[i].usage, 1000);
		b->facts.firm = false;
		b->recount = found(cases[i].counted, 1000);
		b->recount.firm = cases[i].firm;
		struct client *c = ask(i, "joe@a.example", 10, 0);
		answer_all();
		if (cases[i].started == 2)
			assert_int_equal(c->answers, 0);
		answer_all();
		want(c, cases[i].reason);
		assert_int_equal(w.script.stores[0].started, cases[i].started);
		assert_int_equal(w.script.stores[0].firm, cases[i].started - 1);
		assert_int_equal(c->firm_wanted, cases[i].started - 1);
		assert_int_equal(c->steps, cases[i].started);
	}
}

/* One that needs no firm facts waits for a firm look-up in flight all the same, and one whose cached facts suffice does
   not. */
static void firm_lookup_serves_everybody(void **state)
{
	(void)state;
	struct scripted_box *b = box(0, "joe@a.example", 400, 1000);
	b->facts.firm = false;
	b->recount = found(400, 1000);
	ask(0, "joe@a.example", 1, 1);
	answer_all();
	want(&w.clients[0], REASON_ROOM);
	gate_end(w.gate, transaction(1), true, w.now);
	pass_time(SECONDS(1));
	ask(1, "joe@a.example", 700, 2); /* near the limit: asked anew, then refused */
	answer_all();
	assert_int_equal(w.script.stores[0].firm, 1);
	want(ask(2, "joe@a.example", 1, 3), REASON_ROOM);
	ask(3, "joe@a.example", 700, 4);
	pass_time(SECONDS(1));
	ask(4, "joe@a.example", 590, 5);
	assert_int_equal(w.script.n, 1);
	answer_all();
	want(&w.clients[1], REASON_FULL);
	want(&w.clients[3], REASON_FULL);
	want(&w.clients[4], REASON_ROOM);
	assert_int_equal(w.script.stores[0].started, 3);
}

static void failed_recount_leaves_the_last_known_facts(void **state)
{
	(void)state;
	box(0, "joe@a.example", 1000, 1000)->facts.firm = false;
	struct client *c = ask(0, "joe@a.example", 10, 1);
	answer_all();
	w.script.stores[0].fails = true;
	answer_all();
	want(c, REASON_FULL);
	assert_true(c->ask.answer.verdict.stale);
}

static void two_stores_in_a_chain(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		enum reason reason;
		unsigned first, second; /* so many look-ups */
	} cases[] = {
		{ "first@b.example", REASON_ROOM, 1, 0 },
		{ "second@b.example", REASON_FULL, 1, 1 },
		{ "nobody@b.example", REASON_NO_MAILBOX, 1, 1 },
	};
	box(0, "first@b.example", 100, 1000);
	box(1, "second@b.example", 1000, 1000);
	for (int at_once = 0; at_once < 2; at_once++)
		for (unsigned i = 0; i < COUNT(cases); i++) {
			struct scripted_store *s = w.script.stores;
			make_gate((struct gate_size){ 10, 1, 10, 10 }); /* one look-up at a time is enough */
			s[0].at_once = s[1].at_once = at_once;
			s[0].started = s[1].started = 0;
			struct client *c = ask(i, cases[i].address, 10, 0);
			answer_all();
			answer_all();
			want(c, cases[i].reason);
			assert_int_equal(s[0].started, cases[i].first);
			assert_int_equal(s[1].started, cases[i].second);
			assert_int_equal(c->steps, cases[i].first + cases[i].second);
			assert_false(c->ask.cached);
			want(ask(i, cases[i].address, 10, 0), cases[i].reason);
			assert_true(w.clients[i].ask.cached);
		}
}

static void address_finds_its_stores(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		unsigned store; /* that is asked first */
		const char *asked;
		enum reason reason;
	} cases[] = {
		{ "joe@a.example", 0, "joe@a.example", REASON_ROOM },
		{ "JOE@A.Example", 0, "joe@a.example", REASON_ROOM },
		{ "<joe@a.example.>", 0, "joe@a.example", REASON_ROOM },
		{ "ann@a.example", 0, "ann@a.example", REASON_NO_MAILBOX },
		{ "joe@elsewhere.example", 1, "joe@elsewhere.example", REASON_ROOM },
		{ "ann@elsewhere.example", 1, "ann@elsewhere.example", REASON_NOT_OURS },
		{ "joe@c.example", 2, "joe@c.example", REASON_FULL }, /* the domain's limit */
		{ "joe", 2, "joe", REASON_NO_LIMIT },
		{ "ann", 2, "ann", REASON_NO_MAILBOX },
	};
	box(0, "joe@a.example", 100, 1000);
	box(1, "joe@elsewhere.example", 100, 1000);
	box(2, "joe", 1000, 0);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		make_gate((struct gate_size){ 10, 2, 10, 10 });
		struct client *c = ask(i, cases[i].address, 10, 0);
		assert_int_equal(w.script.n, 1);
		const struct lookup *l = w.script.held[0];
		assert_int_equal(l->store, cases[i].store);
		assert_memory_equal(l->mailbox.address.at, cases[i].asked, strlen(cases[i].asked));
		assert_int_equal(l->mailbox.address.len, strlen(cases[i].asked));
		answer_all();
		want(c, cases[i].reason);
	}
}

static void question_brings_what_only_the_asker_knows(void **state)
{
	(void)state;
	static const struct {
		uint64_t limit; /* the MTA says it */
		struct charge also; /* the running daemon knows it */
		enum reason reason;
	} cases[] = {
		{ 0, { 0, 0 }, REASON_ROOM },
		{ 200, { 0, 0 }, REASON_FULL },
		{ 90, { 0, 0 }, REASON_TOO_LARGE },
		{ 1000, { 0, 0 }, REASON_ROOM },
		{ 0, { 800, 1 }, REASON_ROOM },
		{ 0, { 801, 1 }, REASON_FULL },
	};
	w.script.stores[0].at_once = true;
	box(0, "joe@a.example", 100, 1000);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct client *c = prepare(i, "joe@a.example", cases[i].limit == 200 ? 101 : 100, 0);
		c->ask.query.purpose = PURPOSE_REPORT;
		c->ask.query.limit = (struct limit){ .named = cases[i].limit > 0, .octets = cases[i].limit };
		c->ask.also = cases[i].also;
		gate_ask(w.gate, &c->ask, w.now);
		want(c, cases[i].reason);
		assert_int_equal(c->ask.limit.octets, cases[i].limit ? cases[i].limit : 1000);
	}
}

static void user_name_and_address_are_one_mailbox_where_the_domain_is_not_told(void **state)
{
	(void)state;
	box(2, "joe", 100, 0);
	ask(0, "joe", 300, 1);
	answer_all();
	want(&w.clients[0], REASON_NO_LIMIT);
	struct client *c = ask(1, "joe@c.example", 300, 2);
	want(c, REASON_ROOM);
	assert_true(c->ask.cached);
	assert_int_equal(charges("joe").octets, 300);
}

static void bad_addresses_ask_nobody(void **state)
{
	(void)state;
	static const char *const cases[] = { "", "@a.example", "joe@", "joe@a..example", "\"joe@a.example",
		"j\x01@a.example" };
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct client *c = ask(i, cases[i], 10, 1);
		want(c, REASON_BAD_ADDRESS);
		assert_int_equal(c->ask.answer.verdict.action, ACTION_PASS);
		assert_true(c->note[0]);
	}
	assert_int_equal(w.script.n, 0);
}

static void recipient_delimiter_whole_first_then_base(void **state)
{
	(void)state;
	static const struct {
		const char *address, *delimiters;
		enum reason reason;
		const char *mailbox; /* that decides */
		unsigned started;
	} cases[] = {
		{ "joe+list@a.example", "+", REASON_ROOM, "joe@a.example", 2 },
		{ "joe+list@a.example", "", REASON_NO_MAILBOX, "", 1 },
		{ "joe-list@a.example", "+-", REASON_ROOM, "joe@a.example", 2 },
		{ "ann+own@a.example", "+", REASON_FULL, "ann+own@a.example", 1 },
		{ "ann+other@a.example", "+", REASON_ROOM, "ann@a.example", 2 },
		{ "ann+own+x@a.example", "+", REASON_ROOM, "ann@a.example", 2 },
		{ "nobody+x@a.example", "+", REASON_NO_MAILBOX, "", 2 },
		{ "+x@a.example", "+", REASON_NO_MAILBOX, "", 1 },
	};
	w.script.stores[0].at_once = true;
	box(0, "joe@a.example", 100, 1000);
	box(0, "ann@a.example", 100, 1000);
	box(0, "ann+own@a.example", 1000, 1000);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		w.conf.delimiters = str_of(cases[i].delimiters);
		make_gate((struct gate_size){ 10, 2, 10, 10 });
		w.script.stores[0].started = 0;
		struct client *c = ask(i, cases[i].address, 10, 1);
		want(c, cases[i].reason);
		assert_int_equal(w.script.stores[0].started, cases[i].started);
		if (cases[i].reason == REASON_ROOM)
			assert_int_equal(charges(cases[i].mailbox).octets, 10);
	}
}

static struct client *ask_path(unsigned n, const char *path, uint64_t salt)
{
	struct client *c = prepare(n, path, 0, 0);
	c->ask.query.kind = QUERY_PATH;
	c->ask.query.purpose = PURPOSE_REPORT;
	c->ask.path_store = salt;
	gate_ask(w.gate, &c->ask, w.now);
	return c;
}

static void paths_go_to_their_store(void **state)
{
	(void)state;
	char longest[MAILBOX_PATH_MAX + 2];
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	box(3, "/var/mail/Joe", 123, 0);
	struct client *c = ask_path(0, "/var/mail/Joe", QUOTAD);
	assert_true(w.script.held[0]->firm);
	answer_all();
	want(c, REASON_NO_LIMIT);
	assert_int_equal(c->ask.answer.facts.usage, 123);
	assert_true(ask_path(1, "/var/mail/Joe", QUOTAD)->ask.cached);
	pass_time(SECONDS(1));
	assert_false(ask_path(2, "/var/mail/Joe", QUOTAD)->ask.cached); /* nobody knows how near the limit is */
	answer_all();
	want(ask_path(3, longest, QUOTAD), REASON_ERROR);
	longest[MAILBOX_PATH_MAX] = '\0';
	c = ask_path(4, longest, QUOTAD);
	answer_all();
	want(c, REASON_NO_MAILBOX);
	/* A salt that is no store's, or that of a store for addresses: the listener is of a former configuration. */
	want(ask_path(5, "/var/mail/Joe", 99), REASON_NO_MAILBOX);
	want(ask_path(6, "/var/mail/Joe", 11), REASON_NO_MAILBOX);
}

static void peek_asks_no_store_and_charges_nothing(void **state)
{
	(void)state;
	struct client *c = prepare(0, "joe@b.example", 10, 1);
	c->ask.query.purpose = PURPOSE_PEEK;
	gate_ask(w.gate, &c->ask, w.now);
	assert_int_equal(c->answers, 1);
	assert_int_not_equal(c->ask.answer.facts.state, FACTS_FOUND);
	assert_int_equal(w.script.n, 0);
	box(1, "joe@b.example", 100, 1000)->facts.firm = false;
	ask(1, "joe@b.example", 10, 2);
	answer_all();
	answer_all();
	pass_time(SECONDS(3601)); /* fresh or not */
	c = prepare(0, "joe@b.example", 5000, 3);
	c->ask.query.purpose = PURPOSE_PEEK;
	gate_ask(w.gate, &c->ask, w.now);
	want(c, REASON_TOO_LARGE); /* nor does it ask for firm facts */
	assert_int_equal(c->ask.answer.charge.octets, 10);
	assert_int_equal(w.script.n, 0);
	assert_int_equal(charges("joe@b.example").octets, 10);
}

static void too_many_lookups_in_flight(void **state)
{
	(void)state;
	make_gate((struct gate_size){ 10, 2, 10, 10 });
	box(0, "joe@a.example", 990, 1000);
	ask(0, "joe@a.example", 10, 1);
	answer_all();
	pass_time(SECONDS(2));
	ask(1, "one@a.example", 10, 1);
	ask(2, "two@a.example", 10, 1);
	struct client *c = ask(3, "three@a.example", 10, 1);
	want(c, REASON_ERROR);
	assert_string_equal(c->note, "too many look-ups in flight");
	c = ask(4, "joe@a.example", 11, 2);
	want(c, REASON_FULL); /* by the last known facts */
	assert_true(c->ask.answer.verdict.stale);
	ask(5, "one@a.example", 10, 1); /* one who can join needs no place */
	assert_int_equal(w.clients[5].answers, 0);
	assert_int_equal(gate_stats(w.gate).crowded, 2);
	answer_all();
	want(&w.clients[5], REASON_NO_MAILBOX);
	assert_int_equal(ask(6, "three@a.example", 10, 1)->answers, 0);
}

static void facts_live_as_long_as_they_are_far_from_the_limit(void **state)
{
	(void)state;
	static const struct {
		uint64_t usage, limit;
		uint32_t messages, message_limit;
		uint64_t size, charged;
		msec lifetime;
	} cases[] = {
		{ 100, 1000, 0, 0, 1, 0, SECONDS(3600) },
		{ 498, 1000, 0, 0, 1, 0, SECONDS(3600) },
		{ 499, 1000, 0, 0, 1, 0, SECONDS(30) }, /* soft: 50 % */
		{ 100, 1000, 0, 0, 400, 0, SECONDS(30) },
		{ 898, 1000, 0, 0, 1, 0, SECONDS(30) },
		{ 899, 1000, 0, 0, 1, 0, SECONDS(1) }, /* hard: 90 % */
		{ 2000, 1000, 0, 0, 1, 0, SECONDS(1) },
		{ 100, 1000, 0, 0, 5000, 0, SECONDS(1) },
		{ 5000, 0, 0, 0, 5000, 0, SECONDS(3600) }, /* no limit */
		{ 0, 0, 48, 100, 1, 0, SECONDS(3600) },
		{ 0, 0, 49, 100, 1, 0, SECONDS(30) },
		{ 0, 0, 89, 100, 1, 0, SECONDS(1) },
		{ 100, 1000, 89, 100, 1, 0, SECONDS(1) },
		{ 100, 1000, 0, 0, 1, 398, SECONDS(3600) },
		{ 100, 1000, 0, 0, 1, 399, SECONDS(1) }, /* charges reach soft: rule 9 */
		{ UINT64_MAX, UINT64_MAX, 0, 0, 1, 0, SECONDS(1) },
		{ UINT64_MAX / 4, UINT64_MAX, 0, 0, 1, 0, SECONDS(3600) },
	};
	for (unsigned i = 0; i < COUNT(cases); i++)
		for (int age = 0; age < 2; age++) {
			make_gate((struct gate_size){ 10, 2, 10, 10 });
			struct scripted_box *b = box(0, "joe@a.example", cases[i].usage, cases[i].limit);
			b->facts.messages = cases[i].messages;
			b->facts.message_limit = cases[i].message_limit;
			struct client *c = prepare(0, "joe@a.example", 1, 0);
			c->ask.query.purpose = PURPOSE_REPORT;
			gate_ask(w.gate, &c->ask, w.now);
			answer_all();
			if (cases[i].charged)
				ask(0, "joe@a.example", cases[i].charged, 0);
			pass_time(age ? cases[i].lifetime : cases[i].lifetime - 1);
			if (ask(0, "joe@a.example", cases[i].size, 0)->ask.cached != !age)
				fail_msg("case %u at %s of its lifetime", i, age ? "the end" : "the last moment");
			answer_all();
		}
}

static void no_mailbox_lives_for_ttl_none(void **state)
{
	(void)state;
	ask(0, "joe@a.example", 1, 0);
	answer_all();
	pass_time(SECONDS(20) - 1);
	assert_true(ask(0, "joe@a.example", 1, 0)->ask.cached);
	pass_time(1);
	assert_false(ask(0, "joe@a.example", 1, 0)->ask.cached);
	box(0, "joe@a.example", 1, 1000);
	answer_all();
	want(&w.clients[0], REASON_ROOM);
}

/* At the deadline nobody is asked any more: the last known facts of each store in the chain decide. */
static void deadline_ends_the_chain(void **state)
{
	(void)state;
	box(1, "joe@b.example", 1000, 1000);
	struct client *c = ask(0, "joe@b.example", 10, 1);
	answer_all();
	answer_all();
	want(c, REASON_FULL);
	pass_time(SECONDS(60));
	c = ask(1, "joe@b.example", 10, 1);
	pass_time(SECONDS(4));
	want(c, REASON_FULL);
	assert_true(c->ask.answer.verdict.stale);
	assert_int_equal(w.script.stores[0].started, 2);
	assert_int_equal(w.script.stores[1].started, 1);
}

/* A stranger tries a million names while two users get mail, each of them once in ten tries. */
static void scan_of_unknown_addresses_costs_no_known_one(void **state)
{
	(void)state;
	char name[32];
	make_gate((struct gate_size){ 20, 2, 10, 10 });
	box(0, "joe@a.example", 100, 1000);
	box(0, "ann@a.example", 100, 1000);
	w.script.stores[0].at_once = true;
	ask(0, "joe@a.example", 0, 1);
	ask(0, "ann@a.example", 0, 1);
	gate_end(w.gate, transaction(1), true, w.now);
	for (unsigned i = 0; i < 1000000; i++) {
		struct client *c = prepare(0, i % 10 == 0 ? "joe@a.example" : "ann@a.example", 0, 0);
		c->ask.query.purpose = PURPOSE_REPORT;
		if (i % 5 == 0)
			gate_ask(w.gate, &c->ask, w.now);
		snprintf(name, sizeof(name), "nobody%u@a.example", i);
		ask(0, name, 0, 0);
	}
	assert_int_equal(w.script.stores[0].started, 1000000 + 2);
}

static void reload_keeps_facts_and_asks_again(void **state)
{
	(void)state;
	static const unsigned second[] = { 1 };
	box(0, "ann@a.example", 100, 1000);
	box(1, "joe@a.example", 1000, 1000);
	ask(0, "ann@a.example", 10, 1);
	answer_all();
	struct client *c = ask(1, "joe@a.example", 10, 2), *gone = ask(2, "joe@a.example", 10, 3);
	pass_time(SECONDS(3));
	gate_forget(w.gate, &gone->ask);
	w.domains[0].stores = second;
	gate_configure(w.gate, &w.conf, w.now);
	assert_int_equal(w.script.stores[0].cancelled, 1);
	assert_int_equal(w.script.n, 1);
	assert_int_equal(w.script.held[0]->store, 1);
	assert_int_equal(gate_expiry(w.gate), START + SECONDS(4)); /* the deadline stands */
	answer_all();
	want(c, REASON_FULL);
	assert_int_equal(gone->answers, 0);
}

static void reload_takes_effect_at_once(void **state)
{
	(void)state;
	box(0, "joe@a.example", 100, 0);
	ask(0, "joe@a.example", 10, 1);
	answer_all();
	want(&w.clients[0], REASON_NO_LIMIT);
	w.domains[0].limit = (struct limit){ .named = true, .octets = 200 };
	gate_configure(w.gate, &w.conf, w.now);
	want(ask(1, "joe@a.example", 90, 2), REASON_ROOM);
	want(ask(2, "joe@a.example", 90, 3), REASON_FULL);
	assert_int_equal(charges("joe@a.example").octets, 90);
	w.domains[0].limit.octets = 1000;
	w.conf.rules.added = 5;
	gate_configure(w.gate, &w.conf, w.now);
	want(ask(2, "joe@a.example", 90, 3), REASON_ROOM);
	assert_int_equal(charges("joe@a.example").octets, 90 + 95);
	/* Other settings are another store: nothing is known of its mailboxes. */
	w.stores[0].salt++;
	gate_configure(w.gate, &w.conf, w.now);
	assert_int_equal(ask(3, "joe@a.example", 10, 4)->answers, 0);
	answer_all();
	assert_int_equal(charges("joe@a.example").octets, 15);
}

static void answer_may_bring_the_next_question(void **state)
{
	(void)state;
	static const char *const addresses[] = { "joe@a.example", "joe@a.example", "ann@a.example", "joe@b.example" };
	for (int at_once = 0; at_once < 2; at_once++) {
		make_gate((struct gate_size){ 2, 2, 10, 10 });
		w.script.stores[0].at_once = w.script.stores[1].at_once = at_once;
		box(0, "joe@a.example", 1000, 1000)->facts.firm = false;
		box(1, "joe@b.example", 100, 1000);
		for (unsigned i = 0; i < 40; i++)
			prepare(i, addresses[i / 10], 10, 0)->next = i % 10 == 9 ? NULL : &w.clients[i + 1];
		for (unsigned i = 0; i < 40; i += 10)
			gate_ask(w.gate, &w.clients[i].ask, w.now);
		while (w.script.n)
			answer_all();
		for (unsigned i = 0; i < 40; i++)
			assert_int_equal(w.clients[i].answers, 1);
		assert_int_equal(gate_stats(w.gate).waiting, 0);
	}
}

/* One answer makes a client leave whose own answer is next in line. */
static struct client *leaver;

static void on_answer_another_leaves(struct ask *a, msec now)
{
	on_answer(a, now);
	gate_forget(w.gate, &leaver->ask);
}

static void asker_leaves_while_others_hear(void **state)
{
	(void)state;
	box(0, "joe@a.example", 100, 1000);
	for (unsigned how = 0; how < 3; how++) {
		make_gate((struct gate_size){ 10, 2, 10, 10 });
		struct client *first = prepare(0, "joe@a.example", 10, 0), *last = prepare(2, "joe@a.example", 10, 0);
		leaver = prepare(1, "joe@a.example", 10, 0);
		first->ask.done = on_answer_another_leaves;
		gate_ask(w.gate, &first->ask, w.now);
		gate_ask(w.gate, &leaver->ask, w.now);
		gate_ask(w.gate, &last->ask, w.now);
		if (how == 1)
			pass_time(SECONDS(4));
		w.route.any.n = w.domains[0].n = how == 2 ? 0 : 1;
		if (how == 2)
			gate_configure(w.gate, &w.conf, w.now);
		answer_all();
		assert_int_equal(first->answers, 1);
		assert_int_equal(leaver->answers, 0);
		assert_int_equal(last->answers, 1);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(store_answers_at_once),
		TEST(store_answers_late),
		TEST(store_never_answers),
		TEST(store_fails),
		TEST(last_known_facts_serve_until_they_are_stale),
		TEST(asker_leaves),
		TEST(asker_leaves_while_others_hear),
		TEST(thousand_askers_cost_one_lookup),
		TEST(thousand_refusals_cost_one_recount),
		TEST(refusal_asks_for_firm_facts_once),
		TEST(firm_lookup_serves_everybody),
		TEST(failed_recount_leaves_the_last_known_facts),
		TEST(two_stores_in_a_chain),
		TEST(address_finds_its_stores),
		TEST(question_brings_what_only_the_asker_knows),
		TEST(user_name_and_address_are_one_mailbox_where_the_domain_is_not_told),
		TEST(bad_addresses_ask_nobody),
		TEST(recipient_delimiter_whole_first_then_base),
		TEST(paths_go_to_their_store),
		TEST(peek_asks_no_store_and_charges_nothing),
		TEST(too_many_lookups_in_flight),
		TEST(facts_live_as_long_as_they_are_far_from_the_limit),
		TEST(no_mailbox_lives_for_ttl_none),
		TEST(deadline_ends_the_chain),
		TEST(scan_of_unknown_addresses_costs_no_known_one),
		TEST(reload_keeps_facts_and_asks_again),
		TEST(reload_takes_effect_at_once),
		TEST(answer_may_bring_the_next_question),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
