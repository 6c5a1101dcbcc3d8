#include "core/loans.h"

#include "base/list.h"

#include <stdlib.h>
#include <string.h>

struct record { /* of one borrower and one mailbox */
	struct hash borrower;
	struct list same_chain;
	struct list by_age; /* in `lent` or `spent`, soonest end first; the free ones are in `free` */
	uint32_t mailbox; /* index in the cache; it is not evicted while something is lent */
	uint32_t key[3]; /* of the mailbox: for a record that lends nothing */
	uint32_t number, former; /* of the loan, and of that before it, 0: none */
	struct loan loan; /* octets 0: nothing, it is a record of what was spent only */
	struct charge spent; /* on the former one, taken over already */
	msec until; /* when it ends, or nobody needs to know any more what was spent */
};

struct loans {
	struct cache *cache;
	struct ledger *ledger;
	struct record *records;
	struct list *chains; /* by borrower and mailbox */
	size_t n, count;
	size_t used; /* records that ever were in use; no others are touched, so that loans cost memory as they are made */
	struct list lent, spent; /* lives are alike in each, but after a reload */
	struct list free; /* of those that were */
};

struct loans *loans_new(struct cache *cache, struct ledger *ledger, size_t n)
{
	struct loans *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	*l = (struct loans){ .cache = cache, .ledger = ledger, .n = n };
	l->records = calloc(n, sizeof(*l->records));
	l->chains = calloc(n, sizeof(*l->chains));
	if (!l->records || !l->chains) {
		loans_free(l);
		return NULL;
	}
	list_init(&l->lent);
	list_init(&l->spent);
	list_init(&l->free);
	return l;
}

void loans_free(struct loans *l)
{
	if (!l)
		return;
	free(l->records);
	free(l->chains);
	free(l);
}

static struct list *chain_of(const struct loans *l, const struct entry *e, struct hash borrower)
{
	struct list *chain = &l->chains[(borrower.a ^ e->key[0]) % l->n];
	if (!chain->next)
		list_init(chain);
	return chain;
}

/* What a request has to do with a record of the same borrower and mailbox; of several the last one of these counts. */
enum match {
	OTHER, /* nothing: he knows the mailbox by another name too */
	UNHEARD, /* he holds the loan before this one: our last reply did not reach him */
	HELD,
	REPEATED, /* the same request once more, or an older one that comes late */
};

static enum match match(const struct record *r, const struct borrower *b)
{
	if (r->number == b->next || r->former == b->next)
		return REPEATED;
	if (b->held == 0)
		return OTHER;
	return r->number == b->held ? HELD : r->former == b->held ? UNHEARD : OTHER;
}

static bool is_of(const struct record *r, const struct entry *e, struct hash borrower)
{
	return hash_eq(r->borrower, borrower) && memcmp(r->key, e->key, sizeof(r->key)) == 0;
}

/* The record that the request is about, null: there is none. */
static struct record *find(const struct loans *l, const struct entry *e, const struct borrower *b)
{
	struct record *best = NULL;
	struct list *chain = chain_of(l, e, b->name);
	list_each (n, chain) {
		struct record *r = list_of(n, struct record, same_chain);
		if (is_of(r, e, b->name) && match(r, b) > (best ? match(best, b) : OTHER))
			best = r;
	}
	return best;
}

static bool is_repeated(const struct record *r, const struct borrower *b)
{
	return r && match(r, b) == REPEATED;
}

/* Of what the borrower says that he spent, the part that was not taken over before. */
static struct charge unbooked(const struct record *r, const struct borrower *b)
{
	switch (r ? match(r, b) : OTHER) {
	case REPEATED: return (struct charge){ 0 };
	case UNHEARD: return charge_less(b->spent, r->spent);
	case OTHER:
	case HELD: break;
	}
	return b->spent;
}

/* What a loan is charged to the mailbox with. One without end is no charge, but the mailbox stays in the cache. */
static struct charge charge_of(const struct loan *loan)
{
	return (struct charge){ .octets = loan->octets == UINT64_MAX ? 0 : loan->octets,
		.messages = loan->messages == UINT32_MAX ? loan->octets > 0 : loan->messages };
}

struct charge loans_weigh(const struct loans *l, const struct entry *e, const struct borrower *b, struct charge all)
{
	const struct record *r = b->next ? find(l, e, b) : NULL;
	if (!b->next)
		return all;
	if (r)
		all = charge_less(all, charge_of(&r->loan));
	return charge_sum(all, unbooked(r, b));
}

static void take_back(struct loans *l, struct record *r)
{
	if (r->loan.octets)
		tally_unlend(&cache_at(l->cache, r->mailbox)->tally, charge_of(&r->loan));
	r->loan = (struct loan){ 0 };
}

static void release(struct loans *l, struct record *r)
{
	take_back(l, r);
	list_remove(&r->same_chain);
	list_remove(&r->by_age);
	list_insert(l->free.next, &r->by_age);
	l->count--;
}

/* Null when there is none. */
static struct record *take_free(struct loans *l)
{
	struct record *r = NULL;
	if (!list_empty(&l->free)) {
		r = list_of(l->free.next, struct record, by_age);
		list_remove(&r->by_age);
	} else if (l->used < l->n) {
		r = &l->records[l->used++];
		list_init(&r->same_chain);
		list_init(&r->by_age);
	}
	return r;
}

/* Null when there is no room for one more, or the borrower has enough. */
static struct record *make(struct loans *l, const struct entry *e, const struct borrower *b)
{
	struct list *chain = chain_of(l, e, b->name);
	size_t has = 0;
	list_each (n, chain)
		has += is_of(list_of(n, struct record, same_chain), e, b->name);
	struct record *r = has < LOANS_EACH ? take_free(l) : NULL;
	if (!r)
		return NULL;
	r->borrower = b->name;
	memcpy(r->key, e->key, sizeof(r->key));
	r->former = 0;
	r->loan = (struct loan){ 0 };
	r->spent = (struct charge){ 0 };
	list_insert(chain, &r->same_chain);
	l->count++;
	return r;
}

/* Into its place in the list by its end. */
static void live_until(struct list *list, struct record *r, msec until)
{
	struct list *at = list;
	r->until = until;
	list_remove(&r->by_age);
	while (at->prev != list && list_of(at->prev, struct record, by_age)->until > until)
		at = at->prev;
	list_insert(at, &r->by_age);
}

/* How long a record of what was spent is kept for a request that comes again. */
#define REPEATED_WITHIN SECONDS(60)

void loans_settle(struct loans *l, struct entry *e, const struct borrower *b, msec now)
{
	struct record *r = b->next ? find(l, e, b) : NULL;
	if (!b->next || is_repeated(r, b))
		return;
	ledger_take_over(l->ledger, e, unbooked(r, b), now);
	if (r)
		take_back(l, r);
	else if (b->spent.messages)
		r = make(l, e, b);
	if (!r)
		return;
	r->former = b->held;
	r->spent = b->spent;
	r->number = b->next;
	live_until(&l->spent, r, now + REPEATED_WITHIN);
}

bool loans_lend(struct loans *l, struct entry *e, const struct borrower *b, struct loan *loan, msec now)
{
	struct record *r = find(l, e, b);
	if (is_repeated(r, b) && r->number != b->next)
		return false; /* it comes too late */
	if (is_repeated(r, b) && r->loan.octets) {
		*loan = r->loan;
		loan->life = r->until > now ? r->until - now : 0;
		return true;
	}
	if (loan->octets == 0 || loan->messages == 0)
		return false;
	if (!r)
		r = make(l, e, b);
	if (!r)
		return false;
	r->number = loan->number = b->next;
	r->mailbox = cache_index(l->cache, e);
	r->loan = *loan;
	tally_lend(&e->tally, charge_of(loan));
	live_until(&l->lent, r, now + loan->life);
	return true;
}

static msec first_end(const struct list *list)
{
	return list_empty(list) ? MSEC_NEVER : list_of(list->next, struct record, by_age)->until;
}

/* What the borrower has done with it nobody knows: as if all of it had been let in at the last moment. */
static void end(struct loans *l, struct record *r)
{
	struct entry *e = cache_at(l->cache, r->mailbox);
	struct charge lent = charge_of(&r->loan);
	release(l, r);
	ledger_take_over(l->ledger, e, lent, r->until);
}

void loans_expire(struct loans *l, msec now)
{
	while (first_end(&l->lent) <= now)
		end(l, list_of(l->lent.next, struct record, by_age));
	while (first_end(&l->spent) <= now)
		release(l, list_of(l->spent.next, struct record, by_age));
}

msec loans_expiry(const struct loans *l)
{
	msec lent = first_end(&l->lent), spent = first_end(&l->spent);
	return lent < spent ? lent : spent;
}

size_t loans_count(const struct loans *l)
{
	return l->count;
}
