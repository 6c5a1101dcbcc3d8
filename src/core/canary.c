/*
 * Is "no such address" to be believed? A directory that suddenly says so of everything would have all mail refused. A
 * canary is an address that must exist, or one that must not: it is asked about after the answer in doubt, for what was said
 * of it before proves nothing. While it is not well, "no such address" counts as "did not answer".
 */
#include "core/gate_inside.h"

static bool is_same(struct str a, struct str b)
{
	return a.len && str_eq_nocase(a, b);
}

bool canary_guards(const struct route_directory *d)
{
	return d->canary.len || d->canary_absent.len;
}

bool canary_is(const struct route_directory *d, struct str whole)
{
	return is_same(whole, d->canary) || is_same(whole, d->canary_absent);
}

static void set_trust(struct gate *g, const struct route_directory *d, bool good)
{
	size_t i = (size_t)(d - g->conf.route->directories);
	if (g->distrusted[i] != good)
		return;
	g->distrusted[i] = !good;
	if (g->stores.trust)
		g->stores.trust(g->stores.context, (unsigned)i, good);
}

/* False: it is not well, and the probe goes on without this directory's answer. */
static bool take(struct gate *g, struct probe *p, enum listing listing, msec now)
{
	bool found = listing == LISTING_TARGETS, must = p->canary == 0;
	if (found == must) {
		p->canary++;
		return true;
	}
	set_trust(g, p->directory, false);
	resolve_unanswered(g, p, "its canary says that it is not well", now);
	return false;
}

/* Asks about those that are left, then believes. */
static void pursue(struct gate *g, struct probe *p, msec now)
{
	const struct route_directory *d = p->directory;
	struct address form;
	for (; p->canary < 2;) {
		struct str name = p->canary == 0 ? d->canary : d->canary_absent;
		if (name.len == 0 || address_parse(&form, name, g->conf.fold) != ADDRESS_OK) {
			p->canary++; /* that it is an address was checked when the configuration was read */
			continue;
		}
		struct hash key = resolve_key(g, d, form.whole);
		const struct book_entry *e = book_find(g->book, key);
		if (!e || e->taken < p->doubted) {
			resolve_ask(g, p, key, &form, now);
			return;
		}
		if (!take(g, p, e->listing, now))
			return;
	}
	set_trust(g, d, true);
	if (resolve_form(g, p, &form))
		book_put(g->book, resolve_key(g, d, form.whole), LISTING_NO_ADDRESS, STR(""), p->negative_taken);
	resolve_believe(g, p, now);
}

void canary_start(struct gate *g, struct probe *p, msec negative_taken, msec now)
{
	p->phase = PROBE_CANARY;
	p->canary = 0;
	p->negative_taken = negative_taken;
	p->doubted = now;
	pursue(g, p, now);
}

void canary_hear(struct gate *g, struct probe *p, const struct lookup *l, msec now)
{
	/* One that was under way already is no answer, and is asked about anew. */
	if (l->begun < p->doubted || take(g, p, l->listing, now))
		pursue(g, p, now);
}
