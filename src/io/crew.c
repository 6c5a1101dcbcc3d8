/*
 * The helpers of a pool: each post is filled by the nursery, watched on the loop, and vacated when its helper dies, hangs
 * or talks nonsense. One timer serves the whole pool; it is set for the earliest of all that may fall due, and what falls
 * due is looked up when it fires, so that an ordinary request costs one comparison.
 */
#include "io/crew.h"

#include "io/log.h"
#include "io/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char pool_hung[] = "the helper took too long";

void crew_wake_at(struct pool *p, msec due)
{
	msec now = (msec)uv_now(p->loop);
	if (due >= p->timer_due)
		return;
	p->timer_due = due;
	uv_timer_start(&p->timer, crew_on_timer, due > now ? (uint64_t)(due - now) : 0, 0);
}

/* The post is empty: it will be filled when its pause is over. */
static void vacate(struct pool *p, struct post *post)
{
	static const msec pauses[] = { 0, 0, 100, SECONDS(1), SECONDS(5) };
	const unsigned most = sizeof(pauses) / sizeof(pauses[0]) - 1;
	msec pause = pauses[post->failures < most ? post->failures : most];
	post->helper = NULL;
	post->due = (msec)uv_now(p->loop) + pause;
	crew_wake_at(p, post->due);
	if (pause && p->manned == 0)
		pool_desert(p);
}

void crew_handle_closed(struct pool *p)
{
	p->handles--;
	if (p->closed && p->handles == 0)
		free(p);
}

static void on_helper_closed(uv_handle_t *handle)
{
	struct pool_helper *h = handle->data;
	struct pool *p = h->pool;
	free(h);
	crew_handle_closed(p);
}

void crew_part(struct pool_helper *h)
{
	list_remove(&h->link);
	h->pool->stats.live--;
	uv_close((uv_handle_t *)&h->poll, on_helper_closed);
	close(h->fd);
	h->fd = -1;
}

/* What it was told goes back to the head of the queue, in order, but for the first `kept`; `alone`: one of
   them was its end, nobody knows which. */
static void give_back(struct pool_helper *h, unsigned kept, bool alone)
{
	struct pool *p = h->pool;
	for (unsigned i = h->n; i > kept; i--) {
		struct pool_request *r = h->ring[(h->first + i - 1) % POOL_OUTSTANDING_MAX].request;
		if (!r)
			continue;
		r->helper = NULL;
		r->alone = r->alone || alone;
		list_insert(p->queue.next, &r->link);
		p->stats.queued++;
	}
	h->n = 0;
}

/* It has no post any more. One that never answered makes the next one wait. */
static void leave_post(struct pool_helper *h)
{
	struct pool *p = h->pool;
	struct post *post = h->post;
	h->post = NULL;
	nursery_end(p->nursery, h->pid);
	list_insert(&p->ended, &h->link);
	p->stats.restarted++;
	p->manned--;
	post->failures = h->answered ? 0 : post->failures + 1;
	vacate(p, post);
}

void crew_end(struct pool_helper *h, const char *why, bool gone)
{
	struct pool *p = h->pool;
	bool several = p->conf.together && h->n > 1;
	struct pool_request *begun = h->n && !several ? h->ring[h->first].request : NULL;
	log_line(LOG_LEVEL_WARNING, "helper=%s pid=%ld event=ended reason=\"%s\"", p->conf.name, (long)h->pid, why);
	give_back(h, several ? 0 : 1, several);
	snprintf(p->why, sizeof(p->why), "%s", why);
	leave_post(h);
	if (gone)
		crew_part(h);
	pool_tell_queue(p);
	if (begun)
		pool_finish(p, begun, NULL, 0, why);
}

void crew_retire(struct pool_helper *h)
{
	struct pool *p = h->pool;
	log_line(LOG_LEVEL_INFO, "helper=%s pid=%ld event=retired", p->conf.name, (long)h->pid);
	give_back(h, 0, false);
	snprintf(p->why, sizeof(p->why), "the helpers retire as soon as they are asked");
	leave_post(h);
	crew_part(h); /* it was well a moment ago: nothing keeps it from dying */
	pool_tell_queue(p);
}

/* All empty posts wait as long: the nursery may be stuck, and each try then holds the daemon up for a second. */
static void not_made(struct pool *p, struct post *post, const char *why)
{
	log_line(LOG_LEVEL_WARNING, "helper=%s event=not-made reason=\"%s\"", p->conf.name, why);
	snprintf(p->why, sizeof(p->why), "no helper: %s", why);
	post->failures = post->failures < 2 ? 2 : post->failures + 1; /* never again at once */
	vacate(p, post);
	for (unsigned i = 0; i < p->conf.helpers; i++)
		if (!p->posts[i].helper && p->posts[i].due < post->due)
			p->posts[i].due = post->due;
}

static bool init_poll(struct pool_helper *h, uv_loop_t *loop, int fd, struct err *err)
{
	int n = uv_poll_init(loop, &h->poll, fd);
	return n == 0 || err_set(err, "its socket cannot be watched: %s", uv_strerror(n));
}

void crew_fill(struct pool *p, struct post *post)
{
	struct err err;
	struct pool_helper *h = calloc(1, sizeof(*h));
	int fd = h ? nursery_spawn(p->nursery, p->conf.set, &h->pid, &err) : -1;
	if (!h)
		err_set(&err, "no memory");
	if (fd >= 0 && !init_poll(h, p->loop, fd, &err)) {
		nursery_end(p->nursery, h->pid);
		close(fd);
		fd = -1;
	}
	if (fd < 0) {
		free(h);
		not_made(p, post, err.text);
		return;
	}
	h->pool = p;
	h->post = post;
	h->fd = fd;
	list_init(&h->link);
	h->poll.data = h;
	uv_poll_start(&h->poll, UV_READABLE, pool_on_readable);
	post->helper = h;
	p->handles++;
	p->manned++;
	p->deserted = false;
	p->stats.live++;
	if (!loop_watches(p->loop, fd))
		crew_end(h, "its socket cannot be watched", true);
}

/* Ends the hung helpers and fills the empty posts whose time has come; returns when to look again. */
static msec look_around(struct pool *p, msec now)
{
	msec next = MSEC_NEVER;
	for (unsigned i = 0; i < p->conf.helpers && !p->closed; i++) {
		struct post *post = &p->posts[i];
		struct pool_helper *h = post->helper;
		if (h && h->n && now - h->begun >= p->conf.hang) {
			p->stats.hung++;
			crew_end(h, pool_hung, false);
		}
		if (p->closed)
			break;
		if (!post->helper && post->due <= now && p->stats.live < 2 * p->conf.helpers)
			crew_fill(p, post);
		h = post->helper;
		msec due = h ? (h->n ? h->begun + p->conf.hang : MSEC_NEVER) : post->due;
		if (due > now && due < next)
			next = due;
	}
	return next;
}

void crew_on_timer(uv_timer_t *timer)
{
	struct pool *p = timer->data;
	p->timer_due = MSEC_NEVER;
	msec next = look_around(p, (msec)uv_now(p->loop));
	if (p->closed)
		return;
	if (next < MSEC_NEVER)
		crew_wake_at(p, next);
	if (p->manned == 0) /* every helper hangs, twice over */
		pool_desert(p);
	pool_tell_queue(p);
}
