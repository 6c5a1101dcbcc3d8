#include "wire/replay.h"

static uint64_t *word_of(struct replay_window *w, uint64_t sequence)
{
	return &w->heard[sequence / 64 % (REPLAY_WINDOW / 64)];
}

static uint64_t bit_of(uint64_t sequence)
{
	return (uint64_t)1 << sequence % 64;
}

/* The numbers up to `sequence` take the places of those that fall behind. */
static void advance(struct replay_window *w, uint64_t sequence)
{
	uint64_t n = sequence - w->highest;
	if (n > REPLAY_WINDOW)
		n = REPLAY_WINDOW;
	for (uint64_t i = 0; i < n; i++)
		*word_of(w, sequence - i) &= ~bit_of(sequence - i);
	w->highest = sequence;
}

/* The place of an asker who is new: one more, or that of the one heard longest ago. Null: all may still be repeated. */
static struct replay_window *make_room(struct replay *r, uint64_t asker, msec horizon)
{
	size_t oldest = 0;
	if (r->n < REPLAY_ASKERS) {
		oldest = r->n++;
	} else {
		for (size_t i = 1; i < r->n; i++)
			if (r->windows[i].latest < r->windows[oldest].latest)
				oldest = i;
		if (r->windows[oldest].latest >= horizon)
			return NULL;
	}
	r->askers[oldest] = asker;
	return &r->windows[oldest];
}

static struct replay_window *find(struct replay *r, uint64_t asker)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->askers[i] == asker)
			return &r->windows[i];
	return NULL;
}

enum replay_outcome replay_take(struct replay *r, uint64_t asker, uint64_t sequence, msec time, msec horizon)
{
	struct replay_window *w = find(r, asker);
	if (!w) {
		w = make_room(r, asker, horizon);
		if (!w)
			return REPLAY_CROWDED;
		*w = (struct replay_window){ .latest = time, .highest = sequence };
	} else if (sequence > w->highest) {
		advance(w, sequence);
	} else if (w->highest - sequence >= REPLAY_WINDOW || *word_of(w, sequence) & bit_of(sequence)) {
		return REPLAY_HEARD;
	}
	*word_of(w, sequence) |= bit_of(sequence);
	if (time > w->latest)
		w->latest = time;
	return REPLAY_NEW;
}
