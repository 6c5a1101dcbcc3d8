/*
 * What comes in. It is nobody's answer until the seal, the id, the numbers and the sender's address agree.
 */
#include "store/remote_inside.h"

#include "io/log.h"

#define CLOCK_PAUSE SECONDS(60) /* between two lines about one host's clock */

/* ---- hosts that answer, and others ---- */

static void log_peer(const struct remote *r, const struct remote_host *h)
{
	log_line(h->breaker.state == BREAKER_CLOSED ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
		"event=peer store=%s host=%s state=%s", r->name, h->peer.name, breaker_state_name(h->breaker.state));
}

/* One that refuses us because of its clock would refuse news as well. */
static void leg_answered(struct remote *r, const struct remote_leg *leg, bool refused)
{
	struct remote_host *h = leg->host;
	h->peer.answered++;
	h->silent = h->silent && refused;
	if (breaker_answered(&h->breaker))
		log_peer(r, h);
}

void remote_leg_silent(struct remote *r, const struct remote_leg *leg, msec now)
{
	struct breaker *b = &leg->host->breaker;
	if (!leg->sent && !leg->nameless) {
		if (leg->probe)
			breaker_withdrawn(b, now);
	} else if (breaker_silent(b, &r->breaker, leg->probe, now, (uint32_t)remote_draw(r))) {
		log_peer(r, leg->host);
	}
}

/* ---- answers ---- */

/* The request that a message answers; null: it is none of ours, or not good. */
static struct remote_request *identify(struct remote *r, struct str in, struct facts_reply *reply)
{
	struct remote_request *q = NULL;
	bool sealed = r->keys ? seal_check(r->keys, in) == remote_key(r) : seal_is_missing(in);
	if (!sealed || facts_reply_decode(reply, in) < 0 || reply->asker != r->asker) {
		r->stats.strange++;
		return NULL;
	}
	q = remote_request_find(r, reply->id);
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

static void take_answer(struct remote_request *q, struct remote_leg *leg, const struct facts_reply *reply, msec now)
{
	struct remote *r = q->of;
	struct remote_host *h = leg->host;
	bool refused = reply->state == FACTS_REPLY_CLOCK;
	leg_answered(r, leg, refused);
	for (unsigned i = 0; q->lookup && i < q->n_legs; i++)
		if (&q->legs[i] != leg)
			remote_leg_silent(r, &q->legs[i], now);
	if (refused)
		log_clock(r, h, reply, now);
	if (q->lookup) {
		remote_understand(q->lookup, reply, h->name, now, remote_wall());
		remote_news_asked(q, refused ? NULL : leg, now);
	} else {
		remote_news_told(q, reply->state == FACTS_REPLY_NOTED, now);
	}
	remote_news_pay(r, h, now);
	remote_request_answer(q, now);
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
		leg->host->by_http = false;
		take_answer(q, leg, &reply, remote_now(r));
		return;
	}
	r->stats.strange += q != NULL;
}

void remote_posted(struct remote_errand *e, const struct remote_result *result, msec now)
{
	struct remote_request *q = list_of(e, struct remote_request, post);
	struct facts_reply reply;
	bool good = result->body.len && identify(q->of, result->body, &reply) == q;
	q->posted->host->by_http = good;
	if (good) {
		take_answer(q, q->posted, &reply, now);
		return;
	}
	struct buf why = BUF(q->http_why);
	buf_put(&why, result->body.len ? STR("its answer is not sealed with our key") : result->why);
	buf_z(&why);
	remote_proceed_by_http(q, now);
}
