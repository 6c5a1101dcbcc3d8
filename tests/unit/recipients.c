/* Lists of recipients, as Exim tells them and as fronts keep them. */
#include "core/recipients.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_next(void **state)
{
	static const struct {
		const char *list, *want; /* each address and a bar */
	} cases[] = {
		{ "", "" },
		{ " , ,", "" },
		{ "a@x", "a@x|" },
		{ "a@x, b@y,c@z ,", "a@x|b@y|c@z|" },
		{ "\"a, b\"@x, c@y", "\"a, b\"@x|c@y|" },
		{ "\"a\\\", b\"@x, c@y", "\"a\\\", b\"@x|c@y|" },
		{ "\"a, b@x", "\"a, b@x|" },
		{ "\"a\\", "\"a\\|" },
		{ "a b@x,c", "a b@x|c|" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char got[64];
		struct buf out = BUF(got);
		struct str rest = str_of(cases[i].list), one;
		while (recipients_next(&one, &rest)) {
			buf_put(&out, one);
			buf_putc(&out, '|');
		}
		assert_string_equal(buf_z(&out), cases[i].want);
	}
}

static void test_at(void **state)
{
	(void)state;
	const struct str list = STR("a@x, b@y");
	assert_true(str_eq(recipients_at(list, 1), STR("a@x")));
	assert_true(str_eq(recipients_at(list, 2), STR("b@y")));
	assert_int_equal(recipients_at(list, 3).len, 0);
	assert_int_equal(recipients_at(STR(""), 1).len, 0);
}

static void test_keep(void **state)
{
	struct recipients r = { 0 };
	(void)state;
	recipients_keep(&r, STR("a@x"));
	recipients_keep(&r, STR("bb@x"));
	recipients_keep(&r, STR("a@x"));
	recipients_keep(&r, STR("c, d@x"));
	recipients_keep(&r, STR("\"open@x"));
	recipients_keep(&r, STR(""));
	assert_true(str_eq(recipients_list(&r), STR("a@x,bb@x,")));
	recipients_drop(&r, STR("a@x"));
	recipients_drop(&r, STR("nobody@x"));
	assert_true(str_eq(recipients_at(recipients_list(&r), 1), STR("bb@x")));
	recipients_forget(&r);
	assert_int_equal(recipients_list(&r).len, 0);
}

/* What finds no room is left out, and nothing is written behind the end. */
static void test_bounds(void **state)
{
	struct recipients r = { 0 };
	char address[32];
	size_t n = 0;
	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(address, sizeof(address), "somebody%04d@example.org", i);
		recipients_keep(&r, str_of(address));
	}
	struct str rest = recipients_list(&r), one;
	while (recipients_next(&one, &rest))
		n++;
	assert_int_equal(n, RECIPIENTS_KEPT / (strlen(address) + 1));
	assert_true(r.len <= sizeof(r.text));
	recipients_keep(&r, STR("a@x"));
	assert_true(r.len <= sizeof(r.text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_at),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
