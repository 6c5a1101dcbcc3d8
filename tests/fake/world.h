/*
 * A gate with four scripted stores, a clock that stands until it is moved, and clients that count their answers.
 *
 *   store 0 "vmail"   told the domain     a.example: 0        any domain without section: 1
 *   store 1 "old"     told the domain     b.example: 0, 1     user names without a domain: 2
 *   store 2 "spool"   not told            c.example: 2, with a limit of 1000 octets
 *   store 3 "quotad"  for paths
 */
#ifndef TESTS_FAKE_WORLD_H
#define TESTS_FAKE_WORLD_H

#include "core/gate.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "scripted.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CLIENTS 2000
#define START SECONDS(100000)
#define QUOTAD 77 /* salt of the store for paths */

struct client {
	struct ask ask;
	unsigned answers, steps, firm_wanted;
	struct client *next; /* asked by `ask_next` when this one is answered */
	char note[LOOKUP_NOTE];
};

static struct {
	struct gate *gate;
	struct gate_conf conf;
	struct route route;
	struct route_store stores[SCRIPTED_STORES];
	struct route_domain domains[3];
	struct scripted script;
	struct client clients[CLIENTS];
	msec now;
} w;

static inline struct reply reply(const char *z)
{
	struct reply r = { 0 };
	assert_true(reply_parse(&r, str_of(z), NULL));
	return r;
}

static inline void set_routes(void)
{
	static const unsigned first[] = { 0 }, second[] = { 1 }, both[] = { 0, 1 }, spool[] = { 2 };
	const struct route_domain a = { STR("a.example"), first, 1, { 0 } };
	const struct route_domain b = { STR("b.example"), both, 2, { 0 } };
	const struct route_domain c = { STR("c.example"), spool, 1, { .named = true, .octets = 1000 } };
	w.domains[0] = a, w.domains[1] = b, w.domains[2] = c;
	w.stores[0] = (struct route_store){ .name = STR("vmail"), .salt = 11, .told_domain = true };
	w.stores[1] = (struct route_store){ .name = STR("old"), .salt = 22, .told_domain = true };
	w.stores[2] = (struct route_store){ .name = STR("spool"), .salt = 33 };
	w.stores[3] = (struct route_store){ .name = STR("quotad"), .salt = QUOTAD, .path = true };
	w.route = (struct route){
		.stores = w.stores,
		.n_stores = SCRIPTED_STORES,
		.domains = w.domains,
		.n_domains = COUNT(w.domains),
		.any = { .stores = second, .n = 1 },
		.bare = { .stores = spool, .n = 1 },
	};
	w.script.stores[2].by_local = true;
}

static inline void set_rules(void)
{
	w.conf = (struct gate_conf){
		.route = &w.route,
		.rules.full = reply("452 4.2.2 Quota exceeded"),
		.rules.put_off = reply("452 4.2.2 Quota exceeded"),
		.rules.full_long = reply("552 5.2.2 Mailbox full"),
		.rules.too_large = reply("552 5.2.3 Message too large"),
		.rules.unknown_reject = reply("550 5.1.1 No such mailbox"),
		.rules.unknown_defer = reply("450 4.1.1 No such mailbox"),
		.rules.error_defer = reply("451 4.3.0 Try again later"),
		.delimiters = STR("+"),
		.timeout = SECONDS(4),
		.soft = 50,
		.hard = 90,
		.ttl_low = SECONDS(3600),
		.ttl_mid = SECONDS(30),
		.ttl_high = SECONDS(1),
		.ttl_none = SECONDS(20),
		.stale = SECONDS(86400),
		.settle = SECONDS(120),
	};
}

static inline void make_gate(struct gate_size size)
{
	const struct gate_stores reach = { &w.script, .start = scripted_start, .cancel = scripted_cancel,
		.tell = scripted_tell };
	gate_free(w.gate);
	w.gate = gate_new(&size, &w.conf, &reach, (struct hash_key){ 3, 4 });
	assert_non_null(w.gate);
}

static inline int set_up(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.now = START;
	set_routes();
	set_rules();
	make_gate((struct gate_size){ .mailboxes = 1000, .lookups = 16, .transactions = 64, .charges = 256 });
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < CLIENTS; i++)
		gate_forget(w.gate, &w.clients[i].ask);
	gate_free(w.gate);
	w.gate = NULL;
	assert_int_equal(w.script.n, 0);
	return 0;
}

static inline struct facts found(uint64_t usage, uint64_t limit)
{
	return (struct facts){ .state = FACTS_FOUND, .firm = true, .usage = usage, .limit = limit };
}

/* Writes down a mailbox of a store, or changes it. */
static inline struct scripted_box *box(unsigned store, const char *name, uint64_t usage, uint64_t limit)
{
	struct scripted_box *b = w.script.stores[store].boxes;
	while (b->name && strcmp(b->name, name) != 0)
		b++;
	assert_true(b < w.script.stores[store].boxes + SCRIPTED_BOXES - 1);
	b->name = name;
	b->facts = found(usage, limit);
	return b;
}

static inline struct hash transaction(unsigned n)
{
	return n ? (struct hash){ n, 0xABC } : (struct hash){ 0 };
}

static inline void on_answer(struct ask *a, msec now)
{
	struct client *c = list_of(a, struct client, ask);
	c->answers++;
	snprintf(c->note, sizeof(c->note), "%s", a->note ? a->note : "");
	if (c->next)
		gate_ask(w.gate, &c->next->ask, now);
}

static inline void on_step(struct ask *a, const struct gate_step *step)
{
	struct client *c = list_of(a, struct client, ask);
	c->steps++;
	c->firm_wanted += step->firm_wanted;
}

/* Client n makes ready to ask; it must not be waiting. */
static inline struct client *prepare(unsigned n, const char *address, uint64_t size, unsigned tx)
{
	struct client *c = &w.clients[n];
	assert_false(c->ask.active);
	*c = (struct client){ 0 };
	c->ask.query.address = str_of(address);
	c->ask.query.size = size;
	c->ask.query.transaction = transaction(tx);
	c->ask.done = on_answer;
	c->ask.explain = on_step;
	return c;
}

static inline struct client *ask(unsigned n, const char *address, uint64_t size, unsigned tx)
{
	struct client *c = prepare(n, address, size, tx);
	gate_ask(w.gate, &c->ask, w.now);
	return c;
}

static inline void answer_all(void)
{
	scripted_answer_all(&w.script, w.now);
}

/* The clock moves, and the gate is called when it wanted to be. */
static inline void pass_time(msec ms)
{
	msec until = w.now + ms;
	while (gate_expiry(w.gate) <= until) {
		w.now = gate_expiry(w.gate) > w.now ? gate_expiry(w.gate) : w.now;
		gate_expire(w.gate, w.now);
	}
	w.now = until;
}

/* Answered once, for this reason. */
#define want(client, reason) want_at(client, reason, __FILE__, __LINE__)

static inline void want_at(const struct client *c, enum reason reason, const char *file, int line)
{
	const char *got = c->answers ? reason_name(c->ask.answer.verdict.reason) : "nothing yet";
	if (c->answers != 1 || c->ask.answer.verdict.reason != reason) {
		print_error("%u answers, %s; want %s\n", c->answers, got, reason_name(reason));
		_fail(file, line);
	}
}

/* What is charged on a mailbox whose facts are known. */
static inline struct charge charges(const char *address)
{
	struct client *c = prepare(CLIENTS - 1, address, 1, 0);
	c->ask.query.purpose = PURPOSE_PEEK;
	gate_ask(w.gate, &c->ask, w.now);
	assert_int_equal(c->ask.answer.facts.state, FACTS_FOUND);
	return c->ask.answer.charge;
}

#endif
