#include "io/stream.h"

#include "base/list.h"
#include "io/loop.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

struct unsent { /* what the kernel did not take */
	uv_write_t request;
	struct stream *owner;
	size_t len;
	char octets[];
};

static char read_buffer[STREAM_READ];

static struct stream *stream_of(void *handle)
{
	return (struct stream *)handle;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)handle;
	(void)suggested;
	*buf = uv_buf_init(read_buffer, sizeof(read_buffer));
}

/* The kernel forgets it as soon as something is sent. After data(), so that an answer carries the acknowledgement. */
static void acknowledge(struct stream *s)
{
	int fd, on = 1;
	if (s->quick_ack && uv_fileno(&s->uv.handle, &fd) == 0)
		setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

static void on_read(uv_stream_t *handle, ssize_t n, const uv_buf_t *buf)
{
	struct stream *s = stream_of(handle);
	if (n > 0) {
		s->calls->data(s, (struct str){ buf->base, (size_t)n });
		acknowledge(s);
	} else if (n == UV_EOF) {
		s->calls->eof(s);
	} else if (n < 0) {
		stream_close(s);
	}
}

static void on_closed(uv_handle_t *handle)
{
	struct stream *s = stream_of(handle);
	s->calls->closed(s);
}

void stream_close(struct stream *s)
{
	s->reading = false;
	if (!uv_is_closing(&s->uv.handle))
		uv_close(&s->uv.handle, on_closed);
}

void stream_finish(struct stream *s)
{
	stream_pause(s);
	s->finishing = true;
	if (s->unsent == 0)
		stream_close(s);
}

void stream_pause(struct stream *s)
{
	if (s->reading)
		uv_read_stop(&s->uv.stream);
	s->reading = false;
}

void stream_resume(struct stream *s)
{
	if (s->reading || s->finishing || uv_is_closing(&s->uv.handle))
		return;
	s->reading = loop_watches_handle(&s->uv.handle) && uv_read_start(&s->uv.stream, on_alloc, on_read) == 0;
	if (!s->reading)
		stream_close(s);
}

static void on_written(uv_write_t *request, int status)
{
	struct unsent *u = (struct unsent *)request->data;
	struct stream *s = u->owner;
	s->unsent -= u->len;
	free(u);
	if (uv_is_closing(&s->uv.handle))
		return;
	if (status < 0 || (s->finishing && s->unsent == 0))
		stream_close(s);
	else if (s->unsent == 0)
		s->calls->drained(s);
}

bool stream_send(struct stream *s, struct str out)
{
	uv_buf_t buf = { .base = (char *)(uintptr_t)out.at, .len = out.len };
	if (out.len == 0)
		return true;
	int n = s->unsent ? UV_EAGAIN : uv_try_write(&s->uv.stream, &buf, 1);
	if (n == UV_EAGAIN)
		n = 0;
	if (n < 0)
		return false;
	out = str_from(out, (size_t)n);
	if (out.len == 0)
		return true;
	struct unsent *u = malloc(sizeof(*u) + out.len);
	if (!u)
		return false;
	memcpy(u->octets, out.at, out.len);
	u->owner = s;
	u->len = out.len;
	u->request.data = u;
	buf = uv_buf_init(u->octets, (unsigned)out.len);
	if (!loop_watches_handle(&s->uv.handle) || uv_write(&u->request, &s->uv.stream, &buf, 1, on_written) < 0) {
		free(u);
		return false;
	}
	s->unsent += u->len;
	return true;
}

static bool init_handle(uv_loop_t *loop, uv_tcp_t *tcp, uv_pipe_t *pipe, bool is_pipe)
{
	return (is_pipe ? uv_pipe_init(loop, pipe, 0) : uv_tcp_init(loop, tcp)) == 0;
}

static void on_dialled(uv_connect_t *request, int status)
{
	struct stream_dial *d = request->data;
	struct stream *s = d->stream;
	if (uv_is_closing(&s->uv.handle))
		return;
	if (status == 0)
		stream_resume(s);
	d->done(d, status == 0 ? NULL : uv_strerror(status));
}

bool stream_connect(struct stream *s, struct stream_dial *d, uv_loop_t *loop, const struct sockaddr *to,
	const struct stream_calls *calls)
{
	const bool is_pipe = to->sa_family == AF_UNIX;
	int n = 0;
	s->calls = calls;
	s->unsent = 0;
	s->reading = s->finishing = s->quick_ack = false;
	d->stream = s;
	d->request.data = d;
	if (!init_handle(loop, &s->uv.tcp, &s->uv.pipe, is_pipe))
		return false;
	if (is_pipe) {
		uv_pipe_connect(
			&d->request, &s->uv.pipe, ((const struct sockaddr_un *)(const void *)to)->sun_path, on_dialled);
	} else {
		uv_tcp_nodelay(&s->uv.tcp, 1);
		n = uv_tcp_connect(&d->request, &s->uv.tcp, to, on_dialled);
	}
	if (n < 0 || !loop_watches_handle(&s->uv.handle))
		stream_close(s);
	return true;
}

static void on_connection(uv_stream_t *, int status);

static void on_refused(struct stream *s)
{
	struct server *server = list_of(s, struct server, refused);
	server->refusing = false;
	if (server->is_closed) {
		server->calls->closed(server);
	} else if (server->next_waits) {
		server->next_waits = false;
		on_connection(&server->uv.stream, 0);
	}
}

/* libuv holds a connection, and does not listen, until it is accepted: this one is taken and dropped. There is one place for
   that, which needs no memory; the next one is held until it is free. */
static void refuse(struct server *server)
{
	static const struct stream_calls calls = { .closed = on_refused };
	struct stream *s = &server->refused;
	if (!init_handle(server->uv.handle.loop, &s->uv.tcp, &s->uv.pipe, server->is_pipe))
		return;
	server->refusing = true;
	s->calls = &calls;
	uv_accept(&server->uv.stream, &s->uv.stream);
	stream_close(s);
}

static void on_connection(uv_stream_t *handle, int status)
{
	struct server *server = (struct server *)(void *)handle;
	if (status < 0)
		return;
	server->next_waits = server->refusing;
	if (server->refusing)
		return;
	struct stream *s = server->calls->accept(server);
	if (!s) {
		refuse(server);
		return;
	}
	s->unsent = 0;
	s->reading = s->finishing = s->quick_ack = false;
	if (!init_handle(handle->loop, &s->uv.tcp, &s->uv.pipe, server->is_pipe)) {
		server->calls->connected(server, s, false);
		return;
	}
	int accepted = uv_accept(handle, &s->uv.stream);
	if (!server->is_pipe)
		uv_tcp_nodelay(&s->uv.tcp, 1);
	server->calls->connected(server, s, true);
	if (accepted == 0)
		stream_resume(s);
	else
		stream_close(s);
}

static void on_server_closed(uv_handle_t *handle)
{
	struct server *server = (struct server *)(void *)handle;
	server->is_closed = true;
	if (!server->refusing)
		server->calls->closed(server);
}

bool server_open(
	struct server *server, uv_loop_t *loop, int fd, bool is_pipe, const struct server_calls *calls, struct err *err)
{
	server->calls = calls;
	server->is_pipe = is_pipe;
	server->refusing = server->next_waits = server->is_closed = false;
	int n = is_pipe ? uv_pipe_init(loop, &server->uv.pipe, 0) : uv_tcp_init(loop, &server->uv.tcp);
	if (n < 0) {
		close(fd);
		calls->closed(server);
		return err_set(err, "no handle for the socket: %s", uv_strerror(n));
	}
	n = is_pipe ? uv_pipe_open(&server->uv.pipe, fd) : uv_tcp_open(&server->uv.tcp, fd);
	if (n < 0)
		close(fd);
	else if (!loop_watches(loop, fd))
		n = -errno;
	else
		n = uv_listen(&server->uv.stream, 511, on_connection);
	if (n == 0)
		return true;
	server_close(server);
	return err_set(err, "cannot listen: %s", uv_strerror(n));
}

void server_close(struct server *server)
{
	if (!uv_is_closing(&server->uv.handle))
		uv_close(&server->uv.handle, on_server_closed);
}

void stream_peer(const struct stream *s, char *text, size_t cap)
{
	struct sockaddr_storage address;
	int len = sizeof(address);
	text[0] = '\0';
	if (s->uv.handle.type == UV_TCP && uv_tcp_getpeername(&s->uv.tcp, (struct sockaddr *)&address, &len) == 0)
		uv_ip_name((struct sockaddr *)&address, text, cap);
}
