/* The helper's side of a pool: plain blocking calls, one message at a time, two fixed buffers, nothing allocated. */
#include "io/log.h"
#include "io/pool.h"
#include "io/pool_wire.h"

#include <errno.h>
#include <sys/socket.h>

/* What came in one message. */
struct work {
	size_t n, first; /* those before `first` are answered */
	struct pool_head heads[POOL_OUTSTANDING_MAX];
	struct pool_task tasks[POOL_OUTSTANDING_MAX];
};

/* A place for each reply, its head before it. The first may use them all. */
struct place {
	struct pool_head head;
	uint64_t reply[POOL_TOGETHER_MAX / sizeof(uint64_t)];
};

static union {
	struct place places[POOL_OUTSTANDING_MAX];
	struct pool_message first;
} out;

/* False: no message of a pool. */
static bool read_work(struct work *w, const uint64_t *at, size_t len)
{
	const uint64_t *end = at + len / sizeof(*at);
	bool more = true;
	w->first = 0;
	for (w->n = 0; more; w->n++) {
		if (w->n == POOL_OUTSTANDING_MAX || at >= end)
			return false;
		struct pool_head *head = &w->heads[w->n];
		struct pool_task *t = &w->tasks[w->n];
		memcpy(head, at++, sizeof(*head));
		more = head->more;
		t->len = (size_t)(end - at) * sizeof(*at) + len % sizeof(*at);
		if (more && (at == end || *at > t->len - sizeof(*at)))
			return false;
		if (more)
			t->len = (size_t)*at++;
		t->record = at;
		at += (t->len + sizeof(*at) - 1) / sizeof(*at);
	}
	return true;
}

/* By send(): a helper that reads files has no sendmsg(). False: the daemon does not hear it; errno tells. */
static bool send_reply(int fd, struct place *p, struct pool_head head, size_t len)
{
	ssize_t n;
	p->head = head;
	do
		n = send(fd, p, sizeof(p->head) + len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n >= 0;
}

static size_t answer_some(struct work *w, size_t (*answer)(void *state, struct pool_task *, size_t n), void *state)
{
	w->tasks[w->first].reply = out.first.record;
	for (size_t i = w->first + 1; i < w->n; i++)
		w->tasks[i].reply = out.places[i - w->first].reply;
	size_t n = answer(state, w->tasks + w->first, w->n - w->first);
	log_flush();
	return n;
}

/* Those that are answered; none: that it retires. */
static bool send_replies(int fd, struct work *w, size_t n)
{
	bool heard = n || send_reply(fd, &out.places[0],
				  (struct pool_head){ .seq = w->heads[w->first].seq, .retired = 1 }, 0);
	for (size_t i = 0; i < n && heard; i++) {
		const struct pool_head head = { .seq = w->heads[w->first + i].seq };
		heard = send_reply(fd, &out.places[i], head, w->tasks[w->first + i].reply_len);
	}
	return heard;
}

int pool_serve(int fd, size_t (*answer)(void *state, struct pool_task *, size_t n), void *state)
{
	static struct pool_message in;
	static struct work w;
	for (;;) {
		ssize_t len = recv(fd, &in, sizeof(in), 0);
		if (len < 0 && errno == EINTR)
			continue;
		if (len == 0 || (len < 0 && errno == ECONNRESET))
			return 0; /* the daemon has closed its end */
		if (len < 0 || !read_work(&w, (const uint64_t *)(const void *)&in, (size_t)len))
			return 1;
		for (size_t n; w.first < w.n; w.first += n) {
			n = answer_some(&w, answer, state);
			if (!send_replies(fd, &w, n))
				return errno == EPIPE || errno == ECONNRESET ? 0 : 1;
			if (n == 0)
				return 0;
		}
	}
}
