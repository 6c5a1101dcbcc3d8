#include "core/flight.h"

#include <stdlib.h>

struct flight {
	struct lookup *lookups;
	struct list *slots;
	size_t n;
	struct list all, free;
};

struct flight *flight_new(size_t lookups)
{
	struct flight *f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->n = lookups;
	f->lookups = calloc(lookups, sizeof(*f->lookups));
	f->slots = calloc(lookups, sizeof(*f->slots));
	if (!f->lookups || !f->slots) {
		flight_free(f);
		return NULL;
	}
	list_init(&f->all);
	list_init(&f->free);
	for (size_t i = 0; i < lookups; i++) {
		list_init(&f->slots[i]);
		list_init(&f->lookups[i].same_slot);
		list_init(&f->lookups[i].waiting);
		list_insert(&f->free, &f->lookups[i].in_flight);
	}
	return f;
}

void flight_free(struct flight *f)
{
	if (!f)
		return;
	free(f->lookups);
	free(f->slots);
	free(f);
}

static struct list *slot_of(struct flight *f, struct hash key)
{
	return &f->slots[key.a % f->n];
}

struct lookup *flight_find(struct flight *f, struct hash key, bool firm)
{
	struct list *slot = slot_of(f, key);
	list_each (n, slot) {
		struct lookup *l = list_of(n, struct lookup, same_slot);
		if (hash_eq(l->flight, key) && (l->firm || !firm))
			return l;
	}
	return NULL;
}

struct lookup *flight_take(struct flight *f, struct hash key, bool firm, msec now)
{
	if (list_empty(&f->free))
		return NULL;
	struct lookup *l = list_of(f->free.next, struct lookup, in_flight);
	list_remove(&l->in_flight);
	list_insert(&f->all, &l->in_flight);
	list_insert(slot_of(f, key), &l->same_slot);
	l->mailbox = (struct mailbox){ 0 };
	l->facts = (struct facts){ 0 };
	l->of_directory = false;
	l->listing = LISTING_FAILED;
	l->targets = STR("");
	l->note[0] = '\0';
	l->store_data = NULL;
	l->flight = l->key = key;
	l->claim = (struct claim){ 0 };
	l->size = l->size_with_charges = 1;
	l->others = (struct charge){ 0 };
	l->charged = false;
	l->loan = (struct loan){ 0 };
	l->firm = firm;
	l->begun = now;
	l->active = true;
	return l;
}

void flight_land(struct lookup *l)
{
	list_remove(&l->in_flight);
	list_remove(&l->same_slot);
	l->active = false;
}

void flight_release(struct flight *f, struct lookup *l)
{
	list_insert(f->free.next, &l->in_flight); /* first: its memory is warm */
}

struct list *flight_all(struct flight *f)
{
	return &f->all;
}
