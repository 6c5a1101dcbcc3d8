#include "core/book.h"

#include <stdlib.h>

struct book {
	struct list by_use; /* longest unused first */
	struct list *chains;
	size_t n_chains, entries_most, octets_most;
	size_t entries, octets;
};

struct book *book_new(size_t entries, size_t octets)
{
	struct book *b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->n_chains = b->entries_most = entries;
	b->octets_most = octets;
	b->chains = calloc(entries, sizeof(*b->chains));
	if (!b->chains) {
		free(b);
		return NULL;
	}
	list_init(&b->by_use);
	for (size_t i = 0; i < b->n_chains; i++)
		list_init(&b->chains[i]);
	return b;
}

static size_t size_of(size_t len)
{
	return sizeof(struct book_entry) + len;
}

static void drop(struct book *b, struct book_entry *e)
{
	list_remove(&e->by_use);
	list_remove(&e->same_chain);
	b->entries--;
	b->octets -= size_of(e->len);
	free(e);
}

void book_free(struct book *b)
{
	if (!b)
		return;
	list_each_safe (n, &b->by_use)
		drop(b, list_of(n, struct book_entry, by_use));
	free(b->chains);
	free(b);
}

static struct book_entry *find(struct book *b, struct hash key)
{
	struct list *chain = &b->chains[key.a % b->n_chains];
	list_each (n, chain) {
		struct book_entry *e = list_of(n, struct book_entry, same_chain);
		if (hash_eq(e->key, key))
			return e;
	}
	return NULL;
}

const struct book_entry *book_find(struct book *b, struct hash key)
{
	struct book_entry *e = find(b, key);
	if (e) {
		list_remove(&e->by_use);
		list_insert(&b->by_use, &e->by_use);
	}
	return e;
}

void book_put(struct book *b, struct hash key, enum listing listing, struct str targets, msec taken)
{
	struct book_entry *e = find(b, key);
	if (e)
		drop(b, e);
	if (size_of(targets.len) > b->octets_most)
		return;
	while (b->entries == b->entries_most || b->octets + size_of(targets.len) > b->octets_most)
		drop(b, list_of(b->by_use.next, struct book_entry, by_use));
	e = malloc(size_of(targets.len));
	if (!e)
		return;
	e->key = key;
	e->taken = taken;
	e->listing = listing;
	e->len = targets.len;
	if (targets.len)
		memcpy(e->targets, targets.at, targets.len);
	list_insert(&b->by_use, &e->by_use);
	list_insert(&b->chains[key.a % b->n_chains], &e->same_chain);
	b->entries++;
	b->octets += size_of(e->len);
}

size_t book_count(const struct book *b)
{
	return b->entries;
}
