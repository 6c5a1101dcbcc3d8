/*
 * How often a stranger may make us log: once per source and minute. The table is small; who finds no place in it shares
 * one with all others like him, so that many sources, or forged ones, cannot fill the log either.
 */
#ifndef BASE_THROTTLE_H
#define BASE_THROTTLE_H

#include "base/network.h"
#include "base/time.h"

#define THROTTLE_SOURCES 32
#define THROTTLE_PAUSE SECONDS(60)

/* All zero: nobody has been heard of. */
struct throttle_place {
	struct network source;
	msec since; /* of the last line about it */
	uint64_t unlogged; /* since then */
	bool taken;
};

struct throttle {
	struct throttle_place sources[THROTTLE_SOURCES], others;
};

/* True when a line about this source (all zero: a local one) may be written now; *unlogged is then how many were not
   written before it, of this source, or of all that share its place. */
bool throttle_passes(struct throttle *, const struct network *source, msec now, uint64_t *unlogged);

#endif
