/*
 * The book: answers of directories, kept as they came, with their age. Bounded in number and octets; the one that was not
 * asked for the longest makes room. Like the cache it holds what was said, never a verdict.
 */
#ifndef CORE_BOOK_H
#define CORE_BOOK_H

#include "base/hash.h"
#include "base/list.h"
#include "base/time.h"
#include "core/target.h"

struct book_entry {
	struct hash key;
	struct list by_use; /* the book's own */
	struct list same_chain;
	msec taken; /* when the look-up that brought it began */
	enum listing listing; /* never LISTING_FAILED */
	size_t len; /* octets of targets */
	char targets[];
};

struct book;

/* At most `entries` answers and `octets` in sum. Null when there is no memory. */
struct book *book_new(size_t entries, size_t octets);
void book_free(struct book *);

/* Null when there is none. Valid until the next book_put() or book_free(). */
const struct book_entry *book_find(struct book *, struct hash key);

/* Keeps a copy, in the place of a former answer under this key. What is larger than the whole book, or for which there is
   no memory, is not kept. */
void book_put(struct book *, struct hash key, enum listing, struct str targets, msec taken);

size_t book_count(const struct book *);

#endif
