/*
 * Whether a numbered message was heard before: the anti-replay window of RFC 4303, section 3.4.3, for several askers. Each
 * has its own sequence of numbers, which may come out of order by REPLAY_WINDOW; what is further behind counts as heard.
 *
 * The caller refuses messages sent before some horizon by their time. An asker all of whose messages were sent before it
 * need not be remembered: that is what bounds the table, and nothing that could still be repeated is ever forgotten.
 */
#ifndef WIRE_REPLAY_H
#define WIRE_REPLAY_H

#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>

#define REPLAY_ASKERS 256
#define REPLAY_WINDOW 4096 /* numbers */

struct replay_window {
	msec latest; /* time of the youngest message */
	uint64_t highest;
	uint64_t heard[REPLAY_WINDOW / 64]; /* a bit for each number, at its remainder */
};

/* All zero: nobody was heard. */
struct replay {
	size_t n;
	uint64_t askers[REPLAY_ASKERS]; /* in the order of the windows */
	struct replay_window windows[REPLAY_ASKERS];
};

enum replay_outcome {
	REPLAY_NEW, /* and noted */
	REPLAY_HEARD, /* or too far behind to tell */
	REPLAY_CROWDED, /* an asker more, and none can be forgotten */
};

/* A message of `asker`, authentic, sent at `time`, which is not before `horizon`. */
enum replay_outcome replay_take(struct replay *, uint64_t asker, uint64_t sequence, msec time, msec horizon);

#endif
