/*
 * The tries of a request: it is sent to one address after the other, then by HTTP if that is configured, and ends with the
 * first answer (remote_hear.c), or with none.
 */
#include "store/remote_inside.h"

#include <assert.h>

#define NAME_WAIT SECONDS(2) /* for the addresses of a host that is new to us */
#define PATH "/v1/facts"

static void on_timer(uv_timer_t *);

static void wait(struct remote_request *q, msec time)
{
	uv_timer_start(&q->timer, on_timer, (uint64_t)time, 0);
}

static void put_leg(struct buf *note, const struct remote_leg *leg)
{
	const struct remote_host *h = leg->host;
	if (!leg->sent && !leg->nameless)
		return;
	buf_puts(note, note->len ? "; " : "");
	if (leg->sent)
		buf_printf(note, "%s: no answer to %u datagram%s", h->name, leg->sent, leg->sent > 1 ? "s" : "");
	else
		buf_printf(note, "%s: %s", h->name, h->why[0] ? h->why : "its address was not found in time");
}

/* The end of a request that nobody answered. */
static void give_up(struct remote_request *q, msec now)
{
	char text[LOOKUP_NOTE];
	struct buf note = BUF(text);
	if (!q->lookup) {
		remote_news_told(q, false, now);
		remote_request_end(q);
		return;
	}
	for (unsigned i = 0; i < q->n_legs; i++) {
		remote_leg_silent(q->of, &q->legs[i], now);
		put_leg(&note, &q->legs[i]);
	}
	if (q->http_why[0])
		buf_printf(&note, "; http: %s", q->http_why);
	remote_fail(q->lookup, buf_str(&note));
	remote_news_asked(q, NULL, now);
	remote_request_answer(q, now);
}

/* ---- sending ---- */

/* One message more of the request. */
static bool encode(struct remote_request *q, struct buf *out)
{
	struct remote *r = q->of;
	q->message.sequence = ++r->sequence;
	q->message.time = remote_wall();
	if (!q->first_sequence)
		q->first_sequence = q->message.sequence;
	if (!facts_request_encode(out, &q->message))
		return false;
	seal_put(remote_key(r), out->at, out->len);
	return true;
}

/* What the kernel does not take is lost like any other datagram. */
static void send_to(struct remote_request *q, unsigned number, msec now)
{
	struct remote *r = q->of;
	struct remote_leg *leg = &q->legs[number];
	struct remote_host *h = leg->host;
	char octets[FACTS_MESSAGE_MAX];
	struct buf out = BUF(octets);
	const union remote_address *to = &h->at[(h->first + leg->sent) % h->n];
	struct remote_socket *s = &r->sockets[to->any.sa_family == AF_INET ? REMOTE_V4 : REMOTE_V6];
	bool encoded = encode(q, &out);
	assert(encoded);
	(void)encoded;
	remote_news_mark(q, leg, now);
	if (leg->sent++ == 0)
		h->peer.asked++;
	q->sent[q->n_sent].to = *to;
	q->sent[q->n_sent++].leg = number;
	if (s->open)
		datagram_send(&s->socket, &to->any, buf_str(&out));
}

/* Writes URL number i of the request. The leg that it speaks for; null: none, and *why tells unless there is no need. News
   go to where the host was asked last, for they do not name a mailbox. */
static struct remote_leg *put_url(struct buf *out, struct remote_request *q, size_t i, const char **why)
{
	const struct remote *r = q->of;
	if (!q->lookup) {
		buf_puts(out, q->legs[0].host->url);
		return i == 0 && q->legs[0].host->by_http ? &q->legs[0] : NULL;
	}
	for (unsigned n = 0; i < r->conf->http.n && n < q->n_legs; n++) {
		if (q->legs[n].server != (i < r->n_servers ? i : r->n_servers - 1))
			continue;
		bool good = remote_conf_url(out, str_of(r->conf->http.at[i]), &q->lookup->mailbox, why);
		if (out->len && out->at[out->len - 1] == '/')
			out->len--;
		buf_puts(out, PATH);
		return good && !out->full ? &q->legs[n] : NULL;
	}
	return NULL;
}

/* False: it cannot be asked there. */
static bool post_to(struct remote_request *q, struct remote_leg *leg, struct str url, msec now)
{
	char octets[FACTS_MESSAGE_MAX];
	struct buf out = BUF(octets);
	if (!encode(q, &out) || !remote_errand_post(q->of->desk, &q->post, url, buf_str(&out)))
		return false;
	str_copy_z(leg->host->url, sizeof(leg->host->url), url);
	leg->host->peer.fallbacks++;
	remote_news_mark(q, leg, now);
	q->posted = leg;
	return true;
}

/* False: it cannot be asked by HTTP, or not any more. */
static bool post(struct remote_request *q, msec now)
{
	while (q->urls < REMOTE_URLS_MAX) {
		char text[REMOTE_URL_MAX];
		struct buf url = BUF(text);
		const char *why = NULL;
		struct remote_leg *leg = put_url(&url, q, q->urls++, &why);
		if (leg && post_to(q, leg, buf_str(&url), now))
			return true;
		if (leg || why)
			str_copy_z(q->http_why, sizeof(q->http_why), str_of(why ? why : "not asked"));
	}
	return false;
}

void remote_proceed_by_http(struct remote_request *q, msec now)
{
	if (post(q, now))
		wait(q, 2 * q->of->conf->http_timeout); /* the helper may have others to ask before it */
	else
		give_up(q, now);
}

void remote_proceed(struct remote_request *q, msec now)
{
	const struct remote_conf *c = q->of->conf;
	for (; q->tries < c->tries; q->tries++) {
		unsigned number = q->tries % q->n_legs;
		struct remote_leg *leg = &q->legs[number];
		if (leg->nameless)
			continue;
		switch (remote_host_ready(leg->host, now)) {
		case REMOTE_READY:
			send_to(q, number, now);
			q->tries++;
			wait(q, breaker_jitter(c->timeout, (uint32_t)remote_draw(q->of)));
			return;
		case REMOTE_WAIT:
			list_insert(&leg->host->waiting, &q->waiting);
			wait(q, NAME_WAIT);
			return;
		case REMOTE_NAMELESS: leg->nameless = true;
		}
	}
	remote_proceed_by_http(q, now);
}

static void on_timer(uv_timer_t *timer)
{
	struct remote_request *q = list_of(timer, struct remote_request, timer);
	msec now = remote_now(q->of);
	if (q->posted) {
		q->posted->host->by_http = false;
		str_copy_z(q->http_why, sizeof(q->http_why), STR("no helper was free in time"));
		give_up(q, now);
		return;
	}
	if (!list_empty(&q->waiting)) {
		list_remove(&q->waiting);
		q->legs[q->tries++ % q->n_legs].nameless = true;
	} else {
		q->legs[q->sent[q->n_sent - 1].leg].host->peer.timeouts++;
	}
	remote_proceed(q, now);
}

void remote_settled(void *remote, struct remote_host *h, msec now)
{
	(void)remote;
	struct list ready;
	list_init(&ready);
	list_each_safe (n, &h->waiting) {
		list_remove(n);
		list_insert(&ready, n);
	}
	while (!list_empty(&ready)) {
		struct remote_request *q = list_of(ready.next, struct remote_request, waiting);
		list_remove(&q->waiting);
		remote_proceed(q, now);
	}
}

/* ---- questions ---- */

/* Adds server number i to the request. Why not, or null. */
static const char *add_leg(struct remote_request *q, size_t i, const struct mailbox *m, struct buf *name, msec now)
{
	struct remote *r = q->of;
	const char *why = NULL;
	if (!remote_conf_name(name, r->servers[i].host, m, &why))
		return why;
	struct remote_host *h = remote_hosts_get(r->hosts, buf_str(name), r->servers[i].port);
	if (!h)
		return "too many hosts are asked at once";
	enum breaker_leave leave = breaker_ask(&h->breaker, now);
	if (leave == BREAKER_REFUSED) {
		remote_hosts_put(h);
		return "not asked, it did not answer lately";
	}
	q->legs[q->n_legs++] = (struct remote_leg){ .host = h, .server = i, .probe = leave == BREAKER_PROBE };
	return NULL;
}

/* The hosts that know the mailbox. False with a note when none may be asked. */
static bool add_legs(struct remote_request *q, const struct mailbox *m, struct buf *note, msec now)
{
	for (size_t i = 0; i < q->of->n_servers; i++) {
		char text[REMOTE_HOST_MAX];
		struct buf name = BUF(text);
		const char *why = add_leg(q, i, m, &name, now);
		if (!why)
			continue;
		buf_puts(note, note->len ? "; " : "");
		if (name.len)
			buf_printf(note, "host %.*s: ", (int)name.len, text);
		buf_puts(note, why);
	}
	return q->n_legs > 0;
}

static void refuse(struct lookup *l, struct str why, msec now)
{
	l->store_data = NULL;
	remote_fail(l, why);
	lookup_done(l, now);
}

void remote_ask(struct remote *r, struct lookup *l)
{
	msec now = remote_now(r);
	char text[LOOKUP_NOTE];
	struct buf note = BUF(text);
	if (l->mailbox.address.len > FACTS_ADDRESS_MAX) {
		refuse(l, STR("the address is too long to be asked about"), now);
		return;
	}
	struct remote_request *q = remote_request_new(r);
	if (!q) {
		refuse(l, STR("no memory"), now);
		return;
	}
	q->lookup = l;
	l->store_data = q;
	q->message = remote_question(l);
	if (!add_legs(q, &l->mailbox, &note, now)) {
		remote_fail(l, buf_str(&note));
		remote_request_answer(q, now);
		return;
	}
	remote_request_name(q);
	remote_news_begin(q);
	remote_proceed(q, now);
}

void remote_forget(struct remote *r, struct lookup *l)
{
	struct remote_request *q = l->store_data;
	msec now = remote_now(r);
	for (unsigned i = 0; i < q->n_legs; i++)
		if (q->legs[i].probe)
			breaker_withdrawn(&q->legs[i].host->breaker, now);
	remote_news_asked(q, NULL, now);
	l->store_data = NULL;
	remote_request_end(q);
}
