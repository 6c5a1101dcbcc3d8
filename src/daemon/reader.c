#include "daemon/reader.h"

#include "base/time.h"
#include "daemon/registry.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PIECE ((size_t)32768) /* octets of one record of the socket */
#define READ_WAIT SECONDS(5) /* questions wait meanwhile */

/* ---- the helper ---- */

static bool tell(int fd, struct str octets)
{
	while (octets.len) {
		ssize_t n = send(fd, octets.at, octets.len < PIECE ? octets.len : PIECE, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			return false;
		octets = str_from(octets, n < 0 ? 0 : (size_t)n);
	}
	return true;
}

int reader_run(int fd, const void *arg)
{
	char *octets = NULL;
	size_t n, len = 0;
	const struct conf_kind *kinds = registry_kinds(&n);
	FILE *out = open_memstream(&octets, &len);
	bool good = out && conf_encode(arg, kinds, n, out);
	if (out && fclose(out) != 0)
		good = false;
	good = good && tell(fd, (struct str){ octets, len });
	free(octets);
	return good ? 0 : 1;
}

/* Includes may be anywhere. */
void reader_reach(const void *arg, struct reach *reach)
{
	(void)arg;
	reach->files = true;
	reach_add(reach, STR("/"));
}

/* ---- the daemon ---- */

struct said {
	char *octets;
	size_t len, room;
};

static msec clock_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return SECONDS(t.tv_sec) + t.tv_nsec / 1000000;
}

/* There is room for one more piece then. */
static bool make_room(struct said *s, struct err *err)
{
	size_t room = s->room ? 2 * s->room : 2 * PIECE;
	if (s->room - s->len >= PIECE)
		return true;
	if (s->len + PIECE > CONF_ENCODED_MAX)
		return err_set(
			err, "the process that reads the configuration says more than %zu octets", CONF_ENCODED_MAX);
	char *octets = realloc(s->octets, room);
	if (!octets)
		return err_set(err, "out of memory");
	s->octets = octets;
	s->room = room;
	return true;
}

/* All that it says, to its end. What is missing is seen when it is decoded. */
static bool hear(int fd, struct said *s, struct err *err)
{
	msec left, until = clock_now() + READ_WAIT;
	while ((left = until - clock_now()) > 0) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		if (!make_room(s, err))
			return false;
		ssize_t n = recv(fd, s->octets + s->len, PIECE, MSG_DONTWAIT);
		if (n == 0)
			return true;
		if (n > 0)
			s->len += (size_t)n;
		else if (errno == EAGAIN)
			poll(&p, 1, (int)left);
		else if (errno != EINTR)
			return err_set(
				err, "the process that reads the configuration cannot be heard: %s", strerror(errno));
	}
	return err_set(err, "the process that reads the configuration took longer than %d seconds",
		(int)(READ_WAIT / SECONDS(1)));
}

/* What it says, to its end or to the end of the time, as a conf. Its end of the socket is closed. */
static struct conf *listen_to(int fd, const char *file, struct err *err)
{
	size_t n;
	struct said s = { NULL, 0, 0 };
	struct conf *conf = NULL;
	const struct conf_kind *kinds = registry_kinds(&n);
	bool heard = hear(fd, &s, err);
	close(fd);
	if (heard && s.len == 0)
		err_set(err, "the process that reads the configuration ended without a word: is there no memory?");
	else if (heard)
		conf = conf_decode(file, (struct str){ s.octets, s.len }, kinds, n, err);
	free(s.octets);
	return conf;
}

struct conf *reader_ask(struct nursery *nursery, size_t set, const char *file, struct err *err)
{
	pid_t pid;
	int fd = nursery_spawn(nursery, set, &pid, err);
	struct conf *conf = fd >= 0 ? listen_to(fd, file, err) : NULL;
	if (fd >= 0)
		nursery_end(nursery, pid);
	return conf;
}

struct conf *reader_start(const char *file, struct err *err)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		err_set(err, "cannot make a socket pair: %s", strerror(errno));
		return NULL;
	}
	pid_t pid = _Fork(); /* nothing is open yet that handlers of libraries would have to close */
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL); /* this process says what becomes of that one */
		signal(SIGSEGV, SIG_DFL);
		prctl(PR_SET_NAME, "qg-config");
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		_exit(reader_run(pair[1], file));
	}
	close(pair[1]);
	if (pid < 0) {
		err_set(err, "cannot fork: %s", strerror(errno));
		close(pair[0]);
		return NULL;
	}
	struct conf *conf = listen_to(pair[0], file, err);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return conf;
}
