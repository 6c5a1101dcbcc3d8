/* Targets of HTTP requests and their parameters. Every input lies right before a page that may not be read. */
#include "wire/query_string.h"

#include "brink.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_targets(void **state)
{
	static const struct {
		const char *in, *path, *query; /* query null: there is none */
	} good[] = {
		{ "/", "/", NULL },
		{ "/?", "/", "" },
		{ "/cgi-bin/quota.cgi?u=joe", "/cgi-bin/quota.cgi", "u=joe" },
		{ "/quota?u=a?b", "/quota", "u=a?b" },
		{ "//x", "//x", NULL },
		{ "http://a.example/quota?u=joe", "/quota", "u=joe" },
		{ "HTTPS://[::1]:7360/", "/", NULL },
		{ "/http://x", "/http://x", NULL },
		{ "/\xC3\xBC?\xFF", "/\xC3\xBC", "\xFF" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct http_target t;
		if (!http_target_parse(&t, at_brink(str_of(good[i].in))) || !str_eq(t.path, str_of(good[i].path)) ||
			(t.query.at != NULL) != (good[i].query != NULL) || !str_eq(t.query, str_of(good[i].query)))
			fail_msg("\"%s\"", good[i].in);
	}
}

static void test_no_targets(void **state)
{
	const struct str bad[] = { STR(""), STR("*"), STR("quota"), STR("?u=a"), STR("a.example:443"),
		STR("http://a.example"), STR("http://"), STR("ftp://a.example/"), STR("/a b"), STR("/a\rb"),
		STR("/a\nb"), STR("/a\0b"), STR("/a\tb"), STR("/a\x7F") };
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct http_target t;
		if (http_target_parse(&t, at_brink(bad[i])))
			fail_msg("\"%s\"", bad[i].at);
	}
}

static void test_pairs(void **state)
{
	static const char *const wanted[][2] = { { "u", "joe+x@example.org" }, { "a", "" }, { "b", "" }, { "", "c" },
		{ "d", "=e" }, { "f%3D", "g;h" } };
	struct str rest = at_brink(STR("&u=joe+x@example.org&&a&b=&=c&d==e&f%3D=g;h&"));
	struct query_pair pair;
	(void)state;
	for (size_t i = 0; i < COUNT(wanted); i++) {
		assert_true(query_string_next(&rest, &pair));
		assert_true(str_eq(pair.name, str_of(wanted[i][0])));
		assert_true(str_eq(pair.value, str_of(wanted[i][1])));
	}
	assert_false(query_string_next(&rest, &pair));
	assert_false(query_string_next(&rest, &pair));
	rest = (struct str){ NULL, 0 };
	assert_false(query_string_next(&rest, &pair));
}

static void test_decode(void **state)
{
	static const struct {
		const char *in, *want;
	} good[] = {
		{ "", "" },
		{ "joe+lists@example.org", "joe+lists@example.org" },
		{ "joe%2Blists%40example.org", "joe+lists@example.org" },
		{ "%25%22%20%3c%3E%3b%23", "%\" <>;#" },
		{ "%2525", "%25" },
		{ "\xFC%fc%C3%BC", "\xFC\xFC\xC3\xBC" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		char space[64];
		struct buf out = BUF(space);
		if (!percent_decode(&out, at_brink(str_of(good[i].in))) || !str_eq(buf_str(&out), str_of(good[i].want)))
			fail_msg("\"%s\"", good[i].in);
	}
}

static void test_not_decoded(void **state)
{
	const struct str bad[] = { STR("%"), STR("a%4"), STR("%zz"), STR("%4g"), STR("%%41"), STR("% 1"), STR("%00"),
		STR("a%0d"), STR("a%0Ab"), STR("%1f"), STR("%7F"), STR("a\nb"), STR("\0"), STR("a\x7F") };
	char space[8];
	struct buf out;
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		out = BUF(space);
		if (percent_decode(&out, at_brink(bad[i])))
			fail_msg("\"%s\"", bad[i].at);
	}
	out = BUF(space);
	assert_true(percent_decode(&out, STR("%31234567%38")));
	out = BUF(space);
	assert_false(percent_decode(&out, STR("123456789")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_no_targets),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_not_decoded),
	};
	return cmocka_run_group_tests(tests, brink_make, NULL);
}
