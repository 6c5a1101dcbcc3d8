/*
 * How long something took, as counts in fixed steps from half a millisecond to ten seconds: cheap to add to, and good enough
 * to tell a median. Adding does not allocate.
 */
#ifndef DAEMON_HISTOGRAM_H
#define DAEMON_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS 14

/* The upper bounds of the steps but the last, which has none; in seconds, growing. */
extern const double histogram_bounds[HISTOGRAM_BOUNDS];

struct histogram {
	uint64_t steps[HISTOGRAM_BOUNDS + 1]; /* each without those before it */
	uint64_t sum; /* nanoseconds */
};

void histogram_add(struct histogram *, uint64_t nanoseconds);

/*
 * Where the share `q` (0 to 1) of all lies, taking them as spread evenly over their step. `upto[i]` is how many lie at or
 * below bounds[i], `all` how many there are. Not a number when there are none; what lies above the last bound is taken as
 * that bound.
 */
double histogram_quantile(const double *bounds, const double *upto, size_t n, double all, double q);

#endif
