#include "model.h"

#include "core/gate.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAILBOXES 5
#define CLIENTS 12
#define TRANSACTIONS 6 /* numbered from 1; 0 is none */
#define ENDED_MOST 4096
#define SETTLE SECONDS(120)
#define TIMEOUT SECONDS(4)

/* One ended charge. It is paid at the dearest rate that seven eighths allow, and dropped as soon as it may be. */
struct ended {
	uint64_t octets, unpaid;
	msec at;
	bool dropped; /* may be: the gate's slots can keep it for as long as younger ones */
};

struct box {
	char name[32];
	uint64_t usage, limit; /* as it is; limits differ, and so tell whose facts an answer rests on */
	bool exists, firm;
	enum facts_state known; /* what the gate was told last */
	uint64_t known_usage;
	uint64_t open[TRANSACTIONS + 1]; /* the charge of each open transaction; 0: none */
	struct ended ended[ENDED_MOST]; /* in the order of their ends */
	size_t n;
};

struct client {
	struct ask ask;
	bool waiting;
	msec asked;
	unsigned box, transaction;
	unsigned again; /* questions to be asked from within done() */
};

static struct {
	const uint8_t *at, *end;
	struct gate *gate;
	struct gate_conf conf;
	msec now;
	bool roomy; /* nothing runs over: the sums must agree */
	bool at_once, fails; /* how the store answers */
	struct box boxes[MAILBOXES];
	struct client clients[CLIENTS];
	struct {
		bool open, arrived;
		msec begun;
		const struct box *arrived_box; /* that of its one charge, else null */
		uint64_t arrived_octets;
	} transactions[TRANSACTIONS + 1];
	struct lookup *held[64];
	size_t n_held;
	unsigned long events;
	char broken[256];
} m;

static unsigned long all_events;

static void require(bool held, const char *promise, const struct box *b, uint64_t got, uint64_t least, uint64_t most)
{
	if (held || m.broken[0])
		return;
	snprintf(m.broken, sizeof(m.broken), "%s: %s: got %ju, want %ju to %ju, at %jd ms after %lu events", promise,
		b ? b->name : "", (uintmax_t)got, (uintmax_t)least, (uintmax_t)most, (intmax_t)m.now, m.events);
}

static unsigned choose(unsigned n)
{
	return m.at < m.end ? *m.at++ % n : 0;
}

/* 1 to some thousands, small ones more often. */
static uint64_t choose_size(void)
{
	unsigned n = choose(256);
	return 1 + (uint64_t)n * (n % 8) * 2;
}

static struct hash id_of(unsigned transaction)
{
	return transaction ? (struct hash){ transaction, 5 } : (struct hash){ 0 };
}

/* ---- the model of the ledger ---- */

static void end_charge(struct box *b, uint64_t octets, msec at)
{
	size_t i = b->n;
	if (b->n == COUNT(b->ended)) {
		m.roomy = false; /* more than the model can hold */
		return;
	}
	while (i > 0 && b->ended[i - 1].at / 1000 > at / 1000)
		i--;
	memmove(&b->ended[i + 1], &b->ended[i], (b->n - i) * sizeof(b->ended[0]));
	b->ended[i] = (struct ended){ .octets = octets, .unpaid = octets, .at = at };
	b->n++;
}

static void end_transaction(unsigned t, bool given_back, msec at)
{
	for (size_t i = 0; i < MAILBOXES; i++) {
		struct box *b = &m.boxes[i];
		if (b->open[t] && !given_back)
			end_charge(b, b->open[t], at);
		b->open[t] = 0;
	}
	m.transactions[t].open = m.transactions[t].arrived = false;
	m.transactions[t].arrived_box = NULL;
}

static void charge(struct box *b, unsigned t, uint64_t octets)
{
	if (t && m.transactions[t].arrived_box == b)
		return;
	if (t == 0 || m.transactions[t].arrived) {
		end_charge(b, octets, m.now);
		return;
	}
	if (!m.transactions[t].open) {
		m.transactions[t].open = true;
		m.transactions[t].begun = m.now;
	}
	b->open[t] = octets;
}

/* The message is here: its charges end, the transaction goes on. */
static void arrive(unsigned t)
{
	size_t n = 0;
	if (!m.transactions[t].open || m.transactions[t].arrived)
		return;
	m.transactions[t].arrived = true;
	for (size_t i = 0; i < MAILBOXES; i++) {
		struct box *b = &m.boxes[i];
		if (!b->open[t])
			continue;
		m.transactions[t].arrived_box = n++ ? NULL : b;
		m.transactions[t].arrived_octets = b->open[t];
		end_charge(b, b->open[t], m.now);
		b->open[t] = 0;
	}
}

/* A look-up begun then brings these figures: rules 7 and 8. */
static void settle(struct box *b, msec begun, const struct facts *is)
{
	uint64_t budget = 0;
	bool all = true;
	for (size_t i = 0; i < b->n; i++) {
		b->ended[i].dropped |= b->ended[i].at < begun - SETTLE;
		all &= b->ended[i].at < begun - SETTLE - 1000;
	}
	if (all)
		b->n = 0;
	if (b->known == FACTS_FOUND && is->state == FACTS_FOUND && is->usage > b->known_usage)
		budget = (is->usage - b->known_usage) * 8 / 7 + 1;
	for (size_t i = 0; i < b->n && budget; i++) {
		struct ended *e = &b->ended[i];
		if (e->dropped)
			continue;
		uint64_t pays = budget < e->unpaid ? budget : e->unpaid;
		e->unpaid -= pays;
		budget -= pays;
	}
	b->known = is->state;
	b->known_usage = is->usage;
}

/* Compares a sum of the gate with the model's, without the charge of one transaction. */
static void check_sum(const struct box *b, unsigned without, struct charge got)
{
	uint64_t open = 0, least = 0, most = 0;
	uint32_t messages = 0;
	for (unsigned t = 1; t <= TRANSACTIONS; t++)
		if (t != without && b->open[t]) {
			open += b->open[t];
			messages++;
		}
	for (size_t i = 0; i < b->n; i++) {
		least += b->ended[i].dropped ? 0 : b->ended[i].unpaid;
		most += b->ended[i].octets;
	}
	if (!m.roomy)
		return;
	if (without && m.transactions[without].arrived_box == b) { /* it may be paid or dropped by now */
		uint64_t own = m.transactions[without].arrived_octets;
		least = least > own ? least - own : 0;
	}
	require(got.octets >= open + least && got.octets <= open + most, "charges", b, got.octets, open + least,
		open + most);
	require(got.messages >= messages && got.messages <= messages + b->n, "charged messages", b, got.messages,
		messages, messages + b->n);
}

/* ---- the store ---- */

static struct box *box_of(struct str address)
{
	for (size_t i = 0; i < MAILBOXES; i++)
		if (str_eq(address, str_of(m.boxes[i].name)))
			return &m.boxes[i];
	return NULL;
}

static void answer(struct lookup *l)
{
	struct box *b = box_of(l->mailbox.address);
	size_t i = 0;
	while (i < m.n_held && m.held[i] != l)
		i++;
	require(i < m.n_held && b, "a look-up is for a mailbox that was asked about", b, 0, 0, 0);
	if (!b)
		return;
	m.held[i] = m.held[--m.n_held];
	l->facts = (struct facts){ .state = FACTS_FAILED };
	if (!m.fails) {
		l->facts.state = b->exists ? FACTS_FOUND : FACTS_NO_MAILBOX;
		l->facts.usage = b->exists ? b->usage : 0;
		l->facts.limit = b->exists ? b->limit : 0;
		l->facts.firm = l->firm || b->firm;
		settle(b, l->begun, &l->facts);
	}
	lookup_done(l, m.now);
}

static void start(void *context, struct lookup *l, msec now)
{
	(void)context;
	require(now == m.now && m.n_held < COUNT(m.held), "look-ups in flight are bounded", NULL, m.n_held, 0, 0);
	if (m.n_held == COUNT(m.held))
		return;
	m.held[m.n_held++] = l;
	if (m.at_once)
		answer(l);
}

static void cancel(void *context, struct lookup *l)
{
	(void)context;
	for (size_t i = 0; i < m.n_held; i++)
		if (m.held[i] == l) {
			m.held[i] = m.held[--m.n_held];
			return;
		}
	require(false, "only what was started is cancelled", NULL, 0, 0, 0);
}

/* ---- clients ---- */

static void ask(struct client *c);

static void check_answer(const struct client *c, const struct box *b)
{
	const struct answer *a = &c->ask.answer;
	if (a->facts.state != FACTS_FOUND)
		return;
	require(a->facts.limit == b->limit, "facts are those of the mailbox", b, a->facts.limit, b->limit, b->limit);
	check_sum(b, c->transaction, a->charge);
	uint64_t size = c->ask.query.size ? c->ask.query.size : 1;
	uint64_t sum = a->facts.usage + a->charge.octets + size;
	require((a->verdict.action == ACTION_PASS) == (sum <= b->limit), "a verdict follows its figures", b, sum, 0,
		b->limit);
	if (c->ask.query.purpose != PURPOSE_DELIVER)
		return;
	if (a->verdict.action != ACTION_PASS) {
		m.boxes[c->box].open[c->transaction] = 0;
		return;
	}
	charge(&m.boxes[c->box], c->transaction, size);
}

static void on_done(struct ask *a, msec now)
{
	struct client *c = list_of(a, struct client, ask);
	require(c->waiting, "one answer to one question", NULL, 0, 0, 0);
	require(now == m.now && now - c->asked <= TIMEOUT, "an answer by the deadline", NULL,
		(uint64_t)(now - c->asked), 0, TIMEOUT);
	c->waiting = false;
	if (a->query.address.len)
		check_answer(c, &m.boxes[c->box]);
	if (a->query.stage == STAGE_END_OF_MESSAGE && a->query.purpose == PURPOSE_DELIVER && c->transaction &&
		a->query.address.len && a->answer.verdict.action == ACTION_PASS)
		arrive(c->transaction);
	if (c->again) {
		c->again--;
		ask(c);
	}
}

static void ask(struct client *c)
{
	static const enum query_purpose purposes[] = { PURPOSE_DELIVER, PURPOSE_DELIVER, PURPOSE_DELIVER,
		PURPOSE_REPORT };
	c->box = choose(MAILBOXES);
	c->transaction = choose(TRANSACTIONS + 1);
	c->ask.query = (struct query){
		.purpose = purposes[choose(4)],
		.stage = choose(4) ? STAGE_RCPT : STAGE_END_OF_MESSAGE,
		.address = str_of(m.boxes[c->box].name),
		.size = choose(8) ? choose_size() : 0,
		.transaction = id_of(c->transaction),
	};
	c->ask.done = on_done;
	c->waiting = true;
	c->asked = m.now;
	gate_ask(m.gate, &c->ask, m.now);
}

/* END-OF-MESSAGE of several recipients. */
static void end_message(struct client *c)
{
	unsigned t = c->transaction = choose(TRANSACTIONS + 1);
	uint64_t size = choose(4) ? choose_size() : 0;
	c->again = 0;
	c->ask.query = (struct query){ .stage = STAGE_END_OF_MESSAGE, .size = size, .transaction = id_of(t) };
	c->ask.done = on_done;
	c->waiting = true;
	c->asked = m.now;
	gate_ask(m.gate, &c->ask, m.now);
	require(!c->waiting, "several recipients are answered at once", NULL, 0, 0, 0);
	for (size_t i = 0; i < MAILBOXES && t && size; i++)
		if (m.boxes[i].open[t])
			m.boxes[i].open[t] = size;
	if (t)
		arrive(t);
}

static void on_peek(struct ask *a, msec now)
{
	(void)a;
	(void)now;
}

/* False when the gate knows no figures. */
static bool peek(const struct box *b, unsigned transaction, struct charge *out)
{
	struct ask a = { .done = on_peek };
	a.query.purpose = PURPOSE_PEEK;
	a.query.address = str_of(b->name);
	a.query.transaction = id_of(transaction);
	gate_ask(m.gate, &a, m.now);
	require(!a.active, "a peek is answered at once", b, 0, 0, 0);
	*out = a.answer.charge;
	return a.answer.facts.state == FACTS_FOUND;
}

/* Every open transaction's own charge, to the octet. */
static void check_box(const struct box *b)
{
	struct charge all, others;
	if (!m.roomy || !peek(b, 0, &all))
		return;
	check_sum(b, 0, all);
	for (unsigned t = 1; t <= TRANSACTIONS; t++) {
		if (m.transactions[t].arrived_box == b)
			continue;
		peek(b, t, &others);
		require(all.octets - others.octets == b->open[t], "the charge of an open transaction", b,
			all.octets - others.octets, b->open[t], b->open[t]);
		require(all.messages - others.messages == (b->open[t] > 0), "its message", b,
			all.messages - others.messages, b->open[t] > 0, b->open[t] > 0);
	}
}

/* ---- time ---- */

static void expire(void)
{
	gate_expire(m.gate, m.now);
	for (unsigned t = 1; t <= TRANSACTIONS; t++)
		if (m.transactions[t].open && m.transactions[t].begun + LEDGER_OPEN_MOST <= m.now)
			end_transaction(t, false, m.now - SETTLE - 1000);
	for (size_t i = 0; i < CLIENTS; i++)
		require(!m.clients[i].waiting || m.clients[i].asked + TIMEOUT > m.now, "an answer by the deadline",
			NULL, i, 0, 0);
}

static void pass_time(msec ms)
{
	msec until = m.now + ms;
	while (gate_expiry(m.gate) <= until && !m.broken[0]) {
		m.now = gate_expiry(m.gate) > m.now ? gate_expiry(m.gate) : m.now;
		expire();
	}
	m.now = until;
}

/* ---- events ---- */

static struct client *idle_client(void)
{
	struct client *c = &m.clients[choose(CLIENTS)];
	return c->waiting ? NULL : c;
}

static void deliver(struct box *b)
{
	uint64_t octets = choose_size();
	for (size_t i = 0; i < b->n; i++)
		if (!b->ended[i].dropped && b->ended[i].unpaid) {
			octets = b->ended[i].octets * (90 + choose(20)) / 100; /* SIZE= is not the size as stored */
			break;
		}
	b->usage += octets;
}

static void change_store(void)
{
	struct box *b = &m.boxes[choose(MAILBOXES)];
	switch (choose(8)) {
	case 0: b->firm = !b->firm; break;
	case 1: b->exists = !b->exists; break;
	case 2: m.fails = !m.fails; break;
	case 3: m.at_once = !m.at_once; break;
	case 4:
	case 5: b->usage /= 2; break;
	default: m.fails = false;
	}
}

/* Everything ends, the mail has long been delivered, and somebody asks: no charge is left. */
static void be_quiet(void)
{
	m.at_once = true;
	m.fails = false;
	for (unsigned t = 1; t <= TRANSACTIONS; t++) {
		gate_end(m.gate, id_of(t), false, m.now);
		end_transaction(t, false, m.now);
	}
	while (m.n_held && !m.broken[0])
		answer(m.held[0]);
	pass_time(SECONDS(7200));
	for (unsigned t = 1; t <= TRANSACTIONS; t++) {
		gate_end(m.gate, id_of(t), false, m.now);
		end_transaction(t, false, m.now);
	}
	pass_time(SECONDS(7200));
	for (size_t i = 0; i < MAILBOXES; i++) {
		struct client *c = &m.clients[0];
		struct charge left;
		c->box = (unsigned)i;
		c->transaction = 0;
		c->again = 0;
		c->waiting = true;
		c->asked = m.now;
		m.boxes[i].exists = true;
		c->ask.done = on_done;
		c->ask.query = (struct query){ .purpose = PURPOSE_REPORT, .address = str_of(m.boxes[i].name) };
		gate_ask(m.gate, &c->ask, m.now);
		if (peek(&m.boxes[i], 0, &left))
			require(left.octets == 0 && left.messages == 0, "all is settled", &m.boxes[i], left.octets, 0,
				0);
	}
}

static void event(void)
{
	static const msec pauses[] = { 1, 10, 100, 1000, 3000, 20000, 65000, 130000 };
	struct client *c = NULL;
	unsigned what = choose(32), t;
	switch (what) {
	case 0:
		c = idle_client();
		if (c)
			end_message(c);
		break;
	case 1:
	case 2:
	case 3:
		t = choose(TRANSACTIONS) + 1;
		gate_end(m.gate, id_of(t), what == 1, m.now);
		end_transaction(t, what == 1, m.now);
		break;
	case 4:
	case 5:
	case 6:
	case 7:
	case 8:
		if (m.n_held)
			answer(m.held[choose((unsigned)m.n_held)]);
		break;
	case 9:
	case 10:
	case 11: pass_time(pauses[choose(COUNT(pauses))]); break;
	case 12:
	case 13:
	case 14:
	case 15: deliver(&m.boxes[choose(MAILBOXES)]); break;
	case 16: change_store(); break;
	case 17: gate_configure(m.gate, &m.conf, m.now); break;
	case 18:
		c = &m.clients[choose(CLIENTS)];
		gate_forget(m.gate, &c->ask);
		c->waiting = false;
		break;
	case 19:
		if (choose(16) == 0)
			be_quiet();
		break;
	default:
		c = idle_client();
		if (c) {
			c->again = what == 20 ? choose(4) : 0;
			ask(c);
		}
	}
}

static void set_up(bool roomy)
{
	static const unsigned stores[] = { 0 };
	static const struct route_store store = { .name = { "store", 5 }, .salt = 7, .told_domain = true };
	static const struct route route = { .stores = &store, .n_stores = 1, .any = { .stores = stores, .n = 1 } };
	static const struct gate_stores reach = { .start = start, .cancel = cancel };
	const struct gate_size large = { .mailboxes = 100, .lookups = 32, .transactions = 32, .charges = 200 };
	const struct gate_size small = { .mailboxes = 2, .lookups = 2, .transactions = 2, .charges = 3 };
	m.roomy = roomy;
	m.now = SECONDS(100000);
	m.conf = (struct gate_conf){
		.route = &route,
		.timeout = TIMEOUT,
		.soft = 50,
		.hard = 90,
		.ttl_low = SECONDS(3600),
		.ttl_mid = SECONDS(30),
		.ttl_high = SECONDS(1),
		.ttl_none = SECONDS(30),
		.stale = SECONDS(86400),
		.settle = SETTLE,
	};
	m.gate = gate_new(roomy ? &large : &small, &m.conf, &reach, (struct hash_key){ 1, 2 });
	for (unsigned i = 0; i < MAILBOXES; i++) {
		struct box *b = &m.boxes[i];
		snprintf(b->name, sizeof(b->name), "user%u@a.example", i);
		b->limit = 20000 + 7000 * i;
		b->usage = 5000 * i;
		b->exists = true;
		b->firm = i % 2;
	}
}

const char *model_run(const uint8_t *choices, size_t len)
{
	memset(&m, 0, sizeof(m));
	m.at = choices;
	m.end = choices + len;
	set_up(choose(4) > 0);
	while (m.at < m.end && !m.broken[0]) {
		event();
		check_box(&m.boxes[m.events % MAILBOXES]);
		m.events++;
	}
	be_quiet();
	all_events += m.events;
	for (size_t i = 0; i < CLIENTS; i++)
		gate_forget(m.gate, &m.clients[i].ask);
	gate_free(m.gate);
	return m.broken[0] ? m.broken : NULL;
}

unsigned long model_events(void)
{
	return all_events;
}
