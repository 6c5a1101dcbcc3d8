/*
 * Whether a host is worth asking. After so many questions in a row that got no answer at all it is left alone for a
 * pause; then one question goes to it as a probe, and what becomes of that one decides for the others. From one failed
 * probe to the next the pause doubles, up to a minute. Takes no clock and throws no dice: both come in.
 */
#ifndef CORE_BREAKER_H
#define CORE_BREAKER_H

#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_PAUSE_MAX SECONDS(60) /* doubling ends here */

struct breaker_conf {
	unsigned failures; /* in a row, at least 1 */
	msec pause; /* the first one, at least 1 */
};

enum breaker_state {
	BREAKER_CLOSED, /* it is asked */
	BREAKER_OPEN, /* it is not */
	BREAKER_PROBING, /* the probe is out, and nobody else asks */
};

/* All zero: closed. */
struct breaker {
	enum breaker_state state;
	unsigned silent; /* questions in a row without an answer, while closed */
	msec pause; /* the latest, before it was jittered */
	msec until; /* while open */
};

enum breaker_leave { BREAKER_REFUSED, BREAKER_ASK, BREAKER_PROBE };

/* May a question go there? Who got BREAKER_PROBE must come back with one of the calls below. */
enum breaker_leave breaker_ask(struct breaker *, msec now);

/* An answer, to whomever it was: the host lives. True when it had not been asked before. */
bool breaker_answered(struct breaker *);

/* A question ended without any answer. `random` jitters the pause by up to a fifth either way. True when the host is not
   asked any more from now on. */
bool breaker_silent(struct breaker *, const struct breaker_conf *, bool probe, msec now, uint32_t random);

/* The probe ended and told nothing, for instance because nobody wants its answer any more: the next question is one. */
void breaker_withdrawn(struct breaker *, msec now);

const char *breaker_state_name(enum breaker_state);

/* A time changed by up to a fifth either way, so that what many do at once does not stay at once. */
msec breaker_jitter(msec about, uint32_t random);

#endif
