/*
 * What a question brought to light about the server that it was for. Who asks in a helper tells it beside the answer, and the
 * daemon decides by it whether to go on asking there (core/guard.h): "no such mailbox" is an answer like any other.
 */
#ifndef BASE_HEARD_H
#define BASE_HEARD_H

#include <stdbool.h>
#include <stdint.h>

enum heard {
	HEARD_NOTHING, /* it was not asked: there was no need to, or something was wrong on our side */
	HEARD_ANSWER, /* it lives, whatever it said */
	HEARD_FAULT, /* no connection, silence, or nonsense: another question would have fared no better */
};

/* From a record. False: there is no such number. */
static inline bool heard_get(uint32_t n, enum heard *out)
{
	*out = HEARD_NOTHING;
	switch ((enum heard)n) {
	case HEARD_NOTHING:
	case HEARD_ANSWER:
	case HEARD_FAULT: *out = (enum heard)n; return true;
	}
	return false;
}

#endif
