/* The gate beside its model (tests/model.h) through some hundred thousand events, the same at every run. */
#include "../model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define LIVES 60
#define CHOICES 24000 /* octets a life */
#define EVENTS 200000 /* at least, altogether */

/* xorshift64* (Vigna): any simple sequence would do. */
static uint8_t next(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (uint8_t)(*seed * UINT64_C(0x2545F4914F6CDD1D) >> 56);
}

static void gate_keeps_to_the_model(void **state)
{
	(void)state;
	static uint8_t choices[CHOICES];
	for (unsigned life = 1; life <= LIVES; life++) {
		uint64_t seed = life;
		for (size_t i = 0; i < sizeof(choices); i++)
			choices[i] = next(&seed);
		const char *broken = model_run(choices, sizeof(choices));
		if (broken)
			fail_msg("seed %u: %s", life, broken);
	}
	assert_true(model_events() >= EVENTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gate_keeps_to_the_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
