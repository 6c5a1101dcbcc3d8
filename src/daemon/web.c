#include "daemon/web.h"

#include "daemon/web_inside.h"
#include "io/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define COMERS_AT_ONCE 64 /* then others have their turn */

/* ---- the door ---- */

/* A client of this address has connected. */
static void let_in(struct web *w, int fd, const struct sockaddr *from)
{
	struct listener *l = w->listener;
	char host[INET6_ADDRSTRLEN] = "";
	if (from->sa_family != AF_UNIX)
		uv_ip_name(from, host, sizeof(host));
	if (!listener_enter(l)) {
		close(fd);
	} else if (listener_admits(l, host)) {
		web_client_new(w, fd, host);
	} else {
		close(fd);
		listener_left(l);
	}
}

static void on_door(uv_poll_t *door, int status, int events);

/* Without descriptors the door would be pushed open all the time: once a second it is tried again. */
static void shut_door(struct web *w)
{
	uv_poll_stop(&w->door);
	w->door_shut = true;
}

static void on_door(uv_poll_t *door, int status, int events)
{
	struct web *w = door->data;
	(void)status, (void)events;
	for (int i = 0; i < COMERS_AT_ONCE; i++) {
		struct sockaddr_storage from = { .ss_family = AF_UNIX };
		socklen_t len = sizeof(from);
		int fd = accept4(w->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			let_in(w, fd, (struct sockaddr *)&from);
		else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			shut_door(w);
		if (fd < 0 && errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

/* 0 or an error of libuv. */
static int open_door(struct web *w)
{
	int n = uv_poll_start(&w->door, UV_READABLE, on_door);
	if (n == 0 && !loop_watches(w->door.loop, w->fd)) {
		n = uv_translate_sys_error(errno);
		uv_poll_stop(&w->door);
	}
	return n;
}

void web_closed(struct web *w)
{
	if (--w->open == 0)
		listener_closed(w->listener);
}

static void on_door_closed(uv_handle_t *handle)
{
	struct web *w = handle->data;
	close(w->fd);
	w->fd = -1;
	web_closed(w);
}

/* ---- the listener's kind ---- */

static bool kind_prepare(struct listener *l, const struct config_listener *spec, struct err *err)
{
	const struct config *c = l->engine->config;
	struct web *w = l->web;
	if (!w) {
		w = l->web = calloc(1, sizeof(*w));
		if (!w)
			return err_set(err, "out of memory");
		w->listener = l;
		w->fd = -1;
		list_init(&w->retired);
	}
	if (w->next)
		web_server_free(w->next);
	w->next = NULL;
	if (web_secrets_read(&w->next_secrets, c->safe, spec->own, c->uid, &l->engine->key, err) != SECRET_READ)
		return false;
	bool same = w->server && hash_eq(w->secrets.tls, w->next_secrets.tls);
	if (!same)
		w->next = web_server_new(w, &w->next_secrets, err);
	web_secrets_forget_tls(&w->next_secrets);
	return same || w->next;
}

/* What was prepared holds from now on. */
static bool take_over(struct web *w, struct err *err)
{
	struct web_server *next = w->next;
	w->secrets = w->next_secrets;
	w->next = NULL;
	if (!next)
		return true;
	w->open++;
	if (!web_server_start(next, err)) {
		web_server_free(next);
		web_closed(w);
		return false;
	}
	if (w->server)
		web_server_retire(w->server);
	w->server = next;
	return true;
}

static bool kind_open(struct listener *l, int fd, struct err *err)
{
	struct web *w = l->web;
	w->fd = fd;
	w->door.data = w;
	w->open = 1;
	int n = uv_poll_init(&l->engine->loop, &w->door, fd);
	if (n < 0) {
		close(fd);
		web_closed(w);
		return err_set(err, "no handle for the socket: %s", uv_strerror(n));
	}
	bool started = take_over(w, err);
	n = started ? open_door(w) : 0;
	if (started && n == 0)
		return true;
	if (started)
		web_server_retire(w->server);
	uv_close((uv_handle_t *)&w->door, on_door_closed);
	return started ? err_set(err, "cannot listen: %s", uv_strerror(n)) : false;
}

static void kind_configure(struct listener *l)
{
	struct err err;
	if (!take_over(l->web, &err))
		log_line(LOG_LEVEL_ERROR, "event=reload listener=%s reason=\"%s\" note=\"the old certificate stays\"",
			l->name, err.text);
}

static void leave_all(struct list *clients)
{
	list_each_safe (n, clients)
		web_client_leave(web_client_of(n));
}

static void kind_close(struct listener *l)
{
	struct web *w = l->web;
	uv_poll_stop(&w->door);
	leave_all(&l->seats.in[SEAT_NEW]);
	leave_all(&l->seats.in[SEAT_IDLE]);
	leave_all(&l->seats.in[SEAT_BUSY]);
	web_server_retire(w->server);
	uv_close((uv_handle_t *)&w->door, on_door_closed);
}

static void expire(struct listener *l, enum seat_state state, msec before)
{
	list_each_safe (n, &l->seats.in[state]) {
		if (seat_of(n)->since > before)
			break;
		web_client_expire(web_client_of(n));
	}
}

static void kind_abort(struct listener *l)
{
	for (int state = 0; state < SEAT_STATES; state++)
		expire(l, state, MSEC_NEVER);
}

static void kind_expire(struct listener *l, msec now)
{
	const struct options_listen *o = l->spec->options;
	struct web *w = l->web;
	expire(l, SEAT_NEW, now - (l->closing ? LISTENER_GRACE : o->request_timeout));
	expire(l, SEAT_BUSY, now - (l->closing ? LISTENER_GRACE : o->request_timeout));
	expire(l, SEAT_IDLE, now - (l->closing ? LISTENER_GRACE : o->idle));
	if (w->door_shut && !l->closing)
		w->door_shut = open_door(w) != 0;
}

static void kind_done(struct listener *l)
{
	if (l->web && l->web->next)
		web_server_free(l->web->next);
	free(l->web);
}

static enum secret_state kind_look(const void *own, struct safe *safe, uid_t daemon, struct err *err)
{
	static const struct hash_key none;
	struct web_secrets found;
	enum secret_state state = web_secrets_read(&found, safe, own, daemon, &none, err);
	web_secrets_forget_tls(&found);
	return state;
}

const struct listener_kind web_kind = {
	.look = kind_look,
	.prepare = kind_prepare,
	.open = kind_open,
	.configure = kind_configure,
	.close = kind_close,
	.abort = kind_abort,
	.expire = kind_expire,
	.displace = web_client_displace,
	.done = kind_done,
};
