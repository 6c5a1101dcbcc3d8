/*
 * Frontends and a backend, all of them real gates, over a network that delays, loses and repeats: what the frontends let in
 * together must fit. Mail that was let in is delivered later; a delivery that does not fit would be a bounce.
 *
 * Promised is, whatever happens: every question is answered once and in time; what is lent lies below `soft`; when all is over
 * no charge is left anywhere. And as long as nobody went by what he knew last: what is in a mailbox, and what was let in and
 * is on its way to it, is never more than what the backend counts.
 */
#ifndef TESTS_FARM_H
#define TESTS_FARM_H

#include <stddef.h>
#include <stdint.h>

struct farm_sums {
	unsigned accepted, refused, overrun;
};

/* Lives through the events that `choices` tell. Null, or the promise that was broken (static, with what led to it). */
const char *farm_run(const uint8_t *choices, size_t len);

/* Ten minutes of much mail, by a seed, over a network that loses so many datagrams of a hundred. Adds to the sums. */
const char *farm_live(uint64_t seed, unsigned loss, struct farm_sums *);

#endif
