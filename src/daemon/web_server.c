/*
 * The library on the loop. It has an epoll descriptor of its own, which the loop watches, and says how long it may be left
 * alone. It gets sockets that we have accepted: so who comes is our business, and addresses of unix sockets, which it
 * copies by a length that does not fit its buffer, never reach it.
 */
#include "daemon/web_inside.h"

#include <limits.h>
#include <stdlib.h>

/* Handshakes of old are left to those who have them in their system's settings. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* ---- what the library calls ---- */

static struct web_client *client_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info->socket_context;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
	enum MHD_ConnectionNotificationCode code)
{
	struct web_server *s = context;
	struct web_client *c = *socket_context;
	switch (code) {
	case MHD_CONNECTION_NOTIFY_STARTED:
		*socket_context = s->coming;
		s->coming->connection = connection;
		s->coming->server = s;
		s->clients++;
		break;
	case MHD_CONNECTION_NOTIFY_CLOSED:
		s->clients--;
		s->coming = NULL;
		web_client_gone(c);
		break;
	}
}

static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
	(void)context;
	web_client_begin(client_of(connection), target);
	return NULL;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *octets, size_t *len, void **own)
{
	(void)context, (void)url, (void)own;
	return web_client_take(client_of(connection), method, version, octets, len) ? MHD_YES : MHD_NO;
}

static void on_completed(
	void *context, struct MHD_Connection *connection, void **own, enum MHD_RequestTerminationCode code)
{
	(void)context, (void)own;
	web_client_finish(client_of(connection), code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
}

/* We decode by ourselves, from the copy. */
static size_t on_unescape(void *context, struct MHD_Connection *connection, char *text)
{
	(void)context, (void)connection;
	return strlen(text);
}

/* Of what it says we need why it could not begin, and that it is going to refuse a request; the rest is told by what becomes
   of the clients. */
__attribute__((format(printf, 2, 0))) static void on_message(void *context, const char *format, va_list arguments)
{
	struct web_server *s = context;
	if (s->handles) {
		web_client_cut(s->web);
		return;
	}
	vsnprintf(s->why.text, sizeof(s->why.text), format, arguments);
	s->why.text[strcspn(s->why.text, "\n")] = '\0';
}

/* ---- on the loop ---- */

static void on_closed(uv_handle_t *handle)
{
	struct web_server *s = handle->data;
	struct web *w = s->web;
	if (--s->handles)
		return;
	list_remove(&s->link);
	free(s);
	web_closed(w);
}

static void end(struct web_server *s)
{
	uv_close((uv_handle_t *)&s->poll, on_closed);
	uv_close((uv_handle_t *)&s->timer, on_closed);
	MHD_stop_daemon(s->library);
	s->library = NULL;
}

static void run(struct web_server *s);

static void on_timer(uv_timer_t *timer)
{
	run(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)status, (void)events;
	run(poll->data);
}

static void run(struct web_server *s)
{
	MHD_UNSIGNED_LONG_LONG left;
	MHD_run(s->library);
	if (s != s->web->server && s->clients == 0)
		end(s);
	else if (MHD_get_timeout(s->library, &left) == MHD_YES)
		uv_timer_start(&s->timer, on_timer, left, 0);
	else
		uv_timer_stop(&s->timer);
}

void web_server_wake(struct web_server *s)
{
	uv_timer_start(&s->timer, on_timer, 0, 0);
}

bool web_server_take(struct web_server *s, struct web_client *c)
{
	struct sockaddr_storage from = { .ss_family = AF_UNIX };
	s->coming = c;
	bool taken = MHD_add_connection(s->library, c->fd, (struct sockaddr *)&from, sizeof(from)) == MHD_YES;
	bool told = !s->coming; /* that it came and was gone */
	s->coming = NULL;
	if (taken)
		web_server_wake(s);
	return taken || told;
}

void web_server_retire(struct web_server *s)
{
	struct web *w = s->web;
	if (w->server == s)
		w->server = NULL;
	list_insert(&w->retired, &s->link);
	if (s->clients == 0)
		end(s);
}

/* ---- beginning and end ---- */

struct web_server *web_server_new(struct web *w, const struct web_secrets *secrets, struct err *err)
{
	struct web_server *s = calloc(1, sizeof(*s));
	if (!s) {
		err_set(err, "out of memory");
		return NULL;
	}
	const struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, secrets->certificate.at },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, secrets->private_key.at },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES },
		{ MHD_OPTION_END, 0, NULL },
	};
	unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	list_init(&s->link);
	s->web = w;
	err_set(&s->why, "the library does not say why");
	/* The logger first: it hears what is wrong with the options behind it. */
	s->library = MHD_start_daemon(flags | (secrets->certificate.at ? MHD_USE_TLS : 0), 0, NULL, NULL, on_request, s,
		MHD_OPTION_EXTERNAL_LOGGER, on_message, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_URI_LOG_CALLBACK, on_target, s,
		MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, s, MHD_OPTION_CONNECTION_LIMIT, (unsigned)INT_MAX,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, WEB_MEMORY, MHD_OPTION_ARRAY,
		secrets->certificate.at ? tls : tls + 3, MHD_OPTION_END);
	if (s->library)
		return s;
	err_set(err, "%s: %s", secrets->certificate.at ? "certificate or private_key" : "HTTP", s->why.text);
	free(s);
	return NULL;
}

void web_server_free(struct web_server *s)
{
	MHD_stop_daemon(s->library);
	free(s);
}

bool web_server_start(struct web_server *s, struct err *err)
{
	uv_loop_t *loop = &s->web->listener->engine->loop;
	int fd = MHD_get_daemon_info(s->library, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	int n = uv_poll_init(loop, &s->poll, fd);
	if (n < 0)
		return err_set(err, "no handle for HTTP: %s", uv_strerror(n));
	uv_timer_init(loop, &s->timer);
	s->poll.data = s->timer.data = s;
	s->handles = 2;
	uv_poll_start(&s->poll, UV_READABLE, on_poll);
	return true;
}
