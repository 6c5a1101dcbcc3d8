/* The look-ups in flight: a slab of fixed size, found by the key of their mailbox, walked oldest first. */
#ifndef CORE_FLIGHT_H
#define CORE_FLIGHT_H

#include "core/lookup.h"

struct flight;

struct flight *flight_new(size_t lookups);
void flight_free(struct flight *);

/* A look-up for this mailbox that will bring what is wanted: a firm one serves everybody. Null when there is none. */
struct lookup *flight_find(struct flight *, struct hash key, bool firm);

/* A fresh one, findable by its key, with no text. Null when all are in flight. */
struct lookup *flight_take(struct flight *, struct hash key, bool firm, msec now);

/* No longer to be found; its contents stay. */
void flight_land(struct lookup *);

/* Landed and done with: it may be taken again. */
void flight_release(struct flight *, struct lookup *);

/* The ring of `lookup.in_flight`, oldest first. */
struct list *flight_all(struct flight *);

#endif
