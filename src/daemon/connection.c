#include "daemon/connection.h"

#include "daemon/metrics.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define OUT_MAX 16384
#define OUT_ROOM 2048 /* what one answer may need */

struct connection {
	struct stream stream; /* first: the stream's callbacks get a pointer to it */
	struct listener *listener;
	struct config *config; /* held: the session looks into it */
	struct seat seat;
	char *held; /* input that waits for more of it, or for an answer */
	size_t held_len, held_cap;
	size_t eaten; /* of `held`: the request that is being asked */
	struct ask ask;
	bool working, connected;
	bool ended; /* the client sends no more */
	bool served; /* it has had an answer */
	char host[INET6_ADDRSTRLEN];
	max_align_t session[];
};

static struct connection *connection_of(struct stream *s)
{
	return (struct connection *)(void *)s;
}

static const struct front *front_of(const struct connection *c)
{
	return c->listener->spec->front;
}

static msec now_of(const struct connection *c)
{
	return engine_now(c->listener->engine);
}

static void move_to(struct connection *c, enum seat_state state)
{
	seat_take(&c->listener->seats, &c->seat, state, now_of(c));
}

static void complain(struct connection *c, const char *what)
{
	listener_complain(c->listener, c->host, what);
}

/* ---- input that waits ---- */

/* `in` (which may be a part of what is held) is all that is held from now on. */
static bool hold(struct connection *c, struct str in)
{
	if (in.len > c->held_cap) {
		char *grown = realloc(c->held, in.len);
		if (!grown)
			return false;
		c->held = grown; /* `in` was not a part of it: it is longer */
		c->held_cap = in.len;
	}
	if (in.len)
		memmove(c->held, in.at, in.len);
	c->held_len = in.len;
	if (in.len == 0) {
		free(c->held);
		c->held = NULL;
		c->held_cap = 0;
	}
	return true;
}

static bool hold_more(struct connection *c, struct str in)
{
	size_t len = c->held_len + in.len;
	if (len > c->held_cap) {
		char *grown = realloc(c->held, len);
		if (!grown)
			return false;
		c->held = grown;
		c->held_cap = len;
	}
	memcpy(c->held + c->held_len, in.at, in.len);
	c->held_len = len;
	return true;
}

/* ---- answering ---- */

static bool flush(struct connection *c, struct buf *out)
{
	bool sent = stream_send(&c->stream, buf_str(out));
	out->len = 0;
	if (!sent)
		stream_close(&c->stream);
	return sent;
}

static enum front_step write_answer(struct connection *c, struct buf *out)
{
	return listener_answer(c->listener, &c->ask, c->session, out);
}

static void work(struct connection *c, struct str in);

static void on_answer(struct ask *ask, msec now)
{
	struct connection *c = list_of(ask, struct connection, ask);
	char space[OUT_ROOM];
	struct buf out = BUF(space);
	(void)now;
	if (c->working || uv_is_closing(&c->stream.uv.handle))
		return;
	bool last = write_answer(c, &out) == FRONT_CLOSE;
	c->served = true;
	move_to(c, SEAT_IDLE);
	if (!flush(c, &out))
		return;
	if (last || c->listener->closing)
		stream_finish(&c->stream);
	else
		work(c, (struct str){ c->held + c->eaten, c->held_len - c->eaten });
}

/* Asks the gate. False: the answer will come later, the input is held until then. */
static bool ask_gate(struct connection *c, const struct query *q, struct str in, size_t eaten)
{
	struct engine *e = c->listener->engine;
	c->ask.query = *q;
	gate_ask(e->gate, &c->ask, now_of(c));
	if (!c->ask.active)
		return true;
	if (in.at != c->held) {
		if (!hold(c, in)) {
			gate_forget(e->gate, &c->ask);
			stream_close(&c->stream);
			return false;
		}
		query_move(&c->ask.query, in.at, in.len, c->held);
	}
	c->eaten = eaten;
	stream_pause(&c->stream);
	move_to(c, SEAT_ASKING);
	return false;
}

enum progress {
	GO_ON,
	WAIT_FOR_INPUT,
	WAIT_FOR_ANSWER,
	LEAVE, /* when all is sent */
};

/* They may be longer than what the kernel takes at once: the stream keeps the rest. */
static enum progress send_metrics(struct connection *c, struct buf *out)
{
	size_t len = 0;
	char *text = metrics_text(c->listener->engine, &len);
	bool sent = text && flush(c, out) && stream_send(&c->stream, (struct str){ text, len });
	free(text);
	if (sent)
		return LEAVE;
	out->len = 0;
	stream_close(&c->stream);
	return WAIT_FOR_ANSWER;
}

/* One step of the front. */
static enum progress advance(struct connection *c, struct str *in, struct buf *out)
{
	const struct front *front = front_of(c);
	struct engine *e = c->listener->engine;
	struct query q = { 0 };
	size_t eaten = 0;
	enum front_step step = (c->ended ? front->feed_last : front->feed)(c->session, *in, &eaten, &q, out);
	const char *complaint = front->complaint ? front->complaint(c->session) : NULL;
	if (complaint && step != FRONT_ENDED && step != FRONT_ABANDONED)
		complain(c, complaint);
	switch (step) {
	case FRONT_MORE:
		if (c->ended)
			complain(c, "the request ends too early");
		else if (in->len < front->request_max)
			return WAIT_FOR_INPUT;
		else
			complain(c, "the request is too long");
		return LEAVE;
	case FRONT_ENDED:
	case FRONT_ABANDONED:
		gate_end(e->gate, q.transaction, step == FRONT_ABANDONED, now_of(c));
		*in = str_from(*in, eaten);
		return GO_ON;
	case FRONT_ASK:
		c->listener->stats.requests++;
		if (!ask_gate(c, &q, *in, eaten))
			return WAIT_FOR_ANSWER;
		step = write_answer(c, out);
		break;
	case FRONT_METRICS: c->listener->stats.requests++; return send_metrics(c, out);
	case FRONT_SEND:
	case FRONT_CLOSE: c->listener->stats.requests++; break;
	}
	*in = str_from(*in, eaten);
	return step == FRONT_CLOSE ? LEAVE : GO_ON;
}

/* Feeds the front as long as there is input, the client takes its answers, and none must be waited for. */
static void work(struct connection *c, struct str in)
{
	char space[OUT_MAX];
	struct buf out = BUF(space);
	enum progress progress = GO_ON;
	bool answered = false;
	c->working = true;
	while (progress == GO_ON && in.len && c->stream.unsent == 0) {
		progress = advance(c, &in, &out);
		answered = answered || progress == GO_ON;
		if (out.cap - out.len < OUT_ROOM && !flush(c, &out))
			progress = WAIT_FOR_ANSWER;
	}
	c->working = false;
	c->served = c->served || answered;
	if (!flush(c, &out) || progress == WAIT_FOR_ANSWER)
		return;
	if (progress == LEAVE || ((c->listener->closing || c->ended) && in.len == 0)) {
		move_to(c, SEAT_BUSY); /* the client has this long to take its answers */
		stream_finish(&c->stream);
		return;
	}
	if (!hold(c, in)) {
		stream_close(&c->stream);
		return;
	}
	if (in.len || c->stream.unsent) {
		if (answered || c->seat.since == 0)
			move_to(c, c->served ? SEAT_BUSY : SEAT_NEW);
	} else {
		move_to(c, SEAT_IDLE);
	}
	if (c->stream.unsent)
		stream_pause(&c->stream);
	else
		stream_resume(&c->stream);
}

/* ---- the stream's calls ---- */

static void on_data(struct stream *s, struct str in)
{
	struct connection *c = connection_of(s);
	if (c->held_len == 0) {
		c->seat.since = 0; /* the first octets of a request: work() starts its clock */
		work(c, in);
	} else if (hold_more(c, in)) {
		work(c, (struct str){ c->held, c->held_len });
	} else {
		stream_close(s);
	}
}

static void on_eof(struct stream *s)
{
	struct connection *c = connection_of(s);
	c->ended = front_of(c)->feed_last && c->held_len;
	if (c->ended) {
		stream_pause(s);
		work(c, (struct str){ c->held, c->held_len });
		return;
	}
	if (c->held_len)
		complain(c, "the request ends too early");
	stream_finish(s);
}

static void on_drained(struct stream *s)
{
	struct connection *c = connection_of(s);
	if (!c->ask.active)
		work(c, (struct str){ c->held, c->held_len });
}

static void on_closed(struct stream *s)
{
	struct connection *c = connection_of(s);
	struct listener *l = c->listener;
	struct query q = { 0 };
	gate_forget(l->engine->gate, &c->ask);
	if (c->connected && front_of(c)->end) {
		enum front_step step = front_of(c)->end(c->session, &q);
		if (step != FRONT_MORE)
			gate_end(l->engine->gate, q.transaction, step == FRONT_ABANDONED, now_of(c));
	}
	seat_leave(&l->seats, &c->seat);
	config_put(c->config);
	free(c->held);
	free(c);
	listener_left(l);
}

static const struct stream_calls calls = { on_data, on_eof, on_drained, on_closed };

/* ---- for the listener ---- */

struct stream *connection_new(struct listener *l)
{
	size_t cells = (l->spec->front->session_size + sizeof(max_align_t) - 1) / sizeof(max_align_t);
	struct connection *c = calloc(1, sizeof(*c) + cells * sizeof(max_align_t));
	if (!c)
		return NULL;
	c->stream.calls = &calls;
	c->listener = l;
	c->config = config_get(l->config);
	seat_init(&c->seat);
	return &c->stream;
}

void connection_start(struct stream *s, bool ok)
{
	struct connection *c = connection_of(s);
	struct listener *l = c->listener;
	if (!ok) {
		config_put(c->config);
		free(c);
		listener_left(l);
		return;
	}
	stream_peer(s, c->host, sizeof(c->host));
	if (!listener_admits(l, c->host)) {
		stream_close(s);
		return;
	}
	struct front_peer peer = listener_peer(l, c->host);
	peer.connection = ++l->engine->connections;
	l->spec->front->start(c->session, l->spec->own, l->shared, &peer);
	s->quick_ack = l->spec->front->quick_ack && c->host[0];
	c->ask.done = on_answer;
	c->ask.path_store = l->spec->path_store;
	c->connected = true;
	move_to(c, SEAT_NEW);
}

static struct connection *sits(struct seat *seat)
{
	return list_of(seat, struct connection, seat);
}

void connection_leave(struct seat *seat)
{
	struct connection *c = sits(seat);
	if (!c->ask.active && c->served && !c->held_len)
		stream_finish(&c->stream);
}

void connection_displace(struct seat *seat)
{
	struct connection *c = sits(seat);
	stream_close(&c->stream);
	seat_leave(&c->listener->seats, seat);
}

void connection_expire(struct seat *seat)
{
	struct connection *c = sits(seat);
	if (c->held_len)
		complain(c, "the request did not arrive in time");
	c->listener->stats.timed_out++;
	connection_displace(seat);
}
