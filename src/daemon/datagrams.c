#include "daemon/datagrams.h"

#include <stdlib.h>
#include <string.h>

#define SPARE_MAX 64

/* One datagram, and the answer to it. */
struct exchange {
	struct listener *listener;
	struct config *config; /* held: the session looks into it */
	struct seat seat; /* its link is in the listener's list `spare` too */
	struct ask ask;
	bool working;
	struct sockaddr_storage from;
	char host[INET6_ADDRSTRLEN];
	char *request; /* the front's request_max octets, behind the session */
	max_align_t session[];
};

static const struct front *front_of(const struct listener *l)
{
	return l->spec->front;
}

static void on_answer(struct ask *, msec now);

/* ---- places ---- */

static struct exchange *new_exchange(const struct front *front)
{
	size_t cells = (front->session_size + sizeof(max_align_t) - 1) / sizeof(max_align_t);
	struct exchange *x = malloc(sizeof(*x) + cells * sizeof(max_align_t) + front->request_max);
	if (x)
		x->request = (char *)(x->session + cells);
	return x;
}

/* Null when there is no place or no memory. */
static struct exchange *take_exchange(struct listener *l)
{
	struct exchange *x;
	if (!listener_enter(l))
		return NULL;
	if (l->n_spare) {
		x = list_of(seat_of(l->spare.next), struct exchange, seat);
		list_remove(&x->seat.link);
		l->n_spare--;
	} else {
		x = new_exchange(front_of(l));
	}
	if (!x) {
		l->stats.clients--;
		return NULL;
	}
	x->listener = l;
	x->config = config_get(l->config);
	x->ask = (struct ask){ .done = on_answer, .path_store = l->spec->path_store };
	seat_init(&x->seat);
	memset(x->session, 0, front_of(l)->session_size);
	return x;
}

static void close_when_done(struct listener *l)
{
	if (l->closing && list_empty(&l->seats.in[SEAT_ASKING]))
		datagram_close(&l->socket.datagrams);
}

static void leave(struct exchange *x)
{
	struct listener *l = x->listener;
	seat_leave(&l->seats, &x->seat);
	config_put(x->config);
	if (l->n_spare < SPARE_MAX) {
		list_insert(&l->spare, &x->seat.link);
		l->n_spare++;
	} else {
		free(x);
	}
	close_when_done(l);
	listener_left(l);
}

static void free_spare(struct listener *l)
{
	list_each_safe (n, &l->spare)
		free(list_of(seat_of(n), struct exchange, seat));
	list_init(&l->spare);
	l->n_spare = 0;
}

/* ---- one exchange ---- */

static void reply(struct exchange *x, const struct buf *out)
{
	struct listener *l = x->listener;
	if (out->full)
		listener_complain(l, x->host, "the answer is too long for a datagram");
	else if (out->len && !datagram_send(&l->socket.datagrams, (struct sockaddr *)&x->from, buf_str(out)))
		l->stats.unsent++;
}

/* The gate has answered, later. */
static void on_answer(struct ask *ask, msec now)
{
	struct exchange *x = list_of(ask, struct exchange, ask);
	char space[FRONT_DATAGRAM_MAX];
	struct buf out = BUF(space);
	(void)now;
	if (x->working)
		return;
	listener_answer(x->listener, ask, x->session, &out);
	reply(x, &out);
	leave(x);
}

/* False: the gate's answer will come later. */
static bool answer(struct exchange *x, struct str in, struct buf *out)
{
	struct listener *l = x->listener;
	enum front_step step = listener_take(l, front_of(l), x->session, x->host, in, &x->ask.query, out);
	l->stats.requests += step != FRONT_MORE;
	if (step != FRONT_ASK)
		return true;
	gate_ask(l->engine->gate, &x->ask, engine_now(l->engine));
	if (x->ask.active)
		return false;
	listener_answer(l, &x->ask, x->session, out);
	return true;
}

static void begin(struct exchange *x, struct str in)
{
	struct listener *l = x->listener;
	char space[FRONT_DATAGRAM_MAX];
	struct buf out = BUF(space);
	const struct front_peer peer = listener_peer(l, x->host);
	memcpy(x->request, in.at, in.len);
	front_of(l)->start(x->session, l->spec->own, l->shared, &peer);
	x->working = true;
	bool answered = answer(x, (struct str){ x->request, in.len }, &out);
	x->working = false;
	if (!answered) {
		seat_take(&l->seats, &x->seat, SEAT_ASKING, engine_now(l->engine));
		return;
	}
	reply(x, &out);
	leave(x);
}

/* ---- the socket's calls ---- */

static struct listener *listener_of(struct datagram_socket *s)
{
	return (struct listener *)(void *)s;
}

static void on_data(struct datagram_socket *s, struct str in, const struct sockaddr *from)
{
	struct listener *l = listener_of(s);
	char host[INET6_ADDRSTRLEN];
	datagram_host(from, host, sizeof(host));
	if (!listener_admits(l, host))
		return;
	if (in.len == 0 || in.len > front_of(l)->request_max) {
		listener_complain(l, host, in.len ? "the datagram is longer than a request" : "the datagram is empty");
		return;
	}
	struct exchange *x = take_exchange(l);
	if (!x)
		return;
	memcpy(x->host, host, sizeof(host));
	memcpy(&x->from, from, from->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
	begin(x, in);
}

static void on_closed(struct datagram_socket *s)
{
	listener_closed(listener_of(s));
}

static const struct datagram_calls calls = { on_data, on_closed };

/* ---- for the listener ---- */

static bool datagrams_open(struct listener *l, int fd, struct err *err)
{
	return datagram_open(&l->socket.datagrams, &l->engine->loop, fd, &calls, err);
}

/* Takes no more; the socket is closed when the last answer is sent. */
static void datagrams_close(struct listener *l)
{
	datagram_deafen(&l->socket.datagrams);
	close_when_done(l);
}

/* Of a listener that was closed: drops what is not answered. */
static void datagrams_abort(struct listener *l)
{
	list_each_safe (n, &l->seats.in[SEAT_ASKING]) {
		struct exchange *x = list_of(seat_of(n), struct exchange, seat);
		gate_forget(l->engine->gate, &x->ask);
		leave(x);
	}
}

/* Each question has its deadline, and nothing else waits. */
static void datagrams_expire(struct listener *l, msec now)
{
	(void)l, (void)now;
}

const struct listener_kind datagrams_kind = {
	.open = datagrams_open,
	.close = datagrams_close,
	.abort = datagrams_abort,
	.expire = datagrams_expire,
	.done = free_spare,
};
