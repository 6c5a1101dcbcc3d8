/*
 * Octets choose what directories and stores say, when, and what clients ask. Whatever they say, every question gets one
 * answer by its deadline, who was refused is not charged, no step rests on what was said of another address, only what was
 * started is cancelled, and every probe comes back.
 *
 *   a.example: directories 0 (with canaries) and 1, senders checked    b.example: directory 1    c.example: directory 2
 */
#include "core/gate.h"
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CLIENTS 6
#define PROBES 24
#define HELD 64
#define TIMEOUT SECONDS(4)
#define CENSUS 2 /* a directory that is used at the end alone */

struct client {
	struct ask ask;
	bool waiting;
	msec asked;
	unsigned again; /* questions to be asked from within done() */
};

static struct {
	const uint8_t *at, *end;
	struct gate *gate;
	struct gate_conf conf;
	msec now;
	bool at_once;
	struct client clients[CLIENTS];
	struct lookup *held[HELD];
	size_t n_held;
	uint64_t transaction; /* the last one; each question has its own */
} f;

static const char *const names[] = { "joe@a.example", "ann@a.example", "bob@b.example", "tom@b.example",
	"joe+x@a.example", "joe", "ann", "@a.example", "@b.example", "bird@a.example", "ghost@a.example",
	"far@x.example", "JOE@A.Example", "tom+a+b@b.example", "", "|pipe", "\"joe", "a=b@a.example" };

static unsigned choose(unsigned n)
{
	return f.at < f.end ? *f.at++ % n : 0;
}

static struct str choose_name(void)
{
	return str_of(names[choose(COUNT(names))]);
}

/* ---- directories and stores ---- */

static void put_target(struct buf *record)
{
	static const struct str stores[] = { { "", 0 }, { "store", 5 }, { "gone", 4 } };
	struct target t = { .kind = choose(3), .address = choose_name() };
	unsigned hints = choose(8);
	t.limit = (struct limit){ .named = hints & 1, .octets = choose(2) * 500 };
	if (hints & 2)
		t.host = str_of(names[choose(2)]);
	if (hints & 4)
		t.store = stores[choose(COUNT(stores))];
	target_put(record, &t);
}

static void put_crowd(struct buf *record, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char name[32];
		struct target t = { .kind = i % 2 ? TARGET_ADDRESS : TARGET_MAILBOX };
		t.address = (struct str){ name, (size_t)snprintf(name, sizeof(name), "c%u@b.example", i) };
		target_put(record, &t);
	}
}

/* What a directory says: sense, or a record of whatever octets come next. */
static enum listing choose_targets(struct buf *record)
{
	unsigned what = choose(16);
	if (what < 4)
		return (enum listing)what; /* all but targets */
	if (what == 4) {
		size_t n = choose(200), left = (size_t)(f.end - f.at);
		n = n < left ? n : left;
		buf_put(record, (struct str){ (const char *)f.at, n });
		f.at += n;
	} else if (what == 5) {
		put_crowd(record, choose(60));
	} else if (what == 6) {
		put_target(record);
		record->len -= choose((unsigned)record->len + 1); /* cut short */
	} else {
		for (unsigned n = 1 + choose(4); n > 0; n--)
			put_target(record);
	}
	return LISTING_TARGETS;
}

/* By the facts of an address it can be told whose they are; without a limit of messages they judge nothing. */
static uint32_t mark_of(struct str address)
{
	char small[ADDRESS_MAX];
	const struct hash_key key = { 3, 4 };
	for (size_t i = 0; i < address.len; i++)
		small[i] = (char)(address.at[i] >= 'A' && address.at[i] <= 'Z' ? address.at[i] | 0x20 : address.at[i]);
	return (uint32_t)hash_of(&key, small, address.len).a | 1;
}

static void answer(struct lookup *l)
{
	static const struct target elsewhere = { .kind = TARGET_ELSEWHERE };
	size_t i = 0;
	while (i < f.n_held && f.held[i] != l)
		i++;
	fuzz_require(i < f.n_held, "a look-up is answered while it is in flight");
	f.held[i] = f.held[--f.n_held];
	char *octets = malloc(8192); /* stands until the gate has read it, and no longer */
	fuzz_require(octets, "memory");
	struct buf record = { .at = octets, .cap = 8192 };
	l->facts = (struct facts){ .state = (enum facts_state)choose(4), .firm = choose(2), .usage = choose(256) * 10 };
	l->facts.limit = choose(2) * 1000;
	if (l->facts.state == FACTS_FOUND)
		l->facts.messages = mark_of(l->mailbox.address);
	if (l->of_directory && l->store == CENSUS) {
		l->listing = LISTING_TARGETS;
		for (unsigned n = 0; n < PROBES; n++)
			target_put(&record, &elsewhere);
	} else if (l->of_directory) {
		l->listing = choose_targets(&record);
	}
	char *exact = realloc(octets, record.len ? record.len : 1);
	l->targets = (struct str){ exact, record.len };
	lookup_done(l, f.now);
	free(exact);
}

static void start(void *context, struct lookup *l, msec now)
{
	(void)context;
	fuzz_require(now == f.now && f.n_held < HELD, "look-ups in flight are bounded");
	f.held[f.n_held++] = l;
	if (f.at_once)
		answer(l);
}

static void cancel(void *context, struct lookup *l)
{
	size_t i = 0;
	(void)context;
	while (i < f.n_held && f.held[i] != l)
		i++;
	fuzz_require(i < f.n_held, "only what was started is cancelled");
	f.held[i] = f.held[--f.n_held];
}

static void trust(void *context, bool of_directory, unsigned directory, bool good)
{
	(void)context;
	(void)good;
	fuzz_require(of_directory && directory == 0, "only a directory with canaries loses or wins trust");
}

/* ---- clients ---- */

static void ask(struct client *c);

static void on_done(struct ask *a, msec now)
{
	struct client *c = list_of(a, struct client, ask);
	const struct verdict *v = &a->answer.verdict;
	fuzz_require(c->waiting, "one answer to one question");
	fuzz_require(now == f.now && now - c->asked <= TIMEOUT, "an answer by the deadline");
	fuzz_require(v->action == ACTION_PASS || v->reply, "a refusal has its reply");
	fuzz_require(v->action == ACTION_PASS || gate_stats(f.gate).transactions == 0, "who is refused is not charged");
	fuzz_require(!v->of_sender || v->reason == REASON_FORGED, "of the sender only that it is forged");
	c->waiting = false;
	gate_end(f.gate, a->query.transaction, choose(4) == 0, now);
	if (c->again) {
		c->again--;
		ask(c);
	}
}

static void on_step(struct ask *a, const struct gate_step *step)
{
	fuzz_require(a->active && step->address->whole.len <= ADDRESS_MAX, "a step is one of a question");
	if (step->store && step->facts.state == FACTS_FOUND)
		fuzz_require(step->facts.messages == mark_of(step->address->whole), "facts are those of the address");
}

static void ask(struct client *c)
{
	static const enum query_purpose purposes[] = { PURPOSE_DELIVER, PURPOSE_DELIVER, PURPOSE_REPORT, PURPOSE_PEEK };
	c->ask.query = (struct query){ .purpose = purposes[choose(4)],
		.kind = choose(8) ? QUERY_RECIPIENT : QUERY_SENDER,
		.address = choose_name(),
		.sender = choose(2) ? choose_name() : STR(""),
		.authenticated = choose(8) == 0,
		.size = choose(256) * 4,
		.transaction = { ++f.transaction, 9 } };
	c->ask.done = on_done;
	c->ask.explain = choose(2) ? on_step : NULL;
	c->waiting = true;
	c->asked = f.now;
	gate_ask(f.gate, &c->ask, f.now);
}

static void pass_time(msec ms)
{
	msec until = f.now + ms;
	while (gate_expiry(f.gate) <= until) {
		f.now = gate_expiry(f.gate) > f.now ? gate_expiry(f.gate) : f.now;
		gate_expire(f.gate, f.now);
	}
	f.now = until;
}

static void configure(void)
{
	f.conf.alias = choose(2) ? ALIAS_ANY_FULL : ALIAS_ALL_FULL;
	f.conf.shadow = choose(8) == 0;
	f.conf.rules.unknown = choose(2) ? UNKNOWN_REJECT : UNKNOWN_PASS;
	f.conf.rules.error = choose(2) ? ERROR_DEFER : ERROR_PASS;
	gate_configure(f.gate, &f.conf, f.now);
}

static void event(void)
{
	static const msec pauses[] = { 1, 10, 1000, 3999, 5000, 12000, 65000, 200000 };
	struct client *c = &f.clients[choose(CLIENTS)];
	unsigned what = choose(16);
	if (what == 0) {
		gate_forget(f.gate, &c->ask);
		c->waiting = false;
	} else if (what == 1) {
		configure();
	} else if (what == 2) {
		pass_time(pauses[choose(COUNT(pauses))]);
	} else if (what == 3) {
		f.at_once = choose(2);
	} else if (what < 10 && f.n_held) {
		answer(f.held[choose((unsigned)f.n_held)]);
	} else if (!c->waiting) {
		c->again = what == 10 ? choose(3) : 0;
		ask(c);
	}
}

/* ---- a life ---- */

static void set_up(void)
{
	static const unsigned first[] = { 0 }, second[] = { 1 }, both[] = { 0, 1 }, census[] = { CENSUS };
	static const struct route_store store = { .name = { "store", 5 }, .salt = 7, .told_domain = true };
	static const struct route_directory directories[] = {
		{ .salt = 1,
			.ttl = SECONDS(60),
			.ttl_none = SECONDS(10),
			.canary = { { "bird@a.example", 14 }, { "ghost@a.example", 15 } } },
		{ .salt = 2, .ttl = SECONDS(60), .ttl_none = SECONDS(10) },
		{ .salt = 3 },
	};
	static const struct route_domain domains[] = {
		{ .name = { "a.example", 9 },
			.stores = first,
			.n = 1,
			.directories = both,
			.n_directories = 2,
			.check_sender = true },
		{ .name = { "b.example", 9 }, .stores = first, .n = 1, .directories = second, .n_directories = 1 },
		{ .name = { "c.example", 9 }, .stores = first, .n = 1, .directories = census, .n_directories = 1 },
	};
	static const struct route route = { .stores = &store,
		.n_stores = 1,
		.directories = directories,
		.n_directories = COUNT(directories),
		.checks_senders = true,
		.domains = domains,
		.n_domains = COUNT(domains),
		.any = { .stores = first, .n = 1 },
		.bare = { .stores = first, .n = 1 } };
	static const struct gate_stores reach = { .start = start, .cancel = cancel, .trust = trust };
	const struct gate_size size = { .mailboxes = 1 + choose(20),
		.lookups = 1 + choose(32),
		.transactions = 8,
		.charges = 64,
		.probes = PROBES,
		.answers = 1 + choose(12),
		.answer_octets = choose(8) * 500 };
	const struct reply reply = { .code = 452, .subject = 2, .detail = 2, .text = STR("no") };
	f.conf = (struct gate_conf){ .route = &route,
		.delimiters = STR("+"),
		.timeout = TIMEOUT,
		.soft = 50,
		.hard = 90,
		.ttl_low = SECONDS(3600),
		.ttl_mid = SECONDS(30),
		.ttl_high = SECONDS(1),
		.ttl_none = SECONDS(20),
		.stale = SECONDS(600),
		.settle = SECONDS(120) };
	f.conf.rules = (struct rules){ .full = reply,
		.put_off = reply,
		.full_long = reply,
		.too_large = reply,
		.unknown_reject = reply,
		.unknown_defer = reply,
		.error_defer = reply,
		.forged = reply };
	f.now = SECONDS(1000);
	f.gate = gate_new(&size, &f.conf, &reach, (struct hash_key){ 1, 2 });
	fuzz_require(f.gate, "memory for a small gate");
}

/* Everybody is answered, nothing is in flight; an alias of as many members as there are probes has a place for each. */
static void be_quiet(void)
{
	for (size_t i = 0; i < CLIENTS; i++)
		f.clients[i].again = 0;
	pass_time(TIMEOUT);
	for (size_t i = 0; i < CLIENTS; i++)
		fuzz_require(!f.clients[i].waiting, "every question is answered");
	fuzz_require(gate_stats(f.gate).waiting == 0, "nobody waits");
	gate_configure(f.gate, &f.conf, f.now);
	fuzz_require(f.n_held == 0, "a change cancels what is in flight");
	uint64_t cut = gate_stats(f.gate).cut;
	struct client *c = &f.clients[0];
	f.at_once = true;
	c->ask.query = (struct query){ .address = STR("all@c.example"), .transaction = { ++f.transaction, 9 } };
	c->ask.done = on_done;
	c->waiting = true;
	c->asked = f.now;
	gate_ask(f.gate, &c->ask, f.now);
	fuzz_require(!c->waiting && gate_stats(f.gate).cut == cut, "every probe comes back");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&f, 0, sizeof(f));
	f.at = data;
	f.end = data + size;
	set_up();
	while (f.at < f.end)
		event();
	be_quiet();
	gate_free(f.gate);
	return 0;
}
