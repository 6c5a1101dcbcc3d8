/* See hostile.h. */
#include "hostile.h"

#include "base/err.h"
#include "io/log.h"
#include "io/nursery.h"
#include "io/pool.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ENDS 16 /* helpers of one life, past which none is made */
#define TOLD 16 /* numbers of questions that a helper remembers */
#define RECORD_MAX (POOL_RECORD_MAX + 64)
#define MORE (UINT64_C(1) << 62) /* in a number: another one follows in the message */

struct helper_end {
	int fd; /* -1: it is gone */
	uint64_t told[TOLD]; /* oldest first */
	size_t n;
};

static struct {
	uv_loop_t loop;
	bool begun;
	struct helper_end ends[ENDS];
	size_t n;
	bool out[HOSTILE_QUESTIONS];
} f;

/* ---- in the nursery's place ---- */

int __wrap_nursery_spawn(struct nursery *, size_t set, pid_t *pid, struct err *);
void __wrap_nursery_end(struct nursery *, pid_t pid);

int __wrap_nursery_spawn(struct nursery *nursery, size_t set, pid_t *pid, struct err *err)
{
	int pair[2];
	(void)nursery, (void)set;
	if (f.n == ENDS || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
		err_set(err, "no more helpers");
		return -1;
	}
	*pid = (pid_t)f.n + 1;
	f.ends[f.n++] = (struct helper_end){ .fd = pair[1] };
	return pair[0];
}

static void die(struct helper_end *e)
{
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}

void __wrap_nursery_end(struct nursery *nursery, pid_t pid)
{
	(void)nursery;
	fuzz_require(pid >= 1 && (size_t)pid <= f.n, "who is ended was made");
	die(&f.ends[pid - 1]);
}

/* ---- what a helper does ---- */

static void remember(struct helper_end *e, uint64_t number)
{
	if (e->n == TOLD)
		memmove(e->told, e->told + 1, --e->n * sizeof(e->told[0]));
	e->told[e->n++] = number & ~MORE;
}

static void listen_to_daemon(struct helper_end *e)
{
	uint64_t message[RECORD_MAX / sizeof(uint64_t)];
	ssize_t len = recv(e->fd, message, sizeof(message), 0);
	if (len < (ssize_t)sizeof(message[0]))
		return;
	size_t at = 0, words = (size_t)len / sizeof(message[0]);
	while (message[at] & MORE) {
		fuzz_require(words - at > 2 && message[at + 1] <= (words - at - 2) * sizeof(message[0]), "whole");
		remember(e, message[at]);
		at += 2 + (message[at + 1] + sizeof(message[0]) - 1) / sizeof(message[0]);
		fuzz_require(at < words, "another question follows");
	}
	remember(e, message[at]);
}

/* Mostly the number that is due, and then anything. */
static void reply(struct helper_end *e, const struct hostile_asker *asker, struct octets *in)
{
	static char record[RECORD_MAX];
	static const size_t lens[] = { 0, 1, 7, 8, 9, 64 };
	uint64_t seq = e->n ? e->told[0] : 1;
	struct buf out = BUF(record);
	unsigned how = fuzz_choose(in, 16);
	size_t len = asker->reply + fuzz_choose(in, 300);
	if (how >= 12)
		len = how < 14 ? fuzz_choose(in, 65536) : lens[fuzz_choose(in, sizeof(lens) / sizeof(lens[0]))];
	if (how == 15)
		seq += fuzz_choose(in, 256);
	if (how == 10 && e->n > 1)
		seq |= MORE;
	if (how == 11)
		seq |= UINT64_C(1) << 63; /* it retires */
	buf_put(&out, (struct str){ (const char *)&seq, sizeof(seq) });
	buf_put(&out, fuzz_take(in, len));
	if (how == 13) { /* as long as it was to be */
		memset(record + out.len, 0, sizeof(record) - out.len);
		out.len = sizeof(seq) + len < sizeof(record) ? sizeof(seq) + len : sizeof(record);
	}
	if (send(e->fd, record, how == 14 ? out.len % 8 : out.len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 && e->n)
		memmove(e->told, e->told + 1, --e->n * sizeof(e->told[0]));
}

static void act(struct helper_end *e, const struct hostile_asker *asker, struct octets *in)
{
	unsigned what = fuzz_choose(in, 16);
	if (e->fd < 0)
		return;
	if (what == 0)
		die(e);
	else if (what < 8)
		listen_to_daemon(e);
	else
		reply(e, asker, in);
}

/* ---- a life ---- */

static void turn(void)
{
	uv_update_time(&f.loop);
	for (int i = 0; i < 4; i++)
		uv_run(&f.loop, UV_RUN_NOWAIT);
}

static void event(const struct hostile_asker *asker, struct octets *in)
{
	unsigned what = fuzz_choose(in, 8), i = fuzz_choose(in, HOSTILE_QUESTIONS);
	if (what < 2 && !f.out[i]) {
		f.out[i] = true; /* it may be answered at once */
		if (!asker->ask(i, in))
			f.out[i] = false;
	} else if (what == 2 && f.out[i]) {
		f.out[i] = false;
		asker->cancel(i);
	} else if (what == 3)
		turn();
	else if (what > 3 && f.n)
		act(&f.ends[f.n - 1 - i % f.n], asker, in);
}

void hostile_answered(unsigned i)
{
	fuzz_require(i < HOSTILE_QUESTIONS && f.out[i], "one answer to one question");
	f.out[i] = false;
}

static void end(const struct hostile_asker *asker)
{
	for (unsigned i = 0; i < HOSTILE_QUESTIONS; i++)
		if (f.out[i]) {
			f.out[i] = false;
			asker->cancel(i);
		}
	asker->close();
	for (size_t i = 0; i < f.n; i++)
		die(&f.ends[i]);
	while (uv_run(&f.loop, UV_RUN_NOWAIT))
		;
}

void hostile_live(const struct hostile_asker *asker, const uint8_t *data, size_t size)
{
	struct octets in = OCTETS(data, size);
	if (!f.begun) {
		fuzz_require(uv_loop_init(&f.loop) == 0, "memory");
		fuzz_require(log_open("stderr", LOG_LEVEL_ERROR, NULL), "a log");
		f.begun = true;
	}
	f.n = 0;
	asker->open(&f.loop);
	while (in.at < in.end)
		event(asker, &in);
	turn();
	end(asker);
}
