/*
 * At which hosts an open transaction was charged, so that they hear what becomes of it. A fixed number of transactions is
 * remembered, of each so many hosts; the one that was charged longest ago makes room, and its hosts drop its charges by
 * themselves, later.
 */
#ifndef STORE_REMOTE_TRAIL_H
#define STORE_REMOTE_TRAIL_H

#include "base/hash.h"

#define REMOTE_TRAILS 8192
#define REMOTE_TRAIL_HOSTS 8 /* the first ones; what more a transaction has is not told */

struct remote_trail {
	unsigned n;
	struct hash at[REMOTE_TRAIL_HOSTS];
};

struct remote_trails;

/* Null: no memory. */
struct remote_trails *remote_trails_new(void);
void remote_trails_free(struct remote_trails *);

void remote_trails_mark(struct remote_trails *, struct hash transaction, struct hash host);

/* Null: it is not known. */
const struct remote_trail *remote_trails_find(const struct remote_trails *, struct hash transaction);

void remote_trails_drop(struct remote_trails *, struct hash transaction);

#endif
