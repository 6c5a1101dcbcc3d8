/*
 * What the targets of an address mean: they are followed until mailboxes are reached, or targets elsewhere. A loop, or an
 * expansion past the bounds, counts as a target elsewhere. It has no side effects, and always ends.
 */
#include "core/gate_inside.h"

#define DEPTH_MOST 10 /* aliases behind aliases */

/* An address that goes no further, for `check`. */
static void explain_end(const struct probe *p, const char *note)
{
	struct ask *a = p->ask;
	if (!a->explain)
		return;
	struct gate_step step = {
		.address = &p->address, .depth = probe_depth(p), .of_sender = p->of_sender, .note = note
	};
	a->explain(a, &step);
}

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
	return str_eq_nocase(named->whole, p->form == FORM_DOMAIN ? p->address.whole : form->whole);
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
	} else if (!ours || is_ancestor(p, m->origin) || probe_depth(m) > DEPTH_MOST) {
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
			resolve_go_on(g, m, now);
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

bool expand_targets(struct gate *g, struct probe *p, struct str targets, const struct address *form, msec now)
{
	struct str rest = targets;
	struct target first, second;
	struct address named;
	if (p->of_sender) {
		probe_done_pass(g, p, REASON_ROOM, NULL, now); /* it exists, whatever it is */
		return true;
	}
	if (!target_get(&first, &rest))
		return false;
	bool single = !target_get(&second, &rest) && first.kind != TARGET_ELSEWHERE;
	bool hints = first.kind == TARGET_MAILBOX;
	if (!single || (hints && p->form == FORM_DOMAIN) || !parse_target(g, p, &named, &first, form) ||
		!is_itself(p, &named, form)) {
		expand(g, p, targets, form, now);
		return true;
	}
	if (!hints) {
		stand_for_itself(p, p, form);
		return false;
	}
	take_hints(g, p, &first);
	address_copy(&p->address, form);
	go_to_mailbox(g, p, now);
	return true;
}
