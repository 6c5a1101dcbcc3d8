/*
 * What hosts are told of transactions that they charged. An end, and an arrival, is owed to each host of the trail until the
 * host has noted it. A host that is silent is told one event at each tick; once it answers, that or anything, it is told all
 * the others, oldest first and some at a time. Nothing is owed longer than the host remembers the transaction.
 */
#include "store/remote_inside.h"

#include "core/ledger.h"

/* A host that has noted an end may still charge a question that waits there for a look-up. By now it has let go of it. */
#define ONCE_MORE SECONDS(10)

/* ---- what is owed ---- */

static void tick_later(struct remote *r)
{
	msec pause = breaker_jitter(r->conf->breaker_pause, (uint32_t)remote_draw(r));
	if (!uv_is_active((uv_handle_t *)&r->tick))
		uv_timer_start(&r->tick, remote_news_tick, (uint64_t)pause, 0);
}

/* It will not be told. */
static void give_in(struct remote *r, struct remote_debt *d)
{
	r->stats.untold++;
	list_remove(&d->link);
	d->out = 0;
	remote_trails_settle(r->trails, d->trail);
}

static struct remote_debt *first_of(const struct list *debts)
{
	return list_of(debts->next, struct remote_debt, link);
}

/* Whom nobody will tell, because it has forgotten the transaction by itself. */
static bool is_void(const struct remote_debt *d, msec now)
{
	return now - d->trail->marked >= LEDGER_OPEN_MOST;
}

/* ---- telling ---- */

static bool is_lively(const struct remote_host *h)
{
	return !h->silent && h->breaker.state == BREAKER_CLOSED;
}

/* An event to one host, ready to go. Null: no memory. */
static struct remote_request *event_new(struct remote *r, struct remote_host *h, const struct facts_request *event)
{
	struct remote_request *q = remote_request_new(r);
	if (!q)
		return NULL;
	r->events++;
	h->telling++;
	q->message = *event;
	memcpy(q->text, event->address.at ? event->address.at : "", event->address.len);
	q->message.address.at = q->text;
	q->legs[q->n_legs++] = (struct remote_leg){ .host = remote_hosts_hold(h) };
	if (h->by_http)
		q->tries = (unsigned)r->conf->tries - 1; /* one datagram, in case they are heard again */
	remote_request_name(q);
	return q;
}

static bool has_room(const struct remote *r, const struct remote_host *h)
{
	return r->events < REMOTE_EVENTS_MAX && h->telling < REMOTE_TELLING_MAX;
}

/* The oldest that is not on its way. Null: there is none. */
static struct remote_debt *next_debt(struct remote *r, const struct remote_host *h, msec now)
{
	list_each_safe (n, &h->owed) {
		struct remote_debt *d = list_of(n, struct remote_debt, link);
		if (d->out)
			continue;
		if (!is_void(d, now))
			return d;
		give_in(r, d);
	}
	return NULL;
}

/* False: there is nothing to tell, or no room. */
static bool tell_next(struct remote *r, struct remote_host *h, msec now)
{
	struct remote_debt *d = has_room(r, h) ? next_debt(r, h, now) : NULL;
	if (!d)
		return false;
	const struct remote_trail *trail = d->trail;
	const struct facts_request event = { .kind = FACTS_EVENT,
		.event = trail->event,
		.size = trail->event == FACTS_EVENT_ARRIVED ? trail->size : 0,
		.transaction = trail->transaction };
	struct remote_request *q = event_new(r, h, &event);
	if (!q)
		return false;
	d->out = q->message.id;
	remote_proceed(q, now);
	return true;
}

void remote_news_pay(struct remote *r, struct remote_host *h, msec now)
{
	while (is_lively(h) && tell_next(r, h, now))
		;
}

/* In the place of what was owed to this host before: who hears that a transaction is over needs to hear no more of it. */
static void owe(struct remote *r, struct remote_debt *d, msec now)
{
	struct remote_host *h = remote_hosts_find(r->hosts, d->host);
	list_remove(&d->link);
	d->out = 0;
	if (!h) {
		give_in(r, d);
		return;
	}
	list_insert(&h->owed, &d->link);
	remote_trails_settle(r->trails, d->trail);
	if (list_empty(&h->creditor))
		list_insert(&r->creditors, &h->creditor);
	tick_later(r);
	remote_news_pay(r, h, now);
	remote_hosts_put(h);
}

void remote_news_told(const struct remote_request *q, bool noted, msec now)
{
	struct remote *r = q->of;
	struct remote_host *h = q->legs[0].host;
	struct remote_trail *trail = remote_trails_find(r->trails, q->message.transaction);
	struct remote_debt *d = trail ? remote_trail_at(trail, h->key) : NULL;
	h->telling--;
	h->silent = !noted;
	r->stats.untold += !noted && q->message.event == FACTS_EVENT_WITHDRAWN;
	if (!d || d->out != q->message.id)
		return; /* there is later news */
	d->out = 0;
	if (!noted)
		return;
	list_remove(&d->link);
	if (d->doubtful && remote_trail_is_over(trail)) {
		d->doubtful = false;
		d->due = now + ONCE_MORE;
		list_insert(&r->later, &d->link);
		tick_later(r);
	}
	remote_trails_settle(r->trails, trail);
}

void remote_news_tick(uv_timer_t *tick)
{
	struct remote *r = list_of(tick, struct remote, tick);
	msec now = remote_now(r);
	while (!list_empty(&r->later) && first_of(&r->later)->due <= now)
		owe(r, first_of(&r->later), now);
	list_each_safe (n, &r->creditors) {
		struct remote_host *h = list_of(n, struct remote_host, creditor);
		remote_news_pay(r, h, now);
		if (!is_lively(h) && h->telling == 0)
			tell_next(r, h, now);
		if (list_empty(&h->owed))
			list_remove(&h->creditor);
	}
	if (!list_empty(&r->creditors) || !list_empty(&r->later))
		tick_later(r);
}

void remote_news_leaves(void *remote, struct remote_host *h)
{
	list_each_safe (n, &h->owed)
		give_in(remote, list_of(n, struct remote_debt, link));
	list_remove(&h->creditor);
}

size_t remote_news_owed(const struct remote *r)
{
	size_t owed = 0;
	list_each (n, &r->creditors)
		list_each (d, &list_of(n, struct remote_host, creditor)->owed)
			owed++;
	return owed;
}

/* ---- the trail of a transaction ---- */

static bool charges(const struct remote_request *q)
{
	return q->lookup && q->message.charge && !hash_is_none(q->message.transaction);
}

void remote_news_begin(const struct remote_request *q)
{
	if (charges(q))
		remote_trails_open(q->of->trails, q->message.transaction);
}

void remote_news_mark(struct remote_request *q, struct remote_leg *leg, msec now)
{
	struct remote *r = q->of;
	if (!charges(q))
		return;
	struct remote_trail *trail = remote_trails_find(r->trails, q->message.transaction);
	if (!trail)
		trail = remote_trails_open(r->trails, q->message.transaction);
	bool known = remote_trails_mark(r->trails, trail, leg->host->key, now);
	r->stats.untold += !known && !leg->marked;
	leg->marked = true;
}

/* Whoever asked may have gone, and the transaction with him, before the question ends. Then its end goes out once more: it
   was charged after the end was heard. */
void remote_news_asked(const struct remote_request *q, const struct remote_leg *answered, msec now)
{
	struct remote *r = q->of;
	struct remote_trail *trail = charges(q) ? remote_trails_find(r->trails, q->message.transaction) : NULL;
	for (const struct remote_leg *leg = q->legs; trail && leg < q->legs + q->n_legs; leg++) {
		struct remote_debt *d = leg->marked ? remote_trail_at(trail, leg->host->key) : NULL;
		if (!d)
			continue;
		d->doubtful = d->doubtful || leg != answered;
		if (remote_trail_is_over(trail))
			owe(r, d, now);
	}
}

/* ---- news ---- */

static void owe_all(struct remote *r, struct remote_trail *trail, enum facts_event event, msec now)
{
	trail->event = event;
	for (unsigned i = 0; i < trail->n; i++)
		owe(r, &trail->at[i], now);
	remote_trails_settle(r->trails, trail);
}

/* Only those of its hosts that the mailbox lies on. It is told once: if that is lost, the end tells enough of a transaction
   that is abandoned; of another, the charge of a message that does not come stands until `settle` is over. */
static void tell_withdrawn(struct remote *r, struct remote_trail *trail, const struct mailbox *m, msec now)
{
	const struct facts_request event = { .kind = FACTS_EVENT,
		.event = FACTS_EVENT_WITHDRAWN,
		.transaction = trail->transaction,
		.address = m->address };
	if (m->address.len == 0 || m->address.len > FACTS_ADDRESS_MAX)
		return;
	for (size_t i = 0; i < r->n_servers; i++) {
		char text[REMOTE_HOST_MAX];
		struct buf name = BUF(text);
		const char *why;
		if (!remote_conf_name(&name, r->servers[i].host, m, &why))
			continue;
		struct remote_host *h = remote_hosts_get(r->hosts, buf_str(&name), r->servers[i].port);
		if (!h)
			continue;
		if (remote_trail_at(trail, h->key)) {
			struct remote_request *q = is_lively(h) && has_room(r, h) ? event_new(r, h, &event) : NULL;
			if (q)
				remote_proceed(q, now);
			else
				r->stats.untold++;
		}
		remote_hosts_put(h);
	}
}

void remote_hear_news(struct remote *r, const struct news *news)
{
	struct remote_trail *trail = remote_trails_find(r->trails, news->transaction);
	msec now = remote_now(r);
	if (!trail || remote_trail_is_over(trail))
		return;
	switch (news->kind) {
	case NEWS_ARRIVED:
		trail->size = news->size;
		owe_all(r, trail, FACTS_EVENT_ARRIVED, now);
		break;
	case NEWS_ENDED: owe_all(r, trail, FACTS_EVENT_ENDED, now); break;
	case NEWS_ABANDONED: owe_all(r, trail, FACTS_EVENT_ABANDONED, now); break;
	case NEWS_WITHDRAWN: tell_withdrawn(r, trail, &news->mailbox, now); break;
	}
}
