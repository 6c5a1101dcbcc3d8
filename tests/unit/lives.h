/* Lives of a model: each is one run by a long sequence of octets, which choose what happens. The same at every run. */
#ifndef TESTS_LIVES_H
#define TESTS_LIVES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define LIVES_CHOICES_MAX 65536

/* xorshift64* (Vigna): any simple sequence would do. */
static uint8_t lives_next(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (uint8_t)(*seed * UINT64_C(0x2545F4914F6CDD1D) >> 56);
}

/* So many lives of `octets` choices. run() says which promise was broken, null: none. */
static void lives_run(unsigned lives, size_t octets, const char *(*run)(const uint8_t *choices, size_t len))
{
	static uint8_t choices[LIVES_CHOICES_MAX];
	assert_true(octets <= sizeof(choices));
	for (unsigned life = 1; life <= lives; life++) {
		uint64_t seed = life;
		for (size_t i = 0; i < octets; i++)
			choices[i] = lives_next(&seed);
		const char *broken = run(choices, octets);
		if (broken)
			fail_msg("seed %u: %s", life, broken);
	}
}

#endif
