/*
 * Is "no such address" of a directory, or "no such mailbox" of a store, to be believed? One that suddenly says so of
 * everything would have all mail refused. A canary is an address that must exist, or one that must not: it is asked about
 * after the answer in doubt came, for what was said of it before proves nothing. While it is not well, that answer counts as
 * "did not answer".
 */
#include "core/gate_inside.h"

/* What is known of a canary since the answer in doubt. */
enum sighting {
	UNSEEN,
	THERE,
	GONE,
};

static bool is_same(struct str a, struct str b)
{
	return a.len && str_eq_nocase(a, b);
}

bool canary_guards(const struct route_canary *c)
{
	return c->present.len || c->absent.len;
}

bool canary_is(const struct route_canary *c, struct str whole)
{
	return is_same(whole, c->present) || is_same(whole, c->absent);
}

static bool of_store(const struct probe *p)
{
	return p->phase == PROBE_STORE_CANARY;
}

static const struct route_canary *canary_of(const struct probe *p)
{
	return of_store(p) ? &p->store->canary : &p->directory->canary;
}

static void set_trust(struct gate *g, const struct probe *p, bool good)
{
	bool directory = !of_store(p);
	size_t i = directory ? (size_t)(p->directory - g->conf.route->directories)
			     : (size_t)(p->store - g->conf.route->stores);
	bool *distrusted = directory ? &g->distrusted[i] : &g->distrusted_stores[i];
	if (*distrusted != good)
		return;
	*distrusted = !good;
	if (g->stores.trust)
		g->stores.trust(g->stores.context, directory, (unsigned)i, good);
}

static struct hash key_of(const struct gate *g, const struct probe *p, const struct address *name)
{
	return of_store(p) ? probe_key(g, p, name) : resolve_key(g, p->directory, name->whole);
}

static enum sighting look(struct gate *g, const struct probe *p, struct hash key)
{
	if (of_store(p)) {
		const struct entry *e = cache_peek(g->cache, key);
		struct facts f = e ? entry_facts(e) : (struct facts){ 0 };
		if (f.state == FACTS_FAILED || f.taken < p->doubted)
			return UNSEEN;
		return f.state == FACTS_FOUND ? THERE : GONE;
	}
	const struct book_entry *e = book_find(g->book, key);
	if (!e || e->taken < p->doubted)
		return UNSEEN;
	return e->listing == LISTING_TARGETS ? THERE : GONE;
}

/* False: it is not well, and the probe goes on without the answer in doubt. */
static bool take(struct gate *g, struct probe *p, enum sighting sighting, msec now)
{
	static const char note[] = "its canary says that it is not well";
	bool must = p->canary == 0;
	if ((sighting == THERE) == must) {
		p->canary++;
		return true;
	}
	set_trust(g, p, false);
	if (of_store(p))
		probe_unanswered(g, p, note, now);
	else
		resolve_unanswered(g, p, note, now);
	return false;
}

static void believe(struct gate *g, struct probe *p, msec now)
{
	set_trust(g, p, true);
	if (of_store(p))
		probe_believe(g, p, now);
	else
		resolve_believe(g, p, now);
}

/* Asks about those that are left, then believes. */
static void pursue(struct gate *g, struct probe *p, msec now)
{
	const struct route_canary *c = canary_of(p);
	struct address name;
	while (p->canary < 2) {
		struct str text = p->canary == 0 ? c->present : c->absent;
		if (text.len == 0 || address_parse(&name, text, g->conf.fold) != ADDRESS_OK) {
			p->canary++; /* that it is an address was checked when the configuration was read */
			continue;
		}
		struct hash key = key_of(g, p, &name);
		enum sighting sighting = look(g, p, key);
		if (sighting == UNSEEN && of_store(p)) {
			probe_ask(g, p, key, &name, false, now);
			return;
		}
		if (sighting == UNSEEN) {
			resolve_ask(g, p, key, &name, now);
			return;
		}
		if (!take(g, p, sighting, now))
			return;
	}
	believe(g, p, now);
}

void canary_start(struct gate *g, struct probe *p, msec negative_taken, msec now)
{
	p->phase = p->phase == PROBE_STORE ? PROBE_STORE_CANARY : PROBE_CANARY;
	p->canary = 0;
	p->negative_taken = negative_taken;
	p->doubted = now;
	pursue(g, p, now);
}

void canary_hear(struct gate *g, struct probe *p, const struct lookup *l, msec now)
{
	bool there = l->of_directory ? l->listing == LISTING_TARGETS : l->facts.state == FACTS_FOUND;
	/* One that was under way already is no answer, and is asked about anew. */
	if (l->begun < p->doubted || take(g, p, there ? THERE : GONE, now))
		pursue(g, p, now);
}
