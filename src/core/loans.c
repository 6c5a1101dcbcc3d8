#include "core/loans.h"

#include "base/list.h"

#include <stdlib.h>
#include <string.h>

struct record { /* of one borrower and one mailbox */
	struct hash borrower;
	struct list same_chain;
	struct list by_age; /* soonest end first; the free ones are in `free` */
	uint32_t mailbox; /* index in the cache; it is not evicted while something is lent */
	uint32_t key[3]; /* of the mailbox: for a record that lends nothing */
	uint32_t number, former; /* of the loan, and of that before it, 0: none */
	struct charge lent; /* as charged to the mailbox; nothing: a record of what was spent only */
	struct charge spent; /* on the former one, taken over already */
	msec until;
};

struct loans {
	struct cache *cache;
	struct ledger *ledger;
	struct record *records;
	struct list *chains; /* by borrower and mailbox */
	size_t n, count;
	struct list by_age, free;
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
	list_init(&l->by_age);
	list_init(&l->free);
	for (size_t i = 0; i < n; i++) {
		list_init(&l->chains[i]);
		list_init(&l->records[i].same_chain);
		list_insert(&l->free, &l->records[i].by_age);
	}
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
	return &l->chains[(borrower.a ^ e->key[0]) % l->n];
}

static struct record *find(const struct loans *l, const struct entry *e, struct hash borrower)
{
	struct list *chain = chain_of(l, e, borrower);
	list_each (n, chain) {
		struct record *r = list_of(n, struct record, same_chain);
		if (hash_eq(r->borrower, borrower) && memcmp(r->key, e->key, sizeof(r->key)) == 0)
			return r;
	}
	return NULL;
}

/* Of what the borrower says that he spent, the part that was not taken over before. */
static struct charge unbooked(const struct record *r, const struct borrower *b)
{
	if (r && r->number == b->next && b->next)
		return (struct charge){ 0 }; /* the same request once more */
	if (r && r->former == b->held && b->held)
		return charge_less(b->spent, r->spent); /* our last reply did not reach him */
	return b->spent;
}

struct charge loans_weigh(const struct loans *l, const struct entry *e, const struct borrower *b, struct charge all)
{
	const struct record *r = find(l, e, b->name);
	struct charge spent = unbooked(r, b);
	if (r)
		all = charge_less(all, r->lent);
	return charge_sum(all, spent);
}

static void take_back(struct loans *l, struct record *r)
{
	if (r->lent.messages)
		tally_unlend(&cache_at(l->cache, r->mailbox)->tally, r->lent);
	r->lent = (struct charge){ 0 };
}

static void release(struct loans *l, struct record *r)
{
	take_back(l, r);
	list_remove(&r->same_chain);
	list_remove(&r->by_age);
	list_insert(l->free.next, &r->by_age);
	l->count--;
}

/* Null when there is no room for one more. */
static struct record *make(struct loans *l, const struct entry *e, const struct borrower *b)
{
	if (list_empty(&l->free))
		return NULL;
	struct record *r = list_of(l->free.next, struct record, by_age);
	list_remove(&r->by_age);
	r->borrower = b->name;
	r->mailbox = cache_index(l->cache, e);
	memcpy(r->key, e->key, sizeof(r->key));
	r->number = r->former = 0;
	r->lent = r->spent = (struct charge){ 0 };
	list_insert(chain_of(l, e, b->name), &r->same_chain);
	list_insert(&l->by_age, &r->by_age);
	l->count++;
	return r;
}

/* Into its place by its end; all lives are alike but after a reload, so it is near the end of the list. */
static void live_until(struct loans *l, struct record *r, msec until)
{
	struct list *at = &l->by_age;
	r->until = until;
	list_remove(&r->by_age);
	while (at->prev != &l->by_age && list_of(at->prev, struct record, by_age)->until > until)
		at = at->prev;
	list_insert(at, &r->by_age);
}

/* How long a record of what was spent is kept for a request that comes again. */
#define REPEATED_WITHIN SECONDS(60)

void loans_settle(struct loans *l, struct entry *e, const struct borrower *b, msec now)
{
	struct record *r = find(l, e, b->name);
	bool again = r && r->number == b->next && b->next;
	ledger_take_over(l->ledger, e, unbooked(r, b), now);
	if (r)
		take_back(l, r);
	if (again)
		return;
	if (!r && b->spent.messages)
		r = make(l, e, b);
	if (r && b->spent.messages == 0) {
		release(l, r);
	} else if (r) {
		r->former = b->held;
		r->spent = b->spent;
		r->number = b->next;
		live_until(l, r, now + REPEATED_WITHIN);
	}
}

bool loans_lend(struct loans *l, struct entry *e, const struct borrower *b, const struct loan *loan, msec now)
{
	struct record *r = find(l, e, b->name);
	if (!r)
		r = make(l, e, b);
	if (!r)
		return false;
	take_back(l, r);
	r->number = b->next;
	r->mailbox = cache_index(l->cache, e);
	r->lent.octets = loan->octets == UINT64_MAX ? 0 : loan->octets;
	r->lent.messages = loan->messages == UINT32_MAX ? 1 : loan->messages;
	tally_lend(&e->tally, r->lent);
	live_until(l, r, now + loan->life);
	return true;
}

void loans_expire(struct loans *l, msec now)
{
	while (loans_expiry(l) <= now)
		release(l, list_of(l->by_age.next, struct record, by_age));
}

msec loans_expiry(const struct loans *l)
{
	if (list_empty(&l->by_age))
		return MSEC_NEVER;
	return list_of(l->by_age.next, struct record, by_age)->until;
}

size_t loans_count(const struct loans *l)
{
	return l->count;
}
