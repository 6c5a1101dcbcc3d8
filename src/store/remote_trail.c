#include "store/remote_trail.h"

#include <stdlib.h>

struct remote_trails {
	struct list slots[REMOTE_TRAILS];
	struct list by_age; /* the latest stands last */
	struct list settled; /* likewise */
	uint64_t *lost;
	size_t used; /* those after them were never touched */
	struct remote_trail trails[REMOTE_TRAILS];
};

struct remote_trails *remote_trails_new(uint64_t *lost)
{
	struct remote_trails *t = malloc(sizeof(*t));
	if (!t)
		return NULL;
	for (size_t i = 0; i < REMOTE_TRAILS; i++)
		list_init(&t->slots[i]);
	list_init(&t->by_age);
	list_init(&t->settled);
	t->lost = lost;
	t->used = 0;
	return t;
}

void remote_trails_free(struct remote_trails *t)
{
	free(t);
}

struct remote_trail *remote_trails_find(const struct remote_trails *t, struct hash transaction)
{
	list_each (n, &t->slots[transaction.a % REMOTE_TRAILS]) {
		struct remote_trail *trail = list_of(n, struct remote_trail, same_slot);
		if (hash_eq(trail->transaction, transaction))
			return trail;
	}
	return NULL;
}

/* What was owed is not any more. Returns to how many hosts something was. */
static unsigned forgive(struct remote_trail *trail)
{
	unsigned owed = 0;
	for (unsigned i = 0; i < trail->n; i++) {
		struct remote_debt *d = &trail->at[i];
		owed += !list_empty(&d->link);
		list_remove(&d->link);
		d->out = 0;
	}
	return owed;
}

static struct remote_trail *take_place(struct remote_trails *t)
{
	struct remote_trail *trail = &t->trails[t->used];
	if (t->used < REMOTE_TRAILS) {
		t->used++;
		list_init(&trail->same_slot);
		list_init(&trail->by_age);
		return trail;
	}
	trail = list_of(list_empty(&t->settled) ? t->by_age.next : t->settled.next, struct remote_trail, by_age);
	*t->lost += forgive(trail);
	list_remove(&trail->same_slot);
	return trail;
}

static void be_youngest(struct remote_trails *t, struct remote_trail *trail, bool settled)
{
	trail->settled = settled;
	list_remove(&trail->by_age);
	list_insert(settled ? &t->settled : &t->by_age, &trail->by_age);
}

struct remote_trail *remote_trails_open(struct remote_trails *t, struct hash transaction)
{
	struct remote_trail *trail = remote_trails_find(t, transaction);
	if (!trail) {
		trail = take_place(t);
		trail->transaction = transaction;
		trail->n = 0;
		trail->event = FACTS_EVENT_NONE;
		list_insert(&t->slots[transaction.a % REMOTE_TRAILS], &trail->same_slot);
	} else if (remote_trail_is_over(trail)) {
		forgive(trail);
		trail->event = FACTS_EVENT_NONE;
	}
	be_youngest(t, trail, false);
	return trail;
}

bool remote_trails_mark(struct remote_trails *t, struct remote_trail *trail, struct hash host, msec now)
{
	be_youngest(t, trail, false);
	trail->marked = now;
	if (remote_trail_at(trail, host))
		return true;
	if (trail->n == REMOTE_TRAIL_HOSTS)
		return false;
	struct remote_debt *d = &trail->at[trail->n++];
	*d = (struct remote_debt){ .trail = trail, .host = host };
	list_init(&d->link);
	return true;
}

struct remote_debt *remote_trail_at(struct remote_trail *trail, struct hash host)
{
	for (unsigned i = 0; i < trail->n; i++)
		if (hash_eq(trail->at[i].host, host))
			return &trail->at[i];
	return NULL;
}

bool remote_trail_is_over(const struct remote_trail *trail)
{
	return trail->event == FACTS_EVENT_ENDED || trail->event == FACTS_EVENT_ABANDONED;
}

void remote_trails_settle(struct remote_trails *t, struct remote_trail *trail)
{
	bool settled = remote_trail_is_over(trail);
	for (unsigned i = 0; i < trail->n; i++)
		settled = settled && list_empty(&trail->at[i].link);
	if (settled != trail->settled)
		be_youngest(t, trail, settled);
}
