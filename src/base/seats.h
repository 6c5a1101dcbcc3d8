/*
 * The clients of a listener by what they are at, and who has to go when there is no place for one more: so that who asks
 * finds a place, and to sit there costs nobody else his. Who is being answered stays.
 */
#ifndef BASE_SEATS_H
#define BASE_SEATS_H

#include "base/list.h"
#include "base/time.h"

#include <stddef.h>

enum seat_state {
	SEAT_NEW, /* has had no answer yet: nothing, or a part of a request, has come */
	SEAT_IDLE, /* has been answered, and asks nothing */
	SEAT_BUSY, /* has been answered; a part of a request is here, or an answer is on its way */
	SEAT_ASKING, /* waits for an answer of ours */
	SEAT_STATES,
};

/* Of one client. */
struct seat {
	struct list link;
	msec since; /* when the state began */
	enum seat_state state;
};

struct seats {
	struct list in[SEAT_STATES]; /* the longest first */
	size_t n_new;
};

void seats_init(struct seats *);

/* One that is nowhere. */
void seat_init(struct seat *);

/* Puts it into a state, or out of all: harmless when it is nowhere. */
void seat_take(struct seats *, struct seat *, enum seat_state, msec now);
void seat_leave(struct seats *, struct seat *);

/* How long a client that is new, or in the middle of a request, is not held up as one that only sits there. */
#define SEATS_GRACE ((msec)500)

/* Who is to go: of the new ones, when they are more than half of `places`, the first; else the first that has been new, or
   busy, for longer than the grace; else who has been idle for the longest time; else the first of the new and the busy. So those
   who never ask have half of the places at most, and cost no client that does ask his. Null: all wait for answers. */
struct seat *seats_victim(const struct seats *, size_t places, msec now);

static inline struct seat *seat_of(struct list *link)
{
	return list_of(link, struct seat, link);
}

#endif
