/* What a service manager says in the environment, right and wrong; that sockets are served is tests/e2e/test_supervisor.py. */
#include "io/inherited.h"

#include "io/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void say(const char *pid, const char *fds, const char *names)
{
	char own[32];
	snprintf(own, sizeof(own), "%ld", (long)getpid());
	setenv("LISTEN_PID", pid ? pid : own, 1);
	setenv("LISTEN_FDS", fds, 1);
	setenv("LISTEN_FDNAMES", names, 1);
}

static void test_for_somebody_else(void **state)
{
	static struct inherited in;
	struct err err;
	(void)state;
	static const char *const pids[] = { "1", "", "-1", "x" };
	for (size_t i = 0; i < sizeof(pids) / sizeof(pids[0]); i++) {
		say(pids[i], "1", "");
		assert_true(inherited_open(&in, &err));
		assert_int_equal(in.n, 0);
		assert_null(getenv("LISTEN_PID"));
		assert_null(getenv("LISTEN_FDS"));
		assert_null(getenv("LISTEN_FDNAMES"));
	}
	assert_true(inherited_open(&in, &err)); /* nothing is said at all */
	assert_int_equal(in.n, 0);
}

static void test_wrong_numbers(void **state)
{
	static struct inherited in;
	static const char *const wrong[] = { "", "x", "-1", "65", "99999999999999999999" };
	struct err err;
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		say(NULL, wrong[i], "");
		assert_false(inherited_open(&in, &err));
		assert_null(getenv("LISTEN_FDS"));
	}
}

static struct endpoint at(const char *text)
{
	struct endpoint e;
	assert_true(endpoint_parse(&e, str_of(text), NULL));
	return e;
}

/* By address first, then by a name that is one socket's alone. */
static void test_take(void **state)
{
	static struct inherited in = { .n = 4 };
	(void)state;
	in.sockets[0] = (struct inherited_socket){ STDIN_FILENO, false, "mta", at("inet:127.0.0.1:1") };
	in.sockets[1] = (struct inherited_socket){ STDIN_FILENO, false, "mta", at("unix:/a") };
	in.sockets[2] = (struct inherited_socket){ STDIN_FILENO, false, "two", at("inet:127.0.0.1:2") };
	in.sockets[3] = (struct inherited_socket){ STDIN_FILENO, false, "two", at("inet:127.0.0.1:3") };
	const struct {
		const char *name, *address;
		int found; /* -1: none */
	} rows[] = {
		{ "any", "unix:/a", 1 },
		{ "mta", "inet:127.0.0.1:9", 0 },
		{ "mta", "inet:127.0.0.1:3", 3 },
		{ "mta", "udp:127.0.0.1:1", -1 },
		{ "two", "inet:127.0.0.1:9", -1 },
		{ "", "inet:127.0.0.1:9", -1 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct endpoint e = at(rows[i].address);
		for (size_t s = 0; s < in.n; s++)
			in.sockets[s].used = false;
		int fd = inherited_take(&in, rows[i].name, &e);
		assert_int_equal(fd >= 0, rows[i].found >= 0);
		if (fd < 0) {
			assert_int_equal(errno, 0);
			continue;
		}
		assert_true(in.sockets[rows[i].found].used);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
		close(fd);
	}
}

static void test_words(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct supervisor s;
	struct err err;
	char name[64], got[64] = "";
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	(void)state;
	int n = snprintf(name, sizeof(name), "@quotagate-test-%ld", (long)getpid());
	memcpy(un.sun_path + 1, name + 1, (size_t)n - 1);
	assert_int_equal(
		bind(fd, (struct sockaddr *)&un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	assert_true(supervisor_open(&s, &err));
	assert_null(getenv("NOTIFY_SOCKET"));
	supervisor_say(&s, "READY=1");
	assert_int_equal(recv(fd, got, sizeof(got), 0), 7);
	assert_memory_equal(got, "READY=1", 7);
	close(fd);
	supervisor_say(&s, "STOPPING=1"); /* it has gone: no matter */
	supervisor_close(&s);
	assert_true(supervisor_open(&s, &err));
	supervisor_say(&s, "READY=1");
}

static void test_wrong_names(void **state)
{
	static const char *const wrong[] = { "", "@", "/", "run/notify", "/nonexistent/notify" };
	char lengthy[200];
	struct supervisor s;
	struct err err;
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		setenv("NOTIFY_SOCKET", wrong[i], 1);
		assert_false(supervisor_open(&s, &err));
	}
	memset(lengthy, '/', sizeof(lengthy) - 1);
	lengthy[sizeof(lengthy) - 1] = '\0';
	setenv("NOTIFY_SOCKET", lengthy, 1);
	assert_false(supervisor_open(&s, &err));
	unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_for_somebody_else),
		cmocka_unit_test(test_wrong_numbers),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_wrong_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
