/* What the daemon writes for people and programs: reports as text and JSON, the words of a decision's line, and settings as
   octets to be compared. */
#include "daemon/report.h"
#include "daemon/decision.h"
#include "daemon/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void two_objects(struct report *r)
{
	report_begin(r);
	report_text(r, "recipient", "joe@a.example");
	report_open(r, "step");
	report_number(r, "message limit", 7);
	report_close(r);
	report_open(r, "step");
	report_text(r, "note", "none");
	report_close(r);
	report_text(r, "verdict", "pass");
	report_end(r);
	report_begin(r);
	report_open(r, "running daemon");
	report_number(r, "charge", 0);
	report_close(r);
	report_open(r, "step");
	report_size(r, "usage", 20480);
	report_close(r);
	report_end(r);
}

static void nothing(struct report *r)
{
	(void)r;
}

static void strings(struct report *r)
{
	report_begin(r);
	report_str(r, "a", STR("\"\\\n\t\x1B\x7F"));
	report_str(r, "b", STR("\xC3\xBC"));
	report_str(r, "c", STR("\xC3\xBC\xFF"));
	report_str(r, "d", STR("\xC2\x9B\x33m"));
	report_str(r, "e", STR("a\0b"));
	report_str(r, "f", STR(""));
	report_end(r);
}

static void sizes(struct report *r)
{
	static const uint64_t octets[] = { 0, 10239, 10240, 1 << 20, UINT64_MAX };
	report_begin(r);
	for (size_t i = 0; i < COUNT(octets); i++)
		report_size(r, "n", octets[i]);
	report_end(r);
}

static void reports_are_written_as_text_and_json(void **state)
{
	(void)state;
	static const struct {
		void (*write)(struct report *);
		bool json;
		const char *want;
	} cases[] = {
		{ nothing, false, "" },
		{ nothing, true, "[\n]\n" },
		{ two_objects, true,
			"[\n{\"recipient\": \"joe@a.example\", \"steps\": [{\"message_limit\": 7}, {\"note\": "
			"\"none\"}], "
			"\"verdict\": \"pass\"},\n{\"running_daemon\": {\"charge\": 0}, \"steps\": [{\"usage\": "
			"20480}]}\n]\n" },
		{ two_objects, false,
			"recipient            joe@a.example\nstep\n  message limit      7\nstep\n  note               "
			"none\n"
			"verdict              pass\n\nrunning daemon\n  charge             0\nstep\n"
			"  usage              20480 (20.0 kiB)\n" },
		{ strings, true,
			"[\n{\"a\": \"\\\"\\\\\\n\\u0009\\u001b\\u007f\", \"b\": \"\xC3\xBC\", \"c\": \"???\", "
			"\"d\": \"\\u009b3m\", \"e\": \"a\\u0000b\", \"f\": \"\"}\n]\n" },
		{ strings, false,
			"a                    \"\\\\n\\u0009\\u001b\\u007f\nb                    \xC3\xBC\n"
			"c                    ???\nd                    \\u009b3m\ne                    a\\u0000b\n"
			"f                    \n" },
		{ sizes, false,
			"n                    0\nn                    10239\nn                    10240 (10.0 kiB)\n"
			"n                    1048576 (1.0 MiB)\nn                    18446744073709551615 (16.0 "
			"EiB)\n" },
		{ sizes, true,
			"[\n{\"n\": 0, \"n\": 10239, \"n\": 10240, \"n\": 1048576, \"n\": 18446744073709551615}\n]\n" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct report r;
		char *text = NULL;
		size_t len = 0;
		FILE *out = open_memstream(&text, &len);
		assert_non_null(out);
		report_start(&r, out, cases[i].json);
		cases[i].write(&r);
		report_stop(&r);
		fclose(out);
		assert_string_equal(text, cases[i].want);
		free(text);
	}
}

static void values_of_a_line_are_quoted_when_they_must(void **state)
{
	(void)state;
	const struct {
		struct str value;
		const char *want;
	} cases[] = {
		{ STR("joe@a.example"), " k=joe@a.example" },
		{ STR(""), " k=\"\"" },
		{ STR("a b"), " k=\"a b\"" },
		{ STR("a=b"), " k=\"a=b\"" },
		{ STR("a\"b\\"), " k=\"a\\\"b\\\\\"" },
		{ STR("\"\""), " k=\"\\\"\\\"\"" },
		{ STR("a\nb"), " k=a?b" },
		{ STR("a \r\n\0b"), " k=\"a ???b\"" },
		{ STR("\xC3\xBC \xC3\xBC"), " k=\"\xC3\xBC \xC3\xBC\"" },
		{ STR("\xFF\xC3\xBC"), " k=???" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		char space[64];
		struct buf out = BUF(space);
		decision_put(&out, "k", cases[i].value);
		assert_string_equal(buf_z(&out), cases[i].want);
	}
}

struct inner {
	uint64_t n;
};

struct settings {
	bool on;
	uint64_t number;
	msec pause;
	const char *text, *other;
	struct opt_list list;
	int choice;
	unsigned mode;
	struct inner inner;
};

static const struct opt inner_rows[] = {
	{ .name = "n", .type = OPT_NUMBER, .offset = offsetof(struct inner, n) },
	OPT_END,
};

static const struct opt rows[] = {
	{ .name = "on", .type = OPT_BOOL, .offset = offsetof(struct settings, on) },
	{ .name = "number", .type = OPT_OCTETS, .offset = offsetof(struct settings, number) },
	{ .name = "pause", .type = OPT_DURATION, .offset = offsetof(struct settings, pause) },
	{ .name = "text", .type = OPT_STRING, .offset = offsetof(struct settings, text) },
	{ .name = "other", .type = OPT_STRING, .offset = offsetof(struct settings, other) },
	{ .name = "list", .type = OPT_LIST, .offset = offsetof(struct settings, list) },
	{ .name = "choice", .type = OPT_CHOICE, .offset = offsetof(struct settings, choice) },
	{ .name = "mode", .type = OPT_MODE, .offset = offsetof(struct settings, mode) },
	{ .name = "inner", .type = OPT_SECTION, .offset = offsetof(struct settings, inner), .rows = inner_rows },
	OPT_END,
};

static void every_setting_makes_a_difference(void **state)
{
	(void)state;
	static const char *one[] = { "a\nb" }, *two[] = { "a", "b" }, *joined[] = { "ab" };
	static const struct settings cases[] = {
		{ 0 },
		{ .on = true },
		{ .number = 1 },
		{ .number = UINT64_MAX },
		{ .pause = 1 },
		{ .text = "x" },
		{ .other = "x" },
		{ .text = "\nother" },
		{ .list = { one, 1 } },
		{ .list = { two, 2 } },
		{ .list = { two, 1 } },
		{ .list = { joined, 1 } },
		{ .choice = 1 },
		{ .mode = 0660 },
		{ .inner.n = 1 },
	};
	char space[COUNT(cases)][256];
	struct buf out[COUNT(cases)];
	for (size_t i = 0; i < COUNT(cases); i++) {
		out[i] = BUF(space[i]);
		settings_put(&out[i], rows, &cases[i]);
		assert_false(out[i].full);
		for (size_t k = 0; k < i; k++)
			if (str_eq(buf_str(&out[i]), buf_str(&out[k])))
				fail_msg("settings %zu and %zu look the same", k, i);
	}
	/* Equal settings are equal octets, wherever their strings stand. */
	char text[] = "x", again[256];
	const struct settings same = { .text = text };
	struct buf b = BUF(again);
	settings_put(&b, rows, &same);
	assert_true(str_eq(buf_str(&b), buf_str(&out[5])));
}

static void test_alone(void **state)
{
	struct report r;
	char *text = NULL;
	size_t len = 0;
	(void)state;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	report_start_alone(&r, out);
	report_begin(&r);
	report_bool(&r, "cached", true);
	report_open(&r, "step");
	report_bool(&r, "firm", false);
	report_close(&r);
	report_text(&r, "verdict", "pass");
	report_end(&r);
	fclose(out);
	assert_string_equal(text, "{\"cached\": true, \"steps\": [{\"firm\": false}], \"verdict\": \"pass\"}\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_are_written_as_text_and_json),
		cmocka_unit_test(values_of_a_line_are_quoted_when_they_must),
		cmocka_unit_test(test_alone),
		cmocka_unit_test(every_setting_makes_a_difference),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
