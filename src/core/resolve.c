/*
 * Whom an address means: directories are asked one after another, first about the whole address, then without its
 * extension, at last about its domain (a catch-all). What they name is followed until mailboxes are reached, or targets
 * elsewhere; a loop, or an expansion past the bounds, counts as a target elsewhere.
 */
#include "core/gate_inside.h"

#define DEPTH_MOST 10 /* aliases behind aliases */

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

static void pursue(struct gate *g, struct probe *p, msec now);

static unsigned depth_of(const struct probe *p)
{
	unsigned n = 0;
	for (p = p->parent; p; p = p->parent)
		n++;
	return n;
}

static void explain(const struct probe *p, const struct address *form, const struct saying *said)
{
	struct ask *a = p->ask;
	if (!a->explain)
		return;
	struct gate_step step = { .address = form,
		.depth = depth_of(p),
		.of_sender = p->of_sender,
		.directory = p->directory,
		.listing = said->listing,
		.targets = said->targets,
		.cached = said->note == NULL,
		.stale = said->stale,
		.note = said->note };
	a->explain(a, &step);
}

/* An address that goes no further, for `check`. */
static void explain_end(const struct probe *p, const char *note)
{
	struct ask *a = p->ask;
	if (!a->explain)
		return;
	struct gate_step step = {
		.address = &p->address, .depth = depth_of(p), .of_sender = p->of_sender, .note = note
	};
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

/* ---- what targets mean ---- */

static void take_hints(struct gate *g, struct probe *p, const struct target *t)
{
	struct buf text = BUF(p->text);
	p->limit = t->limit;
	p->only = t->store.len ? route_store_named(g->conf.route, t->store) : NULL;
	p->host = (struct str){ p->text, t->host.len };
	buf_put(&text, t->host);
	p->home = (struct str){ p->text + text.len, t->home.len };
	buf_put(&text, t->home);
	if (text.full)
		p->host = p->home = (struct str){ p->text, 0 }; /* no host or home is that long */
}

static bool is_same(struct str a, struct str b)
{
	return str_eq_nocase(a, b);
}

/* The address that a target names. One without a domain is in that of the alias; `@domain` behind a catch-all is the same
   local part in another domain. False when it is none: nobody knows where the mailbox of a catch-all is. */
static bool parse_target(const struct gate *g, const struct probe *p, struct address *out, const struct target *t,
	const struct address *form)
{
	char text[2 * ADDRESS_MAX];
	struct buf b = BUF(text);
	bool bare = str_rfind(t->address, '@') == t->address.len;
	if (t->address.len == 0) {
		address_copy(out, form);
		return form->local.len > 0;
	}
	if (form->local.len == 0 && t->address.at[0] == '@')
		buf_put(&b, p->address.local);
	buf_put(&b, t->address);
	if (bare && form->domain.len) {
		buf_putc(&b, '@');
		buf_put(&b, form->domain);
	}
	return !b.full && address_parse(out, buf_str(&b), g->conf.fold) == ADDRESS_OK;
}

/* The target of an address is that address: in the form that was asked about, or behind a catch-all. */
static bool is_itself(const struct probe *p, const struct address *named, const struct address *form)
{
	return is_same(named->whole, p->form == FORM_DOMAIN ? p->address.whole : form->whole);
}

/* What p asked about names itself, and m (p, or a member) is its mailbox: the directories behind this one may know it,
   else the stores. No other form is tried; but a catch-all, which names whatever there is, says nothing of that. */
static void stand_for_itself(struct probe *m, const struct probe *p, const struct address *form)
{
	bool catch_all = p->form == FORM_DOMAIN;
	address_copy(&m->address, catch_all ? &p->address : form);
	m->candidate = p->candidate;
	m->form = catch_all ? FORM_DOMAIN : FORM_WHOLE;
	m->listed = catch_all && p->listed;
	m->exact = !catch_all;
	m->unlisted = true;
}

/* The stores take over: the directory has named the mailbox. */
static void go_to_mailbox(struct gate *g, struct probe *p, msec now)
{
	p->exact = true;
	probe_start(g, p, now);
}

static bool is_ancestor(const struct probe *p, struct hash origin)
{
	for (; p; p = p->parent)
		if (hash_eq(p->origin, origin))
			return true;
	return false;
}

/* Another member has this address too. What leads back to an alias is not that alias once more, but may be the mailbox
   that the alias itself stands for. */
static bool is_named_twice(const struct probe *m)
{
	if (hash_is_none(m->origin))
		return false; /* it is no address */
	bool back = is_ancestor(m->parent, m->origin);
	list_each (n, &m->ask->probes) {
		const struct probe *p = list_of(n, struct probe, siblings);
		if (p != m && p->parent && hash_eq(p->origin, m->origin) && !(back && p->phase == PROBE_EXPANDED))
			return true;
	}
	return false;
}

/* What is no address is shown as the directory names it, cut to fit. */
static void name_elsewhere(struct address *out, struct str text)
{
	size_t len = text.len < sizeof(out->text) ? text.len : sizeof(out->text);
	if (len)
		memcpy(out->text, text.at, len);
	out->whole = (struct str){ out->text, len };
	out->local = out->domain = (struct str){ out->text, 0 };
}

/* Makes the probe of one target, ready to be started. Null when the target needs none. Targets that are not followed get
   one that is PROBE_DONE at once. */
static struct probe *make_member(struct gate *g, struct probe *p, const struct target *t, const struct address *form)
{
	struct probe *m = probe_lend(g, p);
	if (!m)
		return NULL;
	if (t->kind == TARGET_ELSEWHERE || !parse_target(g, p, &m->address, t, form)) {
		name_elsewhere(&m->address, t->address);
		m->phase = PROBE_DONE;
		return m;
	}
	bool ours;
	m->origin = hash_of(&g->key, m->address.whole.at, m->address.whole.len);
	m->route = route_find(g->conf.route, &m->address, &ours);
	if (t->kind == TARGET_MAILBOX) {
		m->phase = PROBE_STORE;
		take_hints(g, m, t);
	} else if (is_itself(p, &m->address, form)) {
		stand_for_itself(m, p, form); /* an alias that keeps a copy */
	} else if (!ours || is_ancestor(p, m->origin) || depth_of(m) > DEPTH_MOST) {
		m->phase = PROBE_DONE;
	}
	return m;
}

/* Why a member is not followed though it could be, null: it is elsewhere indeed. */
static const char *why_elsewhere(const struct gate *g, const struct probe *m)
{
	if (hash_is_none(m->origin) || m->route == &g->conf.route->any)
		return NULL;
	return is_ancestor(m->parent, m->origin) ? "the alias leads back to itself" : "aliases lie too deep";
}

static void start_member(struct gate *g, struct probe *m, msec now)
{
	switch (m->phase) {
	case PROBE_STORE: go_to_mailbox(g, m, now); break;
	case PROBE_DIRECTORY:
		if (m->unlisted)
			pursue(g, m, now);
		else
			resolve_start(g, m, now);
		break;
	case PROBE_CANARY:
	case PROBE_STORE_CANARY:
	case PROBE_EXPANDED:
	case PROBE_DONE: {
		const char *note = why_elsewhere(g, m);
		explain_end(m, note ? note : "elsewhere");
		probe_done_pass(g, m, REASON_ELSEWHERE, note, now);
		break;
	}
	}
}

/* Others stand for this address. All are made before the first is started: a start may answer, and what it answers may
   take the record away. */
static void expand(struct gate *g, struct probe *p, struct str targets, const struct address *form, msec now)
{
	struct list members;
	struct target t;
	bool cut = false;
	list_init(&members);
	p->phase = PROBE_EXPANDED;
	while (target_get(&t, &targets)) {
		struct probe *m = make_member(g, p, &t, form);
		if (!m) {
			cut = true;
			break;
		}
		if (t.kind == TARGET_ADDRESS && is_named_twice(m)) {
			probe_return(g, m);
			continue;
		}
		list_insert(&members, &m->waiting);
	}
	if (cut)
		g->stats.cut++;
	while (!list_empty(&members)) {
		struct probe *m = list_of(members.next, struct probe, waiting);
		list_remove(&m->waiting);
		start_member(g, m, now);
	}
	/* The members, and so the ask, cannot have ended before this probe has. */
	probe_done_pass(
		g, p, cut ? REASON_ELSEWHERE : REASON_NOT_ASKED, cut ? "the alias has too many members" : NULL, now);
}

/* The directory names targets. */
static enum outcome follow(struct gate *g, struct probe *p, struct str targets, const struct address *form, msec now)
{
	struct str rest = targets;
	struct target first, second;
	struct address named;
	if (p->of_sender) {
		probe_done_pass(g, p, REASON_ROOM, NULL, now); /* it exists, whatever it is */
		return RESOLVED;
	}
	if (!target_get(&first, &rest))
		return NEXT;
	bool single = !target_get(&second, &rest) && first.kind != TARGET_ELSEWHERE;
	bool hints = first.kind == TARGET_MAILBOX;
	if (!single || (hints && p->form == FORM_DOMAIN) || !parse_target(g, p, &named, &first, form) ||
		!is_itself(p, &named, form)) {
		expand(g, p, targets, form, now);
		return RESOLVED;
	}
	if (!hints) {
		stand_for_itself(p, p, form);
		return NEXT;
	}
	take_hints(g, p, &first);
	address_copy(&p->address, form);
	go_to_mailbox(g, p, now);
	return RESOLVED;
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
	case LISTING_TARGETS: return follow(g, p, said->targets, form, now);
	}
	return NEXT;
}

/* ---- asking ---- */

void resolve_ask(struct gate *g, struct probe *p, struct hash key, const struct address *form, msec now)
{
	const char *why;
	bool fresh;
	struct lookup *l = probe_lookup(g, p, key, false, &fresh, &why, now);
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
	return p->ask->query.purpose == PURPOSE_PEEK ||
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

static void pursue(struct gate *g, struct probe *p, msec now)
{
	struct address form;
	while ((p->directory = next_directory(g, p, &form))) {
		struct hash key = resolve_key(g, p->directory, form.whole);
		const struct book_entry *e = book_find(g->book, key);
		if (!e || !is_fresh(p, e, now)) {
			if (p->ask->query.purpose == PURPOSE_PEEK)
				continue;
			resolve_ask(g, p, key, &form, now);
			return;
		}
		struct saying said = { .listing = e->listing, .targets = { e->targets, e->len } };
		if (said.listing == LISTING_NO_ADDRESS && is_same(form.whole, p->directory->canary.present)) {
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
	pursue(g, p, now);
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
	pursue(g, p, now);
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
		pursue(g, p, now);
	}
}

void resolve_unanswered(struct gate *g, struct probe *p, const char *note, msec now)
{
	struct address form;
	const struct book_entry *e = NULL;
	p->phase = PROBE_DIRECTORY;
	if (resolve_form(g, p, &form))
		e = book_find(g->book, resolve_key(g, p->directory, form.whole));
	if (e && e->listing == LISTING_NO_ADDRESS && is_same(form.whole, p->directory->canary.present))
		e = NULL;
	if (e && now - e->taken <= g->conf.stale) {
		struct saying said = {
			.listing = e->listing, .targets = { e->targets, e->len }, .note = note, .stale = true
		};
		if (take(g, p, &said, &form, now) == NEXT)
			pursue(g, p, now);
		return;
	}
	explain(p, &p->address, &(struct saying){ .listing = LISTING_FAILED, .note = note });
	if (p->of_sender)
		probe_done_pass(g, p, REASON_ERROR, note, now); /* a silent directory refuses no sender */
	else
		probe_done_without(g, p, FACTS_FAILED, note, now);
}
