/* Another server that a store or a directory asks, as the metrics tell of it. */
#ifndef CORE_PEER_H
#define CORE_PEER_H

#include "core/breaker.h"

enum peer_state {
	PEER_CLOSED, /* as of a breaker: it is asked */
	PEER_OPEN, /* it did not answer, and is not asked for a while */
	PEER_HALF_OPEN, /* it is being tried again */
};

struct peer_stats {
	char name[256]; /* NUL-terminated; unique among those of a store or directory */
	enum peer_state state;
	/* Questions and news since the start. fallbacks: asked by the other way, because the first did not answer; refused: it
	   would not answer (our key, our clock). */
	uint64_t asked, answered, timeouts, fallbacks, refused;
};

static inline enum peer_state peer_state_of(enum breaker_state state)
{
	switch (state) {
	case BREAKER_CLOSED: return PEER_CLOSED;
	case BREAKER_OPEN: return PEER_OPEN;
	case BREAKER_PROBING: return PEER_HALF_OPEN;
	}
	return PEER_CLOSED;
}

#endif
