/*
 * Where an octet stands in a block of 64, as bits: bit n is set when octet n is it. For loops that look for several octets
 * in short pieces of text, where a memchr() for each piece costs more in calls and mispredicted lengths than it reads.
 */
#ifndef BASE_SCAN_H
#define BASE_SCAN_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define SCAN_BLOCK 64

/* The same for the octets of a word, the lowest first: those that become 0 by the exclusive or, and then their highest bits,
   moved together by a multiplication in which nothing is carried. */
static inline uint64_t scan_word(uint64_t word, unsigned char c)
{
	const uint64_t low = 0x7F7F7F7F7F7F7F7Fu;
	uint64_t x = word ^ (0x0101010101010101u * c);
	uint64_t found = ~(((x & low) + low) | x | low);
	return (found >> 7) * 0x0102040810204080u >> 56;
}

/* For any machine. */
static inline uint64_t scan_block_plain(const char *block, char c)
{
	uint64_t bits = 0;
	for (int i = 0; i < SCAN_BLOCK; i += 8) {
		uint64_t word;
		memcpy(&word, block + i, sizeof(word));
		bits |= scan_word(le64toh(word), (unsigned char)c) << i;
	}
	return bits;
}

/* `block` has SCAN_BLOCK octets. */
static inline uint64_t scan_block(const char *block, char c)
{
#ifdef __SSE2__
	const __m128i wanted = _mm_set1_epi8(c);
	uint64_t bits = 0;
	for (int i = 0; i < SCAN_BLOCK; i += 16) {
		__m128i octets = _mm_loadu_si128((const __m128i *)(const void *)(block + i));
		bits |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(octets, wanted)) << i;
	}
	return bits;
#else
	return scan_block_plain(block, c);
#endif
}

/* The index of the lowest bit; there is one. */
static inline size_t scan_first(uint64_t bits)
{
	return (size_t)__builtin_ctzll(bits);
}

/* All bits below the lowest one; there is one. */
static inline uint64_t scan_below(uint64_t bits)
{
	return (bits & -bits) - 1;
}

#endif
