/*
 * Blocking stores in helper processes: makes an asynchronous `struct store` of a `struct store_kind`. Each question
 * goes to a helper as one fixed record and comes back as one; a helper that was taken over by what it read can at most
 * tell wrong figures of a mailbox, in one clean line, or have the server that the store asks left alone for a while.
 */
#ifndef STORE_BLOCKING_H
#define STORE_BLOCKING_H

#include "io/pool.h"
#include "store/store.h"
#include "wire/seal.h"

/* Outlives the store, and in the helper lasts as long as the process. */
struct blocking_conf {
	const char *name; /* of the store, for the log */
	const struct store_kind *type;
	const void *conf; /* the type's own */
	unsigned helpers; /* 1..POOL_HELPERS_MAX */
	msec hang; /* at least 1 */
	size_t set; /* of the nursery */
	const struct seal_keys *keys; /* of the type's key_file, null: none */
};

struct store *blocking_open(uv_loop_t *, struct nursery *, const struct blocking_conf *, struct err *);

/* nursery_set.run; `arg` is a const struct blocking_conf. Opens the store and serves. While open() fails, every question
   tries it again and is answered FACTS_FAILED with its error as the note. */
int blocking_run(int fd, const void *arg);

/* nursery_set.reach, with the same argument. */
void blocking_reach(const void *arg, struct reach *);

/* Of a store that blocking_open() made: its store_type.helpers. */
struct pool_stats blocking_stats(const struct store *);

#endif
