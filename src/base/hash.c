#include "base/hash.h"

#include <string.h>

static uint64_t rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void rounds(uint64_t v[4], int n)
{
	while (n-- > 0) {
		v[0] += v[1], v[2] += v[3];
		v[1] = rotl(v[1], 13) ^ v[0], v[3] = rotl(v[3], 16) ^ v[2];
		v[0] = rotl(v[0], 32);
		v[2] += v[1], v[0] += v[3];
		v[1] = rotl(v[1], 17) ^ v[2], v[3] = rotl(v[3], 21) ^ v[0];
		v[2] = rotl(v[2], 32);
	}
}

static uint64_t word(const unsigned char *p, size_t n)
{
	uint64_t w = 0;
	for (size_t i = 0; i < n; i++)
		w |= (uint64_t)p[i] << (8 * i);
	return w;
}

struct hash hash_of(const struct hash_key *key, const void *octets, size_t len)
{
	const unsigned char *p = octets;
	uint64_t v[4] = { key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du ^ 0xee,
		key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u };
	uint64_t last = (uint64_t)len << 56;
	struct hash h;
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t m = word(p, 8);
		v[3] ^= m;
		rounds(v, 2);
		v[0] ^= m;
	}
	last |= word(p, len);
	v[3] ^= last;
	rounds(v, 2);
	v[0] ^= last;
	v[2] ^= 0xee;
	rounds(v, 4);
	h.a = v[0] ^ v[1] ^ v[2] ^ v[3];
	v[1] ^= 0xdd;
	rounds(v, 4);
	h.b = v[0] ^ v[1] ^ v[2] ^ v[3];
	return h;
}
