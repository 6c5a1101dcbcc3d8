/*
 * Loans: rule 10 of the ledger, the backend's side. A frontend that asks about a mailbox far from full is lent a part of
 * the room up to `soft`, within which it answers alone. While a loan lives it is charged to the mailbox; when its borrower
 * asks again, what he let in on it becomes charges of ended transactions, and the rest is free.
 *
 * A request that is repeated, because its reply was lost, changes nothing twice: a loan remembers its number, and what was
 * spent on the one before. Bounded and without allocation: past `loans` at once nothing is lent, and frontends ask each time.
 */
#ifndef CORE_LOANS_H
#define CORE_LOANS_H

#include "core/ledger.h"
#include "core/query.h"

struct loans;

/* `loans` (at least 1) at once. The ledger is where spent loans go. Null when there is no memory. */
struct loans *loans_new(struct cache *, struct ledger *, size_t loans);
void loans_free(struct loans *);

/* What all but the borrower let in, and what he has let in himself: `all` without his loan, with what he spent on it. */
struct charge loans_weigh(const struct loans *, const struct entry *, const struct borrower *, struct charge all);

/* Takes the borrower's loan back, and what he spent on it over. */
void loans_settle(struct loans *, struct entry *, const struct borrower *, msec now);

/* Lends to a borrower who has none, under the number that he wants, for `loan.life`; `loan.octets` and `loan.messages` as
   large as possible stand for any number. False when there is no room for one more loan. */
bool loans_lend(struct loans *, struct entry *, const struct borrower *, const struct loan *, msec now);

/* Ends loans whose life is over; when to call it next. */
void loans_expire(struct loans *, msec now);
msec loans_expiry(const struct loans *);

size_t loans_count(const struct loans *);

#endif
