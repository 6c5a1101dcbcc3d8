/*
 * One client of a listener for HTTP. While it is idle we watch its socket for the first octet of a request; then the library
 * has it, and the request's clock runs. It leaves the lists and is freed when the library has closed it, or at once as long
 * as the library does not know it.
 */
#include "daemon/web_inside.h"

#include "io/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define NO_REQUEST "no request in HTTP, or one that is too long or ended too early"

static void move_to(struct web_client *c, enum web_phase phase)
{
	struct listener *l = web_listener(c);
	const enum seat_state states[] = { [WEB_IDLE] = c->served ? SEAT_IDLE : SEAT_NEW,
		[WEB_READING] = c->served ? SEAT_BUSY : SEAT_NEW,
		[WEB_ASKING] = SEAT_ASKING,
		[WEB_ANSWERING] = SEAT_BUSY };
	c->phase = phase;
	seat_take(&l->seats, &c->seat, states[phase], engine_now(l->engine));
}

/* ---- its end ---- */

static void on_watch_closed(uv_handle_t *handle)
{
	struct web_client *c = handle->data;
	struct listener *l = web_listener(c);
	free(c);
	listener_left(l);
}

static void forget_request(struct web_client *c)
{
	struct web_request *r = &c->request;
	gate_forget(web_listener(c)->engine->gate, &r->ask);
	if (r->out)
		fclose(r->out);
	free(r->answer);
	free(r->session);
	config_put(r->config);
	free(r->target);
	free(r->body);
	*r = (struct web_request){ .status = 0 };
}

static void bury(struct web_client *c)
{
	forget_request(c);
	seat_leave(&web_listener(c)->seats, &c->seat);
	uv_close((uv_handle_t *)&c->watch, on_watch_closed);
}

/* The library notices, and says that it is gone. */
static void close_now(struct web_client *c)
{
	c->doomed = true;
	if (c->server) {
		shutdown(c->fd, SHUT_RDWR);
		return;
	}
	uv_poll_stop(&c->watch);
	bury(c);
	close(c->fd);
}

/* Its first request may be on its way: the library, which is about to be left alone with those it has, gets it now. */
static void leave_idle(struct web_client *c)
{
	if (c->served) {
		close_now(c);
	} else if (!web_server_take(c->web->server, c)) {
		uv_poll_stop(&c->watch);
		bury(c);
	}
}

void web_client_leave(struct web_client *c)
{
	switch (c->phase) {
	case WEB_IDLE: leave_idle(c); break;
	case WEB_READING: break;
	case WEB_ASKING:
	case WEB_ANSWERING: c->request.last = true; break;
	}
}

void web_client_expire(struct web_client *c)
{
	if (c->doomed)
		return;
	if (c->phase == WEB_READING)
		listener_complain(web_listener(c), c->host, "the request did not arrive in time");
	web_listener(c)->stats.timed_out++;
	if (c->phase == WEB_ASKING) {
		gate_forget(web_listener(c)->engine->gate, &c->request.ask);
		MHD_resume_connection(c->connection);
		web_server_wake(c->server);
	}
	close_now(c);
}

void web_client_displace(struct seat *seat)
{
	struct web_client *c = list_of(seat, struct web_client, seat);
	struct listener *l = web_listener(c);
	if (!c->doomed)
		close_now(c);
	seat_leave(&l->seats, seat);
}

static void cut(struct listener *l, enum seat_state state)
{
	list_each_safe (n, &l->seats.in[state]) {
		struct web_client *c = web_client_of(n);
		if (c->doomed || !web_head_is_answered_twice(c))
			continue;
		listener_complain(l, c->host, "a body whose length is no number");
		close_now(c);
	}
}

void web_client_cut(struct web *w)
{
	cut(w->listener, SEAT_NEW);
	cut(w->listener, SEAT_BUSY);
}

void web_client_gone(struct web_client *c)
{
	uv_poll_stop(&c->watch);
	/* Over TLS its last words look like the first of a request. */
	bool last_words = c->served && !hash_is_none(c->web->secrets.tls);
	if (c->phase == WEB_READING && !c->doomed && !last_words)
		listener_complain(web_listener(c), c->host, NO_REQUEST);
	bury(c);
}

/* ---- its beginning ---- */

static void on_input(uv_poll_t *, int status, int events);

static void wait_for_input(struct web_client *c)
{
	move_to(c, WEB_IDLE);
	if (uv_poll_start(&c->watch, UV_READABLE, on_input) != 0 || !loop_watches(c->watch.loop, c->fd))
		close_now(c);
}

static void on_input(uv_poll_t *watch, int status, int events)
{
	struct web_client *c = watch->data;
	char octet;
	(void)status, (void)events;
	ssize_t n = recv(c->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	uv_poll_stop(watch);
	if (n <= 0) {
		close_now(c);
		return;
	}
	move_to(c, WEB_READING);
	if (!c->server && !web_server_take(c->web->server, c))
		bury(c);
}

void web_client_new(struct web *w, int fd, const char *host)
{
	struct listener *l = w->listener;
	struct web_client *c = calloc(1, sizeof(*c));
	if (!c || uv_poll_init(&l->engine->loop, &c->watch, fd) != 0) {
		free(c);
		close(fd);
		listener_left(l);
		return;
	}
	c->web = w;
	c->fd = fd;
	c->watch.data = c;
	snprintf(c->host, sizeof(c->host), "%s", host);
	seat_init(&c->seat);
	wait_for_input(c);
}

/* ---- its requests ---- */

/* The first octets may have come with those of the request before. */
static void be_reading(struct web_client *c)
{
	if (c->phase != WEB_IDLE)
		return;
	uv_poll_stop(&c->watch);
	move_to(c, WEB_READING);
}

void web_client_begin(struct web_client *c, const char *target)
{
	struct web_request *r = &c->request;
	be_reading(c);
	r->sent_target = target;
	r->sent_len = strlen(target);
	if (r->sent_len <= WEB_TARGET_MAX)
		r->target = malloc(r->sent_len + 1);
	if (r->target)
		memcpy(r->target, target, r->sent_len);
}

static enum web_method method_of(const char *name)
{
	static const char *const names[] = { [WEB_GET] = "GET", [WEB_HEAD] = "HEAD", [WEB_POST] = "POST" };
	for (size_t i = WEB_GET; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return (enum web_method)i;
	return WEB_OTHER;
}

static bool is_form(struct str type)
{
	struct str name = str_trim(str_cut(&type, ';'));
	return str_eq_nocase(name, STR("application/x-www-form-urlencoded"));
}

/* The head is here, and looked at before anything else of the request. False: no memory. */
static bool take_head(struct web_client *c, const char *method, const char *version)
{
	struct web_request *r = &c->request;
	struct web_head head = { 0 };
	unsigned status = MHD_HTTP_BAD_REQUEST;
	const char *fault = web_head_fault(c, method, version, &head, &status);
	r->method = method_of(method);
	r->begun = true;
	if (fault)
		web_reproach(c, status, fault);
	else if (r->sent_len > WEB_TARGET_MAX)
		web_reproach(c, MHD_HTTP_URI_TOO_LONG, "the address is too long");
	else if (!r->target)
		return false;
	else
		web_route(c, &head);
	if (!r->status && head.length > r->body_max)
		web_reproach(c, r->body_max ? MHD_HTTP_CONTENT_TOO_LARGE : MHD_HTTP_BAD_REQUEST,
			r->body_max ? "the body is too long" : "a body where none belongs");
	/* Where the body is not read, what comes behind the head might be taken for a request. */
	r->last = r->last || fault || !r->target || (r->status && head.length);
	r->is_form = !head.type.at || is_form(head.type);
	if (r->status || head.length == 0)
		return true;
	r->body_size = (size_t)head.length;
	r->body = malloc(r->body_size);
	return r->body != NULL;
}

static bool take_body(struct web_request *r, const char *octets, size_t len)
{
	if (len > r->body_size - r->body_len)
		return false;
	memcpy(r->body + r->body_len, octets, len);
	r->body_len += len;
	return true;
}

static bool queue(struct web_client *c)
{
	struct web_request *r = &c->request;
	struct MHD_Response *response =
		MHD_create_response_from_buffer(r->answer_len, r->answer, MHD_RESPMEM_MUST_FREE);
	if (!response)
		return false;
	r->answer = NULL; /* it is the response's now */
	bool last = r->last || web_listener(c)->closing;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, r->type);
	if (r->allow)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, r->allow);
	if (r->status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"quotagate\"");
	if (last)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	bool queued = MHD_queue_response(c->connection, r->status, response) == MHD_YES;
	MHD_destroy_response(response);
	move_to(c, WEB_ANSWERING);
	return queued;
}

/* The request is whole: asks, and the client waits, or answers. */
static bool serve(struct web_client *c)
{
	struct web_request *r = &c->request;
	if (!r->status && c->phase == WEB_READING) {
		web_serve(c);
		if (r->ask.active) {
			MHD_suspend_connection(c->connection);
			move_to(c, WEB_ASKING);
			return true;
		}
	}
	return r->answer && queue(c);
}

bool web_client_take(struct web_client *c, const char *method, const char *version, const char *octets, size_t *len)
{
	struct web_request *r = &c->request;
	if (c->doomed)
		return false;
	if (!r->begun)
		return take_head(c, method, version) && (!r->last || (r->answer && queue(c)));
	if (*len == 0)
		return serve(c);
	bool taken = take_body(r, octets, *len);
	*len = 0;
	return taken;
}

void web_client_finish(struct web_client *c, bool whole)
{
	bool last = c->request.last || c->doomed || web_listener(c)->closing;
	/* Else it was answered by us. */
	if (c->phase == WEB_READING && !c->doomed)
		listener_complain(web_listener(c), c->host, NO_REQUEST);
	last = last || c->phase == WEB_READING || !whole;
	forget_request(c);
	c->served = true;
	if (!last) {
		wait_for_input(c);
		return;
	}
	move_to(c, WEB_ANSWERING); /* it is closed as soon as the last octets are on their way */
	if (whole)
		close_now(c);
}

/* ---- the gate ---- */

static void on_answer(struct ask *ask, msec now)
{
	struct web_client *c = list_of(ask, struct web_client, request.ask);
	(void)now;
	listener_decided(web_listener(c), ask);
	c->request.done(c);
	if (c->asking_now)
		return;
	MHD_resume_connection(c->connection);
	web_server_wake(c->server);
}

void web_ask(struct web_client *c, void (*done)(struct web_client *))
{
	struct listener *l = web_listener(c);
	c->request.done = done;
	c->request.ask.done = on_answer;
	c->asking_now = true;
	gate_ask(l->engine->gate, &c->request.ask, engine_now(l->engine));
	c->asking_now = false;
}
