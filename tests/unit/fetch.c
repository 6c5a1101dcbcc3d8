/* How metrics are fetched, from a child process that answers as it is told. */
#include "daemon/fetch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct server {
	char folder[64], said[128], token[128]; /* files: what the client said; a token */
	struct endpoint endpoint;
	pid_t pid;
};

/* The child: one connection; the request is kept, the answer given. */
static void serve(const struct server *s, int fd, const char *answer)
{
	char request[2048];
	fcntl(fd, F_SETFL, 0); /* wait */
	int client = accept(fd, NULL, NULL);
	ssize_t n = read(client, request, sizeof(request));
	FILE *out = fopen(s->said, "w");
	if (n > 0)
		fwrite(request, 1, (size_t)n, out);
	fclose(out);
	_exit(write(client, answer, strlen(answer)) == (ssize_t)strlen(answer) ? 0 : 1);
}

static void start(struct server *s, const char *answer)
{
	struct endpoint_access access = { .mode = 0600, .owner = (uid_t)-1, .group = (gid_t)-1 };
	char text[128];
	struct err err;
	snprintf(s->folder, sizeof(s->folder), "/tmp/qgfetchXXXXXX");
	assert_non_null(mkdtemp(s->folder));
	snprintf(s->said, sizeof(s->said), "%s/said", s->folder);
	snprintf(s->token, sizeof(s->token), "%s/token", s->folder);
	snprintf(text, sizeof(text), "unix:%s/s", s->folder);
	assert_true(endpoint_parse(&s->endpoint, str_of(text), &err));
	int fd = endpoint_listen(&s->endpoint, &access, &err);
	assert_true(fd >= 0);
	s->pid = fork();
	if (s->pid == 0)
		serve(s, fd, answer);
	close(fd);
}

/* Ends it; `said` gets what the client sent. */
static void stop(struct server *s, char *said, size_t cap)
{
	assert_int_equal(waitpid(s->pid, NULL, 0), s->pid);
	FILE *in = fopen(s->said, "r");
	assert_non_null(in);
	said[fread(said, 1, cap - 1, in)] = '\0';
	fclose(in);
	unlink(s->said);
	unlink(s->token);
	unlink(endpoint_path(&s->endpoint));
	rmdir(s->folder);
}

static void test_control(void **state)
{
	struct server s;
	struct fetched f;
	struct err err;
	char said[2048];
	(void)state;
	start(&s, "a 1\n# EOF\n");
	if (!fetch_control(&f, &s.endpoint, &err) || !fetch_take(&f, &err))
		fail_msg("%s", err.text);
	assert_int_equal(f.len, 10);
	assert_memory_equal(f.text, "a 1\n# EOF\n", 10);
	assert_int_equal(f.pid, getpid()); /* who began to listen */
	assert_int_equal(f.uid, getuid());
	free(f.text);
	stop(&s, said, sizeof(said));
	assert_string_equal(said, "metrics\n");
	assert_false(fetch_control(&f, &s.endpoint, &err));
	assert_string_equal(err.text, "no such file or directory");
	start(&s, "");
	assert_true(fetch_control(&f, &s.endpoint, &err));
	assert_false(fetch_take(&f, &err));
	assert_non_null(strstr(err.text, "without an answer"));
	stop(&s, said, sizeof(said));
}

static void test_http_answers(void **state)
{
	static const struct {
		const char *answer, *text, *why; /* one of the latter */
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na 1\n", "a 1\n", NULL },
		{ "HTTP/1.0 200 OK\r\n\r\n", "", NULL },
		{ "HTTP/1.1 401 Unauthorized\r\n\r\nno\n", NULL, "it answers 401 Unauthorized" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n", NULL, "what it answers is no HTTP" },
		{ "HTTP/1.1\n\r\n\r\n", NULL, "what it answers is no HTTP" },
		{ "\r\n\r\n", NULL, "what it answers is no HTTP" },
		{ "\x15\x03\x01", NULL, "what it answers is no HTTP" },
	};
	char said[2048];
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct server s;
		struct fetched f;
		struct err err = { "" };
		start(&s, cases[i].answer);
		bool ok = fetch_http(&f, &s.endpoint, NULL, &err) && fetch_take(&f, &err);
		stop(&s, said, sizeof(said));
		if (ok != (cases[i].text != NULL))
			fail_msg("case %zu: %s", i, ok ? "taken" : err.text);
		if (ok)
			assert_true(str_eq((struct str){ f.text, f.len }, str_of(cases[i].text)));
		else
			assert_string_equal(err.text, cases[i].why);
		free(f.text);
		assert_string_equal(said, "GET /metrics HTTP/1.0\r\nHost: localhost\r\nAccept: text/plain\r\n\r\n");
	}
}

static void test_http_token(void **state)
{
	static const struct {
		const char *file, *header;
	} cases[] = {
		{ "s3cret\n", "Authorization: Bearer s3cret\r\n" },
		{ "# a comment\n\ns3cret\r\nmore\n", "Authorization: Bearer s3cret\r\n" },
		{ "s3cret", "Authorization: Bearer s3cret\r\n" },
		{ "a b\n", "" },
		{ "a\rX: y\n", "" },
		{ "", "" },
	};
	char said[2048], want[256];
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct server s;
		struct fetched f;
		struct err err;
		start(&s, "HTTP/1.1 200 OK\r\n\r\n");
		FILE *token = fopen(s.token, "w");
		assert_int_equal(fchmod(fileno(token), 0600), 0);
		fputs(cases[i].file, token);
		fclose(token);
		assert_true(fetch_http(&f, &s.endpoint, s.token, &err) && fetch_take(&f, &err));
		free(f.text);
		stop(&s, said, sizeof(said));
		snprintf(want, sizeof(want), "GET /metrics HTTP/1.0\r\nHost: localhost\r\nAccept: text/plain\r\n%s\r\n",
			cases[i].header);
		assert_string_equal(said, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_control),
		cmocka_unit_test(test_http_answers),
		cmocka_unit_test(test_http_token),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
