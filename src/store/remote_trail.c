#include "store/remote_trail.h"

#include "base/list.h"

#include <stdlib.h>

struct entry {
	struct list same_slot, by_age;
	struct hash transaction;
	struct remote_trail trail;
};

struct remote_trails {
	struct list slots[REMOTE_TRAILS];
	struct list by_age; /* the latest stands last */
	struct entry entries[REMOTE_TRAILS];
};

struct remote_trails *remote_trails_new(void)
{
	struct remote_trails *t = malloc(sizeof(*t));
	if (!t)
		return NULL;
	list_init(&t->by_age);
	for (size_t i = 0; i < REMOTE_TRAILS; i++) {
		list_init(&t->slots[i]);
		list_init(&t->entries[i].same_slot);
		list_insert(&t->by_age, &t->entries[i].by_age);
	}
	return t;
}

void remote_trails_free(struct remote_trails *t)
{
	free(t);
}

static struct entry *find(const struct remote_trails *t, struct hash transaction)
{
	list_each (n, &t->slots[transaction.a % REMOTE_TRAILS]) {
		struct entry *e = list_of(n, struct entry, same_slot);
		if (hash_eq(e->transaction, transaction))
			return e;
	}
	return NULL;
}

void remote_trails_mark(struct remote_trails *t, struct hash transaction, struct hash host)
{
	struct entry *e = find(t, transaction);
	if (!e) {
		e = list_of(t->by_age.next, struct entry, by_age);
		list_remove(&e->same_slot);
		list_insert(&t->slots[transaction.a % REMOTE_TRAILS], &e->same_slot);
		e->transaction = transaction;
		e->trail.n = 0;
	}
	list_remove(&e->by_age);
	list_insert(&t->by_age, &e->by_age);
	for (unsigned i = 0; i < e->trail.n; i++)
		if (hash_eq(e->trail.at[i], host))
			return;
	if (e->trail.n < REMOTE_TRAIL_HOSTS)
		e->trail.at[e->trail.n++] = host;
}

const struct remote_trail *remote_trails_find(const struct remote_trails *t, struct hash transaction)
{
	const struct entry *e = find(t, transaction);
	return e ? &e->trail : NULL;
}

void remote_trails_drop(struct remote_trails *t, struct hash transaction)
{
	struct entry *e = find(t, transaction);
	if (!e)
		return;
	list_remove(&e->same_slot);
	list_remove(&e->by_age);
	list_insert(t->by_age.next, &e->by_age); /* first: it is free */
}
