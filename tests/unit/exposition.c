/* Metrics as text: what is written, what is read back of it, and what a histogram tells. */
#include "daemon/exposition.h"
#include "daemon/histogram.h"
#include "daemon/samples.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- writing ---- */

static void assert_wrote(struct exposition *x, const char *want)
{
	assert_false(x->failed);
	struct str got = { x->at, x->len };
	if (!str_eq(got, str_of(want)))
		fail_msg("wrote:\n%.*s\nnot:\n%s", (int)x->len, x->at, want);
	free(x->at);
}

static void test_family_and_samples(void **state)
{
	struct exposition x = { 0 };
	(void)state;
	exposition_family(&x, "a_total", "counter", "How many \"a\" \\ there\nwere.");
	exposition_count(&x, NO_LABELS, 0);
	exposition_count(&x, LABELS({ "of", "joe" }, { "by", "" }), UINT64_MAX);
	exposition_end(&x);
	assert_wrote(&x, "# HELP a_total How many \"a\" \\\\ there\\nwere.\n"
			 "# TYPE a_total counter\n"
			 "a_total 0\n"
			 "a_total{of=\"joe\",by=\"\"} 18446744073709551615\n"
			 "# EOF\n");
}

static void test_escapes_in_labels(void **state)
{
	static const struct {
		const char *value, *want;
	} cases[] = {
		{ "\"", "\\\"" },
		{ "\\", "\\\\" },
		{ "a\nb", "a\\nb" },
		{ "\xC3\xBC {}=,", "\xC3\xBC {}=," },
		{ "\xC3\xBC\xFF", "???" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct exposition x = { .family = "a" };
		char want[64];
		exposition_count(&x, LABELS({ "l", cases[i].value }), 1);
		snprintf(want, sizeof(want), "a{l=\"%s\"} 1\n", cases[i].want);
		assert_wrote(&x, want);
	}
}

static void test_a_long_text(void **state)
{
	struct exposition x = { .family = "a" };
	(void)state;
	for (int i = 0; i < 100000; i++)
		exposition_count(&x, NO_LABELS, 7);
	assert_false(x.failed);
	assert_int_equal(x.len, 400000);
	free(x.at);
}

/* ---- histograms ---- */

static void test_a_histogram(void **state)
{
	struct histogram h = { 0 };
	struct exposition x = { .family = "t_seconds" };
	(void)state;
	histogram_add(&h, 0);
	histogram_add(&h, 500000); /* a bound belongs to the step that it ends */
	histogram_add(&h, 500001);
	histogram_add(&h, 10000000000);
	histogram_add(&h, 10000000001);
	exposition_histogram(&x, LABELS({ "store", "vmail" }, { "type", "mbox" }), &h);
	assert_wrote(&x, "t_seconds_bucket{store=\"vmail\",type=\"mbox\",le=\"0.0005\"} 2\n"
			 "t_seconds_bucket{store=\"vmail\",type=\"mbox\",le=\"0.001\"} 3\n"
			 "t_seconds_bucket{store=\"vmail\",type=\"mbox\",le=\"0.0025\"} 3\n"
			 "t_seconds_bucket{store=\"vmail\",type=\"mbox\",le=\"0.005\"} 3\n"
			 "t_seconds_bucket{store=\"vmail\",type=\"mbox\",le=\"0.01\"} 3\n"
			 "t_seconds_bucket{store=\"vmail\",type=\"mbox\",le=\"0.025\"} 3\n"
			 "t_seconds_bucket{store=\"vmail\",type=\"mbox\",le=\"0.05\"} 3\n"
			 "t_seconds_bucket{store=\"vmail\",type=\"mbox\",le=\"0.1\"} 3\n"
			 "t_seconds_bucket{store=\"vmail\",type=\"mbox\",le=\"0.25\"} 3\n"
			 "t_seconds_bucket{store=\"vmail\",type=\"mbox\",le=\"0.5\"} 3\n"
			 "t_seconds_bucket{store=\"vmail\",type=\"mbox\",le=\"1\"} 3\n"
			 "t_seconds_bucket{store=\"vmail\",type=\"mbox\",le=\"2.5\"} 3\n"
			 "t_seconds_bucket{store=\"vmail\",type=\"mbox\",le=\"5\"} 3\n"
			 "t_seconds_bucket{store=\"vmail\",type=\"mbox\",le=\"10\"} 4\n"
			 "t_seconds_bucket{store=\"vmail\",type=\"mbox\",le=\"+Inf\"} 5\n"
			 "t_seconds_sum{store=\"vmail\",type=\"mbox\"} 20.001000002\n"
			 "t_seconds_count{store=\"vmail\",type=\"mbox\"} 5\n");
}

static void test_quantiles(void **state)
{
	static const double bounds[] = { 1, 2, 4 };
	static const struct {
		double upto[3], all, q, want;
	} cases[] = {
		{ { 10, 10, 10 }, 10, 0.5, 0.5 }, /* spread evenly over the first step */
		{ { 0, 10, 10 }, 10, 0.5, 1.5 }, { { 5, 10, 10 }, 10, 0.5, 1 }, { { 5, 10, 20 }, 20, 0.75, 3 },
		{ { 5, 10, 20 }, 20, 1, 4 }, { { 0, 0, 0 }, 10, 0.5, 4 }, /* all above the last bound */
		{ { 9, 9, 9 }, 10, 0.99, 4 }, { { 0, 0, 1 }, 1, 0, 2 }, /* empty steps do not count */
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		double got = histogram_quantile(bounds, cases[i].upto, 3, cases[i].all, cases[i].q);
		if (!(fabs(got - cases[i].want) < 1e-9))
			fail_msg("case %zu: %g, not %g", i, got, cases[i].want);
	}
	assert_true(isnan(histogram_quantile(bounds, cases[5].upto, 3, 0, 0.5)));
	assert_true(isnan(histogram_quantile(bounds, cases[5].upto, 0, 10, 0.5)));
}

/* ---- reading ---- */

static void test_what_is_written_is_read(void **state)
{
	struct exposition x = { 0 };
	struct samples s;
	struct err err;
	char text[8];
	(void)state;
	exposition_family(&x, "a_total", "counter", "A.");
	exposition_count(&x, LABELS({ "of", "j\"o\\e,}\n" }, { "by", "x" }), 3);
	exposition_count(&x, LABELS({ "of", "j\"o\\e,}\n" }, { "by", "y" }), 4);
	exposition_count(&x, LABELS({ "of", "j\"o\\e,}\n2" }, { "by", "y" }), 50);
	exposition_family(&x, "b", "gauge", "B.");
	exposition_count(&x, NO_LABELS, 7);
	exposition_end(&x);
	assert_true(samples_read(&s, (struct str){ x.at, x.len }, &err));
	assert_int_equal(s.n, 4);
	sample_label(&s.at[0], "of", text, sizeof(text));
	assert_string_equal(text, "j\"o\\e,}"); /* cut to fit */
	sample_label(&s.at[0], "none", text, sizeof(text));
	assert_string_equal(text, "");
	struct str joe = { s.at[0].labels.at, str_rfind(s.at[0].labels, ',') };
	assert_true(samples_sum(&s, "a_total", STR(""), NULL) == 57);
	assert_true(samples_sum(&s, "a_total", STR(""), "by=\"y\"") == 54);
	assert_true(samples_sum(&s, "a_total", joe, NULL) == 7);
	assert_true(samples_sum(&s, "a_total", joe, "by=\"y\"") == 4);
	assert_true(samples_sum(&s, "b", STR(""), NULL) == 7);
	assert_true(isnan(samples_sum(&s, "c", STR(""), NULL)));
	assert_true(isnan(samples_sum(&s, "a_total", joe, "by=\"\"")));
	samples_free(&s);
	free(x.at);
}

static void test_texts_that_are_refused(void **state)
{
	static const char *const texts[] = { "", "a 1\n", "a\n# EOF\n", "a 1x\n# EOF\n", "a  1\n# EOF\n",
		"1a 1\n# EOF\n", " 1\n# EOF\n", "a{ 1\n# EOF\n", "a{b} 1\n# EOF\n", "a{b=} 1\n# EOF\n",
		"a{b=\"} 1\n# EOF\n", "a{b=\"\\\"} 1\n# EOF\n", "a{b=\"c\"d=\"e\"} 1\n# EOF\n", "a{=\"c\"} 1\n# EOF\n",
		"a{b=\"c\"}1\n# EOF\n", "a{b=\"c\"}\n# EOF\n", "a{b=\"c\"} \n# EOF\n", "# EOF\na 1\n" };
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct samples s;
		struct err err;
		if (samples_read(&s, str_of(texts[i]), &err))
			fail_msg("taken: %s", texts[i]);
		samples_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_family_and_samples),
		cmocka_unit_test(test_escapes_in_labels),
		cmocka_unit_test(test_a_long_text),
		cmocka_unit_test(test_a_histogram),
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_what_is_written_is_read),
		cmocka_unit_test(test_texts_that_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
