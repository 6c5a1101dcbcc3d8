/* Templates: what is accepted, what comes out, and what a path refuses. */
#include "core/template.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ALL (TEMPLATE_ADDRESS | TEMPLATE_LOCAL | TEMPLATE_DOMAIN | TEMPLATE_HOME | TEMPLATE_HOST)

static void test_vars(void **state)
{
	(void)state;
	static const struct {
		const char *template;
		int allowed, vars; /* -1: refused */
		const char *why;
	} rows[] = {
		{ "", ALL, 0, NULL },
		{ "/var/mail", 0, 0, NULL },
		{ "%u", ALL, TEMPLATE_ADDRESS, NULL },
		{ "/var/vmail/%d/%n", ALL, TEMPLATE_DOMAIN | TEMPLATE_LOCAL, NULL },
		{ "%h/Maildir", ALL, TEMPLATE_HOME, NULL },
		{ "udp:%{host}:7359", ALL, TEMPLATE_HOST, NULL },
		{ "%1n/%2d/%255u", ALL, TEMPLATE_LOCAL | TEMPLATE_DOMAIN | TEMPLATE_ADDRESS, NULL },
		{ "100%%/%%n", ALL, 0, NULL },
		{ "%", ALL, -1, "followed by" },
		{ "a%", ALL, -1, "followed by" },
		{ "%%%", ALL, -1, "followed by" },
		{ "%x", ALL, -1, "followed by" },
		{ "%N", ALL, -1, "followed by" },
		{ "% n", ALL, -1, "followed by" },
		{ "%{hos}", ALL, -1, "followed by" },
		{ "%{host", ALL, -1, "followed by" },
		{ "%1", ALL, -1, "followed by" },
		{ "%1%", ALL, -1, "followed by" },
		{ "%0n", ALL, -1, "1 to 255" },
		{ "%256n", ALL, -1, "1 to 255" },
		{ "%99999999999999999999999n", ALL, -1, "1 to 255" },
		{ "%-1n", ALL, -1, "followed by" },
		{ "%2h", ALL, -1, "%u, %n and %d only" },
		{ "%2{host}", ALL, -1, "%u, %n and %d only" },
		{ "%u%d", TEMPLATE_ADDRESS, -1, "%d cannot be used here" },
		{ "%{host}", ALL & ~TEMPLATE_HOST, -1, "%{host} cannot be used here" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { "" };
		assert_int_equal(template_vars(str_of(rows[i].template), rows[i].allowed, &err), rows[i].vars);
		assert_int_equal(template_vars(str_of(rows[i].template), rows[i].allowed, NULL), rows[i].vars);
		if (rows[i].why)
			assert_non_null(strstr(err.text, rows[i].why));
	}
}

static bool put_plain(struct buf *out, enum template_var var, struct str value)
{
	(void)var;
	buf_put(out, value);
	return true;
}

static bool put_in_brackets(struct buf *out, enum template_var var, struct str value)
{
	buf_printf(out, "<%d:%.*s>", (int)var, (int)value.len, value.at);
	return value.len > 0;
}

static void test_expand(void **state)
{
	(void)state;
	const struct mailbox joe = { STR("joe@example.org"), STR("joe"), STR("example.org"), STR("/home/joe"),
		STR("b1") };
	const struct mailbox odd = { STR("%d%%n%h@%n"), STR("%d%%n%h"), STR("%n") };
	const struct {
		const char *template;
		const struct mailbox *mailbox;
		template_put *put;
		const char *wanted; /* null: refused */
	} rows[] = {
		{ "", &joe, put_plain, "" },
		{ "/var/vmail/%d/%n/Maildir", &joe, put_plain, "/var/vmail/example.org/joe/Maildir" },
		{ "%u|%h|%{host}", &joe, put_plain, "joe@example.org|/home/joe|b1" },
		{ "%1n%2n%3n%4n%255n", &joe, put_plain, "jjojoejoejoe" },
		{ "%%n%n%%", &joe, put_plain, "%njoe%" },
		{ "%n", &odd, put_plain, "%d%%n%h" },
		{ "%u", &odd, put_plain, "%d%%n%h@%n" },
		{ "%2n", &odd, put_plain, "%d" },
		{ "(%2d)(%n)", &joe, put_in_brackets, "(<4:ex>)(<2:joe>)" },
		{ "%n%h", &odd, put_in_brackets, NULL },
		{ "%n/%x", &joe, put_plain, NULL },
		{ "0123456789012345678901234567890123456789", &joe, put_plain,
			"0123456789012345678901234567890123456789" },
		{ "0123456789012345678901234567890123456789x", &joe, put_plain, NULL },
		{ "%u%u%u", &joe, put_plain, NULL },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[40];
		struct buf out = BUF(text);
		bool good = template_expand(&out, str_of(rows[i].template), rows[i].mailbox, rows[i].put);
		assert_int_equal(good, rows[i].wanted != NULL);
		if (good)
			assert_true(str_eq(buf_str(&out), str_of(rows[i].wanted)));
	}
}

static void test_put_path(void **state)
{
	(void)state;
	const struct {
		struct str value;
		bool name, home; /* fit for %n, for %h */
	} rows[] = {
		{ STR("joe"), true, true },
		{ STR("j.o.e."), true, true },
		{ STR("a b\\c%d*~$"), true, true },
		{ STR("\xc3\xa4"), true, true },
		{ STR(""), false, false },
		{ STR("."), false, true },
		{ STR(".."), false, true },
		{ STR(".joe"), false, true },
		{ STR("/"), false, true },
		{ STR("a/b"), false, true },
		{ STR("joe/"), false, true },
		{ STR("a\0b"), false, false },
		{ STR("a\0"), false, false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[64];
		struct buf out = BUF(text);
		assert_int_equal(template_put_path(&out, TEMPLATE_LOCAL, rows[i].value), rows[i].name);
		assert_int_equal(template_put_path(&out, TEMPLATE_DOMAIN, rows[i].value), rows[i].name);
		assert_int_equal(template_put_path(&out, TEMPLATE_HOME, rows[i].value), rows[i].home);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vars),
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_put_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
