#include "core/guard.h"

static const struct breaker_conf conf = { .failures = GUARD_FAILURES, .pause = GUARD_PAUSE };

void guard_init(struct guard *g, struct str name, uint32_t random)
{
	struct buf b = BUF(g->peer.name);
	*g = (struct guard){ .random = random };
	buf_put_clean(&b, name);
	buf_z(&b);
}

bool guard_admits(struct guard *g, const void *asker, msec now)
{
	switch (breaker_ask(&g->breaker, now)) {
	case BREAKER_REFUSED: return false;
	case BREAKER_PROBE: g->probe = asker; break;
	case BREAKER_ASK: break;
	}
	g->peer.asked++;
	return true;
}

static enum guard_turn fail(struct guard *g, bool probe, struct str words, msec now)
{
	struct buf b = BUF(g->words);
	g->peer.timeouts++;
	buf_put_clean(&b, words);
	buf_z(&b);
	g->random = g->random * 1664525 + 1013904223; /* jitter wants no better dice */
	return breaker_silent(&g->breaker, &conf, probe, now, g->random >> 8) ? GUARD_LEFT_ALONE : GUARD_AS_BEFORE;
}

enum guard_turn guard_heard(struct guard *g, const void *asker, enum heard heard, struct str words, msec now)
{
	bool probe = g->probe && g->probe == asker;
	if (probe)
		g->probe = NULL;
	switch (heard) {
	case HEARD_NOTHING:
		if (probe)
			breaker_withdrawn(&g->breaker, now);
		break;
	case HEARD_ANSWER:
		g->peer.answered++;
		return breaker_answered(&g->breaker) ? GUARD_ASKED_AGAIN : GUARD_AS_BEFORE;
	case HEARD_FAULT: return fail(g, probe, words, now);
	}
	return GUARD_AS_BEFORE;
}

void guard_put_why(const struct guard *g, msec now, struct buf *out)
{
	if (g->breaker.state == BREAKER_OPEN && g->breaker.until > now)
		buf_printf(out, "left alone for %lld s", (long long)((g->breaker.until - now + 999) / 1000));
	else
		buf_puts(out, "left alone until one question is answered");
	buf_printf(out, " after %d without an answer, last: ", GUARD_FAILURES);
	buf_put(out, str_of(g->words));
}

struct peer_stats guard_peer(const struct guard *g)
{
	struct peer_stats p = g->peer;
	p.state = peer_state_of(g->breaker.state);
	return p;
}
