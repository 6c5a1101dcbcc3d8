#include "daemon/listener.h"

#include "daemon/connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct listener *listener_new(
	struct engine *e, struct config *c, const struct config_listener *spec, unsigned number, struct err *err)
{
	struct listener *l = calloc(1, sizeof(*l));
	struct err why;
	if (l && spec->front->shared_size)
		l->shared = calloc(1, spec->front->shared_size);
	if (!l || (spec->front->shared_size && !l->shared)) {
		free(l);
		err_set(err, "out of memory");
		return NULL;
	}
	l->engine = e;
	l->config = config_get(c);
	l->spec = spec;
	l->number = number;
	l->endpoint = spec->endpoint;
	snprintf(l->name, sizeof(l->name), "%s", spec->name);
	list_init(&l->all);
	list_init(&l->idle);
	list_init(&l->busy);
	list_init(&l->asking);
	l->fd = endpoint_listen(&spec->endpoint, &spec->access, &why);
	if (l->fd < 0) {
		err_set(err, "listen %s: %s", spec->name, why.text);
		listener_free(l);
		return NULL;
	}
	endpoint_stat(&l->endpoint, &l->bound);
	return l;
}

void listener_free(struct listener *l)
{
	if (l->fd >= 0) {
		close(l->fd);
		endpoint_remove(&l->endpoint, &l->bound);
	}
	list_remove(&l->all);
	config_put(l->config);
	free(l->shared);
	free(l);
}

/* ---- the server's calls ---- */

static struct listener *listener_of(struct server *s)
{
	return (struct listener *)(void *)s;
}

static struct stream *on_accept(struct server *s)
{
	struct listener *l = listener_of(s);
	msec now = engine_now(l->engine);
	if (l->stats.clients >= l->spec->options->max_clients) {
		l->stats.refused++;
		if (!l->crowded || now - l->crowded >= SECONDS(60)) {
			log_line(LOG_LEVEL_WARNING, "event=too-many-clients listener=%s max_clients=%llu refused=%llu",
				l->name, (unsigned long long)l->spec->options->max_clients,
				(unsigned long long)l->stats.refused);
			l->crowded = now;
		}
		return NULL;
	}
	struct stream *stream = connection_new(l);
	l->stats.accepted += stream != NULL;
	l->stats.clients += stream != NULL;
	return stream;
}

static void on_connected(struct server *s, struct stream *stream, bool ok)
{
	(void)s;
	connection_start(stream, ok);
}

static void free_when_alone(struct listener *l)
{
	if (l->closed && l->stats.clients == 0)
		listener_free(l);
}

static void on_closed(struct server *s)
{
	struct listener *l = listener_of(s);
	l->closed = true;
	free_when_alone(l);
}

void listener_left(struct listener *l)
{
	l->stats.clients--;
	free_when_alone(l);
}

static const struct server_calls calls = { on_accept, on_connected, on_closed };

/* ---- for the daemon ---- */

bool listener_open(struct listener *l, struct err *err)
{
	int fd = l->fd;
	l->fd = -1;
	return server_open(&l->server, &l->engine->loop, fd, l->endpoint.family == ENDPOINT_UNIX, &calls, err);
}

void listener_configure(struct listener *l, struct config *c, const struct config_listener *spec)
{
	config_get(c);
	config_put(l->config);
	l->config = c;
	l->spec = spec;
	snprintf(l->name, sizeof(l->name), "%s", spec->name);
}

void listener_close(struct listener *l)
{
	l->closing = true;
	endpoint_remove(&l->endpoint, &l->bound);
	list_each_safe (n, &l->idle)
		connection_leave(n);
	list_each_safe (n, &l->busy)
		connection_leave(n);
	server_close(&l->server);
}

static void expire(struct list *connections, msec before)
{
	list_each_safe (n, connections) {
		if (connection_since(n) > before)
			break;
		connection_expire(n);
	}
}

void listener_abort(struct listener *l)
{
	expire(&l->idle, MSEC_NEVER);
	expire(&l->busy, MSEC_NEVER);
	expire(&l->asking, MSEC_NEVER);
}

void listener_expire(struct listener *l, msec now)
{
	expire(&l->idle, now - l->spec->options->idle);
	expire(&l->busy, now - l->spec->options->request_timeout);
}
