/* Latencies in logarithmic buckets. See latency.h. */
#include "latency.h"

#include <stddef.h>

#define LIMIT 3600000000000u

/* Values below two times LATENCY_STEPS have a bucket each; above, the top seven bits of a value choose it. */
static size_t bucket_of(uint64_t ns)
{
	unsigned shift;

	if (ns < 2 * LATENCY_STEPS)
		return (size_t)ns;
	shift = 57 - (unsigned)__builtin_clzll(ns);
	return (size_t)(shift * LATENCY_STEPS + (ns >> shift));
}

static uint64_t middle_of(size_t bucket)
{
	size_t shift = bucket / LATENCY_STEPS;

	if (bucket < 2 * LATENCY_STEPS)
		return bucket;
	shift -= 1;
	return ((uint64_t)(bucket - shift * LATENCY_STEPS) << shift) + (UINT64_C(1) << shift) / 2;
}

void latency_put(struct latency *l, uint64_t ns)
{
	if (ns > LIMIT)
		ns = LIMIT;
	if (ns > l->max)
		l->max = ns;
	l->count++;
	l->bucket[bucket_of(ns)]++;
}

uint64_t latency_get(const struct latency *l, double q)
{
	uint64_t want = (uint64_t)(q * (double)l->count), seen = 0;

	if (l->count == 0)
		return 0;
	if (want >= l->count)
		want = l->count - 1;
	for (size_t i = 0; i < sizeof l->bucket / sizeof l->bucket[0]; i++) {
		seen += l->bucket[i];
		if (seen > want)
			return middle_of(i) < l->max ? middle_of(i) : l->max;
	}
	return l->max;
}
