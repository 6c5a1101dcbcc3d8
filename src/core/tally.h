/*
 * The charges of one mailbox in sums: those of transactions that are still open, and those of ended ones in a few slots
 * of time. No record per message. 72 octets.
 */
#ifndef CORE_TALLY_H
#define CORE_TALLY_H

#include "core/facts.h"

#define TALLY_SLOTS 3

struct tally {
	uint64_t open_octets;
	uint64_t paid; /* octets of slot 0 that growth of the store has paid, */
	uint32_t paid_messages; /* and messages */
	struct {
		uint64_t octets;
		uint32_t messages; /* 0: the slot is free, and so are those behind it */
		uint32_t ended; /* when the last transaction in it ended, seconds */
	} slot[TALLY_SLOTS]; /* oldest first */
	uint32_t open_messages;
} __attribute__((packed, aligned(4)));

/* One message of `octets` by a transaction that goes on (add), and the same taken back. */
void tally_open(struct tally *, uint64_t octets);
void tally_unopen(struct tally *, uint64_t octets);

/* So much that others may let in without asking, and the same taken back. */
void tally_lend(struct tally *, struct charge);
void tally_unlend(struct tally *, struct charge);

/* What transactions let in that ended at `ended` (seconds), one message at least. Those that end within the same `width` (seconds, > 0)
   share a slot; when there is no slot left the two oldest become one, which lives as long as the younger. What ended
   before others did joins the oldest slot that lives as long. */
void tally_end(struct tally *, struct charge, uint32_t ended, uint32_t width);

/* The store has grown: pays charges of ended transactions, oldest first. A slot paid but for an eighth of a message is paid,
   for SIZE= is not the size as stored. Where the store counts messages (`counted`) and all that was let in has come, an eighth
   of the slot is forgiven. */
void tally_pay(struct tally *, struct charge growth, bool counted);

/* Forgets what ended before `before` (seconds). */
void tally_drop(struct tally *, uint32_t before);

/* All that was let in and is not paid. */
struct charge tally_sum(const struct tally *);

/* True when something would be left after tally_drop(before). */
bool tally_holds(const struct tally *, uint32_t before);

#endif
