/*
 * The nursery's process. Its life hangs on its socket to the daemon alone: a parent-death signal would not do, because a
 * successor's parent is the old nursery and has to outlive it. It ignores the signals that a terminal or a service
 * manager sends to a whole group, so that the daemon can finish its questions first.
 */
#include "io/brood.h"

#include "io/confine.h"
#include "io/log.h"
#include "io/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The supplementary groups of one set's user, looked up before any helper exists. */
struct groups {
	gid_t ids[NURSERY_GROUPS];
	int n;
};

#define HELPER_DESCRIPTORS 1024
#define REREAD_SECONDS 4

struct brood {
	int fd; /* to the daemon */
	struct nursery_plan plan;
	nursery_reread *reread;
	void *arg;
	bool may_switch; /* to other users */
	struct groups *groups; /* one per set */
	struct child {
		pid_t pid;
		const char *name; /* of its set */
	} * children; /* helpers made and not reaped yet, the first `live` */
	size_t live, room;
	pid_t elder; /* the nursery that made this one; 0: the daemon did */
	pid_t successor; /* made and not reaped yet; 0: none */
	int heir; /* in the process of a successor: its socket to the daemon; else -1 */
};

static void on_child(int sig)
{
	(void)sig; /* only there to interrupt ppoll() */
}

static void close_range_or_each(unsigned from, unsigned to)
{
	struct rlimit limit;
	if (from > to || close_range(from, to, 0) == 0)
		return;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 65536)
		limit.rlim_cur = 65536;
	for (unsigned fd = from; fd <= to && fd < limit.rlim_cur; fd++)
		close((int)fd);
}

/* Leaves the standard ones, all of them open, and `keep`; which comes back above 2. */
static int close_others(int keep)
{
	if (keep < 3)
		keep = fcntl(keep, F_DUPFD, 3);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (keep < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0)
		_exit(1);
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			dup2(null, fd);
	close_range_or_each(3, (unsigned)keep - 1);
	close_range_or_each((unsigned)keep + 1, ~0U);
	return keep;
}

/* Every signal as a fresh process has it, but for those that would end it too early. */
static void reset_signals(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, usual = { .sa_handler = SIG_DFL };
	sigset_t none;
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &usual, NULL); /* fails for SIGKILL and SIGSTOP, which need it least */
	static const int ignored[] = { SIGINT, SIGHUP, SIGTERM, SIGPIPE };
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		sigaction(ignored[i], &ignore, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void set_title(const char *name)
{
	char title[16];
	snprintf(title, sizeof(title), "qg-%s", name);
	prctl(PR_SET_NAME, title);
}

static bool answer(const struct brood *b, const struct brood_answer *a, int fd)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)a, .iov_len = sizeof(*a) };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (fd >= 0) {
		m.msg_control = control.room;
		m.msg_controllen = sizeof(control.room);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		*c = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(b->fd, &m, MSG_NOSIGNAL) == (ssize_t)sizeof(*a);
}

/* Root is root in so many words: such a helper reads what no other user may, and can do nothing else. */
static bool take_user(const struct brood *b, const struct nursery_set *s, const struct groups *g, struct err *err)
{
	if (!b->may_switch || s->uid == (uid_t)-1)
		return rights_drop_all(err);
	return s->uid == 0 && !s->bare ? rights_become_reader(s->gid, g->ids, (size_t)g->n, err)
				       : rights_become(s->uid, s->gid, g->ids, (size_t)g->n, err);
}

/* The daemon's limit is for its clients. */
static void limit_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_max = limit.rlim_max < HELPER_DESCRIPTORS ? limit.rlim_max : HELPER_DESCRIPTORS;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* For as long as the helper lives, which never returns: static. */
static bool confine_helper(const struct nursery_set *s, struct err *err)
{
	static struct reach reach;
	char text[64];
	struct buf held = BUF(text);
	reach_init(&reach);
	if (s->confine == CONFINE_HELPER && s->reach)
		s->reach(s->arg, &reach);
	if (!confine(s->confine, &reach, err))
		return false;
	confine_put(&held);
	log_line(LOG_LEVEL_DEBUG, "helper=%s pid=%ld event=confined %s", s->name, (long)getpid(), buf_z(&held));
	return true;
}

/* The helper's process, from its birth to its end. */
static _Noreturn void helper(const struct brood *b, size_t set, int fd, pid_t nursery)
{
	const struct nursery_set *s = &b->plan.sets[set];
	const struct groups *g = &b->groups[set];
	struct err err;
	reset_signals();
	fd = close_others(fd);
	set_title(s->name);
	if (!take_user(b, s, g, &err)) {
		log_line(LOG_LEVEL_ERROR, "helper=%s event=cannot-start reason=\"%s\"", s->name, err.text);
		_exit(1);
	}
	/* after the change of user, which resets both */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != nursery)
		_exit(1);
	limit_descriptors();
	if (!rights_hide(&err) || !confine_helper(s, &err)) {
		log_line(LOG_LEVEL_ERROR, "helper=%s event=cannot-start reason=\"%s\"", s->name, err.text);
		_exit(1);
	}
	int status = s->run(fd, s->arg);
	log_flush();
	_exit(status);
}

/* Forks with a new socket pair; *mine is the caller's end. In the child, 0 with its own end in *mine. */
static pid_t fork_with_pair(int *mine, struct err *err)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		err_set(err, "cannot make a socket pair: %s", strerror(errno));
		return -1;
	}
	log_flush();
	/* not fork(): the handlers that libraries hang on it close descriptors by number, libuv's among them, and
	   here those numbers belong to others by now */
	pid_t pid = _Fork();
	if (pid < 0)
		err_set(err, "cannot fork: %s", strerror(errno));
	*mine = pair[pid == 0];
	close(pair[pid != 0]);
	if (pid < 0)
		close(*mine);
	return pid;
}

static void spawn(struct brood *b, const struct brood_request *r)
{
	struct brood_answer a = { .serial = r->serial };
	pid_t nursery = getpid();
	int fd = -1;
	if (r->set >= b->plan.n)
		err_set(&a.why, "the nursery knows no set %u of helpers", r->set);
	else if (b->live == b->room)
		err_set(&a.why, "too many helpers, %zu", b->live);
	else if ((a.pid = fork_with_pair(&fd, &a.why)) == 0)
		helper(b, r->set, fd, nursery);
	else if (a.pid > 0)
		b->children[b->live++] = (struct child){ a.pid, b->plan.sets[r->set].name };
	answer(b, &a, a.pid > 0 ? fd : -1);
	if (a.pid > 0)
		close(fd);
}

/* The daemon has it closed before it asks for the next one; but its socket closes a moment before its parenthood ends. */
static bool await_end_of_elder(const struct brood *b)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	for (int i = 0; i < 50 && b->elder && getppid() == b->elder; i++)
		nanosleep(&moment, NULL);
	return !b->elder || getppid() != b->elder;
}

/* There are never more than two of them: a nursery has one successor, and that one none while the nursery lives. So a daemon
   that was taken over cannot fill the machine with them. */
static void renew(struct brood *b, const struct brood_request *r)
{
	struct brood_answer a = { .serial = r->serial };
	int fd = -1;
	if (!b->reread) {
		err_set(&a.why, "this nursery cannot be renewed");
	} else if (!await_end_of_elder(b)) {
		err_set(&a.why, "the nursery that made this one has not ended");
	} else {
		if (b->successor)
			kill(b->successor, SIGKILL); /* an honest daemon did not want it, and has closed it */
		a.pid = fork_with_pair(&fd, &a.why);
	}
	if (a.pid == 0 && fd >= 0) {
		b->heir = fd;
		return;
	}
	b->successor = a.pid > 0 ? a.pid : b->successor;
	answer(b, &a, a.pid > 0 ? fd : -1);
	if (a.pid > 0)
		close(fd);
}

static void end(const struct brood *b, pid_t pid)
{
	for (size_t i = 0; i < b->live; i++)
		if (b->children[i].pid == pid)
			kill(pid, SIGKILL);
}

static void tell_crash(const struct child *c, int signal)
{
	if (signal == SIGSYS)
		log_line(LOG_LEVEL_ERROR,
			"helper=%s pid=%ld event=forbidden-call note=\"it made a call that only an attacker, or a "
			"library "
			"that wants more than ours, makes, and was killed: the kernel's log has its number; see the "
			"option confine\"",
			c->name, (long)c->pid);
	else if (signal != SIGKILL)
		log_line(LOG_LEVEL_WARNING, "helper=%s pid=%ld event=crashed signal=%d", c->name, (long)c->pid, signal);
}

/* A pid leaves the table the moment it is reaped, before the kernel can give it to anybody else. */
static void reap(struct brood *b)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		b->successor = pid == b->successor ? 0 : b->successor;
		for (size_t i = 0; i < b->live; i++) {
			if (b->children[i].pid != pid)
				continue;
			if (WIFSIGNALED(status))
				tell_crash(&b->children[i], WTERMSIG(status));
			b->children[i--] = b->children[--b->live];
		}
	}
}

/* False when the daemon is gone. */
static bool serve_one(struct brood *b)
{
	struct brood_request r;
	ssize_t n = recv(b->fd, &r, sizeof(r), MSG_DONTWAIT | MSG_TRUNC);
	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOMEM || errno == ENOBUFS);
	if (n != (ssize_t)sizeof(r))
		return true;
	switch ((enum brood_op)r.op) {
	case BROOD_SPAWN: spawn(b, &r); break;
	case BROOD_END: end(b, r.pid); break;
	case BROOD_RENEW: renew(b, &r); break;
	}
	return true;
}

static void serve(struct brood *b)
{
	struct sigaction child = { .sa_handler = on_child };
	struct pollfd p = { .fd = b->fd, .events = POLLIN };
	sigset_t only_child, none;
	sigemptyset(&none);
	sigemptyset(&only_child);
	sigaddset(&only_child, SIGCHLD);
	sigprocmask(SIG_SETMASK, &only_child, NULL);
	sigaction(SIGCHLD, &child, NULL);
	do {
		reap(b);
		log_flush();
		if (ppoll(&p, 1, NULL, &none) < 0)
			p.revents = 0;
	} while (!p.revents || (serve_one(b) && b->heir < 0));
}

/* A set's user, when this process has the right to become it, and the groups of that user. */
static bool settle_set(const struct brood *b, const struct nursery_set *s, struct groups *g, struct err *err)
{
	bool self = s->uid == (uid_t)-1 || s->uid == geteuid();
	if (!b->may_switch && !self)
		return err_set(err, "%s: only root can start helpers of user %ld: say another user, or restart as root",
			s->name, (long)s->uid);
	if (s->uid == (uid_t)-1 && geteuid() == 0 && !s->bare)
		return err_set(err, "%s: helpers must not be root unless that is said in so many words", s->name);
	g->n = NURSERY_GROUPS;
	if (!b->may_switch || !s->user)
		g->n = 0;
	else if (getgrouplist(s->user, s->gid, g->ids, &g->n) < 0)
		return err_set(err, "%s: user %s is in more than %d groups", s->name, s->user, NURSERY_GROUPS);
	return true;
}

static bool prepare(struct brood *b, const struct nursery_plan *plan, struct err *err)
{
	if (plan)
		b->plan = *plan;
	else if (!b->reread(b->arg, &b->plan, err))
		return false;
	b->may_switch = rights_may_switch();
	b->room = b->plan.n * NURSERY_HELPERS;
	b->groups = calloc(b->plan.n + 1, sizeof(*b->groups));
	b->children = calloc(b->room + 1, sizeof(*b->children));
	if (!b->groups || !b->children)
		return err_set(err, "no memory for the nursery");
	for (size_t i = 0; i < b->plan.n; i++)
		if (!settle_set(b, &b->plan.sets[i], &b->groups[i], err))
			return false;
	bool reader = false;
	for (size_t i = 0; i < b->plan.n && b->may_switch; i++)
		reader = reader || (b->plan.sets[i].uid == 0 && !b->plan.sets[i].bare);
	return rights_keep_nursery(reader, err) && rights_hide(err) && confine(b->plan.confine, NULL, err);
}

/* The life of one nursery. Returns only in the process of its successor, which lives by the socket that is returned: by a
   return, lest the stack grow with each of them. */
static int live(int fd, pid_t elder, const struct nursery_plan *plan, nursery_reread *reread, void *arg)
{
	struct brood b = { .reread = reread, .arg = arg, .elder = elder, .heir = -1 };
	struct brood_answer ready = { .pid = getpid() };
	log_forked();
	reset_signals();
	b.fd = close_others(fd);
	set_title("nursery");
	umask(077);
	/* what it reads may have no end, and nobody waits for it for so long: SIGALRM ends it */
	alarm(plan ? 0 : REREAD_SECONDS);
	bool good = prepare(&b, plan, &ready.why);
	alarm(0);
	ready.digest = b.plan.digest;
	if (answer(&b, &ready, -1) && good)
		serve(&b);
	if (b.heir >= 0) {
		free(b.groups);
		free(b.children);
		return b.heir;
	}
	for (size_t i = 0; i < b.live; i++)
		kill(b.children[i].pid, SIGKILL);
	log_flush();
	_exit(0);
}

_Noreturn void brood_run(int fd, const struct nursery_plan *plan, nursery_reread *reread, void *arg)
{
	for (pid_t self, elder = 0;; plan = NULL, elder = self) {
		self = getpid();
		fd = live(fd, elder, plan, reread, arg);
	}
}
