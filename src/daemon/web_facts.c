/*
 * POST /v1/facts: a message of another quotagate, where datagrams do not get through. The body is one message, and so is
 * the answer's. It is the front `facts` that takes it, in the same way as from a datagram.
 */
#include "daemon/web_inside.h"

#include <stdlib.h>

#define MESSAGE "application/octet-stream"

static const struct front *facts_front(void)
{
	const struct registry_front *f = registry_front("facts");
	return f ? f->front : NULL;
}

/* What it has to say; nothing when it does not believe the message. */
static void put_message(struct web_client *c, const struct buf *out)
{
	if (out->len && !out->full)
		web_say(&c->request, MHD_HTTP_OK, MESSAGE, buf_str(out));
	else
		web_refuse(&c->request, MHD_HTTP_BAD_REQUEST, "no message that is believed");
}

static void on_answer(struct web_client *c)
{
	struct web_request *r = &c->request;
	struct listener *l = web_listener(c);
	char space[FRONT_DATAGRAM_MAX];
	struct buf out = BUF(space);
	enum front_step step = r->facts->answer(r->session, &r->ask.query, &r->ask.answer, &out);
	if (step == FRONT_ENDED || step == FRONT_ABANDONED)
		gate_end(l->engine->gate, r->ask.query.transaction, step == FRONT_ABANDONED, engine_now(l->engine));
	put_message(c, &out);
}

static enum front_step feed(struct web_client *c, struct str in, size_t *eaten, struct buf *out)
{
	const struct front *front = c->request.facts;
	void *session = c->request.session;
	struct query *q = &c->request.ask.query;
	*q = (struct query){ .size = 0 };
	enum front_step step = front->feed(session, in, eaten, q, out);
	if (step == FRONT_MORE && front->feed_last)
		step = front->feed_last(session, in, eaten, q, out);
	const char *complaint = front->complaint ? front->complaint(session) : NULL;
	if (complaint && step != FRONT_ENDED && step != FRONT_ABANDONED)
		listener_complain(web_listener(c), c->host, complaint);
	return step;
}

static void converse(struct web_client *c, struct str in)
{
	struct gate *gate = web_listener(c)->engine->gate;
	char space[FRONT_DATAGRAM_MAX];
	struct buf out = BUF(space);
	enum front_step step = FRONT_ENDED;
	while (in.len && (step == FRONT_ENDED || step == FRONT_ABANDONED)) {
		size_t eaten = 0;
		step = feed(c, in, &eaten, &out);
		if (step == FRONT_ENDED || step == FRONT_ABANDONED)
			gate_end(gate, c->request.ask.query.transaction, step == FRONT_ABANDONED,
				engine_now(web_listener(c)->engine));
		in = str_from(in, eaten);
	}
	if (step == FRONT_ASK)
		web_ask(c, on_answer);
	else
		put_message(c, &out);
}

void web_facts(struct web_client *c)
{
	struct web_request *r = &c->request;
	struct listener *l = web_listener(c);
	const struct front *front = facts_front();
	const struct http_conf *conf = l->spec->own;
	if (!front || !conf->facts.key_file) {
		web_refuse(r, MHD_HTTP_NOT_FOUND, "no messages are taken here: there is no key_file");
		return;
	}
	struct front_peer peer = { .host = str_of(c->host),
		.key = &l->engine->key,
		.keys = l->spec->keys,
		.now = engine_now(l->engine),
		.wall = engine_wall(),
		.listener = l->number };
	void *shared = engine_shared(l->engine, front);
	r->session = calloc(1, front->session_size);
	if (!r->session || !shared)
		return;
	r->facts = front;
	r->config = config_get(l->config);
	front->start(r->session, &conf->facts, shared, &peer);
	converse(c, (struct str){ r->body ? r->body : "", r->body_len });
}
