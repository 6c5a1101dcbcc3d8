#include "daemon/histogram.h"

#include <math.h>

const double histogram_bounds[HISTOGRAM_BOUNDS] = { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
	2.5, 5, 10 };

void histogram_add(struct histogram *h, uint64_t nanoseconds)
{
	double seconds = (double)nanoseconds / 1e9;
	size_t i = 0;
	while (i < HISTOGRAM_BOUNDS && seconds > histogram_bounds[i])
		i++;
	h->steps[i]++;
	h->sum += nanoseconds;
}

double histogram_quantile(const double *bounds, const double *upto, size_t n, double all, double q)
{
	double rank = q * all, below = 0, from = 0;
	if (n == 0 || !(all > 0))
		return NAN;
	for (size_t i = 0; i < n; i++) {
		if (upto[i] >= rank && upto[i] > below)
			return from + (bounds[i] - from) * (rank - below) / (upto[i] - below);
		below = upto[i];
		from = bounds[i];
	}
	return bounds[n - 1];
}
