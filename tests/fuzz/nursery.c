/*
 * The nursery itself, forked as it is, under a daemon that was taken over: its requests are made of the input. It answers each
 * request for helpers once, under its number; it ends nobody but its own helpers; and it goes on whatever it is sent.
 */
#include "fuzz.h"
#include "io/brood.h"
#include "io/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SETS 2
#define PIDS 8

static struct {
	int fd; /* to the nursery; 0: there is none */
	pid_t pid, bystander;
	pid_t helpers[PIDS]; /* the last ones */
	unsigned n;
} f;

/* A helper waits for its end. */
static int run(int fd, const void *arg)
{
	char c;
	(void)arg;
	while (recv(fd, &c, 1, 0) > 0)
		continue;
	return 0;
}

static bool reread(void *arg, struct nursery_plan *plan, struct err *err)
{
	(void)arg, (void)plan;
	return err_set(err, "not now");
}

/* The fuzzer's own alarm may interrupt. */
static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n;
	do
		n = poll(&p, 1, 60000);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

/* An answer, whose descriptor is closed, which ends the helper. */
static bool receive(struct brood_answer *a)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = a, .iov_len = sizeof(*a) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof(control.room)
	};
	if (!is_readable(f.fd) || recvmsg(f.fd, &m, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(*a))
		return false;
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int fd = -1;
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	fuzz_require((fd >= 0) == (a->why.text[0] == '\0' && a->serial != 0), "a descriptor, or a reason");
	if (fd >= 0)
		close(fd);
	return true;
}

static void start(void)
{
	const uid_t uid = geteuid() == 0 ? 65534 : (uid_t)-1;
	static struct nursery_set sets[SETS];
	const struct nursery_plan plan = { .sets = sets, .n = SETS };
	struct brood_answer a;
	int pair[2];
	for (size_t i = 0; i < SETS; i++)
		sets[i] = (struct nursery_set){ .name = "fuzz", .uid = uid, .gid = 65534, .run = run };
	fuzz_require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "a pair of sockets");
	log_flush();
	f.pid = fork();
	if (f.pid == 0)
		brood_run(pair[1], &plan, reread, NULL);
	fuzz_require(f.pid > 0, "a process");
	close(pair[1]);
	f.fd = pair[0];
	f.bystander = fork();
	if (f.bystander == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	fuzz_require(receive(&a) && a.serial == 0 && !a.why.text[0], "it is ready");
}

/* Whom it may be told to end. */
static int32_t choose_pid(struct octets *in)
{
	static const int32_t odd[] = { 0, 1, -1, 2, INT32_MAX, INT32_MIN };
	unsigned which = fuzz_choose(in, 16);
	if (which < 6)
		return odd[which];
	if (which == 6)
		return (int32_t)getpid();
	if (which == 7)
		return (int32_t)f.pid;
	if (which == 8)
		return -(int32_t)f.pid;
	if (which == 9 || f.n == 0)
		return (int32_t)f.bystander;
	return f.helpers[(which - 10) % f.n % PIDS];
}

static void ask(struct octets *in)
{
	static const uint32_t ops[] = { BROOD_SPAWN, BROOD_SPAWN, BROOD_END, BROOD_END, BROOD_END, BROOD_RENEW, 0, 4 };
	static const size_t lens[] = { 1, 4, sizeof(struct brood_request) - 1, sizeof(struct brood_request) + 1, 60 };
	struct brood_answer a;
	char record[64] = { 0 };
	size_t len = sizeof(struct brood_request);
	struct brood_request r = { .op = ops[fuzz_choose(in, 8)] };
	r.serial = 1 + fuzz_choose(in, 65536);
	r.set = fuzz_choose(in, 8) ? fuzz_choose(in, SETS + 1) : UINT32_MAX;
	r.pid = choose_pid(in);
	memcpy(record, &r, sizeof(r));
	if (fuzz_choose(in, 8) == 0)
		len = lens[fuzz_choose(in, sizeof(lens) / sizeof(lens[0]))];
	fuzz_require(send(f.fd, record, len, MSG_NOSIGNAL) == (ssize_t)len, "it listens");
	if (len != sizeof(r) || (r.op != BROOD_SPAWN && r.op != BROOD_RENEW))
		return; /* END has no answer, nor has nonsense */
	fuzz_require(receive(&a) && a.serial == r.serial, "an answer, to the last request");
	if (r.op == BROOD_SPAWN)
		fuzz_require((r.set < SETS) == (a.why.text[0] == '\0'), "helpers of the sets that there are");
	if (r.op == BROOD_SPAWN && a.pid > 0)
		f.helpers[f.n++ % PIDS] = a.pid;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct octets in = OCTETS(data, size);
	struct brood_answer a;
	const struct brood_request last = { .op = BROOD_SPAWN, .serial = 70000, .set = SETS };
	if (f.fd == 0)
		start();
	for (unsigned i = 0; i < 32 && in.at < in.end; i++)
		ask(&in);
	fuzz_require(send(f.fd, &last, sizeof(last), MSG_NOSIGNAL) == (ssize_t)sizeof(last), "it listens");
	fuzz_require(receive(&a) && a.serial == last.serial, "it goes on");
	fuzz_require(waitpid(f.bystander, NULL, WNOHANG) == 0, "nobody else was ended");
	return 0;
}
