#include "farm.h"

#include "core/gate.h"

#include <stdio.h>

#define FRONTENDS 3
#define MAILBOXES 6
#define MESSAGES 64 /* under way at once */
#define WIRES 512
#define TRIES 3
#define TIMEOUT SECONDS(4)
#define SOFT 50

struct machine {
	struct gate *gate;
	struct route_store store;
	struct route_domain any;
	struct route route;
	struct gate_conf conf;
	unsigned number;
	uint64_t life; /* counts its starts: a frontend that was started anew has another name */
};

/* A question on its way to the backend and back. */
struct wire {
	struct ask ask; /* at the backend, and what it answered */
	struct machine *from;
	struct lookup *lookup; /* null: nobody waits any more */
	char text[64];
	msec due; /* when the next thing happens to it */
	unsigned tries;
	bool used, returns, answered;
};

struct message {
	struct ask ask;
	struct machine *at;
	char recipient[32];
	unsigned box;
	uint64_t serial; /* of its transaction */
	uint64_t declared, size; /* 0: not declared */
	uint64_t let_in; /* octets that a pass has promised room for */
	msec due, asked;
	enum { FREE, ASKED, WAITS_FOR_DATA, WAITS_FOR_DELIVERY, REFUSED } state;
	bool arrived;
};

static struct {
	const uint8_t *at, *end;
	uint64_t random; /* 0: octets choose */
	struct machine backend, frontends[FRONTENDS];
	struct wire wires[WIRES];
	struct message messages[MESSAGES];
	uint64_t usage[MAILBOXES], limit[MAILBOXES];
	uint32_t count[MAILBOXES]; /* of messages */
	bool doubtful[MAILBOXES]; /* somebody was let in there by what was known last */
	msec now;
	uint64_t serial; /* of the last message */
	unsigned large; /* so many messages of 16 */
	unsigned loss; /* percent of datagrams lost, each way; with `random` */
	struct farm_sums sums;
	unsigned long events;
	char broken[256];
} f;

static void require(bool held, const char *promise, uint64_t got, uint64_t want)
{
	if (held || f.broken[0])
		return;
	snprintf(f.broken, sizeof(f.broken), "%s: got %ju, want %ju, at %jd ms after %lu events", promise,
		(uintmax_t)got, (uintmax_t)want, (intmax_t)f.now, f.events);
}

/* xorshift64* (Vigna): any simple sequence would do. */
static unsigned draw(unsigned n)
{
	f.random ^= f.random >> 12;
	f.random ^= f.random << 25;
	f.random ^= f.random >> 27;
	return (unsigned)((f.random * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % n;
}

static unsigned choose(unsigned n)
{
	unsigned chosen = 0;
	if (f.random)
		return draw(n);
	for (unsigned most = 1; most < n && f.at < f.end; most *= 256)
		chosen = chosen * 256 + *f.at++;
	return chosen % n;
}

/* ---- the backend's store: Maildirs, counted at once ---- */

static void backend_start(void *context, struct lookup *l, msec now)
{
	unsigned box = (unsigned)(l->mailbox.local.at[1] - '0');
	(void)context;
	l->facts = (struct facts){ .state = FACTS_NO_MAILBOX };
	if (l->mailbox.local.len == 2)
		l->facts = (struct facts){ .state = FACTS_FOUND,
			.firm = true,
			.source = SOURCE_MAILDIRSIZE,
			.usage = f.usage[box],
			.messages = f.count[box],
			.limit = f.limit[box] };
	lookup_done(l, now);
}

static void backend_cancel(void *context, struct lookup *l)
{
	(void)context;
	(void)l;
	require(false, "the backend's store answers at once", 0, 0);
}

static void on_nothing(struct ask *a, msec now)
{
	(void)a;
	(void)now;
}

/* What a gate knows of a mailbox; an address of two octets before the @ is one of its names. */
static struct answer look(struct machine *m, const char *address, enum query_purpose purpose)
{
	struct ask a = { .done = on_nothing };
	a.query.purpose = purpose;
	a.query.address = str_of(address);
	gate_ask(m->gate, &a, f.now);
	require(!a.active, "who asks nobody is answered at once", 0, 0);
	gate_forget(m->gate, &a);
	return a.answer;
}

static const char *name_of(unsigned box)
{
	static char name[32];
	snprintf(name, sizeof(name), "u%u@example.org", box);
	return name;
}

static void backend_answered(struct ask *ask, msec now)
{
	(void)now;
	((struct wire *)(void *)ask)->answered = true;
}

/* ---- the wires ---- */

static void check_loan(const struct wire *x)
{
	const struct answer *a = &x->ask.answer;
	unsigned box = (unsigned)(x->text[1] - '0');
	if (x->tries > 0 || a->loan.octets == 0)
		return; /* one that comes again gets what was lent at first */
	struct answer all = look(&f.backend, name_of(box), PURPOSE_PEEK);
	uint64_t counted = all.facts.usage + all.charge.octets;
	require(counted <= f.limit[box] / 100 * SOFT, "what is lent lies below soft", counted,
		f.limit[box] / 100 * SOFT);
}

/* One try has come to the backend. */
static void wire_arrive(struct wire *x)
{
	x->answered = false;
	gate_ask(f.backend.gate, &x->ask, f.now);
	require(x->answered, "the backend answers at once", 0, 1);
	check_loan(x);
}

static void wire_end(struct wire *x, enum facts_state state)
{
	struct lookup *l = x->lookup;
	const struct answer *a = &x->ask.answer;
	x->lookup = NULL;
	if (!l)
		return;
	l->facts = (struct facts){ .state = state };
	if (state == FACTS_FOUND) {
		l->facts = a->facts;
		l->facts.taken = f.now - a->facts.taken;
		l->facts.limit = a->limit;
		l->facts.ruled = true;
		l->facts.rule = a->rule;
		l->others = a->charge;
		l->charged = a->charged;
		l->loan = a->loan;
	}
	lookup_done(l, f.now);
}

static void wire_fail(struct wire *x)
{
	x->used = false;
	wire_end(x, FACTS_FAILED);
}

/* A request comes, a reply comes, or a try is given up; either may have been lost. The network may hold a try back and
   bring it when nobody waits for an answer any more. */
static void wire_step(struct wire *x, bool comes, bool returns, bool late)
{
	if (x->returns) {
		x->used = late;
		x->returns = false;
		x->tries = TRIES;
		wire_end(x, x->ask.answer.facts.state);
		return;
	}
	if (comes)
		wire_arrive(x);
	x->returns = comes && returns && x->lookup;
	x->tries++;
	x->due = f.now + (x->returns ? 1 + choose(20) : 300);
	if (!x->returns && x->tries >= TRIES)
		wire_fail(x);
}

static void frontend_start(void *context, struct lookup *l, msec now)
{
	const struct machine *from = context;
	const struct claim *c = &l->claim;
	struct wire *x = f.wires;
	while (x < f.wires + WIRES - 1 && x->used)
		x++;
	require(!x->used, "look-ups in flight are bounded", 0, 0);
	*x = (struct wire){ .from = context, .lookup = l, .due = now + 1 + choose(20), .used = true };
	snprintf(x->text, sizeof(x->text), "%.*s", (int)l->mailbox.address.len, l->mailbox.address.at);
	x->ask.done = backend_answered;
	x->ask.query = (struct query){ .kind = QUERY_RECIPIENT,
		.stage = c->stage,
		.purpose = c->deliver ? PURPOSE_DELIVER : PURPOSE_REPORT,
		.address = str_of(x->text),
		.size = c->size,
		.limit = c->limit,
		.transaction = c->transaction,
		.borrower = { { from->number + 1, from->life }, c->held, c->number, c->spent } };
}

static void frontend_cancel(void *context, struct lookup *l)
{
	struct wire *x = f.wires;
	(void)context;
	while (x < f.wires + WIRES - 1 && x->lookup != l)
		x++;
	require(x->lookup == l, "only what was started is cancelled", 0, 0);
	x->lookup = NULL; /* the request is on its way all the same */
	x->returns = false;
}

static void frontend_tell(void *context, unsigned store, const struct news *news)
{
	(void)context;
	(void)store;
	struct ask a = { .done = on_nothing };
	a.query = (struct query){ .purpose = PURPOSE_DELIVER, .size = news->size, .transaction = news->transaction };
	if (!f.random && choose(16) == 15)
		return; /* it was lost */
	switch (news->kind) {
	case NEWS_ARRIVED:
		a.query.stage = STAGE_END_OF_MESSAGE;
		gate_ask(f.backend.gate, &a, f.now);
		break;
	case NEWS_WITHDRAWN:
		a.query.purpose = PURPOSE_WITHDRAW;
		a.query.address = news->mailbox.address;
		gate_ask(f.backend.gate, &a, f.now);
		break;
	case NEWS_ENDED:
	case NEWS_ABANDONED: gate_end(f.backend.gate, news->transaction, news->kind == NEWS_ABANDONED, f.now);
	}
}

/* ---- mail ---- */

static struct hash transaction_of(const struct message *m)
{
	return (struct hash){ m->serial, m->at->number + 1 };
}

static void finish(struct message *m, bool abandoned)
{
	m->state = FREE;
	m->let_in = 0;
	gate_end(m->at->gate, transaction_of(m), abandoned, f.now);
}

static void on_answer(struct ask *ask, msec now)
{
	struct message *m = (struct message *)(void *)ask;
	const struct verdict *v = &ask->answer.verdict;
	require(m->state == ASKED, "one answer to one question", m->state, ASKED);
	require(now - m->asked <= TIMEOUT, "an answer by the deadline", (uint64_t)(now - m->asked), TIMEOUT);
	m->due = now;
	m->let_in = 0;
	if (v->action != ACTION_PASS) {
		f.sums.refused++;
		m->state = REFUSED; /* to be ended outside of the gate's call */
		return;
	}
	if (v->stale || (v->reason != REASON_ROOM && v->reason != REASON_NOT_ASKED))
		f.doubtful[m->box] = true;
	m->let_in = m->arrived ? m->size : m->declared ? m->declared : 1;
	m->state = m->arrived ? WAITS_FOR_DELIVERY : WAITS_FOR_DATA;
	m->due += 1 + choose(m->arrived ? 20000 : 3000);
}

/* `several`: the MTA names no recipient at the end of the message. */
static void offer(struct message *m, bool arrived, bool several)
{
	m->arrived = arrived;
	m->state = ASKED;
	m->let_in = 0; /* that is being decided anew */
	m->asked = f.now;
	m->ask = (struct ask){ .done = on_answer };
	m->ask.query = (struct query){ .kind = QUERY_RECIPIENT,
		.stage = arrived ? STAGE_END_OF_MESSAGE : STAGE_RCPT,
		.purpose = PURPOSE_DELIVER,
		.address = several ? STR("") : str_of(m->recipient),
		.size = arrived ? m->size : m->declared,
		.transaction = transaction_of(m) };
	gate_ask(m->at->gate, &m->ask, f.now);
}

static void deliver(struct message *m)
{
	bool fits = f.usage[m->box] + m->size <= f.limit[m->box];
	f.sums.accepted++;
	f.sums.overrun += !fits;
	require(fits || f.loss || f.doubtful[m->box], "what was let in fits", f.usage[m->box] + m->size,
		f.limit[m->box]);
	if (fits)
		f.usage[m->box] += m->size, f.count[m->box]++;
	finish(m, false);
}

static void begin_message(struct message *m)
{
	unsigned kind = choose(16);
	m->at = &f.frontends[choose(FRONTENDS)];
	m->box = choose(MAILBOXES);
	m->serial = ++f.serial;
	m->size = m->declared = 1 + choose(kind < f.large ? 60000 : 3000);
	if (kind == 1)
		m->declared = 0;
	else if (kind == 2)
		m->declared = 1 + m->size / 2;
	snprintf(m->recipient, sizeof(m->recipient), "u%u%s@example.org", m->box,
		kind == 3   ? "+x"
		: kind == 4 ? "+y"
			    : "");
	offer(m, false, false);
}

static void message_step(struct message *m, unsigned choice)
{
	switch (m->state) {
	case FREE:
	case ASKED: break;
	case WAITS_FOR_DATA:
		if (choice == 0)
			finish(m, true);
		else
			offer(m, choice != 1, choice == 2 && m->size == m->declared);
		break;
	case WAITS_FOR_DELIVERY: deliver(m); break;
	case REFUSED: finish(m, true);
	}
}

/* Its client leaves while it waits. */
static void leave(struct message *m)
{
	if (m->state != ASKED)
		return;
	gate_forget(m->at->gate, &m->ask);
	finish(m, true);
}

/* The users read their mail. */
static void empty_some(void)
{
	for (unsigned i = 0; i < MAILBOXES; i++) {
		unsigned part = choose(2) ? 1 + choose(8) : 1;
		f.usage[i] /= part;
		f.count[i] /= part;
	}
}

/* ---- the farm ---- */

static const struct gate_size size = {
	.mailboxes = 100, .lookups = 64, .transactions = 256, .charges = 1024, .loans = 32
};

static void start_machine(struct machine *m)
{
	const struct gate_stores backend = { m, backend_start, backend_cancel }, front = {
		.context = m, .start = frontend_start, .cancel = frontend_cancel, .tell = frontend_tell
	};
	m->life++;
	m->gate = gate_new(&size, &m->conf, m == &f.backend ? &backend : &front, (struct hash_key){ m->number, 7 });
	require(m->gate, "there is memory", 0, 0);
}

static void make_machine(struct machine *m, unsigned number)
{
	static const unsigned first[] = { 0 };
	bool frontend = m != &f.backend;
	m->number = number;
	m->store = (struct route_store){ .name = STR("s"), .salt = 1, .told_domain = true, .ledger = frontend };
	m->store.terms.rule = frontend ? RULE_FITS : RULE_COURIER;
	m->any = (struct route_domain){ .stores = first, .n = 1 };
	m->route = (struct route){
		.stores = &m->store, .n_stores = 1, .has_ledgers = frontend, .any = m->any, .bare = m->any
	};
	m->conf = (struct gate_conf){ .route = &m->route,
		.delimiters = STR("+"),
		.timeout = TIMEOUT,
		.soft = SOFT,
		.hard = 90,
		.ttl_low = SECONDS(3600),
		.ttl_mid = SECONDS(30),
		.ttl_high = SECONDS(1),
		.ttl_none = SECONDS(20),
		.stale = SECONDS(86400),
		.settle = SECONDS(120) };
	require(reply_parse(&m->conf.rules.full, STR("452 4.2.2 Full"), NULL) &&
			reply_parse(&m->conf.rules.put_off, STR("452 4.2.2 Full"), NULL) &&
			reply_parse(&m->conf.rules.too_large, STR("552 5.2.3 Large"), NULL),
		"replies are well-formed", 0, 0);
	start_machine(m);
}

static void make_farm(void)
{
	f.now = SECONDS(100000);
	make_machine(&f.backend, 9);
	for (unsigned i = 0; i < FRONTENDS; i++)
		make_machine(&f.frontends[i], i);
	for (unsigned i = 0; i < MAILBOXES; i++)
		f.limit[i] = (f.random ? 300000 : 60000) << (i % 4);
}

static void free_farm(void)
{
	for (size_t i = 0; i < MESSAGES; i++)
		if (f.messages[i].at)
			gate_forget(f.messages[i].at->gate, &f.messages[i].ask);
	for (size_t i = 0; i < FRONTENDS; i++)
		gate_free(f.frontends[i].gate);
	gate_free(f.backend.gate);
}

/* It forgets all it knew. What waits there has lost its connection. */
static void restart(struct machine *m)
{
	for (size_t i = 0; i < MESSAGES; i++)
		if (f.messages[i].at == m)
			leave(&f.messages[i]);
	gate_free(m->gate);
	start_machine(m);
	for (unsigned i = 0; i < MAILBOXES; i++)
		f.doubtful[i] = f.doubtful[i] || m == &f.backend;
}

/* All of them, when all mail is gone: nothing is doubtful any more. */
static void restart_all(void)
{
	for (size_t i = 0; i < MESSAGES; i++) {
		leave(&f.messages[i]);
		message_step(&f.messages[i], 0);
	}
	for (size_t i = 0; i < FRONTENDS; i++)
		restart(&f.frontends[i]);
	restart(&f.backend);
	memset(f.wires, 0, sizeof(f.wires));
	memset(f.doubtful, 0, sizeof(f.doubtful));
}

static void expire(void)
{
	for (size_t i = 0; i < FRONTENDS; i++)
		gate_expire(f.frontends[i].gate, f.now);
	gate_expire(f.backend.gate, f.now);
}

/* What is there, and what was let in, is counted at the backend. */
static void check_box(unsigned box)
{
	struct answer a = look(&f.backend, name_of(box), PURPOSE_PEEK);
	uint64_t coming = f.usage[box], counted = a.facts.usage + a.charge.octets;
	for (size_t i = 0; i < MESSAGES; i++)
		if (f.messages[i].box == box)
			coming += f.messages[i].let_in;
	require(a.charge.octets < UINT64_C(1) << 40 && a.charge.messages < 1 << 20, "charges do not wrap",
		a.charge.octets, a.charge.messages);
	if (a.facts.state == FACTS_FOUND && !f.doubtful[box])
		require(coming <= counted, "what was let in is counted", counted, coming);
}

/* ---- a life by octets ---- */

static struct message *any_message(bool free)
{
	struct message *m = &f.messages[choose(MESSAGES)];
	for (size_t i = 0; i < MESSAGES; i++, m = m == f.messages + MESSAGES - 1 ? f.messages : m + 1)
		if ((m->state == FREE) == free)
			return m;
	return NULL;
}

static struct wire *any_wire(void)
{
	unsigned skip = choose(4);
	struct wire *found = NULL;
	for (struct wire *x = f.wires; x < f.wires + WIRES && (!found || skip); x++)
		if (x->used) {
			skip -= found != NULL;
			found = x;
		}
	return found;
}

/* Mail on its way does not take long: before a while passes, all of it comes. */
static void pass_time(msec ms)
{
	for (size_t i = 0; i < MESSAGES && ms > SECONDS(10); i++) {
		leave(&f.messages[i]);
		message_step(&f.messages[i], 0);
	}
	msec until = f.now + ms;
	while (f.now < until) {
		msec next = gate_expiry(f.backend.gate);
		for (size_t i = 0; i < FRONTENDS; i++)
			next = gate_expiry(f.frontends[i].gate) < next ? gate_expiry(f.frontends[i].gate) : next;
		f.now = next > until ? until : next > f.now ? next : f.now;
		expire();
		if (next <= f.now && f.broken[0])
			return;
	}
}

static void event(void)
{
	static const msec pauses[] = { 1, 5, 20, 100, 300, 3000, 40000, 130000, 600000, 3600000 };
	unsigned what = choose(32);
	struct message *m = what < 20 ? any_message(what < 8) : NULL;
	struct wire *x = (what >= 20 && what < 27) || what == 29 ? any_wire() : NULL;
	if (m && what < 8)
		begin_message(m);
	else if (m && what == 8)
		leave(m);
	else if (m)
		message_step(m, choose(8));
	else if (x)
		wire_step(x, what != 20, what != 21, what == 22);
	else if (what == 27)
		pass_time(pauses[choose(choose(16) ? 5 : 10)]);
	else if (what == 28 && choose(2))
		empty_some();
	else if (what == 30 && choose(8) == 0)
		restart(&f.frontends[choose(FRONTENDS)]);
	else if (what == 30 && choose(16) == 0)
		restart(&f.backend);
	else if (what == 30 && choose(8) == 0)
		restart_all();
	else if (what == 31 && choose(4) == 0) {
		struct machine *changed = choose(4) ? &f.frontends[choose(FRONTENDS)] : &f.backend;
		gate_configure(changed->gate, &changed->conf, f.now);
	}
}

/* Everything ends, and nothing is lost any more. */
static void settle(void)
{
	for (unsigned rounds = 0; rounds < 4 * TRIES; rounds++)
		for (size_t i = 0; i < WIRES; i++)
			if (f.wires[i].used)
				wire_step(&f.wires[i], true, true, false);
	pass_time(SECONDS(3 * 3600));
}

static void pass_on(unsigned box)
{
	for (unsigned i = 0; i < FRONTENDS; i++) {
		struct message *m = &f.messages[0];
		*m = (struct message){ .at = &f.frontends[i], .box = box, .declared = 1, .size = 1 };
		m->serial = ++f.serial;
		for (unsigned form = 0; form < 3; form++) {
			snprintf(m->recipient, sizeof(m->recipient), "u%u%s@example.org", box,
				form == 0   ? ""
				: form == 1 ? "+x"
					    : "+y");
			offer(m, false, false);
			for (size_t n = 0; n < 2 * WIRES; n++)
				if (f.wires[n % WIRES].used)
					wire_step(&f.wires[n % WIRES], true, true, false);
			require(m->state != ASKED, "an answer", 0, 1);
			finish(m, true);
		}
	}
}

/* When all is over and everybody has told what he let in, no charge is left. */
static void be_quiet(void)
{
	f.random = 1; /* no more octets, and no news are lost */
	settle();
	for (unsigned i = 0; i < MAILBOXES; i++)
		pass_on(i);
	settle();
	for (unsigned i = 0; i < MAILBOXES; i++) {
		look(&f.backend, name_of(i), PURPOSE_REPORT);
		struct answer a = look(&f.backend, name_of(i), PURPOSE_PEEK);
		require(a.charge.octets == 0 && a.charge.messages == 0, "all is settled", a.charge.octets, 0);
		for (unsigned n = 0; n < FRONTENDS; n++) {
			a = look(&f.frontends[n], name_of(i), PURPOSE_PEEK);
			require(a.charge.messages == 0, "all was told", a.charge.octets, 0);
		}
	}
	require(gate_stats(f.backend.gate).loans == 0, "loans end", gate_stats(f.backend.gate).loans, 0);
}

const char *farm_run(const uint8_t *choices, size_t len)
{
	memset(&f, 0, sizeof(f));
	f.at = choices;
	f.end = choices + len;
	f.large = choose(8);
	make_farm();
	while (f.at < f.end && !f.broken[0]) {
		event();
		check_box(f.events++ % MAILBOXES);
	}
	if (!f.broken[0])
		be_quiet();
	free_farm();
	return f.broken[0] ? f.broken : NULL;
}

/* ---- a life by chance ---- */

static void turn(void)
{
	for (struct wire *x = f.wires; x < f.wires + WIRES; x++)
		if (x->used && x->due <= f.now)
			wire_step(x, choose(100) >= f.loss, choose(100) >= f.loss, false);
	for (struct message *m = f.messages; m < f.messages + MESSAGES; m++)
		if (m->state == FREE && choose(20) == 0)
			begin_message(m);
		else if (m->state != FREE && m->due <= f.now)
			message_step(m, choose(10) ? 3 : 0);
	expire();
	f.events++;
	check_box((unsigned)(f.events % MAILBOXES));
}

const char *farm_live(uint64_t seed, unsigned loss, struct farm_sums *sums)
{
	memset(&f, 0, sizeof(f));
	f.random = seed;
	f.loss = loss;
	f.large = seed % 3 * 8;
	f.sums = *sums;
	make_farm();
	for (unsigned round = 0; round < 20 && !f.broken[0]; round++) {
		for (msec until = f.now + SECONDS(30); f.now < until && !f.broken[0]; turn())
			f.now += 1 + choose(100);
		empty_some();
	}
	if (!f.broken[0])
		be_quiet();
	free_farm();
	*sums = f.sums;
	return f.broken[0] ? f.broken : NULL;
}
