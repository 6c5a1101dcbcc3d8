#include "core/breaker.h"

msec breaker_jitter(msec about, uint32_t random)
{
	msec fifth = about / 5;
	return about - fifth + (msec)(random % (uint64_t)(2 * fifth + 1));
}

enum breaker_leave breaker_ask(struct breaker *b, msec now)
{
	switch (b->state) {
	case BREAKER_CLOSED: return BREAKER_ASK;
	case BREAKER_PROBING: return BREAKER_REFUSED;
	case BREAKER_OPEN: break;
	}
	if (now < b->until)
		return BREAKER_REFUSED;
	b->state = BREAKER_PROBING;
	return BREAKER_PROBE;
}

bool breaker_answered(struct breaker *b)
{
	bool was_left_alone = b->state != BREAKER_CLOSED;
	*b = (struct breaker){ .state = BREAKER_CLOSED };
	return was_left_alone;
}

static void pause(struct breaker *b, msec pause, msec now, uint32_t random)
{
	b->state = BREAKER_OPEN;
	b->pause = pause;
	b->until = now + breaker_jitter(pause, random);
}

bool breaker_silent(struct breaker *b, const struct breaker_conf *conf, bool probe, msec now, uint32_t random)
{
	/* One that was asked before the others stopped says nothing new. */
	if (b->state == BREAKER_OPEN || (b->state == BREAKER_PROBING && !probe))
		return false;
	if (b->state == BREAKER_PROBING) {
		msec twice = 2 * b->pause < BREAKER_PAUSE_MAX ? 2 * b->pause : BREAKER_PAUSE_MAX;
		pause(b, twice > b->pause ? twice : b->pause, now, random);
		return false;
	}
	if (++b->silent < conf->failures)
		return false;
	pause(b, conf->pause, now, random);
	return true;
}

void breaker_withdrawn(struct breaker *b, msec now)
{
	if (b->state != BREAKER_PROBING)
		return;
	b->state = BREAKER_OPEN;
	b->until = now;
}

const char *breaker_state_name(enum breaker_state state)
{
	switch (state) {
	case BREAKER_CLOSED: return "closed";
	case BREAKER_OPEN: return "open";
	case BREAKER_PROBING: return "probing";
	}
	return "closed";
}
