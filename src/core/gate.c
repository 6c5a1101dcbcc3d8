/* Questions: how they begin and end, what becomes of several probes, deadlines, and answers of look-ups. */
#include "core/gate_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS_MOST 256 /* of one question's aliases, all in all */

/* ---- making and ending ---- */

struct gate *gate_new(const struct gate_size *size, const struct gate_conf *conf, const struct gate_stores *stores,
	struct hash_key key)
{
	struct gate *g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	list_init(&g->by_deadline);
	list_init(&g->spare);
	g->conf = *conf;
	g->stores = *stores;
	g->key = key;
	g->cache = cache_new(size->mailboxes);
	g->ledger = ledger_new(g->cache, size->transactions, size->charges, conf->settle);
	g->loans = g->ledger ? loans_new(g->cache, g->ledger, size->loans ? size->loans : 1) : NULL;
	g->flight = flight_new(size->lookups);
	g->book = book_new(size->answers ? size->answers : 1, size->answer_octets);
	g->probes = calloc(size->probes + 1, sizeof(*g->probes));
	if (!g->cache || !g->ledger || !g->loans || !g->flight || !g->book || !g->probes) {
		gate_free(g);
		return NULL;
	}
	for (size_t i = 0; i < size->probes; i++)
		list_insert(&g->spare, &g->probes[i].waiting);
	return g;
}

/* Takes every look-up down; the asks that waited stay in by_deadline. */
static void cancel_all(struct gate *g)
{
	struct list *all = flight_all(g->flight);
	list_each_safe (n, all) {
		struct lookup *l = list_of(n, struct lookup, in_flight);
		g->stores.cancel(g->stores.context, l);
		claim_end(g, l);
		list_each_safe (w, &l->waiting)
			list_remove(w);
		flight_land(l);
		flight_release(g->flight, l);
	}
}

void gate_free(struct gate *g)
{
	if (!g)
		return;
	if (g->flight)
		cancel_all(g);
	assert(list_empty(&g->by_deadline));
	flight_free(g->flight);
	loans_free(g->loans);
	ledger_free(g->ledger);
	cache_free(g->cache);
	book_free(g->book);
	free(g->probes);
	free(g);
}

/* ---- probes ---- */

static void probe_begin(struct probe *p, struct ask *a, const struct probe *parent)
{
	p->ask = a;
	p->parent = parent;
	p->recipient = parent ? parent->recipient : 0;
	p->phase = PROBE_DIRECTORY;
	p->form = FORM_WHOLE;
	p->of_sender = p->exact = p->listed = p->unlisted = p->firm_asked = false;
	p->claim = 0;
	p->wants_claim = p->claimed = p->charged = false;
	p->look_ups = 0;
	p->canary = 0;
	p->entry = NULL;
	p->cached = true;
	p->candidate = 0;
	p->route = NULL;
	p->directory = NULL;
	p->store = p->only = NULL;
	p->origin = p->key = (struct hash){ 0 };
	p->limit = (struct limit){ 0 };
	p->host = p->home = (struct str){ p->text, 0 };
	p->answer = (struct answer){ 0 };
	list_init(&p->waiting);
	list_insert(&a->probes, &p->siblings);
	a->pending++;
}

static struct probe *lend(struct gate *g, struct ask *a, const struct probe *parent)
{
	if (a->members == MEMBERS_MOST || list_empty(&g->spare))
		return NULL;
	struct probe *p = list_of(g->spare.next, struct probe, waiting);
	list_remove(&p->waiting);
	probe_begin(p, a, parent);
	a->members++;
	return p;
}

struct probe *probe_lend(struct gate *g, const struct probe *parent)
{
	return lend(g, parent->ask, parent);
}

struct probe *probe_lend_for(struct gate *g, struct ask *a, size_t recipient)
{
	struct probe *p = lend(g, a, NULL);
	if (p)
		p->recipient = recipient;
	return p;
}

void probe_return(struct gate *g, struct probe *p)
{
	struct ask *a = p->ask;
	list_remove(&p->waiting);
	list_remove(&p->siblings);
	a->pending--;
	a->members--;
	list_insert(g->spare.next, &p->waiting);
}

void probes_release(struct gate *g, struct ask *a)
{
	list_each_safe (n, &a->probes) {
		struct probe *p = list_of(n, struct probe, siblings);
		list_remove(&p->waiting);
		list_remove(&p->siblings);
		if (p != &a->first)
			list_insert(g->spare.next, &p->waiting);
	}
	a->pending = a->members = 0;
}

void probe_done(struct gate *g, struct probe *p, const char *note, msec now)
{
	struct ask *a = p->ask;
	list_remove(&p->waiting);
	if (p->phase != PROBE_EXPANDED)
		p->phase = PROBE_DONE;
	if (--a->pending == 0)
		conclude(g, a, p, note, now);
}

void probe_done_without(struct gate *g, struct probe *p, enum facts_state state, const char *note, msec now)
{
	const struct facts none = { .state = state };
	const struct terms terms = { 0 };
	p->answer = (struct answer){ .facts = none };
	p->answer.verdict = decide(&g->conf.rules, &terms, &p->ask->query, &none, (struct charge){ 0 }, now);
	probe_done(g, p, note, now);
}

void probe_done_pass(struct gate *g, struct probe *p, enum reason reason, const char *note, msec now)
{
	p->answer = (struct answer){ .verdict = { .action = ACTION_PASS, .reason = reason } };
	if (reason == REASON_ELSEWHERE && note)
		p->ask->cut = note;
	probe_done(g, p, note, now);
}

/* ---- look-ups ---- */

void probe_wait(struct gate *g, struct probe *p, struct lookup *l)
{
	struct ask *a = p->ask;
	p->cached = false;
	list_insert(&l->waiting, &p->waiting);
	if (!list_empty(&a->by_deadline))
		return; /* it is in its place already */
	struct list *at = &g->by_deadline;
	while (at->prev != &g->by_deadline && list_of(at->prev, struct ask, by_deadline)->deadline > a->deadline)
		at = at->prev;
	list_insert(at, &a->by_deadline);
}

struct lookup *probe_lookup(struct gate *g, struct probe *p, struct hash key, struct hash flight, bool firm,
	bool *fresh, const char **why, msec now)
{
	struct lookup *l = flight_find(g->flight, flight, firm);
	p->cached = *fresh = false;
	*why = "no answer in time";
	if (now >= p->ask->deadline)
		return NULL;
	if (l) {
		g->stats.joined++;
		return now - l->begun < g->conf.timeout ? l : NULL;
	}
	l = flight_take(g->flight, flight, firm, now);
	if (!l) {
		g->stats.crowded++;
		*why = "too many look-ups in flight";
		return NULL;
	}
	*fresh = true;
	l->gate = g;
	l->key = key;
	g->stats.lookups++;
	return l;
}

bool lookup_set(struct gate *g, struct lookup *l, struct str whole, size_t local, size_t domain, const struct probe *p)
{
	struct buf text = BUF(l->text);
	buf_put(&text, whole);
	l->mailbox.address = buf_str(&text);
	l->mailbox.local = (struct str){ l->text, local };
	l->mailbox.domain = (struct str){ l->text + whole.len - domain, domain };
	l->mailbox.host = (struct str){ l->text + text.len, p ? p->host.len : 0 };
	buf_put(&text, p ? p->host : STR(""));
	l->mailbox.home = (struct str){ l->text + text.len, p ? p->home.len : 0 };
	buf_put(&text, p ? p->home : STR(""));
	if (!text.full)
		return true;
	flight_land(l);
	flight_release(g->flight, l);
	return false;
}

void lookup_done(struct lookup *l, msec now)
{
	struct gate *g = l->gate;
	struct list waiting;
	assert(l->active);
	if (l->of_directory)
		resolve_learn(g, l, now);
	else
		probe_learn(g, l, now);
	if (g->stores.landed)
		g->stores.landed(g->stores.context, l, now);
	list_init(&waiting);
	list_each_safe (n, &l->waiting) {
		list_remove(n);
		list_insert(&waiting, n);
	}
	struct lookup copy = *l; /* those who must ask on may need its place */
	copy.mailbox.address.at = copy.text;
	flight_land(l);
	flight_release(g->flight, l);
	/* An answer may bring the next question of its connection, and with it look-ups and evictions. */
	while (!list_empty(&waiting)) {
		struct probe *p = list_of(waiting.next, struct probe, waiting);
		list_remove(&p->waiting);
		if (copy.of_directory)
			resolve_hear(g, p, &copy, now);
		else
			probe_hear(g, p, &copy, now);
	}
}

/* ---- questions ---- */

/* A sender whose local part says that another program coded it (SRS, VERP, BATV) is not in any directory. */
static bool is_coded(struct str local)
{
	return str_find(local, '=') < local.len;
}

/* Begins the check of the envelope sender, if it is to be checked. */
static void begin_sender(struct gate *g, struct ask *a, struct probe *p, msec now)
{
	bool ours;
	p->of_sender = true;
	if (!a->query.authenticated && a->query.sender.len &&
		address_parse(&p->address, a->query.sender, g->conf.fold) == ADDRESS_OK && p->address.domain.len &&
		!is_coded(p->address.local)) {
		p->route = route_find(g->conf.route, &p->address, &ours);
		if (p->route->check_sender) {
			resolve_start(g, p, now);
			return;
		}
	}
	probe_done_pass(g, p, REASON_NOT_ASKED, NULL, now);
}

void probe_begin_recipient(struct gate *g, struct probe *p, struct str address, msec now)
{
	bool ours;
	enum address_fault fault = address_parse(&p->address, address, g->conf.fold);
	if (fault != ADDRESS_OK) {
		probe_done_pass(g, p, REASON_BAD_ADDRESS, address_fault_text(fault), now);
		return;
	}
	p->route = route_find(g->conf.route, &p->address, &ours);
	if (p->route->n_directories == 0) {
		probe_start(g, p, now);
		return;
	}
	p->origin = hash_of(&g->key, p->address.whole.at, p->address.whole.len);
	resolve_start(g, p, now);
}

static bool checks_senders(const struct gate *g, const struct ask *a)
{
	return g->conf.route->checks_senders && a->query.sender.len && !query_asks_nobody(&a->query);
}

static void begin(struct gate *g, struct ask *a, msec now)
{
	struct probe *p = &a->first, *sender;
	list_init(&a->probes);
	a->pending = a->members = a->recipients = 0;
	a->cut = NULL;
	probe_begin(p, a, NULL);
	switch (a->query.kind) {
	case QUERY_PATH:
		p->address.whole = p->address.local = p->address.domain = STR("");
		probe_start(g, p, now);
		return;
	case QUERY_SENDER: begin_sender(g, a, p, now); return;
	case QUERY_RECIPIENT: break;
	}
	if (a->query.stage == STAGE_END_OF_MESSAGE && a->query.address.len == 0) {
		if (a->query.purpose == PURPOSE_DELIVER && a->query.size > 0)
			ledger_resize(g->ledger, a->query.transaction, decide_size(&g->conf.rules, &a->query));
		several_begin(g, a, now); /* the first probe is pending: they cannot end the ask */
		probe_done_pass(g, p, REASON_NOT_ASKED, NULL, now);
		return;
	}
	sender = checks_senders(g, a) ? lend(g, a, NULL) : NULL;
	if (sender)
		begin_sender(g, a, sender, now); /* the recipient's probe is pending: it cannot end the ask */
	probe_begin_recipient(g, p, a->query.address, now);
}

void gate_ask(struct gate *g, struct ask *a, msec now)
{
	list_init(&a->by_deadline);
	a->deadline = now + g->conf.timeout;
	a->active = true;
	g->stats.asked++;
	begin(g, a, now);
}

void gate_forget(struct gate *g, struct ask *a)
{
	if (!a->active)
		return;
	probes_release(g, a);
	list_remove(&a->by_deadline);
	a->active = false;
}

void gate_tell(struct gate *g, enum news_kind kind, struct hash transaction, uint64_t size)
{
	const struct news news = { .kind = kind, .transaction = transaction, .size = size };
	if (g->stores.tell && g->conf.route->has_ledgers && !hash_is_none(transaction))
		g->stores.tell(g->stores.context, ROUTE_ALL_STORES, &news);
}

void gate_end(struct gate *g, struct hash transaction, bool abandoned, msec now)
{
	if (abandoned)
		ledger_abandon(g->ledger, transaction);
	else
		ledger_end(g->ledger, transaction, now);
	gate_tell(g, abandoned ? NEWS_ABANDONED : NEWS_ENDED, transaction, 0);
}

/* ---- time and change ---- */

void gate_configure(struct gate *g, const struct gate_conf *conf, msec now)
{
	struct list again;
	cancel_all(g);
	memset(g->distrusted, 0, sizeof(g->distrusted));
	memset(g->distrusted_stores, 0, sizeof(g->distrusted_stores));
	g->conf = *conf;
	ledger_set_settle(g->ledger, conf->settle);
	list_init(&again);
	list_each_safe (n, &g->by_deadline) {
		list_remove(n);
		list_insert(&again, n);
	}
	while (!list_empty(&again)) {
		struct ask *a = list_of(again.next, struct ask, by_deadline);
		list_remove(&a->by_deadline);
		probes_release(g, a);
		begin(g, a, now);
	}
}

msec gate_expiry(const struct gate *g)
{
	msec next = ledger_expiry(g->ledger), loans = loans_expiry(g->loans);
	next = loans < next ? loans : next;
	if (!list_empty(&g->by_deadline)) {
		msec deadline = list_of(g->by_deadline.next, struct ask, by_deadline)->deadline;
		next = deadline < next ? deadline : next;
	}
	return next;
}

/* A probe of this ask that waits for a look-up, null: none does. */
static struct probe *waiting_probe(const struct ask *a)
{
	list_each (n, &a->probes) {
		struct probe *p = list_of(n, struct probe, siblings);
		if (!list_empty(&p->waiting))
			return p;
	}
	return NULL;
}

/* Every probe that waits goes on without its answer; the last of them answers the ask, which may at once be asked anew. */
static void answer_late(struct gate *g, struct ask *a, msec now)
{
	struct probe *p;
	list_remove(&a->by_deadline);
	g->stats.late++;
	for (size_t left = a->pending; left > 0 && (p = waiting_probe(a)); left--) {
		list_remove(&p->waiting);
		if (p->phase == PROBE_STORE || p->phase == PROBE_STORE_CANARY)
			probe_unanswered(g, p, "no answer in time", now);
		else
			resolve_unanswered(g, p, "no answer in time", now);
	}
}

void gate_expire(struct gate *g, msec now)
{
	struct hash over;
	while (!list_empty(&g->by_deadline)) {
		struct ask *a = list_of(g->by_deadline.next, struct ask, by_deadline);
		if (a->deadline > now)
			break;
		answer_late(g, a, now);
	}
	ledger_expire(g->ledger, now);
	while (ledger_expire_unbound(g->ledger, &over, now))
		gate_tell(g, NEWS_ENDED, over, 0);
	loans_expire(g->loans, now);
}

struct gate_stats gate_stats(const struct gate *g)
{
	struct gate_stats s = g->stats;
	s.mailboxes = cache_count(g->cache);
	s.evicted = cache_evicted(g->cache);
	s.answers = book_count(g->book);
	s.transactions = ledger_transactions(g->ledger);
	s.loans = loans_count(g->loans);
	list_each (n, &g->by_deadline)
		s.waiting++;
	return s;
}
