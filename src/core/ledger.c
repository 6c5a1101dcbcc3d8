#include "core/ledger.h"

#include "base/list.h"
#include "core/asked.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct record { /* one charge of an open transaction */
	uint64_t octets : 48;
	uint64_t epoch : 16; /* of the mailbox; another one: it was sealed, or the mailbox has gone */
	uint32_t mailbox; /* index in the cache; it is not evicted while the charge stands */
	uint32_t next; /* of the same transaction, or of the free ones */
};

struct transaction {
	struct hash id;
	struct list by_age; /* oldest first; the free ones are in `free` */
	msec begun;
	uint32_t next; /* of the same chain */
	uint32_t first; /* of its records */
	uint32_t n;
	bool arrived; /* its message is here: its charges have ended */
	uint32_t arrived_key[3]; /* then, if it had one charge: the mailbox */
	uint64_t arrived_octets; /* and the charge, else 0 */
	msec arrived_taken; /* and the age of its facts */
};

struct ledger {
	struct cache *cache;
	struct transaction *transactions;
	uint32_t *chains; /* by id: the first; as many as transactions. No lists: small, so that they stay near */
	struct record *records;
	size_t n_transactions, open;
	uint32_t free_record;
	struct list by_age, lingering, unbound,
		free; /* each transaction is in one of them; those that linger have arrived */
	msec settle;
};

struct ledger *ledger_new(struct cache *cache, size_t transactions, size_t charges, msec settle)
{
	struct ledger *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->cache = cache;
	l->n_transactions = transactions;
	l->transactions = calloc(transactions, sizeof(*l->transactions));
	l->chains = calloc(transactions, sizeof(*l->chains));
	l->records = calloc(charges, sizeof(*l->records));
	if (!l->transactions || !l->chains || !l->records) {
		ledger_free(l);
		return NULL;
	}
	list_init(&l->by_age);
	list_init(&l->lingering);
	list_init(&l->unbound);
	list_init(&l->free);
	for (size_t i = 0; i < transactions; i++) {
		l->chains[i] = NONE;
		list_insert(&l->free, &l->transactions[i].by_age);
	}
	for (size_t i = 0; i < charges; i++)
		l->records[i].next = i + 1 < charges ? (uint32_t)i + 1 : NONE;
	ledger_set_settle(l, settle);
	return l;
}

void ledger_free(struct ledger *l)
{
	if (!l)
		return;
	free(l->transactions);
	free(l->chains);
	free(l->records);
	free(l);
}

void ledger_set_settle(struct ledger *l, msec settle)
{
	l->settle = settle < SECONDS(1) ? SECONDS(1) : settle;
}

static uint32_t *chain_of(struct ledger *l, struct hash id)
{
	return &l->chains[(uint64_t)(uint32_t)id.a * l->n_transactions >> 32];
}

static struct transaction *find(struct ledger *l, struct hash id)
{
	if (hash_is_none(id))
		return NULL;
	for (uint32_t i = *chain_of(l, id); i != NONE; i = l->transactions[i].next)
		if (hash_eq(l->transactions[i].id, id))
			return &l->transactions[i];
	return NULL;
}

static void chain(struct ledger *l, struct transaction *t)
{
	uint32_t *first = chain_of(l, t->id);
	t->next = *first;
	*first = (uint32_t)(t - l->transactions);
}

static void unchain(struct ledger *l, const struct transaction *t)
{
	uint32_t *at = chain_of(l, t->id);
	while (&l->transactions[*at] != t)
		at = &l->transactions[*at].next;
	*at = t->next;
}

/* The transaction's record for a mailbox, and through `link` the place that points to it. */
static struct record *record_of(struct ledger *l, struct transaction *t, uint32_t mailbox, uint32_t **link)
{
	for (*link = &t->first; **link != NONE; *link = &l->records[**link].next)
		if (l->records[**link].mailbox == mailbox)
			return &l->records[**link];
	return NULL;
}

static void release_record(struct ledger *l, struct transaction *t, uint32_t *link)
{
	uint32_t i = *link;
	*link = l->records[i].next;
	l->records[i].next = l->free_record;
	l->free_record = i;
	t->n--;
}

/* What was let in by transactions that ended at `ended`, which may lie before the clock's start. */
static void put_ended(struct ledger *l, struct entry *e, struct charge c, msec ended)
{
	uint32_t width = (uint32_t)(l->settle / 2000);
	tally_end(&e->tally, c, ended > 0 ? (uint32_t)(ended / 1000) : 0, width ? width : 1);
}

/* Is it still among the charges of its mailbox here, and not sealed? */
static bool stands(const struct ledger *l, const struct record *r)
{
	return cache_at(l->cache, r->mailbox)->epoch == r->epoch;
}

static void end_charges(struct ledger *l, struct transaction *t, bool given_back, msec ended)
{
	while (t->first != NONE) {
		struct record *r = &l->records[t->first];
		struct entry *e = cache_at(l->cache, r->mailbox);
		if (stands(l, r)) {
			tally_unopen(&e->tally, r->octets);
			if (!given_back)
				put_ended(l, e, (struct charge){ r->octets, 1 }, ended);
		}
		release_record(l, t, &t->first);
	}
}

static void close_transaction(struct ledger *l, struct transaction *t, bool given_back, msec ended)
{
	end_charges(l, t, given_back, ended);
	unchain(l, t);
	list_remove(&t->by_age);
	list_insert(l->free.next, &t->by_age); /* first: its memory is warm */
	l->open--;
}

static struct transaction *oldest(const struct list *by_age)
{
	return list_of(by_age->next, struct transaction, by_age);
}

static struct list *least_needed(struct ledger *l)
{
	return !list_empty(&l->lingering) ? &l->lingering : !list_empty(&l->unbound) ? &l->unbound : &l->by_age;
}

static struct transaction *open_transaction(struct ledger *l, struct hash id, msec now)
{
	if (list_empty(&l->free))
		close_transaction(l, oldest(least_needed(l)), false, now);
	struct transaction *t = list_of(l->free.next, struct transaction, by_age);
	list_remove(&t->by_age);
	list_insert(&l->by_age, &t->by_age);
	t->id = id;
	chain(l, t);
	t->begun = now;
	t->first = NONE;
	t->n = 0;
	t->arrived = false;
	t->arrived_octets = 0;
	l->open++;
	return t;
}

static bool has_arrived(const struct transaction *t, const struct entry *e)
{
	return t->arrived_octets && memcmp(t->arrived_key, e->key, sizeof(e->key)) == 0;
}

/* Charges of open transactions. */
static struct charge open_of(const struct entry *e)
{
	return (struct charge){ e->tally.open_octets, e->tally.open_messages };
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What is in the tally but for what `id` let in. */
static struct charge others_in(struct ledger *l, const struct tally *tally, const struct entry *e, struct hash id)
{
	struct charge all = tally_sum(tally);
	uint32_t *link;
	struct transaction *t = all.messages ? find(l, id) : NULL;
	const struct record *own = t ? record_of(l, t, cache_index(l->cache, e), &link) : NULL;
	if (own && !stands(l, own))
		own = NULL;
	/* Newer figures may have it, and have paid for it: then it is not known to be among the charges. */
	bool arrived = t && has_arrived(t, e) && entry_facts(e).taken == t->arrived_taken;
	if (own)
		return charge_less(all, (struct charge){ own->octets, 1 });
	const struct charge ended = charge_less(all, open_of(e));
	if (arrived && ended.messages > 0)
		all = charge_less(all, (struct charge){ least(t->arrived_octets, ended.octets), 1 });
	return all;
}

struct charge ledger_others(struct ledger *l, const struct entry *e, struct hash id)
{
	return others_in(l, &e->tally, e, id);
}

struct charge ledger_others_coming(struct ledger *l, const struct entry *e, struct hash id, msec now)
{
	struct tally left = e->tally;
	tally_drop(&left, ledger_before(l, now));
	return others_in(l, &left, e, id);
}

static uint64_t at_most(uint64_t octets)
{
	return least(octets, LEDGER_CHARGE_MOST);
}

void ledger_charge(struct ledger *l, struct entry *e, struct hash id, uint64_t octets, msec now)
{
	octets = at_most(octets);
	uint32_t mailbox = cache_index(l->cache, e), *link;
	struct transaction *t = find(l, id);
	if (!t && !hash_is_none(id))
		t = open_transaction(l, id, now);
	struct record *r = t ? record_of(l, t, mailbox, &link) : NULL;
	if (t && has_arrived(t, e))
		return;
	if (r && stands(l, r)) {
		tally_unopen(&e->tally, r->octets);
	} else if (r) {
		r->epoch = e->epoch;
	} else if (!t || t->arrived || t->n == LEDGER_MAILBOXES || l->free_record == NONE) {
		put_ended(l, e, (struct charge){ octets, 1 }, now);
		return;
	} else {
		uint32_t i = l->free_record;
		r = &l->records[i];
		l->free_record = r->next;
		r->mailbox = mailbox;
		r->epoch = e->epoch;
		r->next = t->first;
		t->first = i;
		t->n++;
	}
	r->octets = octets & LEDGER_CHARGE_MOST;
	tally_open(&e->tally, octets);
}

void ledger_refund(struct ledger *l, struct entry *e, struct hash id)
{
	uint32_t *link;
	struct transaction *t = find(l, id);
	const struct record *r = t ? record_of(l, t, cache_index(l->cache, e), &link) : NULL;
	if (!r)
		return;
	if (stands(l, r))
		tally_unopen(&e->tally, r->octets);
	release_record(l, t, link);
}

bool ledger_has(struct ledger *l, const struct entry *e, struct hash id)
{
	uint32_t *link;
	struct transaction *t = find(l, id);
	const struct record *r = t ? record_of(l, t, cache_index(l->cache, e), &link) : NULL;
	return r && stands(l, r);
}

bool ledger_has_come(struct ledger *l, const struct entry *e, struct hash id)
{
	const struct transaction *t = find(l, id);
	return t && has_arrived(t, e);
}

struct charge ledger_seal(struct ledger *l, struct entry *e, struct hash id, msec now)
{
	uint32_t *link;
	struct transaction *t = find(l, id);
	struct record *r = t ? record_of(l, t, cache_index(l->cache, e), &link) : NULL;
	struct charge own = { 0 }, others = open_of(e);
	if (r && !stands(l, r))
		r = NULL;
	if (r)
		own = (struct charge){ r->octets, 1 };
	others = charge_less(others, own);
	if (others.messages > 0) {
		tally_unlend(&e->tally, others);
		put_ended(l, e, others, now);
		e->epoch++;
		if (r)
			r->epoch = e->epoch;
	}
	return charge_less(tally_sum(&e->tally), own);
}

void ledger_hand_over(struct ledger *l, struct entry *e, struct charge spent, msec now)
{
	struct charge left = charge_less(charge_less(tally_sum(&e->tally), open_of(e)), spent);
	tally_drop(&e->tally, UINT32_MAX);
	if (left.messages > 0)
		put_ended(l, e, left, now);
}

void ledger_take_over(struct ledger *l, struct entry *e, struct charge spent, msec ended)
{
	if (spent.messages == 0)
		return;
	spent.octets = at_most(spent.octets);
	put_ended(l, e, spent, ended);
}

void ledger_resize(struct ledger *l, struct hash id, uint64_t octets)
{
	struct transaction *t = find(l, id);
	octets = at_most(octets);
	for (uint32_t i = t ? t->first : NONE; i != NONE; i = l->records[i].next) {
		struct record *r = &l->records[i];
		struct entry *e = cache_at(l->cache, r->mailbox);
		if (!stands(l, r))
			continue;
		tally_unopen(&e->tally, r->octets);
		tally_open(&e->tally, octets);
		r->octets = octets & LEDGER_CHARGE_MOST;
	}
}

void ledger_arrive(struct ledger *l, struct hash id, msec now)
{
	struct transaction *t = find(l, id);
	if (!t || t->arrived)
		return;
	t->arrived = true;
	if (t->n == 1 && stands(l, &l->records[t->first])) {
		const struct record *r = &l->records[t->first];
		const struct entry *e = cache_at(l->cache, r->mailbox);
		memcpy(t->arrived_key, e->key, sizeof(t->arrived_key));
		t->arrived_taken = entry_facts(e).taken;
		t->arrived_octets = r->octets;
	}
	end_charges(l, t, false, now);
}

void ledger_linger(struct ledger *l, struct hash id, msec now)
{
	struct transaction *t = find(l, id);
	if (!t)
		return;
	ledger_arrive(l, id, now);
	list_remove(&t->by_age);
	list_insert(&l->lingering, &t->by_age);
	t->begun = now;
}

void ledger_unbind(struct ledger *l, struct hash id, msec now)
{
	struct transaction *t = find(l, id);
	if (!t)
		return;
	list_remove(&t->by_age);
	list_insert(&l->unbound, &t->by_age);
	t->begun = now;
}

void ledger_end(struct ledger *l, struct hash id, msec now)
{
	struct transaction *t = find(l, id);
	if (t)
		close_transaction(l, t, false, now);
}

void ledger_abandon(struct ledger *l, struct hash id)
{
	struct transaction *t = find(l, id);
	if (t)
		close_transaction(l, t, true, 0);
}

/* A count of the messages against a sum that others kept: what they differ by is no mail that came. */
static bool is_counted(const struct facts *f)
{
	return f->source == SOURCE_RECOUNT || f->source == SOURCE_REMEMBERED;
}

/* What has come since. It may be what was charged longest ago: pays first, and what is left of that is dropped then. */
static void pay(struct entry *e, const struct facts *was, const struct facts *is)
{
	const struct charge growth = { is->usage > was->usage ? is->usage - was->usage : 0,
		is->messages > was->messages ? is->messages - was->messages : 0 };
	if (asked_is(was) || asked_is(is))
		return; /* nobody sees it grow */
	if (was->state == FACTS_FOUND && is->state == FACTS_FOUND && is_counted(was) == is_counted(is))
		tally_pay(&e->tally, growth, is->messages > 0 || was->messages > 0);
}

void ledger_settle(struct ledger *l, struct entry *e, const struct facts *was, const struct facts *is, msec begun)
{
	pay(e, was, is);
	tally_drop(&e->tally, ledger_before(l, begun));
}

uint32_t ledger_before(const struct ledger *l, msec now)
{
	return now > l->settle ? (uint32_t)((now - l->settle) / 1000) : 0;
}

static msec end_of_open(const struct ledger *l)
{
	return list_empty(&l->by_age) ? MSEC_NEVER : oldest(&l->by_age)->begun + LEDGER_OPEN_MOST;
}

static msec end_of_lingering(const struct ledger *l)
{
	return list_empty(&l->lingering) ? MSEC_NEVER : oldest(&l->lingering)->begun + LEDGER_REPEATED_WITHIN;
}

static msec end_of_unbound(const struct ledger *l)
{
	return list_empty(&l->unbound) ? MSEC_NEVER : oldest(&l->unbound)->begun + l->settle;
}

/* As if it had ended `settle` ago: the next look-up drops its charges. */
static void close_long_ended(struct ledger *l, struct transaction *t, msec now)
{
	close_transaction(l, t, false, now - l->settle - 1000);
}

bool ledger_expire_unbound(struct ledger *l, struct hash *id, msec now)
{
	if (end_of_unbound(l) > now)
		return false;
	*id = oldest(&l->unbound)->id;
	close_long_ended(l, oldest(&l->unbound), now);
	return true;
}

void ledger_expire(struct ledger *l, msec now)
{
	while (end_of_lingering(l) <= now)
		close_transaction(l, oldest(&l->lingering), false, now);
	while (end_of_open(l) <= now)
		close_long_ended(l, oldest(&l->by_age), now);
}

msec ledger_expiry(const struct ledger *l)
{
	msec open = end_of_open(l), lingering = end_of_lingering(l), unbound = end_of_unbound(l);
	open = unbound < open ? unbound : open;
	return open < lingering ? open : lingering;
}

size_t ledger_transactions(const struct ledger *l)
{
	return l->open;
}
