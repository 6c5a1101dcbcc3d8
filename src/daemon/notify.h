/*
 * Nearly full is news: runs a command for a mailbox that has come to a mark on its way to the limit, or was refused a
 * message for want of room. It is run by a helper, so that no answer waits for it; so many may wait for their turn, and
 * what comes on top is dropped and counted. Who was told is remembered by core/notices.h.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include "core/gate.h"
#include "daemon/notify_state.h"
#include "io/nursery.h"

#include <uv.h>

/* The section of the configuration. Outlives what was opened by it, and in the helper lasts as long as the process. */
struct notify_conf {
	const char *command; /* null: nobody is told */
	const char *state; /* null: what was told is forgotten at the end; as it was at the start */
	struct notice_marks marks;
	msec period, timeout;
	unsigned helpers, queue; /* queue: runs that wait or go on */
	size_t mailboxes; /* that are remembered; as it was at the first opening */
	size_t set; /* of the nursery */
};

struct notify_stats {
	uint64_t told, failed, dropped; /* since the start. told: the command ended well */
};

struct desk;

struct notify {
	const struct notify_conf *conf; /* in force */
	struct notices *notices; /* null: nobody was to be told yet */
	struct hash_key key; /* of mailboxes in it */
	struct notify_state state;
	struct desk *desk; /* null: nobody is to be told */
	struct list runs;
	unsigned n_runs;
	struct notify_stats stats;
	msec dropped_logged;
	uint64_t dropped_unlogged;
};

/* Nobody is told yet. `key` must come from a good source of randomness. */
void notify_init(struct notify *, struct hash_key key);
void notify_done(struct notify *);

/* Helpers that run the command by this section. *desk is null when it names none. */
bool notify_open(
	struct desk **, uv_loop_t *, struct nursery *, const struct notify_conf *, struct notify *, struct err *);

/* Opens the file that the section in force names, if it does, and remembers what stands in it; `wall` is the time of day
   since 1970. For the start, before rights are given up and the first message comes. False: it cannot be had. */
bool notify_remember(struct notify *, msec now, msec wall, struct err *);

/* This desk, opened by a notify_conf, is used from now on; runs by a former one are given up and count as dropped. */
void notify_use(struct notify *, struct desk *, const struct notify_conf *);

/* Other marks, period or length of the queue; the helpers stay. */
void notify_configure(struct notify *, const struct notify_conf *);

/* For gate_stores.judged, while there is a desk. `wall`: the time of day since 1970. */
void notify_see(struct notify *, const struct judged *, msec now, msec wall);

/* nursery_set.run; `arg` is a const struct notify_conf. */
int notify_run(int fd, const void *arg);

#endif
