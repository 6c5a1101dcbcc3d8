/* One mailbox: which stores may know it, what they say, and the verdict on it. */
#include "core/asked.h"
#include "core/gate_inside.h"

#define LOOK_UPS_MOST 8 /* for one verdict; while one is under way, others may let in more */

/* What becomes of a probe after a look at one store's facts. */
enum outcome {
	JUDGED,
	NEXT, /* this store does not know the address */
	WANTS_FIRM, /* a refusal on facts that are not firm */
	WANTS_CLAIM, /* a message that only the store's own ledger may let in */
	WANTS_WORD, /* of a size of which a store that gives verdicts has said nothing */
};

/* What is known of the mailbox that is being looked at. */
struct finding {
	struct entry *entry; /* null when the cache has no place for it */
	struct facts facts;
	const char *note; /* null: the facts stood in the cache */
	bool stale;
	bool claimed; /* the store's own ledger was asked for this very question */
	struct charge others; /* what is in that ledger beside it */
	/* with state FACTS_FOUND */
	struct terms terms;
	struct limit limit;
	struct charge charge;
};

static void pursue(struct gate *g, struct probe *p, msec now);

/* What others let in, as far as it is known here. One message at a time: of what has been on its way for long enough only
   a look-up can say whether it has come, but it keeps nobody waiting. */
static struct charge known_charge(struct gate *g, const struct probe *p, const struct entry *e, msec now)
{
	const struct ask *a = p->ask;
	struct charge known = p->store->terms.alone ? ledger_others_coming(g->ledger, e, a->query.transaction, now)
						    : ledger_others(g->ledger, e, a->query.transaction);
	if (hash_is_none(a->query.borrower.name))
		return known;
	return loans_weigh(g->loans, e, &a->query.borrower, known);
}

/* Whose limit and rule hold, and what was let in. */
static void weigh(struct gate *g, const struct probe *p, struct finding *f, msec now)
{
	const struct ask *a = p->ask;
	f->terms = p->store->terms;
	f->charge = charge_sum(a->also, f->others);
	if (f->facts.ruled) {
		f->terms.rule = f->facts.rule;
		if (!asked_is(&f->facts) || p->store->ledger)
			f->terms.grace = 0; /* it is in the store's limit, or charge */
	}
	if (p->route)
		f->terms.domain = p->route->limit;
	f->terms.directory = p->limit;
	if (a->query.limit.named && !a->query.limit_is_default)
		f->terms.directory = a->query.limit;
	else if (a->query.limit.named && !f->terms.store.named)
		f->terms.store = a->query.limit;
	f->limit = decide_limit(&f->terms, &f->facts);
	if (f->entry && !f->claimed)
		f->charge = charge_sum(f->charge, known_charge(g, p, f->entry, now));
}

static void explain(const struct probe *p, const struct finding *f, bool firm_wanted)
{
	struct ask *a = p->ask;
	if (!a->explain)
		return;
	struct gate_step step = { .address = &p->address,
		.depth = probe_depth(p),
		.store = p->store,
		.facts = f->facts,
		.cached = f->note == NULL,
		.stale = f->stale,
		.note = f->note,
		.firm_wanted = firm_wanted };
	if (f->facts.state == FACTS_FOUND) {
		step.charge = f->charge;
		step.limit = f->limit;
		step.terms = f->terms;
	}
	a->explain(a, &step);
}

/* Keeps since when the mailbox is full on the store's own figures: even one octet would not fit, or was refused. */
static void keep_full_since(struct finding *f, msec now)
{
	bool full = asked_is(&f->facts) ? f->facts.limit == 1
					: decide_is_full(&f->terms, f->limit, f->facts.usage, f->facts.messages, 1);
	if (!full)
		f->facts.full_since = 0;
	else if (f->facts.full_since == 0)
		f->facts.full_since = now >= 1000 ? now : 1000;
	if (f->entry)
		entry_set_full_since(f->entry, f->facts.full_since);
}

/* Nobody is refused on these facts while firm ones can be had. */
static bool is_weak(const struct probe *p, const struct finding *f)
{
	return !f->facts.firm && !f->stale && !p->firm_asked && !query_asks_nobody(&p->ask->query);
}

static bool wants_claim(
	struct gate *g, const struct probe *p, const struct finding *f, const struct verdict *verdict, msec now)
{
	return p->store->ledger && f->facts.ruled && p->ask->query.purpose == PURPOSE_DELIVER && !f->claimed &&
	       !f->stale && verdict->reason == REASON_ROOM && !claim_is_needless(g, p, f->entry, now);
}

/* The store gives verdicts, and has none on this message yet. */
static bool wants_word(const struct gate *g, const struct probe *p, const struct finding *f)
{
	uint64_t size = decide_size(&g->conf.rules, &p->ask->query);
	return asked_is(&f->facts) &&
	       asked_say(&f->facts, asked_size(size, f->charge, f->terms.grace)) == ASKED_UNKNOWN && !f->stale &&
	       !f->claimed && p->look_ups < LOOK_UPS_MOST && !query_asks_nobody(&p->ask->query) &&
	       !decide_puts_off(&f->terms, &f->facts, f->charge, size);
}

/* What a verdict on these facts still wants; JUDGED: nothing. */
static enum outcome wants(
	struct gate *g, const struct probe *p, const struct finding *f, const struct verdict *verdict, msec now)
{
	if (wants_word(g, p, f))
		return WANTS_WORD;
	if (verdict->action != ACTION_PASS && is_weak(p, f))
		return WANTS_FIRM;
	return wants_claim(g, p, f, verdict, now) ? WANTS_CLAIM : JUDGED;
}

static void put_answer(struct probe *p, const struct finding *f, const struct verdict *verdict)
{
	p->entry = f->entry;
	p->claimed = f->claimed;
	p->answer = (struct answer){ .verdict = *verdict,
		.facts = f->facts,
		.charge = f->charge,
		.limit = f->limit.octets,
		.message_limit = f->limit.messages,
		.rule = f->terms.rule,
		.grace = f->terms.grace };
	p->answer.verdict.stale = f->stale;
}

/* Judges by what was found and weighed, unless the mailbox is not there or the facts are too weak to refuse on. */
static enum outcome judge(struct gate *g, struct probe *p, struct finding *f, msec now)
{
	const struct ask *a = p->ask;
	if (f->facts.state != FACTS_FOUND) {
		explain(p, f, false);
		return NEXT;
	}
	keep_full_since(f, now);
	struct verdict verdict = decide(&g->conf.rules, &f->terms, &a->query, &f->facts, f->charge, now);
	enum outcome wanted = wants(g, p, f, &verdict, now);
	explain(p, f, wanted == WANTS_FIRM);
	if (wanted != JUDGED)
		return wanted;
	put_answer(p, f, &verdict);
	probe_done(g, p, f->note, now);
	return JUDGED;
}

/* ---- how long facts live ---- */

static bool reaches(uint64_t used, uint64_t limit, unsigned percent)
{
	return limit && used >= limit / 100 * percent + limit % 100 * percent / 100;
}

/* How near the limit is nobody said: what fitted may not fit the next time. Where sizes are not told, or looked at one message
   at a time, and more was let in, that may have come by now, and the room that there was says nothing. */
static msec lifetime_of_word(const struct gate *g, const struct ask *a, const struct finding *f, enum asked_word word)
{
	const struct gate_conf *c = &g->conf;
	struct charge more = f->charge;
	if (word == ASKED_REFUSED)
		return c->ttl_high;
	if (f->terms.alone)
		more = ledger_others(g->ledger, f->entry, a->query.transaction);
	return (f->facts.usage == ASKED_ANY || f->terms.alone) && more.messages ? 0 : c->ttl_mid;
}

static bool is_fresh_word(const struct gate *g, const struct ask *a, const struct finding *f, msec now)
{
	uint64_t size = decide_size(&g->conf.rules, &a->query);
	enum asked_word word = asked_say(&f->facts, asked_size(size, f->charge, f->terms.grace));
	msec since = word == ASKED_REFUSED ? f->facts.refused_at : f->facts.took_at;
	if (decide_puts_off(&f->terms, &f->facts, f->charge, size))
		return true; /* it waits, whatever the store would say */
	return word != ASKED_UNKNOWN && now - since < lifetime_of_word(g, a, f, word);
}

/* By usage, charges and this message; rule 9 of the ledger: charges that reach `soft` end the facts early. */
static msec lifetime(const struct gate *g, const struct ask *a, const struct finding *f)
{
	const struct gate_conf *c = &g->conf;
	if (a->query.kind == QUERY_PATH)
		return c->ttl_high; /* the MTA holds the limit: how near it is, only the MTA knows */
	if (f->facts.state != FACTS_FOUND)
		return c->ttl_none;
	uint64_t used = octets_sum(octets_sum(f->facts.usage, f->charge.octets), decide_size(&c->rules, &a->query));
	uint64_t messages = octets_sum(octets_sum(f->facts.messages, f->charge.messages), 1);
	if (!reaches(used, f->limit.octets, c->soft) && !reaches(messages, f->limit.messages, c->soft))
		return c->ttl_low;
	if (f->charge.messages || reaches(used, f->limit.octets, c->hard) ||
		reaches(messages, f->limit.messages, c->hard))
		return c->ttl_high;
	return c->ttl_mid;
}

static bool is_fresh(const struct gate *g, const struct ask *a, const struct finding *f, msec now)
{
	if (f->facts.state == FACTS_FAILED)
		return false;
	if (query_asks_nobody(&a->query))
		return true;
	return asked_is(&f->facts) ? is_fresh_word(g, a, f, now) : now - f->facts.taken < lifetime(g, a, f);
}

/* ---- asking stores ---- */

struct str probe_name(const struct probe *p, const struct address *address)
{
	if (p->ask->query.kind == QUERY_PATH)
		return p->ask->query.address;
	return p->store->told_domain ? address->whole : address->local;
}

/* The mailbox's name in the cache. Where a directory told host or home, they are part of it: whoever is moved to another
   host has another mailbox. */
struct hash probe_key(const struct gate *g, const struct probe *p, const struct address *address)
{
	struct hash_key key = { g->key.k0 ^ p->store->salt, g->key.k1 };
	struct str name = probe_name(p, address);
	struct hash h = hash_of(&key, name.at, name.len);
	if (p->host.len + p->home.len == 0)
		return h;
	key = (struct hash_key){ h.a, h.b ^ p->host.len };
	return hash_of(&key, p->text, p->host.len + p->home.len);
}

/* Finds what the cache has of the mailbox at hand, and weighs it. */
static struct finding known(struct gate *g, struct probe *p, msec now)
{
	struct finding f = { 0 };
	p->key = probe_key(g, p, &p->address);
	f.entry = cache_find(g->cache, p->key);
	if (f.entry)
		f.facts = entry_facts(f.entry);
	if (f.facts.state == FACTS_FOUND)
		weigh(g, p, &f, now);
	return f;
}

void probe_unanswered(struct gate *g, struct probe *p, const char *note, msec now)
{
	struct finding f = known(g, p, now);
	p->phase = PROBE_STORE;
	f.stale = true;
	f.note = note;
	if (f.facts.state == FACTS_FAILED || now - f.facts.taken > g->conf.stale) {
		f.facts = (struct facts){ .state = FACTS_FAILED };
		explain(p, &f, false);
		probe_done_without(g, p, FACTS_FAILED, note, now);
	} else if (judge(g, p, &f, now) == NEXT) {
		pursue(g, p, now);
	}
}

/* What a store of rule `asked` is asked about. */
static void put_size(struct gate *g, const struct probe *p, struct lookup *l)
{
	const struct entry *e = cache_peek(g->cache, l->key);
	struct charge all = charge_sum(p->ask->also, e ? known_charge(g, p, e, l->begun) : (struct charge){ 0 });
	l->size = decide_size(&g->conf.rules, &p->ask->query);
	l->size_with_charges = asked_size(l->size, all, p->store->ledger ? 0 : p->store->terms.grace);
}

void probe_ask(struct gate *g, struct probe *p, struct hash key, const struct address *name, bool firm, msec now)
{
	const struct ask *a = p->ask;
	const char *why;
	bool fresh, path = a->query.kind == QUERY_PATH;
	struct hash flight = key;
	if (p->wants_claim)
		flight.b ^= g->last_claim + 1; /* nobody else's */
	struct lookup *l = probe_lookup(g, p, key, flight, firm, &fresh, &why, now);
	if (!l) {
		probe_unanswered(g, p, why, now);
		return;
	}
	if (fresh) {
		l->store = (unsigned)(p->store - g->conf.route->stores);
		g->stats.recounts += firm && !path;
		if (!lookup_set(g, l, path ? a->query.address : name->whole, name->local.len, name->domain.len, p)) {
			probe_unanswered(g, p, "the name is too long", now);
			return;
		}
		p->look_ups++;
		if (p->phase == PROBE_STORE)
			put_size(g, p, l);
		if (p->store->ledger && p->phase == PROBE_STORE)
			claim_make(g, p, l);
	}
	probe_wait(g, p, l);
	if (fresh)
		g->stores.start(g->stores.context, l, now);
}

static void ask_store(struct gate *g, struct probe *p, bool firm, msec now)
{
	probe_ask(g, p, p->key, &p->address, firm, now);
}

/* After a look at one store's facts. False: this store does not know the address. */
static bool go_on(struct gate *g, struct probe *p, enum outcome outcome, msec now)
{
	if (outcome == JUDGED)
		return true; /* its asker was answered, and may be gone with it */
	p->firm_asked = p->firm_asked || outcome == WANTS_FIRM;
	p->wants_claim = outcome == WANTS_CLAIM || (outcome == WANTS_WORD && p->store->ledger);
	if (outcome != NEXT)
		ask_store(g, p, outcome == WANTS_FIRM, now);
	return outcome != NEXT;
}

bool probe_is_still_right(struct gate *g, struct probe *p, msec now)
{
	struct answer *is = &p->answer;
	if (p->claimed)
		return true; /* the store's own ledger has said so */
	struct finding f = { .entry = cache_peek(g->cache, p->key), .facts = is->facts, .stale = is->verdict.stale };
	if (f.entry && f.entry->state == FACTS_FOUND)
		f.facts = entry_facts(f.entry); /* newer ones may have come, and paid charges */
	f.stale = f.stale && f.facts.taken == is->facts.taken;
	weigh(g, p, &f, now);
	struct verdict verdict = decide(&g->conf.rules, &f.terms, &p->ask->query, &f.facts, f.charge, now);
	enum outcome wanted = wants(g, p, &f, &verdict, now);
	if (wanted != JUDGED && (wanted != WANTS_FIRM || is->verdict.action == ACTION_PASS)) {
		p->phase = PROBE_STORE;
		p->ask->pending++;
		go_on(g, p, wanted, now);
		return false;
	}
	put_answer(p, &f, &verdict);
	return true;
}

/* The next store to be tried: all for the whole address, then all for the address without its extension. */
static const struct route_store *next_store(struct gate *g, struct probe *p)
{
	if (p->ask->query.kind == QUERY_PATH)
		return p->candidate++ == 0 ? route_path_store(g->conf.route, p->ask->path_store) : NULL;
	for (;;) {
		size_t n = p->only ? 1 : p->route->n;
		if (p->candidate < n) {
			size_t i = p->candidate++;
			return p->only ? p->only : &g->conf.route->stores[p->route->stores[i]];
		}
		if (p->exact || p->form == FORM_BASE || n == 0 ||
			!address_base(&p->address, &p->address, g->conf.delimiters))
			return NULL;
		p->form = FORM_BASE;
		p->candidate = 0;
	}
}

/* Tries one store after another until one knows the address or must be waited for. */
static void pursue(struct gate *g, struct probe *p, msec now)
{
	const struct ask *a = p->ask;
	while ((p->store = next_store(g, p))) {
		struct finding f = known(g, p, now);
		p->firm_asked = p->wants_claim = false;
		p->look_ups = 0;
		if (!is_fresh(g, a, &f, now)) {
			if (query_asks_nobody(&a->query))
				continue;
			ask_store(g, p, a->query.kind == QUERY_PATH, now);
			return;
		}
		if (go_on(g, p, judge(g, p, &f, now), now))
			return;
	}
	bool ours = p->route != &g->conf.route->any || p->parent || p->exact;
	probe_done_without(g, p, ours ? FACTS_NO_MAILBOX : FACTS_NOT_OURS, NULL, now);
}

void probe_start(struct gate *g, struct probe *p, msec now)
{
	p->phase = PROBE_STORE;
	p->form = FORM_WHOLE;
	p->candidate = 0;
	pursue(g, p, now);
}

void probe_believe(struct gate *g, struct probe *p, msec now)
{
	struct facts none = { .state = FACTS_NO_MAILBOX };
	struct entry *e = cache_make(g->cache, p->key, ledger_before(g->ledger, now));
	p->phase = PROBE_STORE;
	if (e)
		learn_facts(g, e, &none, false, p->negative_taken);
	pursue(g, p, now);
}

void probe_hear(struct gate *g, struct probe *p, const struct lookup *l, msec now)
{
	struct finding f = { .entry = cache_peek(g->cache, l->key),
		.facts = l->facts,
		.note = l->note,
		.claimed = p->claim && p->claim == l->claim.serial && claim_is_answered(g, l),
		.others = l->others };
	if (l->facts.state == FACTS_FAILED) {
		probe_unanswered(g, p, l->note, now);
		return;
	}
	if (p->phase == PROBE_STORE_CANARY) {
		canary_hear(g, p, l, now);
		return;
	}
	if (probe_is_doubtful(g, l)) {
		explain(p, &f, false);
		canary_start(g, p, l->begun, now);
		return;
	}
	if (f.claimed)
		p->charged = l->charged;
	else if (l->charged)
		f.others = charge_sum(f.others, (struct charge){ l->claim.size ? l->claim.size : 1, 1 });
	if (f.entry && !f.claimed)
		f.facts = entry_facts(f.entry); /* newer ones may have come, and paid charges */
	if (f.facts.state == FACTS_FOUND)
		weigh(g, p, &f, now);
	if (!go_on(g, p, judge(g, p, &f, now), now))
		pursue(g, p, now);
}
