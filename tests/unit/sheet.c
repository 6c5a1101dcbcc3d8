/* Sheets, as people and as programs get them. */
#include "daemon/sheet.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void assert_prints(struct sheet *sheets, size_t n, bool json, const char *want)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	sheets_print(sheets, n, out, json);
	fclose(out);
	assert_string_equal(text, want);
	free(text);
}

static void test_tables(void **state)
{
	static const char *const titles[] = { "name", "hit rate", "note", NULL }, *const one[] = { "a", "open now",
		NULL };
	struct sheet s[4];
	(void)state;
	sheet_init(&s[0], "stores", titles, false);
	sheet_text(&s[0], "vm\xC3\xA4il");
	sheet_value(&s[0], CELL_SHARE, 0.931);
	sheet_text(&s[0], "say \"\\\x1B\"");
	sheet_text(&s[0], "b");
	sheet_value(&s[0], CELL_SHARE, NAN);
	sheet_text(&s[0], NULL);
	sheet_init(&s[1], "peers", titles, false);
	sheet_init(&s[2], "ledger", one, true);
	sheet_value(&s[2], CELL_COUNT, 9007199254740991);
	sheet_value(&s[2], CELL_BOOL, 1);
	sheet_init(&s[3], "notify", one, true);
	assert_prints(s, 4, false,
		"stores\n"
		"  name   hit rate  note\n"
		"  vm\xC3\xA4il    93.1 %  say \"\\?\"\n"
		"  b             -  -\n"
		"\n"
		"ledger\n"
		"  a                    9007199254740991\n"
		"  open now             yes\n");
	assert_prints(s, 4, true,
		"{\n"
		"\"stores\": [\n"
		"  {\"name\": \"vm\xC3\xA4il\", \"hit_rate\": 0.931, \"note\": \"say \\\"\\\\?\\\"\"},\n"
		"  {\"name\": \"b\", \"hit_rate\": null, \"note\": null}],\n"
		"\"peers\": [],\n"
		"\"ledger\": {\"a\": 9007199254740991, \"open_now\": true},\n"
		"\"notify\": null\n"
		"}\n");
	for (size_t i = 0; i < COUNT(s); i++)
		sheet_free(&s[i]);
}

static void test_durations_and_times(void **state)
{
	static const struct {
		double seconds;
		const char *want;
	} cases[] = { { 0, "0 s" }, { 0.00042, "0.4 ms" }, { 0.0999, "99.9 ms" }, { 0.1, "100 ms" }, { 1, "1.0 s" },
		{ 119, "119 s" }, { 120, "2 min" }, { 3600, "1 h 0 min" }, { 86399, "23 h 59 min" },
		{ 90000, "1 d 1 h" } };
	static const char *const titles[] = { "t", NULL };
	char want[128];
	struct sheet s;
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		sheet_init(&s, "x", titles, true);
		sheet_value(&s, CELL_SECONDS, cases[i].seconds);
		snprintf(want, sizeof(want), "x\n  t                    %s\n", cases[i].want);
		assert_prints(&s, 1, false, want);
		sheet_free(&s);
	}
	setenv("TZ", "UTC", 1);
	tzset();
	sheet_init(&s, "x", titles, true);
	sheet_value(&s, CELL_TIME, 1795170000);
	assert_prints(&s, 1, false, "x\n  t                    2026-11-20 10:20:00 +0000\n");
	assert_prints(&s, 1, true, "{\n\"x\": {\"t\": 1795170000}\n}\n");
	sheet_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_durations_and_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
