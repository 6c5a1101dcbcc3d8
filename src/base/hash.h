/*
 * SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012). Addresses are chosen by strangers: without a
 * secret key they could choose them to collide. 128 bits stand for the name itself: two names with one hash do not occur.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t k0, k1;
};

struct hash {
	uint64_t a, b;
};

struct hash hash_of(const struct hash_key *key, const void *octets, size_t len);

static inline bool hash_eq(struct hash x, struct hash y)
{
	return x.a == y.a && x.b == y.b;
}

/* The all-zero hash stands for "none". */
static inline bool hash_is_none(struct hash x)
{
	return x.a == 0 && x.b == 0;
}

#endif
