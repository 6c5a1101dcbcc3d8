/*
 * The ledger: which transaction let what into which mailbox. The rules are in quotagate.conf(5), "The ledger"; the
 * numbers below are theirs. The sums are in each mailbox's tally; here are the open transactions, so that a mailbox asked
 * again in the same transaction is judged without its own charge, and an aborted one gives its charges back.
 *
 * Bounded and without allocation: so many transactions, so many charges in all, so many mailboxes per transaction. Past a
 * bound a charge is treated as one of a transaction that has ended: it stands until it is paid or `settle` is over.
 */
#ifndef CORE_LEDGER_H
#define CORE_LEDGER_H

#include "core/cache.h"

#define LEDGER_MAILBOXES 256 /* per transaction */
#define LEDGER_CHARGE_MOST                                                                                             \
	((UINT64_C(1) << 48) - 1) /* octets of one charge; more is that. So no sum of charges overflows */
#define LEDGER_REPEATED_WITHIN SECONDS(10)
#define LEDGER_OPEN_MOST SECONDS(30 * 60) /* rule 7: a transaction still open then is over */

struct ledger;

/* `settle` (at least a second): how long after its end a transaction's charges may outlive a look-up (rule 7). */
struct ledger *ledger_new(struct cache *, size_t transactions, size_t charges, msec settle);
void ledger_free(struct ledger *);
void ledger_set_settle(struct ledger *, msec settle);

/* What all transactions but `id` let in (rule 4). */
struct charge ledger_others(struct ledger *, const struct entry *, struct hash id);

/* The same without those that a look-up begun now would drop (rule 7): what may still be on its way. */
struct charge ledger_others_coming(struct ledger *, const struct entry *, struct hash id, msec now);

/* A pass (rules 1 and 3): the charge of `id` on the mailbox becomes `octets`. Without an id it is a transaction of its
   own that ends at once (rule 2). */
void ledger_charge(struct ledger *, struct entry *, struct hash id, uint64_t octets, msec now);

/* A refusal removes it (rule 3). */
void ledger_refund(struct ledger *, struct entry *, struct hash id);

/*
 * All charges on this mailbox but that of `id` are about to be told to the ledger of its store. Returns their sum. From now on
 * they are like those of transactions that have ended: what becomes of theirs does not change what was told.
 */
struct charge ledger_seal(struct ledger *, struct entry *, struct hash id, msec now);

/* Of the charges that were sealed, so much is in the ledger of the store now: it goes. What was let in since stays. */
void ledger_hand_over(struct ledger *, struct entry *, struct charge spent, msec now);

/* What a frontend let in on a loan: charges of transactions that ended then. */
void ledger_take_over(struct ledger *, struct entry *, struct charge spent, msec ended);

/* True when the transaction has a charge on this mailbox here, which is not sealed. */
bool ledger_has(struct ledger *, const struct entry *, struct hash id);

/* True when its message was here before, by ledger_arrive(), and this was its one mailbox. */
bool ledger_has_come(struct ledger *, const struct entry *, struct hash id);

/* The true size became known: every charge of the transaction becomes `octets` (rule 4). */
void ledger_resize(struct ledger *, struct hash id, uint64_t octets);

/* The message is here and was let in (END-OF-MESSAGE): its charges wait to be paid from now on, for the store may grow by it
   long before the MTA says that the transaction is over. If it has one charge, that mailbox is still judged without it
   when the same transaction asks again (rule 3); nothing more is charged to that mailbox. */
void ledger_arrive(struct ledger *, struct hash id, msec now);

/* The transaction was one question, and is over with its answer; but if that is lost, the question comes again, and is to
   change nothing: it is remembered for LEDGER_REPEATED_WITHIN as one whose message is here. */
void ledger_linger(struct ledger *, struct hash id, msec now);

/* Nobody will tell of this transaction's end, unless its message comes: `settle` from now it is over. */
void ledger_unbind(struct ledger *, struct hash id, msec now);

/* One of those is over, and what it let in goes with the next look-up. False: none is. */
bool ledger_expire_unbound(struct ledger *, struct hash *id, msec now);

/* The transaction is over: its charges wait to be paid (rule 6). Unknown ids are ignored. */
void ledger_end(struct ledger *, struct hash id, msec now);

/* Its message will not come: its charges are given back (rule 6). */
void ledger_abandon(struct ledger *, struct hash id);

/* A look-up begun at `begun` brought new figures: drops and pays (rules 7 and 8). `was` are the former facts. Growth
   between a maildirsize and a recount, either way, pays nothing: it may be a correction. */
void ledger_settle(struct ledger *, struct entry *, const struct facts *was, const struct facts *is, msec begun);

/* For cache_make(): what ended before this (seconds) would not survive a look-up begun now. */
uint32_t ledger_before(const struct ledger *, msec now);

/* Ends transactions that are open for too long; when to call it next. */
void ledger_expire(struct ledger *, msec now);
msec ledger_expiry(const struct ledger *);

size_t ledger_transactions(const struct ledger *); /* open ones */

#endif
