/*
 * What the daemon counts, by listener, store, directory and domain: preallocated integers, found by number, so that counting
 * an answer costs a few additions. They count for the sections of one configuration; at a reload those of the next take over
 * what was counted for sections of the same name. A domain without a section is counted with all others of its kind, so
 * that no stranger makes anything grow.
 */
#ifndef DAEMON_COUNTERS_H
#define DAEMON_COUNTERS_H

#include "daemon/config.h"
#include "daemon/histogram.h"

#define COUNTED_OTHERS "other" /* stands for all domains without a section */
#define COUNTED_ACTIONS (ACTION_REJECT + 1)
#define COUNTED_WAIVERS (WAIVED_SHADOW + 1)

/* A client is a connection, or a datagram that waits for its answer. */
struct listener_stats {
	uint64_t accepted, crowded, displaced, refused, requests, malformed, timed_out, unsent; /* since the start.
		crowded: turned away by max_clients; displaced: closed to make room for others; refused: by `allow`;
		unsent: answers by datagram that the kernel did not take */
	size_t clients;
};

struct counted_listener {
	uint64_t verdicts[COUNTED_ACTIONS][REASON_COUNT][COUNTED_WAIVERS];
	struct listener_stats former; /* of listeners of this name that are gone; without clients */
};

/* A store or a directory. */
struct counted_source {
	uint64_t verdicts[COUNTED_ACTIONS]; /* that rest on what this store said; not of directories */
	struct histogram lookups; /* that were answered */
	uint64_t failed; /* look-ups that were not */
	msec answered; /* when one last was, by the loop's clock; 0: none yet */
	bool silent; /* the last one was not */
	msec silence_logged; /* when that was last told; 0: never */
	uint64_t silence_unlogged; /* look-ups without an answer since then */
	bool silence_told; /* and nothing was told since */
	bool unwell; /* its canary is */
	struct pool_stats former; /* of helpers that a reload has replaced; without those alive */
};

struct counters {
	const struct config *config; /* whose sections are counted; outlives this */
	struct counted_listener *listeners; /* config->n_listeners, and one for the control socket */
	struct counted_source *stores, *directories;
	uint64_t (*domains)[COUNTED_ACTIONS]; /* those of the route, and one more */
	size_t others; /* number of the one for all domains without a section: the last, or that of a section named so */
	struct gate_size size; /* as the gate was made */
	int64_t started, loaded; /* seconds since 1970: the daemon's start, its configuration's */
	uint64_t reloads, failed_reloads;
	bool stands; /* the last reload failed: the configuration is an older one */
};

/* All zero. Null: no memory. */
struct counters *counters_new(const struct config *);
void counters_free(struct counters *);

/* Goes on counting where `former` ends, whose config is still there. Canaries are well until the gate says otherwise. */
void counters_take_over(struct counters *, const struct counters *former);

/* Those of a listener that `spec`, of the configuration `of`, tells about; null when there is none of its name and
   protocol any more. */
struct counted_listener *counters_listener(
	struct counters *, const struct config *of, const struct config_listener *spec);

/* The ask was answered with a verdict, by a listener of that kind (null: not counted by listener). */
void counters_verdict(struct counters *, struct counted_listener *, const struct ask *);

/* A look-up has ended, after so many nanoseconds. Returns whose it was. */
struct counted_source *counters_lookup(struct counters *, const struct lookup *, uint64_t took, msec now);

/* The canary of this directory, or store, is well or not. */
void counters_trust(struct counters *, bool of_directory, unsigned index, bool good);

/* What a listener has counted goes to those of its name; all but its clients begins anew. */
void counters_retire_listener(struct counted_listener *, struct listener_stats *);

/* Helpers of this store or directory are about to be replaced. */
void counters_retire_helpers(struct counted_source *, const struct pool_stats *);

#endif
