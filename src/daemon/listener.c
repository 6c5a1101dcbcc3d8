#include "daemon/listener.h"

#include "daemon/connection.h"
#include "daemon/datagrams.h"
#include "daemon/decision.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct counted_listener *counted(const struct listener *l)
{
	return counters_listener(l->engine->counters, l->config, l->spec);
}

static void remove_file(const struct listener *l)
{
	if (!l->inherited)
		endpoint_remove(&l->endpoint, &l->bound);
}

void listener_free(struct listener *l)
{
	counters_retire_listener(counted(l), &l->stats);
	if (l->fd >= 0) {
		close(l->fd);
		remove_file(l);
	}
	if (l->kind->done)
		l->kind->done(l);
	list_remove(&l->all);
	if (!l->spec->front->shared_by_all)
		free(l->shared);
	config_put(l->config);
	free(l);
}

/* ---- for clients of all kinds ---- */

/* Whose clients take one more than they may: this one's, those of the listener that has the most when all together have no
   descriptor left, or null. */
static struct listener *crowded(struct listener *l)
{
	struct listener *fullest = l;
	size_t connections = 0;
	if (l->stats.clients >= l->spec->options->max_clients)
		return l;
	if (!l->kind->displace || !l->engine->listeners)
		return NULL;
	list_each (n, l->engine->listeners) {
		struct listener *other = list_of(n, struct listener, all);
		if (!other->kind->displace)
			continue;
		connections += other->stats.clients;
		if (other->stats.clients > fullest->stats.clients)
			fullest = other;
	}
	return connections >= l->engine->places ? fullest : NULL;
}

static bool make_room(struct listener *l, msec now)
{
	const uint64_t most = l->spec->options->max_clients;
	const size_t places = most < l->engine->places ? most : l->engine->places;
	struct seat *seat = l->kind->displace ? seats_victim(&l->seats, places, now) : NULL;
	if (!seat)
		return false;
	l->kind->displace(seat);
	l->stats.displaced++;
	return true;
}

static void log_crowd(struct listener *l, msec now)
{
	if (l->crowded && now - l->crowded < SECONDS(60))
		return;
	log_line(LOG_LEVEL_WARNING, "event=too-many-clients listener=%s max_clients=%llu displaced=%llu refused=%llu",
		l->name, (unsigned long long)l->spec->options->max_clients, (unsigned long long)l->stats.displaced,
		(unsigned long long)l->stats.crowded);
	l->crowded = now;
}

bool listener_enter(struct listener *l)
{
	msec now = engine_now(l->engine);
	struct listener *full = crowded(l);
	bool enters = !full || make_room(full, now);
	if (enters) {
		l->stats.accepted++;
		l->stats.clients++;
	} else {
		l->stats.crowded++;
	}
	if (full)
		log_crowd(full, now);
	return enters;
}

static void free_when_alone(struct listener *l)
{
	if (l->closed && l->stats.clients == 0)
		listener_free(l);
}

void listener_left(struct listener *l)
{
	l->stats.clients--;
	free_when_alone(l);
}

void listener_closed(struct listener *l)
{
	l->closed = true;
	free_when_alone(l);
}

bool listener_admits(struct listener *l, const char *host)
{
	const struct config_listener *spec = l->spec;
	struct network address = { .bits = 0 };
	uint64_t unlogged;
	if (l->endpoint.family == ENDPOINT_UNIX)
		return true;
	if (!network_address(&address, str_of(host)))
		return false; /* it has gone before it could be looked at, and its address with it */
	for (size_t i = 0; i < spec->n_allow; i++)
		if (network_has(&spec->allow[i], &address))
			return true;
	l->stats.refused++;
	if (throttle_passes(&l->strangers, &address, engine_now(l->engine), &unlogged))
		log_line(LOG_LEVEL_WARNING,
			"event=refused-client listener=%s client=%s reason=\"not in allow\" unlogged=%llu", l->name,
			host, (unsigned long long)unlogged);
	return false;
}

void listener_complain(struct listener *l, const char *host, const char *what)
{
	struct network address = { .bits = 0 };
	uint64_t unlogged;
	l->stats.malformed++;
	if (!network_address(&address, str_of(host)))
		address = (struct network){ .bits = 0 };
	if (throttle_passes(&l->complaints, &address, engine_now(l->engine), &unlogged))
		log_line(LOG_LEVEL_WARNING, "event=bad-request listener=%s client=%s reason=\"%s\" unlogged=%llu",
			l->name, host[0] ? host : "local", what, (unsigned long long)unlogged);
}

void listener_decided(struct listener *l, const struct ask *ask)
{
	bool unasked = ask->query.kind == QUERY_SENDER && ask->answer.verdict.reason == REASON_NOT_ASKED;
	if (!query_asks_nobody(&ask->query) && !unasked) {
		counters_verdict(l->engine->counters, counted(l), ask);
		decision_log(ask, l->name, engine_now(l->engine));
	}
	engine_see(l->engine, ask);
}

/* True when this step said that the query's transaction is over. */
static bool is_over(struct listener *l, enum front_step step, const struct query *q)
{
	if (step != FRONT_ENDED && step != FRONT_ABANDONED)
		return false;
	gate_end(l->engine->gate, q->transaction, step == FRONT_ABANDONED, engine_now(l->engine));
	return true;
}

enum front_step listener_write(
	struct listener *l, const struct front *front, void *session, const struct ask *ask, struct buf *out)
{
	enum front_step step = front->answer(session, &ask->query, &ask->answer, out);
	return is_over(l, step, &ask->query) ? FRONT_SEND : step;
}

enum front_step listener_answer(struct listener *l, struct ask *ask, void *session, struct buf *out)
{
	listener_decided(l, ask);
	return listener_write(l, l->spec->front, session, ask, out);
}

struct front_peer listener_peer(const struct listener *l, const char *host)
{
	return (struct front_peer){ .host = str_of(host),
		.key = &l->engine->key,
		.keys = l->spec->keys,
		.now = engine_now(l->engine),
		.wall = engine_wall(),
		.listener = l->number };
}

enum front_step listener_take(struct listener *l, const struct front *front, void *session, const char *host,
	struct str request, struct query *q, struct buf *out)
{
	enum front_step step = FRONT_SEND;
	bool goes_on = true;
	while (goes_on && request.len) {
		size_t eaten = 0;
		*q = (struct query){ .size = 0 };
		step = front->feed(session, request, &eaten, q, out);
		if (step == FRONT_MORE && front->feed_last)
			step = front->feed_last(session, request, &eaten, q, out);
		const char *complaint = front->complaint ? front->complaint(session) : NULL;
		goes_on = is_over(l, step, q);
		if (step == FRONT_MORE)
			listener_complain(l, host, "the request ends too early");
		else if (complaint && !goes_on)
			listener_complain(l, host, complaint);
		request = str_from(request, eaten);
	}
	return step;
}

/* ---- the server's calls ---- */

static struct listener *listener_of(struct server *s)
{
	return (struct listener *)(void *)s;
}

static struct stream *on_accept(struct server *s)
{
	struct listener *l = listener_of(s);
	if (!listener_enter(l))
		return NULL;
	struct stream *stream = connection_new(l);
	if (!stream)
		l->stats.clients--;
	return stream;
}

static void on_connected(struct server *s, struct stream *stream, bool ok)
{
	(void)s;
	connection_start(stream, ok);
}

static void on_closed(struct server *s)
{
	listener_closed(listener_of(s));
}

static const struct server_calls calls = { on_accept, on_connected, on_closed };

/* ---- streams ---- */

static bool streams_open(struct listener *l, int fd, struct err *err)
{
	return server_open(&l->socket.server, &l->engine->loop, fd, l->endpoint.family == ENDPOINT_UNIX, &calls, err);
}

static void streams_close(struct listener *l)
{
	list_each_safe (n, &l->seats.in[SEAT_IDLE])
		connection_leave(seat_of(n));
	list_each_safe (n, &l->seats.in[SEAT_BUSY])
		connection_leave(seat_of(n));
	server_close(&l->socket.server);
}

static void expire(struct listener *l, enum seat_state state, msec before)
{
	list_each_safe (n, &l->seats.in[state]) {
		if (seat_of(n)->since > before)
			break;
		connection_expire(seat_of(n));
	}
}

static void streams_abort(struct listener *l)
{
	for (int state = 0; state < SEAT_STATES; state++)
		expire(l, state, MSEC_NEVER);
}

static void streams_expire(struct listener *l, msec now)
{
	const struct options_listen *o = l->spec->options;
	expire(l, SEAT_NEW, now - (l->closing ? LISTENER_GRACE : o->request_timeout));
	expire(l, SEAT_BUSY, now - (l->closing ? LISTENER_GRACE : o->request_timeout));
	expire(l, SEAT_IDLE, now - (l->closing ? LISTENER_GRACE : o->idle));
}

static const struct listener_kind streams_kind = {
	.open = streams_open,
	.close = streams_close,
	.abort = streams_abort,
	.expire = streams_expire,
	.displace = connection_displace,
};

/* ---- for the daemon ---- */

static const struct listener_kind *kind_of(const struct config_listener *spec)
{
	if (spec->kind)
		return spec->kind;
	return spec->endpoint.family == ENDPOINT_UDP ? &datagrams_kind : &streams_kind;
}

static void *share(struct engine *e, const struct front *front)
{
	if (front->shared_size == 0)
		return NULL;
	return front->shared_by_all ? engine_shared(e, front) : calloc(1, front->shared_size);
}

/* With all that can be told before there is a socket. */
static struct listener *made(struct engine *e, struct config *c, const struct config_listener *spec, unsigned number)
{
	struct listener *l = calloc(1, sizeof(*l));
	if (l)
		l->shared = share(e, spec->front);
	if (!l || (spec->front->shared_size && !l->shared)) {
		free(l);
		return NULL;
	}
	l->engine = e;
	l->config = config_get(c);
	l->spec = spec;
	l->number = number;
	l->endpoint = spec->endpoint;
	snprintf(l->name, sizeof(l->name), "%s", spec->name);
	list_init(&l->all);
	seats_init(&l->seats);
	list_init(&l->spare);
	l->kind = kind_of(spec);
	return l;
}

struct listener *listener_new(struct engine *e, struct config *c, const struct config_listener *spec, unsigned number,
	int fd, struct err *err)
{
	struct listener *l = made(e, c, spec, number);
	struct err why;
	if (!l) {
		if (fd >= 0)
			close(fd);
		err_set(err, "out of memory");
		return NULL;
	}
	l->fd = fd;
	l->inherited = fd >= 0;
	bool good = listener_prepare(l, spec, &why);
	if (good && !l->inherited) {
		l->fd = endpoint_listen(&spec->endpoint, &spec->access, &why);
		good = l->fd >= 0;
	}
	if (!good) {
		err_set(err, "listen %s: %s", spec->name, why.text);
		listener_free(l);
		return NULL;
	}
	endpoint_stat(&l->endpoint, &l->bound);
	return l;
}

bool listener_open(struct listener *l, struct err *err)
{
	int fd = l->fd;
	l->fd = -1;
	return l->kind->open(l, fd, err);
}

bool listener_prepare(struct listener *l, const struct config_listener *spec, struct err *err)
{
	return !l->kind->prepare || l->kind->prepare(l, spec, err);
}

void listener_configure(struct listener *l, struct config *c, const struct config_listener *spec)
{
	if (memcmp(&spec->access, &l->spec->access, sizeof(spec->access)) != 0)
		log_line(LOG_LEVEL_WARNING,
			"event=reload listener=%s note=\"mode, owner and group of its socket change at the next "
			"restart\"",
			spec->name);
	if (strcmp(spec->name, l->name) != 0)
		counters_retire_listener(counted(l), &l->stats);
	config_get(c);
	config_put(l->config);
	l->config = c;
	l->spec = spec;
	snprintf(l->name, sizeof(l->name), "%s", spec->name);
	if (l->kind->configure)
		l->kind->configure(l);
}

void listener_close(struct listener *l)
{
	l->closing = true;
	remove_file(l);
	l->kind->close(l);
}

void listener_abort(struct listener *l)
{
	l->kind->abort(l);
}

void listener_expire(struct listener *l, msec now)
{
	l->kind->expire(l, now);
}
