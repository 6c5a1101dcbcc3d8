/* Who is never refused: the patterns of the section `bypass`. */
#include "core/bypass.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_patterns(void **state)
{
	static const struct {
		const char *pattern, *address;
		bool matches;
	} cases[] = {
		{ "joe@example.org", "joe@example.org", true },
		{ "joe@example.org", "JOE@Example.ORG", true },
		{ "Joe@Example.org", "joe@example.org", true },
		{ "joe@example.org", "joe@example.net", false },
		{ "joe@example.org", "xjoe@example.org", false },
		{ "joe@example.org", "joe", false },
		{ "postmaster@", "postmaster@example.org", true },
		{ "postmaster@", "Postmaster@example.net", true },
		{ "postmaster@", "postmaster", true },
		{ "postmaster@", "postmaster@a@example.org", false },
		{ "postmaster@", "xpostmaster@example.org", false },
		{ "@example.org", "joe@example.org", true },
		{ "@example.org", "joe@EXAMPLE.org", true },
		{ "@example.org", "joe@sub.example.org", false },
		{ "@example.org", "joe@example.org.example.net", false },
		{ "@example.org", "example.org", false },
		{ "@example.org", "\"@example.org\"@example.net", false },
		{ "@example.org", "", false },
		{ "postmaster@", "", false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct bypass senders = { .senders = &cases[i].pattern, .n_senders = 1 };
		const struct bypass recipients = { .recipients = &cases[i].pattern, .n_recipients = 1 };
		const struct query from = { .sender = str_of(cases[i].address), .address = STR("a@example.com") };
		const struct query to = { .address = str_of(cases[i].address), .sender = STR("a@example.com") };
		assert_true(bypass_check_address(str_of(cases[i].pattern), NULL));
		if (bypass_has(&senders, &from) != cases[i].matches || bypass_has(&recipients, &to) != cases[i].matches)
			fail_msg("%s, %s", cases[i].pattern, cases[i].address);
		assert_false(bypass_has(&senders, &to) || bypass_has(&recipients, &from));
	}
}

static void test_several(void **state)
{
	static const char *const patterns[] = { "helpdesk@example.org", "@example.net" };
	const struct bypass b = { .senders = patterns, .n_senders = 2 };
	(void)state;
	assert_true(bypass_has(&b, &(struct query){ .sender = STR("helpdesk@example.org") }));
	assert_true(bypass_has(&b, &(struct query){ .sender = STR("x@example.net") }));
	assert_false(bypass_has(&b, &(struct query){ .sender = STR("x@example.org") }));
	assert_false(bypass_has(&b, &(struct query){ 0 }));
}

static void test_bad_patterns(void **state)
{
	static const char *const bad[] = { "", "@", "joe", "example.org" };
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { "" };
		assert_false(bypass_check_address(str_of(bad[i]), &err));
		assert_true(err.text[0] != '\0');
	}
}

static void test_clients(void **state)
{
	static const struct {
		const char *client;
		bool has;
	} cases[] = {
		{ "192.0.2.7", true },
		{ "[192.0.2.7]", true },
		{ "192.0.2.8", false },
		{ "10.255.0.1", true },
		{ "11.0.0.1", false },
		{ "IPv6:2001:db8::1", true },
		{ "2001:db9::1", false },
		{ "unknown", false },
		{ "", false },
	};
	static const char *const texts[] = { "192.0.2.7", "10.0.0.0/8", "2001:db8::/32" };
	struct network networks[3];
	const struct bypass b = { .clients = networks, .n_clients = 3 }, none = { .n_clients = 0 };
	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_true(network_parse(&networks[i], str_of(texts[i]), NULL));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct query q = { .client = str_of(cases[i].client) };
		if (bypass_has(&b, &q) != cases[i].has)
			fail_msg("%s", cases[i].client);
		assert_false(bypass_has(&none, &q));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_bad_patterns),
		cmocka_unit_test(test_clients),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
