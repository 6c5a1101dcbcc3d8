#include "base/seats.h"

void seats_init(struct seats *s)
{
	for (int i = 0; i < SEAT_STATES; i++)
		list_init(&s->in[i]);
	s->n_new = 0;
}

void seat_init(struct seat *seat)
{
	list_init(&seat->link);
}

void seat_take(struct seats *s, struct seat *seat, enum seat_state state, msec now)
{
	seat_leave(s, seat);
	seat->state = state;
	seat->since = now;
	list_insert(&s->in[state], &seat->link);
	s->n_new += state == SEAT_NEW;
}

void seat_leave(struct seats *s, struct seat *seat)
{
	if (list_empty(&seat->link))
		return;
	s->n_new -= seat->state == SEAT_NEW;
	list_remove(&seat->link);
}

/* The one that has been in that state the longest, and since then or earlier. */
static struct seat *first(const struct seats *s, enum seat_state state, msec since)
{
	const struct list *head = &s->in[state];
	struct seat *seat = list_empty(head) ? NULL : seat_of(head->next);
	return seat && seat->since <= since ? seat : NULL;
}

struct seat *seats_victim(const struct seats *s, size_t places, msec now)
{
	const struct {
		enum seat_state state;
		msec since;
	} order[] = {
		{ SEAT_NEW, s->n_new > places / 2 ? MSEC_NEVER : now - SEATS_GRACE },
		{ SEAT_BUSY, now - SEATS_GRACE },
		{ SEAT_IDLE, MSEC_NEVER },
		{ SEAT_NEW, MSEC_NEVER },
		{ SEAT_BUSY, MSEC_NEVER },
	};
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		struct seat *seat = first(s, order[i].state, order[i].since);
		if (seat)
			return seat;
	}
	return NULL;
}
