/*
 * The daemon's side of the nursery: sends the fixed requests of io/brood.h and waits for the answers, each for a bounded
 * time. What comes back too late is recognised by its serial number and dropped, its descriptor closed, upon which that
 * helper ends by itself.
 */
#include "io/nursery.h"

#include "base/time.h"
#include "io/brood.h"
#include "io/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SPAWN_WAIT SECONDS(1)
#define READY_WAIT SECONDS(10)
#define RENEW_WAIT SECONDS(2) /* questions wait meanwhile */

struct nursery {
	int fd;
	pid_t pid;
	bool child; /* ours to reap; a successor is not */
	uint32_t serial;
	struct hash digest;
};

static msec clock_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return SECONDS(t.tv_sec) + t.tv_nsec / 1000000;
}

/* The descriptor that came with the record, or -1. */
static int descriptor_of(struct msghdr *m)
{
	int fd = -1;
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* One answer, whichever; *fd is -1 when none came with it. Returns false at the end of the stream or of the time. */
static bool receive(const struct nursery *n, struct brood_answer *a, int *fd, msec until, struct err *err)
{
	struct iovec iov = { .iov_base = a, .iov_len = sizeof(*a) };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	for (;;) {
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
		struct pollfd p = { .fd = n->fd, .events = POLLIN };
		m.msg_control = control.room;
		m.msg_controllen = sizeof(control.room);
		ssize_t len = recvmsg(n->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (len == (ssize_t)sizeof(*a)) {
			*fd = descriptor_of(&m);
			a->why.text[sizeof(a->why.text) - 1] = '\0';
			return true;
		}
		if (len >= 0 || (errno != EAGAIN && errno != EINTR))
			return err_set(err, "the nursery is gone");
		msec left = until - clock_now();
		if (left <= 0)
			return err_set(err, "the nursery did not answer in time");
		poll(&p, 1, (int)left);
	}
}

/* The answer to request `serial`; others are dropped. */
static bool await(const struct nursery *n, uint32_t serial, struct brood_answer *a, int *fd, msec wait, struct err *err)
{
	msec until = clock_now() + wait;
	while (receive(n, a, fd, until, err)) {
		if (a->serial == serial)
			return a->why.text[0] == '\0' || err_set(err, "%s", a->why.text);
		if (*fd >= 0)
			close(*fd);
	}
	*fd = -1;
	return false;
}

/* Sends *r and waits for an answer with a descriptor, which is returned; -1 on failure. */
static int ask(struct nursery *n, struct brood_request *r, struct brood_answer *a, struct err *err)
{
	int fd = -1;
	if (++n->serial == 0)
		n->serial = 1;
	r->serial = n->serial;
	if (send(n->fd, r, sizeof(*r), MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)sizeof(*r)) {
		err_set(err, "cannot ask the nursery: %s", strerror(errno));
		return -1;
	}
	if (await(n, r->serial, a, &fd, SPAWN_WAIT, err)) {
		if (fd < 0)
			err_set(err, "the nursery sent no descriptor");
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Waits for the word that it is ready, closes it when it is not. */
static struct nursery *ready(struct nursery *n, msec wait, struct err *err)
{
	struct brood_answer a;
	int fd = -1;
	bool good = await(n, 0, &a, &fd, wait, err);
	if (fd >= 0)
		close(fd);
	if (!good) {
		nursery_close(n);
		return NULL;
	}
	n->digest = a.digest;
	return n;
}

struct nursery *nursery_open(const struct nursery_plan *plan, nursery_reread *reread, void *arg, struct err *err)
{
	int pair[2];
	struct nursery *n = calloc(1, sizeof(*n));
	if (!n || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		free(n);
		err_set(err, "cannot make the nursery: %s", strerror(errno));
		return NULL;
	}
	log_flush();
	n->fd = pair[0];
	n->pid = _Fork(); /* io/brood.c tells why */
	if (n->pid == 0)
		brood_run(pair[1], plan, reread, arg);
	close(pair[1]);
	if (n->pid < 0) {
		err_set(err, "cannot fork the nursery: %s", strerror(errno));
		close(n->fd);
		free(n);
		return NULL;
	}
	n->child = true;
	return ready(n, READY_WAIT, err);
}

struct nursery *nursery_renew(struct nursery *old, struct err *err)
{
	struct brood_request r = { .op = BROOD_RENEW };
	struct brood_answer a;
	struct nursery *n = calloc(1, sizeof(*n));
	if (!n) {
		err_set(err, "no memory for the nursery");
		return NULL;
	}
	n->fd = ask(old, &r, &a, err);
	if (n->fd < 0) {
		free(n);
		return NULL;
	}
	n->pid = a.pid;
	return ready(n, RENEW_WAIT, err);
}

struct hash nursery_digest(const struct nursery *n)
{
	return n->digest;
}

pid_t nursery_pid(const struct nursery *n)
{
	return n->pid;
}

bool nursery_gone(const struct nursery *n)
{
	struct pollfd p = { .fd = n->fd };
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

int nursery_spawn(struct nursery *n, size_t set, pid_t *pid, struct err *err)
{
	struct brood_request r = { .op = BROOD_SPAWN, .set = (uint32_t)set };
	struct brood_answer a;
	int fd = ask(n, &r, &a, err);
	if (fd < 0)
		return -1;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
		err_set(err, "cannot make a helper's socket non-blocking: %s", strerror(errno));
		close(fd);
		return -1;
	}
	*pid = a.pid;
	return fd;
}

void nursery_end(struct nursery *n, pid_t pid)
{
	struct brood_request r = { .op = BROOD_END, .pid = pid };
	/* lost when the nursery does not read: it is gone or stopped, and its helpers with it */
	(void)!send(n->fd, &r, sizeof(r), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* It ends when its socket does, which it shows by the end of ours. One that is stopped is not waited for. */
void nursery_close(struct nursery *n)
{
	struct brood_answer a;
	msec until = clock_now() + SPAWN_WAIT;
	int fd = -1;
	shutdown(n->fd, SHUT_WR);
	while (receive(n, &a, &fd, until, NULL))
		if (fd >= 0)
			close(fd);
	close(n->fd);
	if (n->child)
		waitpid(n->pid, NULL, clock_now() < until ? 0 : WNOHANG);
	free(n);
}
