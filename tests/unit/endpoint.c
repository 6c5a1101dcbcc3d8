/* Where we listen: addresses as written, and what may share one. */
#include "io/endpoint.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static const struct endpoint_access anybody = { .mode = 0666, .owner = (uid_t)-1, .group = (gid_t)-1 };

static void test_good(void **state)
{
	static const struct {
		const char *text;
		enum endpoint_family family;
		int domain;
	} good[] = {
		{ "unix:/run/x.sock", ENDPOINT_UNIX, AF_UNIX },
		{ "inet:127.0.0.1:1", ENDPOINT_INET, AF_INET },
		{ "inet:localhost:65535", ENDPOINT_INET, AF_INET },
		{ "inet:*:25", ENDPOINT_INET, AF_INET },
		{ "inet:[::1]:25", ENDPOINT_INET, AF_INET6 },
		{ "udp:10.0.0.5:7359", ENDPOINT_UDP, AF_INET },
		{ "udp:[2001:db8::1]:7359", ENDPOINT_UDP, AF_INET6 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct endpoint e;
		struct err err = { "" };
		if (!endpoint_parse(&e, str_of(good[i].text), &err))
			fail_msg("%s: %s", good[i].text, err.text);
		assert_int_equal(e.family, good[i].family);
		assert_int_equal(e.address.ss_family, good[i].domain);
	}
}

static void test_bad(void **state)
{
	static const char *const bad[] = { "", "unix:", "unix:run/x", "inet:", "inet:127.0.0.1",
		"inet:127.0.0.1:", "inet:127.0.0.1:0", "inet:127.0.0.1:65536", "inet::25", "udp:127.0.0.1",
		"udp:example.org:25", "udp:/run/x", "tcp:127.0.0.1:25", "127.0.0.1:25", "UDP:127.0.0.1:25" };
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { "" };
		if (endpoint_check(str_of(bad[i]), &err))
			fail_msg("\"%s\" is taken", bad[i]);
		assert_true(err.text[0] != '\0');
	}
}

static struct endpoint parsed(const char *scheme, int port)
{
	char text[64];
	struct endpoint e;
	snprintf(text, sizeof(text), "%s:127.0.0.1:%d", scheme, port);
	assert_true(endpoint_parse(&e, str_of(text), NULL));
	return e;
}

static void test_same(void **state)
{
	struct endpoint tcp = parsed("inet", 7), udp = parsed("udp", 7), other = parsed("udp", 8),
			again = parsed("udp", 7);
	(void)state;
	assert_true(endpoint_eq(&udp, &again));
	assert_false(endpoint_eq(&udp, &other) || endpoint_eq(&udp, &tcp));
}

static int listen_on(struct endpoint *e)
{
	struct err err;
	return endpoint_listen(e, &anybody, &err);
}

/* One port for TCP and one for UDP may have the same number; nobody gets an address for datagrams that is taken. */
static void test_datagram_addresses(void **state)
{
	struct endpoint udp, tcp;
	int first = -1, type = 0;
	socklen_t len = sizeof(type);
	(void)state;
	for (int port = 20000; first < 0 && port < 30000; port++) {
		udp = parsed("udp", port);
		tcp = parsed("inet", port);
		first = listen_on(&udp);
	}
	assert_true(first >= 0);
	assert_int_equal(getsockopt(first, SOL_SOCKET, SO_TYPE, &type, &len), 0);
	assert_int_equal(type, SOCK_DGRAM);
	assert_int_equal(listen_on(&udp), -1);
	int stream = listen_on(&tcp);
	if (stream >= 0)
		close(stream);
	close(first);
	first = listen_on(&udp);
	assert_true(first >= 0);
	close(first);
}

/* A server that does not take its clients is there all the same, and is not waited for. */
static void test_stuck_server(void **state)
{
	char text[64];
	struct endpoint e;
	struct err err = { "" };
	int clients[8], n = 0;
	(void)state;
	snprintf(text, sizeof(text), "unix:/tmp/quotagate-endpoint-%ld", (long)getpid());
	assert_true(endpoint_parse(&e, str_of(text), NULL));
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server, (struct sockaddr *)&e.address, e.len), 0);
	assert_int_equal(listen(server, 1), 0);
	do
		clients[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	while (connect(clients[n++], (struct sockaddr *)&e.address, e.len) == 0 && n < 8);
	assert_in_range(n, 2, 7); /* the last one found the queue full */
	alarm(10);
	assert_int_equal(endpoint_listen(&e, &anybody, &err), -1);
	alarm(0);
	assert_non_null(strstr(err.text, "another server is listening"));
	while (n)
		close(clients[--n]);
	close(server);
	int fd = endpoint_listen(&e, &anybody, &err); /* it has gone, its socket has not */
	assert_true(fd >= 0);
	close(fd);
	unlink(endpoint_path(&e));
}

/* A socket tells where it is in the very form of the configuration. */
static void test_of_socket(void **state)
{
	static const char *const places[] = {
		"inet:127.0.0.1:", "inet:[::1]:", "udp:127.0.0.1:", "udp:[::1]:", "unix:/tmp/quotagate-endpoint-of-"
	};
	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char text[64];
		struct endpoint e, found;
		int fd = -1;
		for (int port = 20000 + getpid() % 10000; fd < 0 && port < 65536; port++) {
			snprintf(text, sizeof(text), "%s%d", places[i], port);
			assert_true(endpoint_parse(&e, str_of(text), NULL));
			fd = listen_on(&e);
		}
		assert_true(fd >= 0);
		assert_true(endpoint_of_socket(&found, fd));
		assert_true(endpoint_eq(&e, &found));
		close(fd);
		if (e.family == ENDPOINT_UNIX)
			unlink(endpoint_path(&e));
	}
}

static void test_of_other_sockets(void **state)
{
	int pair[2], deaf = socket(AF_INET, SOCK_STREAM, 0), unnamed = socket(AF_UNIX, SOCK_STREAM, 0);
	struct endpoint e;
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(listen(unnamed, 1) == 0, 0); /* the kernel refuses, too */
	assert_false(endpoint_of_socket(&e, deaf) || endpoint_of_socket(&e, unnamed));
	assert_false(endpoint_of_socket(&e, pair[0]) || endpoint_of_socket(&e, STDIN_FILENO));
	assert_false(endpoint_of_socket(&e, -1));
	close(pair[0]);
	close(pair[1]);
	close(deaf);
	close(unnamed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_datagram_addresses),
		cmocka_unit_test(test_stuck_server),
		cmocka_unit_test(test_of_socket),
		cmocka_unit_test(test_of_other_sockets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
