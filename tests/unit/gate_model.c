/* The gate beside its model (tests/model.h) through some hundred thousand events, the same at every run. */
#include "../model.h"

#include "lives.h"

#define LIVES 60
#define CHOICES 24000 /* octets a life */
#define EVENTS 200000 /* at least, altogether */

static void gate_keeps_to_the_model(void **state)
{
	(void)state;
	lives_run(LIVES, CHOICES, model_run);
	assert_true(model_events() >= EVENTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gate_keeps_to_the_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
