/* An intrusive doubly linked ring: the head and the members are the same struct, an unlinked member points to itself. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

/* The struct of type `type` whose member `member` is the list node at `node`. */
#define list_of(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* `n` walks the ring; with _safe the body may unlink or free the member at hand. */
#define list_each(n, head) for (struct list *n = (head)->next; n != (head); n = n->next)
#define list_each_safe(n, head)                                                                                        \
	for (struct list *n = (head)->next, *n##_next = n->next; n != (head); n = n##_next, n##_next = n->next)

static inline void list_init(struct list *n)
{
	n->next = n->prev = n;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

/* Puts n before `at`: with the head, at the end of the list. */
static inline void list_insert(struct list *at, struct list *n)
{
	n->prev = at->prev;
	n->next = at;
	at->prev->next = n;
	at->prev = n;
}

/* Unlinks n; harmless when it is in no list. */
static inline void list_remove(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

#endif
