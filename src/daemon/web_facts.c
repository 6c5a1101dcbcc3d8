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
	char space[FRONT_DATAGRAM_MAX];
	struct buf out = BUF(space);
	listener_write(web_listener(c), r->facts, r->session, &r->ask, &out);
	put_message(c, &out);
}

static void take(struct web_client *c, struct str in)
{
	struct web_request *r = &c->request;
	char space[FRONT_DATAGRAM_MAX];
	struct buf out = BUF(space);
	if (listener_take(web_listener(c), r->facts, r->session, c->host, in, &r->ask.query, &out) == FRONT_ASK)
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
	const struct front_peer peer = listener_peer(l, c->host);
	void *shared = engine_shared(l->engine, front);
	r->session = calloc(1, front->session_size);
	if (!r->session || !shared)
		return;
	r->facts = front;
	r->config = config_get(l->config);
	front->start(r->session, &conf->facts, shared, &peer);
	take(c, (struct str){ r->body ? r->body : "", r->body_len });
}
