/*
 * Whom an address means: directories are asked one after another, first about the whole address, then without its
 * extension, at last about its domain (a catch-all). What becomes of the targets that they name is told in expand.c.
 */
#include "core/gate_inside.h"

enum outcome {
	RESOLVED, /* the probe went on or came to its end */
	NEXT, /* this directory does not know the address in this form */
};

/* What a directory said, from the book or from a look-up. */
struct saying {
	enum listing listing;
	struct str targets;
	const char *note; /* null: it stood in the book */
	bool stale;
};

static void explain(const struct probe *p, const struct address *form, const struct saying *said)
{
	struct ask *a = p->ask;
	if (!a->explain)
		return;
	struct gate_step step = { .address = form,
		.depth = probe_depth(p),
		.of_sender = p->of_sender,
		.directory = p->directory,
		.listing = said->listing,
		.targets = said->targets,
		.cached = said->note == NULL,
		.stale = said->stale,
		.note = said->note };
	a->explain(a, &step);
}

/* ---- forms of the address, and their names in the book ---- */

bool resolve_form(const struct gate *g, const struct probe *p, struct address *out)
{
	switch (p->form) {
	case FORM_WHOLE: address_copy(out, &p->address); return true;
	case FORM_BASE: return address_base(out, &p->address, g->conf.delimiters);
	case FORM_DOMAIN:
		if (p->address.domain.len == 0)
			return false;
		out->whole = (struct str){ out->text, p->address.domain.len + 1 };
		out->local = (struct str){ out->text, 0 };
		out->domain = (struct str){ out->text + 1, p->address.domain.len };
		out->text[0] = '@';
		memcpy(out->text + 1, p->address.domain.at, p->address.domain.len);
		return true;
	case FORM_END: break;
	}
	return false;
}

struct hash resolve_key(const struct gate *g, const struct route_directory *d, struct str whole)
{
	struct hash_key key = { g->key.k0, g->key.k1 ^ d->salt };
	return hash_of(&key, whole.at, whole.len);
}

/* The next directory, and the form in which it is asked. Null at the end. */
static const struct route_directory *next_directory(struct gate *g, struct probe *p, struct address *form)
{
	const struct route_domain *d = p->route;
	for (; p->form < (p->exact ? FORM_BASE : FORM_END); p->form++, p->candidate = 0)
		if (p->candidate < d->n_directories && resolve_form(g, p, form))
			return &g->conf.route->directories[d->directories[p->candidate++]];
	return NULL;
}

static enum outcome take(
	struct gate *g, struct probe *p, const struct saying *said, const struct address *form, msec now)
{
	explain(p, form, said);
	switch (said->listing) {
	case LISTING_FAILED:
	case LISTING_NOT_OURS: return NEXT;
	case LISTING_UNLISTED: p->unlisted = true; return NEXT;
	case LISTING_NO_ADDRESS: p->listed = true; return NEXT;
	case LISTING_TARGETS: return expand_targets(g, p, said->targets, form, now) ? RESOLVED : NEXT;
	}
	return NEXT;
}

/* ---- asking ---- */

void resolve_ask(struct gate *g, struct probe *p, struct hash key, const struct address *form, msec now)
{
	const char *why;
	bool fresh;
	struct lookup *l = probe_lookup(g, p, key, key, false, &fresh, &why, now);
	if (!l) {
		resolve_unanswered(g, p, why, now);
		return;
	}
	if (fresh) {
		l->of_directory = true;
		l->store = (unsigned)(p->directory - g->conf.route->directories);
		if (!lookup_set(g, l, form->whole, form->local.len, form->domain.len, NULL)) {
			resolve_unanswered(g, p, "the name is too long", now);
			return;
		}
	}
	probe_wait(g, p, l);
	if (fresh)
		g->stores.start(g->stores.context, l, now);
}

static bool is_fresh(const struct probe *p, const struct book_entry *e, msec now)
{
	bool none = e->listing != LISTING_TARGETS;
	return query_asks_nobody(&p->ask->query) ||
	       now - e->taken < (none ? p->directory->ttl_none : p->directory->ttl);
}

/* No directory named a target. */
static void end(struct gate *g, struct probe *p, msec now)
{
	if (p->of_sender) {
		if (p->listed) {
			p->answer.verdict = (struct verdict){ .action = ACTION_REJECT,
				.reason = REASON_FORGED,
				.reply = &g->conf.rules.forged,
				.of_sender = true };
			probe_done(g, p, NULL, now);
		} else {
			probe_done_pass(g, p, REASON_NOT_OURS, NULL, now);
		}
	} else if (p->listed) {
		probe_done_without(g, p, FACTS_NO_MAILBOX, NULL, now);
	} else if (p->unlisted || p->route->n_directories == 0) {
		probe_start(g, p, now);
	} else {
		probe_done_without(g, p, FACTS_NOT_OURS, NULL, now);
	}
}

void resolve_go_on(struct gate *g, struct probe *p, msec now)
{
	struct address form;
	while ((p->directory = next_directory(g, p, &form))) {
		struct hash key = resolve_key(g, p->directory, form.whole);
		const struct book_entry *e = book_find(g->book, key);
		if (!e || !is_fresh(p, e, now)) {
			if (query_asks_nobody(&p->ask->query))
				continue;
			resolve_ask(g, p, key, &form, now);
			return;
		}
		struct saying said = { .listing = e->listing, .targets = { e->targets, e->len } };
		if (said.listing == LISTING_NO_ADDRESS && str_eq_nocase(form.whole, p->directory->canary.present)) {
			resolve_unanswered(g, p, "its canary says that it is not well", now);
			return;
		}
		if (take(g, p, &said, &form, now) == RESOLVED)
			return;
	}
	end(g, p, now);
}

void resolve_start(struct gate *g, struct probe *p, msec now)
{
	p->phase = PROBE_DIRECTORY;
	p->form = FORM_WHOLE;
	p->candidate = 0;
	resolve_go_on(g, p, now);
}

/* ---- answers ---- */

void resolve_learn(struct gate *g, struct lookup *l, msec now)
{
	const struct route_directory *d = &g->conf.route->directories[l->store];
	if (l->listing == LISTING_TARGETS && (l->targets.len == 0 || !targets_check(l->targets))) {
		l->listing = LISTING_FAILED;
		memcpy(l->note, "its answer makes no sense", sizeof("its answer makes no sense"));
	}
	if (g->stores.odd && str_starts(str_of(l->note), STR(NOTE_ODD)))
		g->stores.odd(g->stores.context, l->store, l->note, now);
	if (l->listing == LISTING_FAILED) {
		g->stats.failed++;
		return;
	}
	if (l->listing == LISTING_NO_ADDRESS && canary_guards(&d->canary) && !canary_is(&d->canary, l->mailbox.address))
		return; /* when the canary has been asked */
	book_put(g->book, l->key, l->listing, l->targets, l->begun);
}

/* While the canary was asked about, newer answers may have come: those stay. */
static void keep_none(struct gate *g, const struct probe *p)
{
	struct address form;
	if (!resolve_form(g, p, &form))
		return;
	struct hash key = resolve_key(g, p->directory, form.whole);
	const struct book_entry *e = book_find(g->book, key);
	if (!e || e->taken <= p->negative_taken)
		book_put(g->book, key, LISTING_NO_ADDRESS, STR(""), p->negative_taken);
}

void resolve_believe(struct gate *g, struct probe *p, msec now)
{
	keep_none(g, p);
	p->phase = PROBE_DIRECTORY;
	p->listed = true;
	resolve_go_on(g, p, now);
}

void resolve_hear(struct gate *g, struct probe *p, const struct lookup *l, msec now)
{
	struct saying said = { .listing = l->listing, .targets = l->targets, .note = l->note };
	struct address form;
	if (l->listing == LISTING_FAILED || !resolve_form(g, p, &form)) {
		resolve_unanswered(g, p, l->note, now);
	} else if (p->phase == PROBE_CANARY) {
		canary_hear(g, p, l, now);
	} else if (l->listing == LISTING_NO_ADDRESS && canary_guards(&p->directory->canary)) {
		explain(p, &form, &said);
		canary_start(g, p, l->begun, now);
	} else if (take(g, p, &said, &form, now) == NEXT) {
		resolve_go_on(g, p, now);
	}
}

void resolve_unanswered(struct gate *g, struct probe *p, const char *note, msec now)
{
	struct address form;
	const struct book_entry *e = NULL;
	p->phase = PROBE_DIRECTORY;
	if (resolve_form(g, p, &form))
		e = book_find(g->book, resolve_key(g, p->directory, form.whole));
	if (e && e->listing == LISTING_NO_ADDRESS && str_eq_nocase(form.whole, p->directory->canary.present))
		e = NULL;
	if (e && now - e->taken <= g->conf.stale) {
		struct saying said = {
			.listing = e->listing, .targets = { e->targets, e->len }, .note = note, .stale = true
		};
		if (take(g, p, &said, &form, now) == NEXT)
			resolve_go_on(g, p, now);
		return;
	}
	explain(p, &p->address, &(struct saying){ .listing = LISTING_FAILED, .note = note });
	if (p->of_sender)
		probe_done_pass(g, p, REASON_ERROR, note, now); /* a silent directory refuses no sender */
	else
		probe_done_without(g, p, FACTS_FAILED, note, now);
}
