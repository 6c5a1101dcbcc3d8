/*
 * The daemon's side of a pool. Each helper has a ring of what it was told and has not answered, in order; the first of
 * them is the one it has begun. A request that was forgotten leaves its place in the ring, so that replies still match.
 *
 * Two kinds of process are kept apart: a *post* is one of the `helpers` places, which a working helper holds; a helper
 * that was ended lives on outside of its post until its socket says that the process is really gone, because one stuck
 * in a dead NFS mount dies late.
 *
 * Nothing is allocated per request. done() is called from the loop's own callbacks only: a request that fails within
 * pool_submit() waits in `failed` for an idle handle, which runs once per turn and keeps the loop from sleeping before
 * it has run; the caller's state is then never entered from below.
 */
#include "io/pool.h"

#include "io/log.h"
#include "io/pool_wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Replies taken from one helper before others on the loop have their turn. */
#define REPLIES_PER_TURN 64

struct told {
	uint64_t seq;
	struct pool_request *request; /* null: forgotten */
};

struct pool_helper {
	struct pool *pool;
	struct post *post; /* null: ended, waits for the process's end */
	struct list link; /* in pool->ended, when post is null */
	uv_poll_t poll;
	int fd;
	pid_t pid;
	bool stuck; /* its socket is full: nothing more before its next reply */
	bool answered; /* at least once */
	msec begun; /* when the first in the ring became that */
	unsigned first, n; /* the ring */
	struct told ring[POOL_OUTSTANDING_MAX];
};

struct post {
	struct pool_helper *helper; /* null: empty, to be filled at `due` */
	msec due;
	unsigned failures; /* helpers in a row that never answered */
};

struct pool {
	uv_loop_t *loop;
	struct nursery *nursery;
	struct pool_conf conf;
	uv_timer_t timer;
	uv_idle_t idle;
	msec timer_due; /* MSEC_NEVER: not running */
	unsigned handles; /* not closed yet */
	bool closed;
	uint64_t seq;
	unsigned manned; /* posts with a helper */
	struct list queue, failed; /* pool_request.link */
	struct list ended; /* pool_helper.link */
	struct pool_stats stats;
	bool deserted; /* no helper, and none to be had at once: whoever asks is told `why` */
	char why[64 + sizeof(struct err)]; /* the last reason why a helper was lost or not had */
	struct post posts[POOL_HELPERS_MAX];
	struct {
		struct pool_head head;
		uint64_t record[POOL_RECORD_MAX / sizeof(uint64_t)];
	} reply;
};

static void on_timer(uv_timer_t *);

/* ---- time ---- */

static void timer_at(struct pool *p, msec due)
{
	msec now = (msec)uv_now(p->loop);
	if (due >= p->timer_due)
		return;
	p->timer_due = due;
	uv_timer_start(&p->timer, on_timer, due > now ? (uint64_t)(due - now) : 0, 0);
}

/* ---- the end of a request ---- */

static void finish(struct pool *p, struct pool_request *r, const void *reply, size_t len, const char *why)
{
	if (!reply)
		p->stats.failed++;
	r->helper = NULL;
	r->why = NULL;
	list_remove(&r->link);
	r->done(r, reply, len, why);
}

/* done() may submit, forget or close: the list is taken from its head, and only what stood there when the turn began. */
static void on_idle(uv_idle_t *idle)
{
	struct pool *p = idle->data;
	struct list now;
	uv_idle_stop(idle);
	if (list_empty(&p->failed))
		return;
	list_init(&now);
	list_insert(&p->failed, &now);
	list_remove(&p->failed);
	while (!list_empty(&now)) {
		struct pool_request *r = list_of(now.next, struct pool_request, link);
		finish(p, r, NULL, 0, r->why);
	}
}

/* Fails it in the next turn of the loop. `why` outlives that. */
static void fail_later(struct pool *p, struct pool_request *r, const char *why)
{
	r->why = why;
	list_insert(&p->failed, &r->link);
	uv_idle_start(&p->idle, on_idle);
}

/* ---- telling helpers ---- */

enum sent { SENT, SENT_LATER, SENT_NEVER };

static enum sent send_record(struct pool_helper *h, const struct pool_request *r, uint64_t seq)
{
	struct pool_head head = { .seq = seq };
	struct iovec iov[2] = {
		{ .iov_base = &head, .iov_len = sizeof(head) },
		{ .iov_base = (void *)(uintptr_t)r->record, .iov_len = r->len },
	};
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };
	if (sendmsg(h->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return SENT;
	/* full: its next reply will make room. Gone: the loop is about to tell us so */
	if (errno == EPIPE || errno == ECONNRESET || ((errno == EAGAIN || errno == ENOBUFS) && h->n)) {
		h->stuck = true;
		return SENT_LATER;
	}
	return SENT_NEVER;
}

static bool has_room(const struct pool_helper *h, const struct pool *p)
{
	return h && !h->stuck && h->n < p->conf.outstanding;
}

/* Who may be told now; null: none. */
static struct pool_helper *choose(const struct pool *p, uint32_t affinity)
{
	struct pool_helper *best = p->posts[affinity % p->conf.helpers].helper;
	if (has_room(best, p))
		return best;
	best = NULL;
	for (unsigned i = 0; i < p->conf.helpers; i++) {
		struct pool_helper *h = p->posts[i].helper;
		if (has_room(h, p) && (!best || h->n < best->n))
			best = h;
	}
	return best;
}

/* False when nobody has room. */
static bool tell(struct pool *p, struct pool_request *r)
{
	struct pool_helper *h;
	while ((h = choose(p, r->affinity))) {
		switch (send_record(h, r, p->seq + 1)) {
		case SENT_LATER: continue;
		case SENT_NEVER: fail_later(p, r, "the record could not be sent to a helper"); return true;
		case SENT: break;
		}
		if (h->n == 0) {
			h->begun = (msec)uv_now(p->loop);
			timer_at(p, h->begun + p->conf.hang);
		}
		h->ring[(h->first + h->n++) % POOL_OUTSTANDING_MAX] = (struct told){ ++p->seq, r };
		r->helper = h;
		return true;
	}
	return false;
}

static void tell_queue(struct pool *p)
{
	while (!list_empty(&p->queue)) {
		struct list *first = p->queue.next;
		struct list *second = first->next;
		list_remove(first);
		p->stats.queued--;
		if (tell(p, list_of(first, struct pool_request, link)))
			continue;
		list_insert(second, first);
		p->stats.queued++;
		return;
	}
}

/* ---- birth and death ---- */

/* No helper works and none can at once: nobody shall wait for that. */
static void desert(struct pool *p)
{
	p->deserted = true;
	while (!list_empty(&p->queue)) {
		struct list *first = p->queue.next;
		list_remove(first);
		fail_later(p, list_of(first, struct pool_request, link), p->why);
	}
	p->stats.queued = 0;
}

/* The post is empty: it will be filled when its pause is over. */
static void vacate(struct pool *p, struct post *post)
{
	static const msec pauses[] = { 0, 0, 100, SECONDS(1), SECONDS(5) };
	const unsigned most = sizeof(pauses) / sizeof(pauses[0]) - 1;
	msec pause = pauses[post->failures < most ? post->failures : most];
	post->helper = NULL;
	post->due = (msec)uv_now(p->loop) + pause;
	timer_at(p, post->due);
	if (pause && p->manned == 0)
		desert(p);
}

static void handle_closed(struct pool *p)
{
	p->handles--;
	if (p->closed && p->handles == 0)
		free(p);
}

static void on_pool_closed(uv_handle_t *handle)
{
	handle_closed(handle->data);
}

static void on_helper_closed(uv_handle_t *handle)
{
	struct pool_helper *h = handle->data;
	struct pool *p = h->pool;
	free(h);
	handle_closed(p);
}

/* The process is gone, or nobody listens to it any more. Its ring is settled already. */
static void helper_close(struct pool_helper *h)
{
	list_remove(&h->link);
	h->pool->stats.live--;
	uv_close((uv_handle_t *)&h->poll, on_helper_closed);
	close(h->fd);
	h->fd = -1;
}

/* Takes the helper from its post and ends the process. What it had not begun goes back to the head of the queue. Calls
   done() for the one that it had begun, so last. */
static void helper_end(struct pool_helper *h, const char *why, bool gone)
{
	struct pool *p = h->pool;
	struct post *post = h->post;
	struct pool_request *begun = h->n ? h->ring[h->first].request : NULL;
	log_line(LOG_LEVEL_WARNING, "helper=%s pid=%ld event=ended reason=\"%s\"", p->conf.name, (long)h->pid, why);
	for (unsigned i = h->n; i > 1; i--) {
		struct pool_request *r = h->ring[(h->first + i - 1) % POOL_OUTSTANDING_MAX].request;
		if (!r)
			continue;
		r->helper = NULL;
		list_insert(p->queue.next, &r->link);
		p->stats.queued++;
	}
	h->n = 0;
	h->post = NULL;
	nursery_end(p->nursery, h->pid);
	list_insert(&p->ended, &h->link);
	if (gone)
		helper_close(h);
	p->stats.restarted++;
	p->manned--;
	snprintf(p->why, sizeof(p->why), "%s", why);
	post->failures = h->answered ? 0 : post->failures + 1;
	vacate(p, post);
	tell_queue(p);
	if (begun)
		finish(p, begun, NULL, 0, why);
}

/* ---- replies ---- */

/* One record from a helper at work. Returns false when there is none, or when it is at work no longer. */
static bool take_reply(struct pool_helper *h)
{
	struct pool *p = h->pool;
	ssize_t len = recv(h->fd, &p->reply, sizeof(p->reply), MSG_DONTWAIT | MSG_TRUNC);
	/* it died with requests unread; what it answered before still lies behind this error */
	if (len < 0 && errno == ECONNRESET)
		len = recv(h->fd, &p->reply, sizeof(p->reply), MSG_DONTWAIT | MSG_TRUNC);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (len <= 0) {
		helper_end(h, "the helper died", true);
		return false;
	}
	if (len < (ssize_t)sizeof(p->reply.head) || len > (ssize_t)sizeof(p->reply) || h->n == 0 ||
		p->reply.head.seq != h->ring[h->first].seq) {
		helper_end(h, "the helper answered nonsense", false);
		return false;
	}
	struct pool_request *r = h->ring[h->first].request;
	h->first = (h->first + 1) % POOL_OUTSTANDING_MAX;
	h->n--;
	h->begun = (msec)uv_now(p->loop);
	h->stuck = false;
	h->answered = true;
	h->post->failures = 0;
	if (r)
		finish(p, r, p->reply.record, (size_t)len - sizeof(p->reply.head), NULL);
	return true;
}

/* Waits for the end of a process that was ended; its last words are not heard. */
static void drain(struct pool_helper *h)
{
	ssize_t len;
	for (int i = 0; i < REPLIES_PER_TURN; i++) {
		len = recv(h->fd, &h->pool->reply, sizeof(h->pool->reply), MSG_DONTWAIT);
		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (len <= 0) {
			struct pool *p = h->pool;
			helper_close(h);
			timer_at(p, (msec)uv_now(p->loop)); /* there is room for another now */
			return;
		}
	}
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct pool_helper *h = poll->data;
	struct pool *p = h->pool;
	(void)status, (void)events; /* recv() tells all that there is to know */
	if (!h->post) {
		drain(h);
		return;
	}
	for (int i = 0; i < REPLIES_PER_TURN; i++)
		if (!take_reply(h) || p->closed || !h->post)
			break;
	if (!p->closed)
		tell_queue(p);
}

/* ---- the timer ---- */

static void fill(struct pool *p, struct post *post)
{
	struct err err;
	struct pool_helper *h = calloc(1, sizeof(*h));
	int fd = h ? nursery_spawn(p->nursery, p->conf.set, &h->pid, &err) : -1;
	if (!h)
		err_set(&err, "no memory");
	if (fd < 0) {
		free(h);
		snprintf(p->why, sizeof(p->why), "no helper: %s", err.text);
		log_line(LOG_LEVEL_WARNING, "helper=%s event=not-made reason=\"%s\"", p->conf.name, err.text);
		post->failures++;
		if (post->failures < 2)
			post->failures = 2; /* never at once again: it was the nursery that failed */
		vacate(p, post);
		return;
	}
	h->pool = p;
	h->post = post;
	h->fd = fd;
	list_init(&h->link);
	uv_poll_init(p->loop, &h->poll, fd);
	h->poll.data = h;
	uv_poll_start(&h->poll, UV_READABLE, on_readable);
	post->helper = h;
	p->handles++;
	p->manned++;
	p->deserted = false;
	p->stats.live++;
}

/* Ends the hung helpers and fills the empty posts whose time has come; returns when to look again. */
static msec look_around(struct pool *p, msec now)
{
	msec next = MSEC_NEVER;
	for (unsigned i = 0; i < p->conf.helpers && !p->closed; i++) {
		struct post *post = &p->posts[i];
		struct pool_helper *h = post->helper;
		if (h && h->n && now - h->begun >= p->conf.hang)
			helper_end(h, "the helper took too long", false);
		if (p->closed)
			break;
		if (!post->helper && post->due <= now && p->stats.live < 2 * p->conf.helpers)
			fill(p, post);
		h = post->helper;
		msec due = h ? (h->n ? h->begun + p->conf.hang : MSEC_NEVER) : post->due;
		if (due > now && due < next)
			next = due;
	}
	return next;
}

static void on_timer(uv_timer_t *timer)
{
	struct pool *p = timer->data;
	p->timer_due = MSEC_NEVER;
	msec next = look_around(p, (msec)uv_now(p->loop));
	if (p->closed)
		return;
	if (next < MSEC_NEVER)
		timer_at(p, next);
	if (p->manned == 0) /* every helper hangs, twice over */
		desert(p);
	tell_queue(p);
}

/* ---- the interface ---- */

struct pool *pool_open(uv_loop_t *loop, struct nursery *nursery, const struct pool_conf *conf, struct err *err)
{
	struct pool *p = calloc(1, sizeof(*p));
	if (!p) {
		err_set(err, "%s: no memory for its helpers", conf->name);
		return NULL;
	}
	p->loop = loop;
	p->nursery = nursery;
	p->conf = *conf;
	p->timer_due = MSEC_NEVER;
	p->handles = 2;
	list_init(&p->queue);
	list_init(&p->failed);
	list_init(&p->ended);
	uv_timer_init(loop, &p->timer);
	uv_idle_init(loop, &p->idle);
	p->timer.data = p->idle.data = p;
	for (unsigned i = 0; i < conf->helpers; i++)
		fill(p, &p->posts[i]);
	return p;
}

void pool_submit(struct pool *p, struct pool_request *r)
{
	p->stats.asked++;
	list_init(&r->link);
	r->helper = NULL;
	r->why = NULL;
	if (r->len > POOL_RECORD_MAX)
		fail_later(p, r, "the record is too long");
	else if (list_empty(&p->queue) && tell(p, r))
		return;
	else if (p->deserted)
		fail_later(p, r, p->why);
	else if (p->stats.queued >= p->conf.queue)
		fail_later(p, r, "queue is full");
	else {
		list_insert(&p->queue, &r->link);
		p->stats.queued++;
	}
}

void pool_forget(struct pool *p, struct pool_request *r)
{
	struct pool_helper *h = r->helper;
	if (h) {
		for (unsigned i = 0; i < h->n; i++) {
			struct told *t = &h->ring[(h->first + i) % POOL_OUTSTANDING_MAX];
			if (t->request == r)
				t->request = NULL;
		}
	} else if (!list_empty(&r->link) && !r->why) {
		p->stats.queued--;
	}
	list_remove(&r->link);
	r->helper = NULL;
	r->why = NULL;
}

struct pool_stats pool_stats(const struct pool *p)
{
	return p->stats;
}

void pool_close(struct pool *p)
{
	p->closed = true;
	for (unsigned i = 0; i < p->conf.helpers; i++) {
		struct pool_helper *h = p->posts[i].helper;
		if (!h)
			continue;
		if (h->n)
			nursery_end(p->nursery, h->pid);
		helper_close(h);
	}
	list_each_safe (n, &p->ended)
		helper_close(list_of(n, struct pool_helper, link));
	uv_close((uv_handle_t *)&p->timer, on_pool_closed);
	uv_close((uv_handle_t *)&p->idle, on_pool_closed);
}
