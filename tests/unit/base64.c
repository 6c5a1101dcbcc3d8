/* Base 64: the test vectors of RFC 4648, section 10, and octets beyond ASCII. */
#include "wire/base64.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
	struct str in;
	const char *out;
} rows[] = {
	{ { "", 0 }, "" },
	{ { "f", 1 }, "Zg==" },
	{ { "fo", 2 }, "Zm8=" },
	{ { "foo", 3 }, "Zm9v" },
	{ { "foob", 4 }, "Zm9vYg==" },
	{ { "fooba", 5 }, "Zm9vYmE=" },
	{ { "foobar", 6 }, "Zm9vYmFy" },
	{ { "\xFB\xFF\xBF", 3 }, "+/+/" },
	{ { "\0\0\0", 3 }, "AAAA" },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[16];
		struct buf out = BUF(text);
		base64_put(&out, rows[i].in);
		assert_false(out.full);
		assert_string_equal(buf_z(&out), rows[i].out);
	}
}

static void test_no_room(void **state)
{
	char text[7];
	struct buf out = BUF(text);
	(void)state;
	base64_put(&out, STR("fooba"));
	assert_true(out.full);
	assert_memory_equal(text, "Zm9vYmE", 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_no_room),
	};
	return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
