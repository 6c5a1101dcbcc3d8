/*
 * Loans: rule 10 of the ledger, the backend's side. A frontend that asks about a mailbox far from full is lent a part of
 * the room up to `soft`, within which it answers alone. While a loan lives it is charged to the mailbox; when its borrower
 * asks again, what he let in on it becomes charges of ended transactions, and the rest is free. When he does not, all of it
 * does, for he may have let it in.
 *
 * A request that is repeated, because its reply was lost, changes nothing twice: a loan remembers its number, and what was
 * spent on the one before. A frontend may know one mailbox by several names, and has a loan for each. Bounded and without
 * allocation: past `loans` at once, and LOANS_EACH to one borrower on one mailbox, nothing is lent, and frontends ask each
 * time.
 */
#ifndef CORE_LOANS_H
#define CORE_LOANS_H

#include "core/ledger.h"
#include "core/query.h"

#define LOANS_EACH 4

struct loans;

/* `loans` (at least 1) at once. The ledger is where spent loans go. Null when there is no memory. */
struct loans *loans_new(struct cache *, struct ledger *, size_t loans);
void loans_free(struct loans *);

/* What all but the borrower let in, and what he has let in himself: `all` without the loan that he holds, with what he
   spent on it. Who wants no loan does not speak of the one he may have: it stays among the charges. */
struct charge loans_weigh(const struct loans *, const struct entry *, const struct borrower *, struct charge all);

/* Takes the loan that the borrower holds back, and what he spent on it over. */
void loans_settle(struct loans *, struct entry *, const struct borrower *, msec now);

/*
 * After loans_settle(): lends under the number that is wanted, for `loan->life`; `octets` and `messages` as large as
 * possible stand for any number. Who asks once more gets what he got, and the loan is set to that. False when nothing is
 * lent.
 */
bool loans_lend(struct loans *, struct entry *, const struct borrower *, struct loan *loan, msec now);

/* Ends loans whose life is over; when to call it next. */
void loans_expire(struct loans *, msec now);
msec loans_expiry(const struct loans *);

size_t loans_count(const struct loans *);

#endif
