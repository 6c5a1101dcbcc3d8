/* Networks in the notation of CIDR: what is read, what is refused, and who is in. */
#include "base/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/un.h>

#include <cmocka.h>

static void test_good(void **state)
{
	static const struct {
		const char *text;
		unsigned bits;
	} good[] = {
		{ "192.0.2.7", 128 },
		{ "192.0.2.7/32", 128 },
		{ "10.0.0.0/24", 120 },
		{ "10.0.0.128/25", 121 },
		{ "127.0.0.0/8", 104 },
		{ "0.0.0.0/0", 96 },
		{ "::/0", 0 },
		{ "::1", 128 },
		{ "2001:db8::/32", 32 },
		{ "2001:db8::/29", 29 },
		{ "2001:DB8::8000/113", 113 },
		{ "::ffff:10.0.0.0/104", 104 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct network n;
		struct err err = { "" };
		if (!network_parse(&n, str_of(good[i].text), &err))
			fail_msg("%s: %s", good[i].text, err.text);
		assert_int_equal(n.bits, good[i].bits);
		assert_true(network_check(str_of(good[i].text), &err));
	}
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
		"",
		"/",
		"/8",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/8/8",
		"10.0.0.0/ 8",
		"10.0.0.0/255.0.0.0",
		"10.0.0/8",
		"10",
		"10.0.0.256",
		"10.0.0.1/24",
		"10.0.0.129/25",
		"2001:db8::/129",
		"2001:db8::1/32",
		"2001:db8::/28",
		"[::1]",
		"::1%lo",
		":::",
		"localhost",
		"example.org",
		" 10.0.0.1",
		"10.0.0.1 ",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999/8",
		"10.0.0.0/99999999999999999999",
	};
	struct network n;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { "" };
		if (network_parse(&n, str_of(bad[i]), &err))
			fail_msg("\"%s\" is taken", bad[i]);
		assert_true(err.text[0] != '\0');
	}
	assert_false(network_parse(&n, STR("10.0.0.1\0"), NULL));
}

static void test_members(void **state)
{
	static const struct {
		const char *network, *address;
		bool has;
	} cases[] = {
		{ "10.0.0.0/24", "10.0.0.0", true },
		{ "10.0.0.0/24", "10.0.0.255", true },
		{ "10.0.0.0/24", "10.0.1.0", false },
		{ "10.0.0.0/24", "9.255.255.255", false },
		{ "10.0.0.128/25", "10.0.0.127", false },
		{ "10.0.0.128/25", "10.0.0.128", true },
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.6", false },
		{ "0.0.0.0/0", "255.255.255.255", true },
		{ "0.0.0.0/0", "::1", false },
		{ "::/0", "::1", true },
		{ "::/0", "192.0.2.7", true },
		{ "127.0.0.0/8", "127.255.0.1", true },
		{ "127.0.0.0/8", "::ffff:127.0.0.1", true },
		{ "127.0.0.0/8", "::127.0.0.1", false },
		{ "::1", "127.0.0.1", false },
		{ "2001:db8::/32", "2001:db8:ffff::1", true },
		{ "2001:db8::/32", "2001:db9::", false },
		{ "2001:db8::/29", "2001:dbf:ffff::", true },
		{ "2001:db8::/29", "2001:dc0::", false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct network n, address;
		assert_true(network_parse(&n, str_of(cases[i].network), NULL));
		assert_true(network_address(&address, str_of(cases[i].address)));
		if (network_has(&n, &address) != cases[i].has)
			fail_msg("%s in %s", cases[i].address, cases[i].network);
	}
}

/* As MTAs write them. */
static void test_addresses(void **state)
{
	static const char *const same[] = { "2001:db8::7", "[2001:db8::7]", "IPv6:2001:db8::7", "[IPv6:2001:db8::7]",
		"ipv6:2001:DB8:0::0:7" };
	static const char *const bad[] = { "", "[]", "unknown", "192.0.2.7/32", "[192.0.2.7", "IPv6:", "[[192.0.2.7]]",
		"mail.example.org" };
	struct network want, got;
	(void)state;
	assert_true(network_parse(&want, str_of(same[0]), NULL));
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_true(network_address(&got, str_of(same[i])));
		assert_memory_equal(got.octets, want.octets, sizeof(got.octets));
		assert_int_equal(got.bits, 128);
	}
	assert_true(network_address(&got, STR("[192.0.2.7]")));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (network_address(&got, str_of(bad[i])))
			fail_msg("\"%s\" is taken", bad[i]);
}

static void test_sockets(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct network got, want;
	(void)state;
	inet_pton(AF_INET, "192.0.2.7", &in.sin_addr);
	inet_pton(AF_INET6, "::ffff:192.0.2.7", &in6.sin6_addr);
	assert_true(network_parse(&want, STR("192.0.2.7"), NULL));
	assert_true(network_of_socket(&got, (struct sockaddr *)&in));
	assert_memory_equal(got.octets, want.octets, sizeof(got.octets));
	assert_true(network_of_socket(&got, (struct sockaddr *)&in6));
	assert_memory_equal(got.octets, want.octets, sizeof(got.octets));
	assert_int_equal(got.bits, 128);
	assert_false(network_of_socket(&got, (struct sockaddr *)&un));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_sockets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
