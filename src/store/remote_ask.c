/*
 * The life of a request: it is sent to one address after the other, then by HTTP if that is configured, and ends with the
 * first answer that is its own, or with none. What comes in is nobody's answer until the seal, the id, the numbers and
 * the sender's address agree.
 */
#include "store/remote_inside.h"

#include "io/log.h"

#include <assert.h>
#include <stdlib.h>

#define NAME_WAIT SECONDS(2) /* for the addresses of a host that is new to us */
#define CLOCK_PAUSE SECONDS(60) /* between two lines about one host's clock */
#define PATH "/v1/facts"

static msec now_of(const struct remote *r)
{
	return (msec)uv_now(r->loop);
}

/* Nobody else can foretell them. */
static uint64_t draw(struct remote *r)
{
	r->drawn++;
	return hash_of(&r->key, &r->drawn, sizeof(r->drawn)).a;
}

/* The low 32 bits name the loan that is wanted. */
static uint64_t draw_id(struct remote *r, const struct lookup *l)
{
	return (draw(r) & ~(uint64_t)UINT32_MAX) | (l ? l->claim.number : 0);
}

static struct list *slot_of(struct remote *r, uint64_t id)
{
	return &r->slots[(id >> 32) % REMOTE_SLOTS];
}

/* That we seal with, and they have to. Null: there is none, and networks are trusted. */
static const struct seal_key *key_of(const struct remote *r)
{
	return r->keys ? &r->keys->at[0] : NULL;
}

static void on_timer(uv_timer_t *);
static void on_posted(struct remote_errand *, const struct remote_result *, msec now);

/* ---- requests ---- */

static struct remote_request *request_new(struct remote *r)
{
	struct remote_request *q;
	if (!list_empty(&r->spare)) {
		q = list_of(r->spare.next, struct remote_request, link);
		list_remove(&q->link);
	} else {
		q = calloc(1, sizeof(*q));
		if (!q)
			return NULL;
		q->of = r;
		uv_timer_init(r->loop, &q->timer);
		r->handles++;
		list_init(&q->link);
		list_init(&q->same_slot);
		list_init(&q->waiting);
		q->post.done = on_posted;
	}
	q->n_legs = q->tries = q->n_sent = 0;
	q->first_sequence = 0;
	q->by_http = false;
	q->http_why[0] = '\0';
	list_insert(&r->out, &q->link);
	return q;
}

/* Whatever was asked of others for it is taken back; what comes for it later finds nobody. */
static void request_end(struct remote_request *q)
{
	struct remote *r = q->of;
	uv_timer_stop(&q->timer);
	remote_errand_forget(r->desk, &q->post);
	list_remove(&q->same_slot);
	list_remove(&q->waiting);
	for (unsigned i = 0; i < q->n_legs; i++)
		remote_hosts_put(q->legs[i].host);
	if (!q->lookup)
		r->events--;
	q->lookup = NULL;
	list_remove(&q->link);
	list_insert(r->spare.next, &q->link);
}

/* The look-up's store_data is void before the gate hears. */
static void request_answer(struct remote_request *q, msec now)
{
	struct lookup *l = q->lookup;
	request_end(q);
	if (!l)
		return;
	l->store_data = NULL;
	lookup_done(l, now);
}

static struct remote_request *request_find(struct remote *r, uint64_t id)
{
	struct list *slot = slot_of(r, id);
	list_each (n, slot) {
		struct remote_request *q = list_of(n, struct remote_request, same_slot);
		if (q->message.id == id)
			return q;
	}
	return NULL;
}

static void request_name(struct remote_request *q)
{
	struct remote *r = q->of;
	q->message.asker = r->asker;
	q->message.id = draw_id(r, q->lookup);
	list_insert(slot_of(r, q->message.id), &q->same_slot);
}

static void wait(struct remote_request *q, msec time)
{
	uv_timer_start(&q->timer, on_timer, (uint64_t)time, 0);
}

/* ---- hosts that answer, and others ---- */

static void log_peer(const struct remote *r, const struct remote_host *h)
{
	log_line(h->breaker.state == BREAKER_CLOSED ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
		"event=peer store=%s host=%s state=%s", r->name, h->peer.name, breaker_state_name(h->breaker.state));
}

static void leg_answered(struct remote *r, struct remote_leg *leg)
{
	leg->host->peer.answered++;
	if (breaker_answered(&leg->host->breaker))
		log_peer(r, leg->host);
}

/* It had its chance and did not answer; one that was never asked is none the worse. */
static void leg_silent(struct remote *r, struct remote_leg *leg, msec now)
{
	struct breaker *b = &leg->host->breaker;
	if (!leg->sent && !leg->nameless) {
		if (leg->probe)
			breaker_withdrawn(b, now);
	} else if (breaker_silent(b, &r->breaker, leg->probe, now, (uint32_t)draw(r))) {
		log_peer(r, leg->host);
	}
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
	for (unsigned i = 0; q->lookup && i < q->n_legs; i++) {
		leg_silent(q->of, &q->legs[i], now);
		put_leg(&note, &q->legs[i]);
	}
	if (q->http_why[0])
		buf_printf(&note, "; http: %s", q->http_why);
	if (q->lookup)
		remote_fail(q->lookup, buf_str(&note));
	request_answer(q, now);
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
	seal_put(key_of(r), out->at, out->len);
	return true;
}

/* The host may charge it from now on, whether we hear that or not. */
static void leave_trail(struct remote_request *q, const struct remote_leg *leg)
{
	if (q->message.charge && !hash_is_none(q->message.transaction))
		remote_trails_mark(q->of->trails, q->message.transaction, leg->host->key);
}

/* What the kernel does not take is lost like any other datagram. */
static void send_to(struct remote_request *q, unsigned number)
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
	leave_trail(q, leg);
	if (leg->sent++ == 0)
		h->peer.asked++;
	q->sent[q->n_sent].to = *to;
	q->sent[q->n_sent++].leg = number;
	if (s->open)
		datagram_send(&s->socket, &to->any, buf_str(&out));
}

/* False: it cannot be asked by HTTP. */
static bool post(struct remote_request *q)
{
	struct remote *r = q->of;
	char octets[FACTS_MESSAGE_MAX], text[REMOTE_URL_MAX];
	struct buf out = BUF(octets), url = BUF(text);
	const char *why = NULL;
	if (!r->conf->http || !q->lookup)
		return false;
	bool good = remote_conf_url(&url, str_of(r->conf->http), &q->lookup->mailbox, &why);
	if (url.len && url.at[url.len - 1] == '/')
		url.len--;
	buf_puts(&url, PATH);
	good = good && !url.full && encode(q, &out) &&
	       remote_errand_post(r->desk, &q->post, buf_str(&url), buf_str(&out));
	if (!good) {
		str_copy_z(q->http_why, sizeof(q->http_why), str_of(why ? why : "not asked"));
		return false;
	}
	q->by_http = true;
	for (unsigned i = 0; i < q->n_legs; i++) {
		q->legs[i].host->peer.fallbacks++;
		leave_trail(q, &q->legs[i]);
	}
	return true;
}

/* The next try; when there are no more, the other way; when there is none, the end. */
static void proceed(struct remote_request *q, msec now)
{
	const struct remote_conf *c = q->of->conf;
	for (; q->tries < c->tries; q->tries++) {
		unsigned number = q->tries % q->n_legs;
		struct remote_leg *leg = &q->legs[number];
		if (leg->nameless)
			continue;
		switch (remote_host_ready(leg->host, now)) {
		case REMOTE_READY:
			send_to(q, number);
			q->tries++;
			wait(q, breaker_jitter(c->timeout, (uint32_t)draw(q->of)));
			return;
		case REMOTE_WAIT:
			list_insert(&leg->host->waiting, &q->waiting);
			wait(q, NAME_WAIT);
			return;
		case REMOTE_NAMELESS: leg->nameless = true;
		}
	}
	if (post(q))
		wait(q, 2 * c->http_timeout); /* the helper may have others to ask before it */
	else
		give_up(q, now);
}

static void on_timer(uv_timer_t *timer)
{
	struct remote_request *q = list_of(timer, struct remote_request, timer);
	msec now = now_of(q->of);
	if (q->by_http) {
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
	proceed(q, now);
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
		proceed(q, now);
	}
}

/* ---- questions and events ---- */

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
	q->legs[q->n_legs++] = (struct remote_leg){ .host = h, .probe = leave == BREAKER_PROBE };
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
	msec now = now_of(r);
	char text[LOOKUP_NOTE];
	struct buf note = BUF(text);
	if (l->mailbox.address.len > FACTS_ADDRESS_MAX) {
		refuse(l, STR("the address is too long to be asked about"), now);
		return;
	}
	struct remote_request *q = request_new(r);
	if (!q) {
		refuse(l, STR("no memory"), now);
		return;
	}
	q->lookup = l;
	l->store_data = q;
	q->message = remote_question(l);
	if (!add_legs(q, &l->mailbox, &note, now)) {
		remote_fail(l, buf_str(&note));
		request_answer(q, now);
		return;
	}
	request_name(q);
	proceed(q, now);
}

void remote_forget(struct remote *r, struct lookup *l)
{
	struct remote_request *q = l->store_data;
	for (unsigned i = 0; i < q->n_legs; i++)
		if (q->legs[i].probe)
			breaker_withdrawn(&q->legs[i].host->breaker, now_of(r));
	l->store_data = NULL;
	request_end(q);
}

void remote_tell(struct remote *r, struct remote_host *h, const struct facts_request *event)
{
	struct remote_request *q = NULL;
	if (h->breaker.state != BREAKER_CLOSED)
		return;
	if (r->events < REMOTE_EVENTS_MAX)
		q = request_new(r);
	if (!q) {
		r->stats.untold++;
		return;
	}
	r->events++;
	q->lookup = NULL;
	q->message = *event;
	memcpy(q->text, event->address.at ? event->address.at : "", event->address.len);
	q->message.address.at = q->text;
	q->legs[q->n_legs++] = (struct remote_leg){ .host = remote_hosts_hold(h) };
	request_name(q);
	proceed(q, now_of(r));
}

/* ---- answers ---- */

/* The request that a message answers; null: it is none of ours, or not good. */
static struct remote_request *identify(struct remote *r, struct str in, struct facts_reply *reply)
{
	struct remote_request *q = NULL;
	bool sealed = r->keys ? seal_check(r->keys, in) == key_of(r) : seal_is_missing(in);
	if (!sealed || facts_reply_decode(reply, in) < 0 || reply->asker != r->asker) {
		r->stats.strange++;
		return NULL;
	}
	q = request_find(r, reply->id);
	if (!q) {
		r->stats.late++;
		return NULL;
	}
	bool ours = reply->sequence >= q->first_sequence && reply->sequence <= q->message.sequence &&
		    !(q->lookup && reply->state == FACTS_REPLY_NOTED);
	r->stats.strange += !ours;
	return ours ? q : NULL;
}

static void log_clock(struct remote *r, struct remote_host *h, const struct facts_reply *reply, msec now)
{
	msec behind = remote_wall() - reply->time;
	h->peer.refused++;
	if (h->clock_logged && now - h->clock_logged < CLOCK_PAUSE)
		return;
	h->clock_logged = now;
	log_line(LOG_LEVEL_WARNING, "event=clock store=%s host=%s behind=%llds", r->name, h->peer.name,
		(long long)behind / 1000);
}

/* `leg` null: by HTTP, so whichever of the hosts it was. */
static void take_answer(struct remote_request *q, struct remote_leg *leg, const struct facts_reply *reply, msec now)
{
	struct remote *r = q->of;
	struct remote_host *h = leg ? leg->host : q->legs[0].host;
	for (unsigned i = 0; i < q->n_legs; i++) {
		if (!leg || &q->legs[i] == leg)
			leg_answered(r, &q->legs[i]);
		else if (q->lookup)
			leg_silent(r, &q->legs[i], now);
	}
	if (reply->state == FACTS_REPLY_CLOCK)
		log_clock(r, h, reply, now);
	if (q->lookup)
		remote_understand(q->lookup, reply, h->name, now, remote_wall());
	request_answer(q, now);
}

void remote_hear(struct remote *r, struct str in, const struct sockaddr *from)
{
	struct facts_reply reply;
	struct remote_request *q = identify(r, in, &reply);
	for (unsigned i = 0; q && i < q->n_sent; i++) {
		struct remote_leg *leg = &q->legs[q->sent[i].leg];
		if (!remote_address_eq(&q->sent[i].to, from))
			continue;
		remote_host_heard(leg->host, from);
		take_answer(q, leg, &reply, now_of(r));
		return;
	}
	r->stats.strange += q != NULL;
}

static void on_posted(struct remote_errand *e, const struct remote_result *result, msec now)
{
	struct remote_request *q = list_of(e, struct remote_request, post);
	struct facts_reply reply;
	if (result->body.len && identify(q->of, result->body, &reply) == q) {
		take_answer(q, NULL, &reply, now);
		return;
	}
	struct buf why = BUF(q->http_why);
	buf_put(&why, result->body.len ? STR("its answer is not sealed with our key") : result->why);
	buf_z(&why);
	give_up(q, now);
}
