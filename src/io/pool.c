/*
 * The daemon's side of a pool: the way of a request. Each helper has a ring of what it was told and has not answered, in
 * order; the first of them is the one it has begun. A request that was forgotten leaves its place in the ring, so that
 * replies still match. Births, deaths and deadlines of helpers are in crew.c.
 *
 * Nothing is allocated per request. done() is called from the loop's own callbacks only: a request that fails within
 * pool_submit() waits in `failed` for an idle handle, which runs once per turn and keeps the loop from sleeping before
 * it has run; the caller's state is then never entered from below.
 */
#include "io/crew.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Replies taken from one helper before others on the loop have their turn. */
#define REPLIES_PER_TURN 64

/* ---- the end of a request ---- */

void pool_finish(struct pool *p, struct pool_request *r, const void *reply, size_t len, const char *why)
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
		pool_finish(p, r, NULL, 0, r->why);
	}
}

/* Fails it in the next turn of the loop. `why` outlives that. */
static void fail_later(struct pool *p, struct pool_request *r, const char *why)
{
	r->why = why;
	list_insert(&p->failed, &r->link);
	uv_idle_start(&p->idle, on_idle);
}

void pool_desert(struct pool *p)
{
	p->deserted = true;
	while (!list_empty(&p->queue)) {
		struct list *first = p->queue.next;
		list_remove(first);
		fail_later(p, list_of(first, struct pool_request, link), p->why);
	}
	p->stats.queued = 0;
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
			crew_wake_at(p, h->begun + p->conf.hang);
		}
		h->ring[(h->first + h->n++) % POOL_OUTSTANDING_MAX] = (struct told){ ++p->seq, r };
		r->helper = h;
		return true;
	}
	return false;
}

void pool_tell_queue(struct pool *p)
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
		crew_end(h, "the helper died", true);
		return false;
	}
	if (len < (ssize_t)sizeof(p->reply.head) || len > (ssize_t)sizeof(p->reply) || h->n == 0 ||
		p->reply.head.seq != h->ring[h->first].seq) {
		crew_end(h, "the helper answered nonsense", false);
		return false;
	}
	if (p->reply.head.retired) {
		crew_retire(h);
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
		pool_finish(p, r, p->reply.record, (size_t)len - sizeof(p->reply.head), NULL);
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
			crew_part(h);
			crew_wake_at(p, (msec)uv_now(p->loop)); /* there is room for another now */
			return;
		}
	}
}

void pool_on_readable(uv_poll_t *poll, int status, int events)
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
		pool_tell_queue(p);
}

/* ---- the interface ---- */

static void on_closed(uv_handle_t *handle)
{
	crew_handle_closed(handle->data);
}

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
	crew_on_timer(&p->timer); /* every post is empty, and due */
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
	struct pool_stats s = p->stats;
	s.wanted = p->conf.helpers;
	return s;
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
		crew_part(h);
	}
	list_each_safe (n, &p->ended)
		crew_part(list_of(n, struct pool_helper, link));
	uv_close((uv_handle_t *)&p->timer, on_closed);
	uv_close((uv_handle_t *)&p->idle, on_closed);
}
