/* Users by Zipf's law. See picks.h. */
#include "picks.h"

#include <stdlib.h>

/* The user in whose stretch of the sums `at` lies. */
static uint32_t user_at(const double *sums, uint64_t users, double at)
{
	uint64_t low = 0, high = users - 1;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (sums[middle] > at)
			high = middle;
		else
			low = middle + 1;
	}
	return (uint32_t)low;
}

bool picks_open(struct picks *p, uint64_t users, uint64_t seed)
{
	double *sums = malloc(users * sizeof *sums), sum = 0;
	unsigned short state[3] = { (unsigned short)seed, (unsigned short)(seed >> 16), 1 };

	p->users = malloc(PICKS * sizeof *p->users);
	p->next = 0;
	if (!sums || !p->users) {
		free(sums);
		picks_close(p);
		return false;
	}
	for (uint64_t i = 0; i < users; i++)
		sums[i] = sum += 1.0 / (double)(i + 1);
	for (size_t i = 0; i < PICKS; i++)
		p->users[i] = user_at(sums, users, erand48(state) * sum);
	free(sums);
	return true;
}

uint32_t picks_next(struct picks *p)
{
	return p->users[p->next++ % PICKS];
}

void picks_close(struct picks *p)
{
	free(p->users);
	p->users = NULL;
}
