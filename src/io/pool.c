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

/* Where another request follows in the message, the length of this one's record stands behind its head. */
struct frame {
	struct pool_head head;
	uint64_t len;
};

static size_t padding(size_t len)
{
	return -len % sizeof(uint64_t);
}

/* The message of `n` requests, in `iov`, which has room for three pieces of each. Returns how many there are. */
static size_t pack(struct iovec *iov, struct frame *frames, struct pool_request *const *many, unsigned n, uint64_t seq)
{
	static const uint64_t zeros;
	size_t used = 0;
	for (unsigned i = 0; i < n; i++) {
		const struct pool_request *r = many[i];
		bool more = i + 1 < n;
		frames[i] = (struct frame){ { .seq = seq + i, .more = more }, r->len };
		iov[used++] = (struct iovec){ &frames[i], more ? sizeof(frames[i]) : sizeof(frames[i].head) };
		iov[used++] = (struct iovec){ (void *)(uintptr_t)r->record, r->len };
		if (more)
			iov[used++] = (struct iovec){ (void *)(uintptr_t)&zeros, padding(r->len) };
	}
	return used;
}

static enum sent send_message(struct pool_helper *h, struct pool_request *const *many, unsigned n, uint64_t seq)
{
	struct frame frames[POOL_OUTSTANDING_MAX];
	struct iovec iov[3 * POOL_OUTSTANDING_MAX];
	struct msghdr m = { .msg_iov = iov };
	m.msg_iovlen = pack(iov, frames, many, n, seq);
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
	return h && !h->stuck && h->n < (p->conf.together ? 1 : p->conf.outstanding);
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

/* SENT_LATER: they are still to be told. */
static enum sent tell(struct pool *p, struct pool_helper *h, struct pool_request *const *many, unsigned n)
{
	enum sent sent = send_message(h, many, n, p->seq + 1);
	if (sent == SENT && h->n == 0) {
		h->begun = (msec)uv_now(p->loop);
		crew_wake_at(p, h->begun + p->conf.hang);
	}
	for (unsigned i = 0; i < n; i++) {
		switch (sent) {
		case SENT:
			h->ring[(h->first + h->n++) % POOL_OUTSTANDING_MAX] = (struct told){ ++p->seq, many[i] };
			many[i]->helper = h;
			break;
		case SENT_NEVER: fail_later(p, many[i], "the record could not be sent to a helper"); break;
		case SENT_LATER: break;
		}
	}
	return sent;
}

/* False when nobody has room. */
static bool tell_one(struct pool *p, struct pool_request *r)
{
	struct pool_helper *h;
	while ((h = choose(p, r->affinity)))
		if (tell(p, h, &r, 1) != SENT_LATER)
			return true;
	return false;
}

/* How many of those that wait may go in one message. The other helpers get their share: one that works through many is
   slower than two that work through half of them. */
static unsigned share_of(const struct pool *p)
{
	unsigned share = (p->stats.queued + p->conf.helpers - 1) / p->conf.helpers;
	if (!p->conf.together)
		return 1;
	return share < p->conf.outstanding ? share : p->conf.outstanding;
}

/* Takes from the queue, which is not empty, what is to be told to one helper. */
static unsigned take_share(struct pool *p, struct pool_request **many)
{
	const unsigned most = share_of(p);
	size_t octets = 0;
	unsigned n = 0;
	while (n < most && !list_empty(&p->queue)) {
		struct pool_request *r = list_of(p->queue.next, struct pool_request, link);
		octets += sizeof(struct frame) + r->len + padding(r->len);
		if (n && (r->alone || many[0]->alone || octets > POOL_RECORD_MAX))
			break;
		list_remove(&r->link);
		many[n++] = r;
	}
	p->stats.queued -= n;
	return n;
}

void pool_tell_queue(struct pool *p)
{
	struct pool_request *many[POOL_OUTSTANDING_MAX];
	while (!list_empty(&p->queue)) {
		struct pool_helper *h = choose(p, list_of(p->queue.next, struct pool_request, link)->affinity);
		if (!h)
			return;
		unsigned n = take_share(p, many);
		if (tell(p, h, many, n) != SENT_LATER)
			continue;
		p->stats.queued += n;
		while (n)
			list_insert(p->queue.next, &many[--n]->link);
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
		p->reply.head.more || p->reply.head.seq != h->ring[h->first].seq) {
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
	r->alone = false;
	if (r->len > POOL_RECORD_MAX)
		fail_later(p, r, "the record is too long");
	else if (list_empty(&p->queue) && tell_one(p, r))
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
