#include "base/throttle.h"

static bool is_of(const struct throttle_place *p, const struct network *source)
{
	return p->taken && memcmp(p->source.octets, source->octets, sizeof(source->octets)) == 0;
}

static bool is_over(const struct throttle_place *p, msec now)
{
	return !p->taken || now - p->since >= THROTTLE_PAUSE;
}

/* The source's own place, else a free one, else one whose minute is over, else that of all others. */
static struct throttle_place *find(struct throttle *t, const struct network *source, msec now)
{
	struct throttle_place *found = &t->others;
	for (unsigned i = 0; i < THROTTLE_SOURCES; i++) {
		struct throttle_place *p = &t->sources[i];
		if (is_of(p, source))
			return p;
		if (is_over(p, now) && (found == &t->others || (found->taken && !p->taken)))
			found = p;
	}
	return found;
}

bool throttle_passes(struct throttle *t, const struct network *source, msec now, uint64_t *unlogged)
{
	struct throttle_place *p = find(t, source, now);
	if (!is_over(p, now)) {
		p->unlogged++;
		return false;
	}
	*unlogged = p->unlogged;
	*p = (struct throttle_place){ .source = *source, .since = now, .taken = true };
	return true;
}
