/* The line that the quota scripts answered, by what the gate says of a mailbox. */
#include "front/http.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct reply refusal = { .code = 452 };

static struct answer answer_of(enum reason reason, enum waiver waived)
{
	return (struct answer){
		.verdict = { .reason = reason, .waived = waived, .reply = reason == REASON_FULL ? &refusal : NULL },
		.facts = { .state = FACTS_FOUND, .usage = 300 },
		.limit = 200
	};
}

static void check(const struct answer *a, const char *want)
{
	const struct query q = { .address = STR("joe+x@a.example") };
	char space[128];
	struct buf out = BUF(space);
	assert_true(http_put_line(&out, &q, a));
	assert_string_equal(buf_z(&out), want);
}

static void test_verdicts(void **state)
{
	static const struct {
		enum reason reason;
		enum waiver waived;
		const char *line;
	} cases[] = {
		{ REASON_ROOM, WAIVED_NOT, "OK joe+x@a.example 300 200\n" },
		{ REASON_NO_LIMIT, WAIVED_NOT, "OK joe+x@a.example 300 200\n" },
		{ REASON_FULL, WAIVED_NOT, "OVERQUOTA joe+x@a.example 300 200\n" },
		{ REASON_FULL, WAIVED_SHADOW, "OVERQUOTA joe+x@a.example 300 200\n" },
		{ REASON_FULL, WAIVED_BYPASS, "OK joe+x@a.example 300 200\n" },
		{ REASON_FULL_LONG, WAIVED_NOT, "OVERQUOTA joe+x@a.example 300 200\n" },
		{ REASON_TOO_LARGE, WAIVED_NOT, "OVERQUOTA joe+x@a.example 300 200\n" },
		{ REASON_FORGED, WAIVED_NOT, "OK joe+x@a.example 300 200\n" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct answer a = answer_of(cases[i].reason, cases[i].waived);
		check(&a, cases[i].line);
	}
}

static void test_messages(void **state)
{
	struct answer a = answer_of(REASON_ROOM, WAIVED_NOT);
	(void)state;
	a.facts.messages = 7;
	check(&a, "OK joe+x@a.example 300 200 7 0\n");
	a.message_limit = 9;
	check(&a, "OK joe+x@a.example 300 200 7 9\n");
	a.facts.messages = 0;
	check(&a, "OK joe+x@a.example 300 200 0 9\n");
}

/* Figures that a store left there say nothing of a mailbox that is not found. */
static void test_not_found(void **state)
{
	static const enum facts_state states[] = { FACTS_FAILED, FACTS_NO_MAILBOX, FACTS_NOT_OURS };
	(void)state;
	for (size_t i = 0; i < COUNT(states); i++) {
		struct answer a = answer_of(REASON_NO_MAILBOX, WAIVED_NOT);
		a.facts = (struct facts){ .state = states[i], .usage = 1, .messages = 2 };
		a.message_limit = 3;
		check(&a, "OK joe+x@a.example 0 0\n");
	}
}

static void test_not_known(void **state)
{
	const struct query q = { .address = STR("joe") };
	struct answer a = { .verdict = { .reason = REASON_ERROR } };
	char space[64];
	struct buf out = BUF(space);
	(void)state;
	assert_false(http_put_line(&out, &q, &a));
	assert_int_equal(out.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_not_found),
		cmocka_unit_test(test_not_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
