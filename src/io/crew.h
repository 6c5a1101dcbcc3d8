/*
 * The inside of a pool, shared by its two halves: pool.c, the way of a request, and crew.c, the helpers' births, deaths
 * and deadlines. Nobody else includes this.
 *
 * Two kinds of process are kept apart. A *post* is one of the `helpers` places, which a working helper holds. A helper
 * that was ended lives on outside of its post until its socket says that the process is really gone, because one stuck
 * in a dead NFS mount dies late.
 */
#ifndef IO_CREW_H
#define IO_CREW_H

#include "io/pool.h"
#include "io/pool_wire.h"

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
	struct pool_message reply;
};

/* crew.c */

/* The timer runs by then: for the pauses between births, and for helpers that hang. */
void crew_wake_at(struct pool *, msec due);
void crew_on_timer(uv_timer_t *);

/* A new helper for an empty post. On failure the post stays empty for a while. */
void crew_fill(struct pool *, struct post *);

/* Takes the helper from its post and ends the process. What it had not begun goes back to the head of the queue, and so
   does what it was told together, alone. Calls done() for the one that it had begun, so last. `gone`: its socket is at
   its end, nothing more is waited for. */
void crew_end(struct pool_helper *, const char *why, bool gone);

/* The helper wants to be replaced: it is ended, and all that it was told goes back to the head of the queue. */
void crew_retire(struct pool_helper *);

/* The process is gone, or nobody listens to it any more: closes the socket. Its ring must be settled. */
void crew_part(struct pool_helper *);

/* A handle of the pool has been closed; with the last one a closed pool is freed. */
void crew_handle_closed(struct pool *);

/* pool.c */

void pool_finish(struct pool *, struct pool_request *, const void *reply, size_t len, const char *why);

/* Tells helpers with room what waits, in order. Calls no done(). */
void pool_tell_queue(struct pool *);

/* No helper works and none can at once: nobody shall wait for that. What waits fails in the next turn. */
void pool_desert(struct pool *);

void pool_on_readable(uv_poll_t *, int status, int events);

#endif
