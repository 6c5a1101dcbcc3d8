/*
 * At which hosts a transaction was charged, and what each of them is still to be told of it. A fixed number of transactions
 * is remembered, of each so many hosts. One that is over stays until every host has heard of it; after that it is still
 * found, but its place is the first to be taken. When all others are taken too, the one that was charged longest ago makes
 * room, and its hosts drop its charges by themselves, later.
 */
#ifndef STORE_REMOTE_TRAIL_H
#define STORE_REMOTE_TRAIL_H

#include "base/hash.h"
#include "base/list.h"
#include "base/time.h"
#include "wire/facts_message.h"

#define REMOTE_TRAILS 8192
#define REMOTE_TRAIL_HOSTS 8 /* the first ones; what more a transaction has is not told */

struct remote_trail;

/* One host of a trail. Who tells has the members but the first two for himself. */
struct remote_debt {
	struct remote_trail *trail;
	struct hash host;
	struct list link; /* in a list: the host is owed the trail's event */
	uint64_t out; /* id of the message that tells it; 0: none does */
	bool doubtful; /* a question was not answered there, so it may be charged when the end was heard already */
	msec due; /* then it is to be told once more */
};

struct remote_trail {
	enum facts_event event; /* the latest; FACTS_EVENT_NONE: nothing is to be told yet */
	uint64_t size; /* with FACTS_EVENT_ARRIVED: octets */
	msec marked; /* when it was charged last */
	unsigned n;
	struct remote_debt at[REMOTE_TRAIL_HOSTS];

	/* the table's own */
	struct hash transaction;
	bool settled;
	struct list same_slot, by_age;
};

struct remote_trails;

/* Null: no memory. How many hosts were owed something when their trail made room is added to *lost. */
struct remote_trails *remote_trails_new(uint64_t *lost);
void remote_trails_free(struct remote_trails *);

/* The trail of a transaction that goes on. If it was over, it begins anew, and what was owed is not: the next end will be
   told. */
struct remote_trail *remote_trails_open(struct remote_trails *, struct hash transaction);

/* Null: it is not known. */
struct remote_trail *remote_trails_find(const struct remote_trails *, struct hash transaction);

/* The transaction may be charged at this host. False: it has too many hosts. */
bool remote_trails_mark(struct remote_trails *, struct remote_trail *, struct hash host, msec now);

/* Null: it was not charged there. */
struct remote_debt *remote_trail_at(struct remote_trail *, struct hash host);

bool remote_trail_is_over(const struct remote_trail *);

/* What is owed has changed: if it is over and no host is owed anything, its place can be taken. */
void remote_trails_settle(struct remote_trails *, struct remote_trail *);

#endif
