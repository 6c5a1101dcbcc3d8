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

void peek_ask(struct peek *p, const struct endpoint *control, struct str address)
{
	struct timeval second = { .tv_sec = 1 };
	char space[1024];
	struct buf b = BUF(space);
	*p = (struct peek){ 0 };
	buf_puts(&b, "peek ");
	buf_put_clean(&b, address);
	buf_putc(&b, '\n');
	int fd = b.full ? -1 : endpoint_connect(control);
	if (fd < 0) {
		fail(p, b.full ? "the address is too long" : strerror(errno));
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	bool sent = send(fd, b.at, b.len, MSG_NOSIGNAL) == (ssize_t)b.len;
	b.len = 0;
	p->reached = sent && read_line(fd, &b);
	close(fd);
	if (!p->reached) {
		fail(p, "it did not answer");
		return;
	}
	struct str rest = buf_str(&b);
	while (rest.at) {
		struct str value = str_cut(&rest, ' ');
		struct str key = str_cut(&value, '=');
		if (value.at)
			take(p, key, value);
	}
}
