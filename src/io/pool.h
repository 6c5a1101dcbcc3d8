/*
 * A pool: one set of helper processes that answer records. Records are opaque here; the caller's structs go over
 * SOCK_SEQPACKET as they are (both ends are the same program). Each helper works through its records in order, a few are
 * outstanding at once.
 *
 *  - Where it pays to ask for many in one go, a helper is told nothing while it works, and then its share of what waits,
 *    `together`.
 *
 *  - A request goes to the helper that its `affinity` names when that one has room (so what a helper remembers of a
 *    mailbox is found again), else to the least busy one, else it waits its turn.
 *  - When a helper dies, the request it had begun fails and the others it held are asked elsewhere; a new helper takes
 *    its place, with growing pauses (0, 100 ms, 1 s, 5 s) when helpers die without a single answer. While no helper is
 *    left and a pause goes on, requests fail at once: who asks has a rule for that, and a client that waits. Of several
 *    that were told together nobody knows which it had begun: each is asked elsewhere, alone, and fails if it ends that
 *    helper too.
 *  - A helper that has worked on one request for longer than `hang` is ended and replaced; never more than twice
 *    `helpers` live, hung ones included.
 *  - A helper that can be of no more use may say so instead of answering: it is replaced, and all that it was told is
 *    asked elsewhere.
 *  - A helper is not trusted: one whose replies are out of order is ended. The replies' contents are the caller's to
 *    check.
 */
#ifndef IO_POOL_H
#define IO_POOL_H

#include "base/list.h"
#include "base/time.h"
#include "io/nursery.h"

#include <stdint.h>
#include <uv.h>

/* A record, either way, is at most this many octets (a directory's answer is the largest). */
#define POOL_RECORD_MAX 65536
#define POOL_HELPERS_MAX 64
extern const char pool_hung[]; /* the `why` of a request that a helper worked on for too long: compare the pointer */
#define POOL_OUTSTANDING_MAX 32
/* Replies to several records that are answered in one go are at most this long, each. */
#define POOL_TOGETHER_MAX (POOL_RECORD_MAX / POOL_OUTSTANDING_MAX)

struct pool_request {
	/* set by the caller; the record must stand still until done() or pool_forget() */
	const void *record;
	size_t len; /* octets */
	uint32_t affinity;
	/* `reply` is valid during the call only; null: no answer, `why` tells ("helper died", "queue is full"...). A
	   reply is aligned for any uint64_t. The request is the caller's again: done() may submit it anew. */
	void (*done)(struct pool_request *, const void *reply, size_t len, const char *why);

	/* the pool's own */
	struct list link; /* in the queue, or among those that have failed */
	struct pool_helper *helper; /* who was told; null: none */
	const char *why; /* failed, but not told yet */
	bool alone; /* was told together with others, and the helper died */
};

struct pool_conf {
	const char *name; /* for the log; outlives the pool */
	size_t set; /* of the nursery */
	unsigned helpers; /* 1..POOL_HELPERS_MAX */
	unsigned outstanding; /* per helper, 1..POOL_OUTSTANDING_MAX */
	bool together; /* they are told all at once, to a helper that has none */
	unsigned queue; /* requests that may wait for a helper's turn; more fail at once */
	msec hang; /* at least 1 */
};

struct pool_stats {
	uint64_t asked, failed, restarted; /* since the start */
	uint64_t hung; /* of those that were restarted: worked on one request for too long */
	unsigned live, queued; /* helper processes, hung ones included; requests that wait for a helper's turn */
	unsigned wanted; /* how many helpers there are to be */
};

struct pool;

/* Helpers are made at once; one that cannot be made is tried again later. The nursery outlives the pool. */
struct pool *pool_open(uv_loop_t *, struct nursery *, const struct pool_conf *, struct err *);

/* Every submit ends in exactly one done(), never before pool_submit() has returned, unless pool_forget() came first. */
void pool_submit(struct pool *, struct pool_request *);

/* The asker left: done() will not be called, the record is free again. What the helper was told goes on; its reply is
   dropped. */
void pool_forget(struct pool *, struct pool_request *);

struct pool_stats pool_stats(const struct pool *);

/* No request may be outstanding; may be called in the last one's done(). Freed after the turn of the loop. Helpers that
   still work on forgotten requests are ended, the others end by themselves when they see their socket closed. */
void pool_close(struct pool *);

/* The helper's side of a request. Both sides are aligned for any uint64_t. */
struct pool_task {
	const void *record;
	size_t len; /* octets */
	void *reply; /* to be written: at most POOL_TOGETHER_MAX octets; POOL_RECORD_MAX if it is the only one answered */
	size_t reply_len;
};

/* Calls `answer` with all that came together and is not answered yet, until the daemon's end is closed; n is 1 or more
   and, for a pool that is not `together`, 1. It answers one or more of them, from the first on, and returns how many,
   or 0 to retire: another helper is to be asked, and this one replaced. Returns the exit status for nursery_set.run. */
int pool_serve(int fd, size_t (*answer)(void *state, struct pool_task *, size_t n), void *state);

#endif
