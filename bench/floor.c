/*
 * The floor: the least that any server of this protocol must do. One thread, one epoll set; it waits for the empty line
 * that ends a request and writes a constant answer, without a look at what was asked. quotagate is measured against it.
 * With --maildirs ROOT it also reads ROOT/DOMAIN/USER/Maildir/maildirsize for each request, adds the lines up and
 * answers by the sum: a server without a cache, a helper or a fence around its paths. Fit for a benchmark only.
 */
#include "endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define CLIENTS_MAX 8192

struct answer {
	const char *text;
	size_t length;
};

static const struct answer dunno = { "action=DUNNO\n\n", 14 };
static const struct answer full = { "action=452 4.2.2 Quota exceeded, try again later\n\n", 50 };
static const struct answer one = { "1\n", 2 };

struct client {
	size_t got;
	char in[4096];
};

static struct client clients[CLIENTS_MAX]; /* by descriptor */
static const char *root; /* of the Maildirs; null: constant answers */
static bool lines; /* a request is one line: exim-quotad */

/* ROOT/DOMAIN/USER/Maildir/maildirsize of the request's recipient. */
static bool path_of(char *path, size_t size, char *request)
{
	char *recipient = strstr(request, "\nrecipient="), *at, *end;
	int n;

	if (!recipient)
		return false;
	recipient += 11;
	end = strchr(recipient, '\n');
	at = strchr(recipient, '@');
	if (!end || !at || at > end)
		return false;
	*at = *end = '\0';
	n = snprintf(path, size, "%s/%s/%s/Maildir/maildirsize", root, at + 1, recipient);
	return n > 0 && (size_t)n < size;
}

static const struct answer *by_maildirsize(char *request)
{
	char path[512], text[5121], *line;
	long long limit, used = 0;
	ssize_t n;
	int fd;

	if (!path_of(path, sizeof path, request) || (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return &dunno;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return &dunno;
	text[n] = '\0';
	limit = strtoll(text, NULL, 10);
	for (line = strchr(text, '\n'); line && line[1]; line = strchr(line + 1, '\n'))
		used += strtoll(line + 1, NULL, 10);
	return used > limit ? &full : &dunno;
}

static bool whole(const struct client *c)
{
	if (lines)
		return c->in[c->got - 1] == '\n';
	return c->got >= 2 && memcmp(c->in + c->got - 2, "\n\n", 2) == 0;
}

/* False: the connection is over. */
static bool serve(int fd, struct client *c)
{
	const struct answer *a = lines ? &one : &dunno;
	ssize_t n = read(fd, c->in + c->got, sizeof c->in - 1 - c->got);

	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0)
		return false;
	c->got += (size_t)n;
	if (!whole(c))
		return c->got < sizeof c->in - 1;
	c->in[c->got] = '\0';
	c->got = 0;
	if (root)
		a = by_maildirsize(c->in);
	return write(fd, a->text, a->length) == (ssize_t)a->length;
}

static void welcome(int epoll, int listener)
{
	struct epoll_event e = { .events = EPOLLIN };
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	e.data.fd = fd;
	if (fd >= CLIENTS_MAX || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e)) {
		close(fd);
		return;
	}
	clients[fd].got = 0;
}

static int run(int listener)
{
	struct epoll_event events[256], e = { .events = EPOLLIN, .data.fd = listener };
	int epoll = epoll_create1(EPOLL_CLOEXEC), n;

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e))
		return 1;
	while ((n = epoll_wait(epoll, events, 256, -1)) > 0 || errno == EINTR)
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd == listener)
				welcome(epoll, listener);
			else if (!serve(fd, &clients[fd]))
				close(fd);
		}
	return 1;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "at", required_argument, NULL, 'a' },
		{ "maildirs", required_argument, NULL, 'm' },
		{ "lines", no_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	const char *at = "";
	struct endpoint to;
	int c, listener;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 'a': at = optarg; break;
		case 'm': root = optarg; break;
		case 'l': lines = true; break;
		default: return 2;
		}
	if (optind != argc || (root && lines) || !endpoint_decode(&to, at)) {
		fputs("usage: floor --at unix:PATH|inet:127.0.0.1:PORT [--maildirs ROOT | --lines]\n", stderr);
		return 2;
	}
	listener = endpoint_listen(&to);
	if (listener < 0) {
		fprintf(stderr, "floor: cannot listen at %s: %s\n", at, strerror(errno));
		return 1;
	}
	return run(listener);
}
