/*
 * Directories in helper processes: makes a `struct directory` on the loop of a `struct directory_type`. Each question goes to
 * a helper as one record and comes back as one of at most 64 KiB; every field of it is checked.
 */
#ifndef DIRECTORY_ASKING_H
#define DIRECTORY_ASKING_H

#include "core/peer.h"
#include "directory/directory.h"
#include "io/pool.h"

/* Outlives the directory, and in the helper lasts as long as the process. */
struct asking_conf {
	const char *name; /* of the directory, for the log */
	const struct directory_type *type;
	const void *conf; /* the type's own */
	unsigned helpers; /* 1..POOL_HELPERS_MAX */
	msec hang; /* at least 1 */
	size_t set; /* of the nursery */
};

struct directory *asking_open(uv_loop_t *, struct nursery *, const struct asking_conf *, struct err *);

/* nursery_set.run; `arg` is a const struct asking_conf. Opens the directory and serves. While open() fails, every question
   tries it again and is answered LISTING_FAILED with its error as the note. */
int asking_run(int fd, const void *arg);

/* nursery_set.reach, with the same argument. */
void asking_reach(const void *arg, struct reach *);

/* Of a directory that asking_open() made. */
struct pool_stats asking_stats(const struct directory *);

/* Of the server that one asks, for metrics. False: it asks none. */
bool asking_peer(const struct directory *, struct peer_stats *out);

#endif
