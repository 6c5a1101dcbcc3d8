#include "io/datagram.h"

#include "io/loop.h"

#include <errno.h>
#include <unistd.h>

#define DATAGRAM_READ 65536 /* no datagram of UDP is longer */

static char read_buffer[DATAGRAM_READ];

static struct datagram_socket *socket_of(void *handle)
{
	return (struct datagram_socket *)handle;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)handle, (void)suggested;
	*buf = uv_buf_init(read_buffer, sizeof(read_buffer));
}

/* Without `from`, the kernel has no more for now. Errors are of answers that nobody took: not the socket's end. */
static void on_read(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from, unsigned flags)
{
	struct datagram_socket *s = socket_of(udp);
	(void)flags;
	if (n >= 0 && from)
		s->calls->data(s, (struct str){ buf->base, (size_t)n }, from);
}

static void on_closed(uv_handle_t *handle)
{
	struct datagram_socket *s = socket_of(handle);
	s->calls->closed(s);
}

/* libuv sets it on every UDP socket; another program could then take the address from us. */
static void keep_address(int fd)
{
	int off = 0;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof(off));
}

bool datagram_open(
	struct datagram_socket *s, uv_loop_t *loop, int fd, const struct datagram_calls *calls, struct err *err)
{
	s->calls = calls;
	int n = uv_udp_init(loop, &s->udp);
	if (n < 0) {
		close(fd);
		calls->closed(s);
		return err_set(err, "no handle for the socket: %s", uv_strerror(n));
	}
	n = uv_udp_open(&s->udp, fd);
	if (n < 0) {
		close(fd);
	} else {
		keep_address(fd);
		n = loop_watches(loop, fd) ? uv_udp_recv_start(&s->udp, on_alloc, on_read) : -errno;
	}
	if (n == 0)
		return true;
	datagram_close(s);
	return err_set(err, "cannot receive: %s", uv_strerror(n));
}

void datagram_deafen(struct datagram_socket *s)
{
	uv_udp_recv_stop(&s->udp);
}

void datagram_close(struct datagram_socket *s)
{
	uv_handle_t *handle = (uv_handle_t *)&s->udp;
	if (!uv_is_closing(handle))
		uv_close(handle, on_closed);
}

bool datagram_send(struct datagram_socket *s, const struct sockaddr *to, struct str out)
{
	uv_buf_t buf = { .base = (char *)(uintptr_t)out.at, .len = out.len };
	return uv_udp_try_send(&s->udp, &buf, 1, to) >= 0;
}

void datagram_host(const struct sockaddr *address, char *text, size_t cap)
{
	text[0] = '\0';
	uv_ip_name(address, text, cap);
}
