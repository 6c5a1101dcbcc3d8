#include "daemon/peek.h"

#include "base/buf.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void fail(struct peek *p, const char *why)
{
	snprintf(p->why, sizeof(p->why), "%s", why);
}

static void take(struct peek *p, struct str key, struct str value)
{
	uint64_t n = 0;
	if (str_eq(key, STR("state")))
		p->known = str_eq(value, STR("found"));
	if (!str_u64(value, &n))
		return;
	p->asked = p->asked || str_eq(key, STR("took"));
	if (str_eq(key, STR("usage")) || str_eq(key, STR("took")))
		p->usage = n;
	else if (str_eq(key, STR("limit")) || str_eq(key, STR("refused")))
		p->limit = n;
	else if (str_eq(key, STR("messages")))
		p->messages = (uint32_t)n;
	else if (str_eq(key, STR("taken")))
		p->taken = (msec)n;
	else if (str_eq(key, STR("charge")))
		p->charge.octets = n;
	else if (str_eq(key, STR("charge_messages")))
		p->charge.messages = (uint32_t)n;
}

/* One line, into what `line` has room for. */
static bool read_line(int fd, struct buf *line)
{
	while (line->len < line->cap) {
		ssize_t n = read(fd, line->at + line->len, line->cap - line->len);
		if (n <= 0)
			return false;
		line->len += (size_t)n;
		if (line->at[line->len - 1] == '\n') {
			line->len--;
			return true;
		}
	}
	return false;
}

void peek_open(struct peek_link *l, const struct endpoint *control)
{
	*l = (struct peek_link){ .control = control, .fd = endpoint_connect(control) };
}

void peek_close(struct peek_link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

/* One question in `b`, whose place its answer takes. False: with p->why. */
static bool converse(struct peek *p, struct peek_link *l, struct buf *b)
{
	struct timeval second = { .tv_sec = 1 };
	if (l->fd < 0)
		l->fd = endpoint_connect(l->control);
	if (l->fd < 0) {
		fail(p, strerror(errno));
		return false;
	}
	setsockopt(l->fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	bool sent = send(l->fd, b->at, b->len, MSG_NOSIGNAL) == (ssize_t)b->len;
	b->len = 0;
	if (sent && read_line(l->fd, b))
		return true;
	peek_close(l); /* an answer that comes too late is not the next one's */
	fail(p, "it did not answer");
	return false;
}

void peek_ask(struct peek *p, struct peek_link *l, struct str address)
{
	char space[1024];
	struct buf b = BUF(space);
	*p = (struct peek){ 0 };
	buf_puts(&b, "peek ");
	buf_put_clean(&b, address);
	buf_putc(&b, '\n');
	if (b.full)
		fail(p, "the address is too long");
	else
		p->reached = converse(p, l, &b);
	struct str rest = p->reached ? buf_str(&b) : (struct str){ NULL, 0 };
	while (rest.at) {
		struct str value = str_cut(&rest, ' ');
		struct str key = str_cut(&value, '=');
		if (value.at)
			take(p, key, value);
	}
}
