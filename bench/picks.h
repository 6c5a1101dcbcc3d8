/*
 * Users by Zipf's law, as mail comes: the user of number N is asked about in proportion to 1/(N + 1). Drawn before the
 * measuring begins, and given out again and again in the same order, so that a draw costs next to nothing.
 */
#ifndef BENCH_PICKS_H
#define BENCH_PICKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PICKS 1048576

struct picks {
	uint32_t *users; /* PICKS of them */
	size_t next;
};

/* Of `users` users, at least one; the same seed gives the same draws. False: no memory. */
bool picks_open(struct picks *, uint64_t users, uint64_t seed);
uint32_t picks_next(struct picks *);
void picks_close(struct picks *);

#endif
