#include "core/gate.h"

#include "core/flight.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct gate {
	struct gate_conf conf;
	struct gate_stores stores;
	struct hash_key key;
	struct cache *cache;
	struct ledger *ledger;
	struct flight *flight;
	struct list by_deadline; /* the asks that wait */
	struct gate_stats stats;
};

/* What becomes of a question after a look at one mailbox. */
enum outcome {
	ANSWERED,
	NEXT, /* this store does not know the address */
	WANTS_FIRM, /* a refusal on facts that are not firm */
};

/* What is known of the mailbox that is being looked at. */
struct finding {
	struct entry *entry; /* null when the cache has no place for it */
	struct facts facts;
	const char *note; /* null: the facts stood in the cache */
	bool stale;
};

static void pursue(struct gate *g, struct ask *a, msec now);

/* ---- making and ending ---- */

struct gate *gate_new(const struct gate_size *size, const struct gate_conf *conf, const struct gate_stores *stores,
	struct hash_key key)
{
	struct gate *g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	list_init(&g->by_deadline);
	g->conf = *conf;
	g->stores = *stores;
	g->key = key;
	g->cache = cache_new(size->mailboxes);
	g->ledger = ledger_new(g->cache, size->transactions, size->charges, conf->settle);
	g->flight = flight_new(size->lookups);
	if (!g->cache || !g->ledger || !g->flight) {
		gate_free(g);
		return NULL;
	}
	return g;
}

/* Takes every look-up down and gathers the asks that waited. */
static void cancel_all(struct gate *g, struct list *orphans)
{
	struct list *all = flight_all(g->flight);
	list_each_safe (n, all) {
		struct lookup *l = list_of(n, struct lookup, in_flight);
		g->stores.cancel(g->stores.context, l);
		list_each_safe (w, &l->waiting) {
			list_remove(w);
			list_insert(orphans, w);
		}
		flight_land(l);
		flight_release(g->flight, l);
	}
}

void gate_free(struct gate *g)
{
	struct list orphans;
	if (!g)
		return;
	list_init(&orphans);
	if (g->flight)
		cancel_all(g, &orphans);
	assert(list_empty(&orphans) && list_empty(&g->by_deadline));
	flight_free(g->flight);
	ledger_free(g->ledger);
	cache_free(g->cache);
	free(g);
}

/* ---- answering ---- */

/* The one place where a question ends. */
static void finish(struct gate *g, struct ask *a, msec now)
{
	list_remove(&a->waiting);
	list_remove(&a->by_deadline);
	a->active = false;
	g->stats.hits += a->cached;
	a->done(a, now); /* which may ask the next question with the same struct */
}

/* A refusal that is not to be. */
static void waive(struct gate *g, const struct ask *a, struct verdict *v)
{
	if (v->action == ACTION_PASS)
		return;
	if (bypass_has(&g->conf.bypass, &a->query))
		v->waived = WAIVED_BYPASS;
	else if (g->conf.shadow)
		v->waived = WAIVED_SHADOW;
	if (v->waived != WAIVED_NOT)
		v->action = ACTION_PASS;
}

/* A verdict that rests on no mailbox. */
static void finish_without(struct gate *g, struct ask *a, enum facts_state state, const char *note, msec now)
{
	struct facts none = { .state = state };
	struct terms terms = { 0 };
	a->answer = (struct answer){ .facts = none };
	a->answer.verdict = decide(&g->conf.rules, &terms, &a->query, &none, (struct charge){ 0 }, now);
	waive(g, a, &a->answer.verdict);
	a->note = note;
	finish(g, a, now);
}

static void finish_unasked(struct gate *g, struct ask *a, enum reason reason, const char *note, msec now)
{
	a->answer = (struct answer){ .verdict = { .action = ACTION_PASS, .reason = reason } };
	a->cached = true;
	a->note = note;
	finish(g, a, now);
}

static void explain(struct ask *a, const struct finding *f, const struct gate_step *more)
{
	struct gate_step step = *more;
	if (!a->explain)
		return;
	step.address = &a->address;
	step.store = a->store;
	step.facts = f->facts;
	step.cached = f->note == NULL;
	step.stale = f->stale;
	step.note = f->note;
	a->explain(a, &step);
}

/* Keeps since when the mailbox is full on the store's own figures: even one octet would not fit. */
static void keep_full_since(struct finding *f, const struct terms *terms, struct limit limit, msec now)
{
	bool full = decide_is_full(terms, limit, f->facts.usage, f->facts.messages, 1);
	if (!full)
		f->facts.full_since = 0;
	else if (f->facts.full_since == 0)
		f->facts.full_since = now >= 1000 ? now : 1000;
	if (f->entry)
		f->entry->full_since = (uint32_t)(f->facts.full_since / 1000);
}

static struct terms terms_of(struct gate *g, const struct ask *a)
{
	struct terms terms = a->store->terms;
	bool ours;
	if (a->query.kind == QUERY_RECIPIENT)
		terms.domain = route_find(g->conf.route, &a->address, &ours)->limit;
	if (a->query.limit)
		terms.directory = (struct limit){ .named = true, .octets = a->query.limit };
	return terms;
}

static struct charge charge_of(struct gate *g, const struct ask *a, const struct finding *f)
{
	struct charge c = a->also;
	if (f->entry) {
		struct charge known = ledger_others(g->ledger, f->entry, a->query.transaction);
		c.octets += known.octets;
		c.messages += known.messages;
	}
	return c;
}

/* Writes the ledger: rules 1 and 3. A message that bypasses a refusal comes all the same; one that shadow mode lets
   through is not charged, for then the next verdict would not be what it would have been. */
static void book(struct gate *g, struct ask *a, const struct finding *f, msec now)
{
	const struct verdict *v = &a->answer.verdict;
	if (a->query.purpose != PURPOSE_DELIVER)
		return;
	if (v->action != ACTION_PASS || v->waived == WAIVED_SHADOW) {
		if (f->entry)
			ledger_refund(g->ledger, f->entry, a->query.transaction);
	} else if (v->reason == REASON_ROOM || v->waived == WAIVED_BYPASS) {
		if (f->entry)
			ledger_charge(
				g->ledger, f->entry, a->query.transaction, decide_size(&g->conf.rules, &a->query), now);
		else
			g->stats.uncharged++;
	}
}

/* Judges by what was found, unless the mailbox is not there or the facts are too weak to refuse on. */
static enum outcome judge(struct gate *g, struct ask *a, struct finding *f, msec now)
{
	if (f->facts.state != FACTS_FOUND) {
		explain(a, f, &(struct gate_step){ 0 });
		return NEXT;
	}
	struct terms terms = terms_of(g, a);
	struct limit limit = decide_limit(&terms, &f->facts);
	struct charge charge = charge_of(g, a, f);
	keep_full_since(f, &terms, limit, now);
	struct verdict verdict = decide(&g->conf.rules, &terms, &a->query, &f->facts, charge, now);
	bool weak = verdict.action != ACTION_PASS && !f->facts.firm && !f->stale && !a->firm_asked &&
		    a->query.purpose != PURPOSE_PEEK;
	explain(a, f, &(struct gate_step){ .charge = charge, .limit = limit, .terms = terms, .firm_wanted = weak });
	if (weak)
		return WANTS_FIRM;
	verdict.stale = f->stale;
	waive(g, a, &verdict);
	a->answer = (struct answer){ .verdict = verdict,
		.facts = f->facts,
		.charge = charge,
		.limit = limit.octets,
		.message_limit = limit.messages };
	a->limit = limit;
	a->note = f->note;
	book(g, a, f, now);
	finish(g, a, now);
	return ANSWERED;
}

/* ---- how long facts live ---- */

static bool reaches(uint64_t used, uint64_t limit, unsigned percent)
{
	return limit && used >= limit / 100 * percent + limit % 100 * percent / 100;
}

static uint64_t sum(uint64_t a, uint64_t b, uint64_t c)
{
	a = a > UINT64_MAX - b ? UINT64_MAX : a + b;
	return a > UINT64_MAX - c ? UINT64_MAX : a + c;
}

/* By usage, charges and this message; rule 9 of the ledger: charges that reach `soft` end the facts early. */
static msec lifetime(struct gate *g, const struct ask *a, const struct finding *f)
{
	const struct gate_conf *c = &g->conf;
	if (a->query.kind == QUERY_PATH)
		return c->ttl_high; /* the MTA holds the limit: how near it is, only the MTA knows */
	if (f->facts.state != FACTS_FOUND)
		return c->ttl_none;
	struct terms terms = terms_of(g, a);
	struct limit limit = decide_limit(&terms, &f->facts);
	struct charge charge = charge_of(g, a, f);
	uint64_t used = sum(f->facts.usage, charge.octets, decide_size(&c->rules, &a->query));
	uint64_t messages = sum(f->facts.messages, charge.messages, 1);
	if (!reaches(used, limit.octets, c->soft) && !reaches(messages, limit.messages, c->soft))
		return c->ttl_low;
	if (charge.messages || reaches(used, limit.octets, c->hard) || reaches(messages, limit.messages, c->hard))
		return c->ttl_high;
	return c->ttl_mid;
}

static bool is_fresh(struct gate *g, const struct ask *a, const struct finding *f, msec now)
{
	if (f->facts.state == FACTS_FAILED)
		return false;
	return a->query.purpose == PURPOSE_PEEK || now - f->facts.taken < lifetime(g, a, f);
}

/* ---- asking stores ---- */

static struct hash key_of(const struct gate *g, const struct ask *a)
{
	struct hash_key key = { g->key.k0 ^ a->store->salt, g->key.k1 };
	struct str name = a->query.kind == QUERY_PATH ? a->query.address
			  : a->store->told_domain     ? a->address.whole
						      : a->address.local;
	return hash_of(&key, name.at, name.len);
}

static struct finding known(struct gate *g, const struct ask *a)
{
	struct finding f = { .entry = cache_find(g->cache, key_of(g, a)) };
	if (f.entry)
		f.facts = entry_facts(f.entry);
	return f;
}

/* The store did not answer: the last known facts serve, else the rule `error` decides. */
static void unanswered(struct gate *g, struct ask *a, const char *note, msec now)
{
	struct finding f = known(g, a);
	f.stale = true;
	f.note = note;
	if (f.facts.state == FACTS_FAILED || now - f.facts.taken > g->conf.stale) {
		f.facts = (struct facts){ .state = FACTS_FAILED };
		explain(a, &f, &(struct gate_step){ 0 });
		finish_without(g, a, FACTS_FAILED, note, now);
	} else if (judge(g, a, &f, now) == NEXT) {
		pursue(g, a, now);
	}
}

static bool set_text(struct lookup *l, const struct ask *a)
{
	struct str whole = a->query.kind == QUERY_PATH ? a->query.address : a->address.whole;
	if (whole.len > sizeof(l->text))
		return false;
	if (whole.len)
		memcpy(l->text, whole.at, whole.len);
	l->mailbox.address = (struct str){ l->text, whole.len };
	if (a->query.kind == QUERY_PATH)
		return true;
	l->mailbox.local = (struct str){ l->text, a->address.local.len };
	l->mailbox.domain = (struct str){ l->text + whole.len - a->address.domain.len, a->address.domain.len };
	return true;
}

static void wait_for(struct gate *g, struct ask *a, struct lookup *l)
{
	list_insert(&l->waiting, &a->waiting);
	struct list *at = &g->by_deadline;
	while (at->prev != &g->by_deadline && list_of(at->prev, struct ask, by_deadline)->deadline > a->deadline)
		at = at->prev;
	list_remove(&a->by_deadline);
	list_insert(at, &a->by_deadline);
}

static void ask_store(struct gate *g, struct ask *a, bool firm, msec now)
{
	struct hash key = key_of(g, a);
	struct lookup *l = flight_find(g->flight, key, firm);
	a->cached = false;
	if (now >= a->deadline) {
		unanswered(g, a, "no answer in time", now);
		return;
	}
	if (l) {
		g->stats.joined++;
		if (now - l->begun >= g->conf.timeout)
			unanswered(g, a, "no answer in time", now);
		else
			wait_for(g, a, l);
		return;
	}
	l = flight_take(g->flight, key, firm, now);
	if (!l) {
		g->stats.crowded++;
		unanswered(g, a, "too many look-ups in flight", now);
		return;
	}
	l->gate = g;
	l->store = (unsigned)(a->store - g->conf.route->stores);
	g->stats.lookups++;
	g->stats.recounts += firm;
	if (!set_text(l, a)) {
		flight_land(l);
		flight_release(g->flight, l);
		unanswered(g, a, "the path is too long", now);
		return;
	}
	wait_for(g, a, l);
	g->stores.start(g->stores.context, l, now);
}

/* The next store to be tried: all for the whole address, then all for the address without its extension. */
static const struct route_store *next_store(struct gate *g, struct ask *a, bool *ours)
{
	*ours = true;
	if (a->query.kind == QUERY_PATH)
		return a->candidate++ == 0 ? route_path_store(g->conf.route, a->path_store) : NULL;
	for (;;) {
		const struct route_domain *d = route_find(g->conf.route, &a->address, ours);
		if (a->candidate < d->n)
			return &g->conf.route->stores[d->stores[a->candidate++]];
		struct address base;
		if (a->base || d->n == 0 || !address_base(&base, &a->address, g->conf.delimiters))
			return NULL;
		address_copy(&a->address, &base);
		a->base = true;
		a->candidate = 0;
	}
}

/* Tries one store after another until one knows the address or must be waited for. */
static void pursue(struct gate *g, struct ask *a, msec now)
{
	bool ours;
	while ((a->store = next_store(g, a, &ours))) {
		struct finding f = known(g, a);
		a->firm_asked = false;
		if (!is_fresh(g, a, &f, now)) {
			if (a->query.purpose == PURPOSE_PEEK)
				continue;
			ask_store(g, a, a->query.kind == QUERY_PATH, now);
			return;
		}
		enum outcome outcome = judge(g, a, &f, now);
		if (outcome == WANTS_FIRM) {
			a->firm_asked = true;
			ask_store(g, a, true, now);
		}
		if (outcome != NEXT)
			return;
	}
	finish_without(g, a, ours ? FACTS_NO_MAILBOX : FACTS_NOT_OURS, NULL, now);
}

/* ---- questions ---- */

static void begin(struct gate *g, struct ask *a, msec now)
{
	enum address_fault fault = ADDRESS_OK;
	a->candidate = 0;
	a->base = false;
	a->cached = true;
	a->note = NULL;
	a->store = NULL;
	a->limit = (struct limit){ 0 };
	if (a->query.kind == QUERY_RECIPIENT) {
		if (a->query.stage == STAGE_END_OF_MESSAGE && a->query.address.len == 0) {
			if (a->query.purpose == PURPOSE_DELIVER && a->query.size > 0)
				ledger_resize(g->ledger, a->query.transaction, decide_size(&g->conf.rules, &a->query));
			finish_unasked(g, a, REASON_NOT_ASKED, NULL, now);
			return;
		}
		fault = address_parse(&a->address, a->query.address, g->conf.fold);
	}
	if (fault != ADDRESS_OK)
		finish_unasked(g, a, REASON_BAD_ADDRESS, address_fault_text(fault), now);
	else
		pursue(g, a, now);
}

void gate_ask(struct gate *g, struct ask *a, msec now)
{
	list_init(&a->waiting);
	list_init(&a->by_deadline);
	a->deadline = now + g->conf.timeout;
	a->active = true;
	g->stats.asked++;
	begin(g, a, now);
}

void gate_forget(struct gate *g, struct ask *a)
{
	(void)g;
	if (!a->active)
		return;
	list_remove(&a->waiting);
	list_remove(&a->by_deadline);
	a->active = false;
}

void gate_end(struct gate *g, struct hash transaction, bool abandoned, msec now)
{
	if (abandoned)
		ledger_abandon(g->ledger, transaction);
	else
		ledger_end(g->ledger, transaction, now);
}

/* ---- answers of stores ---- */

/* Into the cache with it, if there is a place; the ledger drops and pays. */
static void learn(struct gate *g, struct hash key, struct facts *is, msec begun, msec now)
{
	struct entry *e = cache_make(g->cache, key, ledger_before(g->ledger, now));
	is->taken = begun;
	if (!e)
		return;
	struct facts was = entry_facts(e);
	is->full_since = was.full_since;
	ledger_settle(g->ledger, e, &was, is, begun);
	entry_set_facts(e, is);
}

/* One ask hears what its look-up brought. */
static void hear(struct gate *g, struct ask *a, struct finding *f, msec now)
{
	if (f->facts.state == FACTS_FAILED) {
		unanswered(g, a, f->note, now);
		return;
	}
	enum outcome outcome = judge(g, a, f, now);
	if (outcome == WANTS_FIRM) {
		a->firm_asked = true;
		ask_store(g, a, true, now);
	} else if (outcome == NEXT) {
		pursue(g, a, now);
	}
}

void lookup_done(struct lookup *l, msec now)
{
	struct gate *g = l->gate;
	struct hash key = l->key;
	char note[LOOKUP_NOTE];
	struct list waiting;
	assert(l->active);
	if (l->facts.state == FACTS_FAILED)
		g->stats.failed++;
	else
		learn(g, key, &l->facts, l->begun, now);
	list_init(&waiting);
	list_each_safe (n, &l->waiting) {
		list_remove(n);
		list_insert(&waiting, n);
	}
	const struct facts facts = l->facts;
	memcpy(note, l->note, sizeof(note));
	flight_land(l);
	flight_release(g->flight, l); /* those who must ask on may need it */
	/* An answer may bring the next question of its connection, and with it look-ups and evictions. */
	while (!list_empty(&waiting)) {
		struct ask *a = list_of(waiting.next, struct ask, waiting);
		struct finding f = { .entry = cache_peek(g->cache, key), .facts = facts, .note = note };
		if (f.entry && facts.state != FACTS_FAILED)
			f.facts = entry_facts(f.entry); /* newer ones may have come, and paid charges */
		list_remove(&a->waiting);
		hear(g, a, &f, now);
	}
}

/* ---- time and change ---- */

void gate_configure(struct gate *g, const struct gate_conf *conf, msec now)
{
	struct list orphans;
	list_init(&orphans);
	cancel_all(g, &orphans);
	g->conf = *conf;
	ledger_set_settle(g->ledger, conf->settle);
	while (!list_empty(&orphans)) {
		struct ask *a = list_of(orphans.next, struct ask, waiting);
		list_remove(&a->waiting);
		begin(g, a, now);
	}
}

msec gate_expiry(const struct gate *g)
{
	msec next = ledger_expiry(g->ledger);
	if (!list_empty(&g->by_deadline)) {
		msec deadline = list_of(g->by_deadline.next, struct ask, by_deadline)->deadline;
		next = deadline < next ? deadline : next;
	}
	return next;
}

void gate_expire(struct gate *g, msec now)
{
	while (!list_empty(&g->by_deadline)) {
		struct ask *a = list_of(g->by_deadline.next, struct ask, by_deadline);
		if (a->deadline > now)
			break;
		list_remove(&a->waiting);
		list_remove(&a->by_deadline);
		g->stats.late++;
		unanswered(g, a, "no answer in time", now);
	}
	ledger_expire(g->ledger, now);
}

struct gate_stats gate_stats(const struct gate *g)
{
	struct gate_stats s = g->stats;
	s.mailboxes = cache_count(g->cache);
	s.evicted = cache_evicted(g->cache);
	s.transactions = ledger_transactions(g->ledger);
	list_each (n, &g->by_deadline)
		s.waiting++;
	return s;
}
