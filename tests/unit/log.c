/* The log: what lines look like at each target, when they are written, and what becomes of them when nobody reads. */
#include "io/log.h"

#include <fcntl.h>
#include <regex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z "

static char path[64];
static char text[1 << 20];

/* What the file holds now. */
static const char *file(void)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

static void assert_matches(const char *got, const char *pattern)
{
	regex_t re;
	assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&re, got, 0, NULL, 0) != 0)
		fail_msg("got \"%.200s\", want %s", got, pattern);
	regfree(&re);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/quotagate-log-%ld", (long)getpid());
	return 0;
}

/* Back to where cmocka writes, and nothing left for the next test. */
static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	unsetenv("JOURNAL_STREAM");
	return log_open("stderr", LOG_LEVEL_INFO, NULL) ? 0 : -1;
}

static void open_file(enum log_level level)
{
	struct err err;
	umask(0);
	assert_true(log_open(path, level, &err));
}

static void test_file(void **state)
{
	struct stat st;
	(void)state;
	open_file(LOG_LEVEL_INFO);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	log_line(LOG_LEVEL_INFO, "one=%d", 1);
	log_put(LOG_LEVEL_WARNING, STR("two=2"));
	log_line(LOG_LEVEL_DEBUG, "three");
	log_put(LOG_LEVEL_DEBUG, STR("three"));
	assert_string_equal(file(), "");
	log_flush();
	assert_matches(file(), "^" TIME "one=1\n" TIME "two=2\n$");
	log_flush();
	assert_matches(file(), "^" TIME "one=1\n" TIME "two=2\n$");
}

/* Where a link leads is the word of who made it. */
static void test_links(void **state)
{
	char link[80];
	struct err err = { "" };
	(void)state;
	open_file(LOG_LEVEL_INFO);
	snprintf(link, sizeof(link), "%s.link", path);
	unlink(link);
	assert_int_equal(symlink(path, link), 0);
	assert_true(log_open(link, LOG_LEVEL_INFO, &err));
	if (geteuid() == 0) {
		assert_int_equal(lchown(link, 65534, 65534), 0);
		assert_false(log_open(link, LOG_LEVEL_INFO, &err));
		assert_non_null(strstr(err.text, "cannot open the log"));
	}
	unlink(link);
}

static void test_given_away(void **state)
{
	char other[80];
	struct stat st;
	struct err err = { "" };
	uid_t uid = geteuid() == 0 ? 65534 : geteuid();
	(void)state;
	open_file(LOG_LEVEL_INFO);
	assert_true(log_give(uid, getegid(), &err));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, uid);
	snprintf(other, sizeof(other), "%s.other", path);
	unlink(other);
	assert_int_equal(link(path, other), 0);
	assert_false(log_give(geteuid(), getegid(), &err));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, uid);
	unlink(other);
	assert_true(log_open("stderr", LOG_LEVEL_INFO, &err));
	assert_true(log_give(uid, getegid(), &err));
}

static void test_levels(void **state)
{
	(void)state;
	for (enum log_level level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		open_file(level);
		for (enum log_level l = LOG_LEVEL_ERROR; l <= LOG_LEVEL_DEBUG; l++)
			assert_int_equal(log_wants(l), l <= level);
	}
}

static void test_error_at_once(void **state)
{
	(void)state;
	open_file(LOG_LEVEL_ERROR);
	log_line(LOG_LEVEL_WARNING, "not wanted");
	log_line(LOG_LEVEL_ERROR, "bad");
	assert_matches(file(), "^" TIME "bad\n$");
}

static void test_cleaned_and_cut(void **state)
{
	char longer[LOG_LINE_MAX + 100];
	(void)state;
	open_file(LOG_LEVEL_INFO);
	log_line(LOG_LEVEL_INFO, "a\nb\r\t\033[31m\xff");
	memset(longer, 'x', sizeof(longer));
	log_put(LOG_LEVEL_INFO, (struct str){ longer, sizeof(longer) });
	longer[sizeof(longer) - 1] = '\0';
	log_line(LOG_LEVEL_INFO, "%s", longer);
	log_flush();
	assert_matches(file(), "^" TIME "a[?]b[?][?][?]\\[31m[?]\n" TIME "x+\n" TIME "x+\n$");
	assert_true(strlen(text) < 3 * (LOG_LINE_MAX + 30));
}

static void test_open_fails(void **state)
{
	struct err err;
	(void)state;
	open_file(LOG_LEVEL_INFO);
	assert_false(log_open("/nonexistent/log", LOG_LEVEL_DEBUG, &err));
	assert_string_equal(err.text, "cannot open the log /nonexistent/log: No such file or directory");
	assert_false(log_open("relative", LOG_LEVEL_DEBUG, &err));
	assert_false(log_open("", LOG_LEVEL_DEBUG, &err));
	assert_false(log_wants(LOG_LEVEL_DEBUG));
	log_line(LOG_LEVEL_ERROR, "still here");
	assert_matches(file(), "still here\n$");
}

/* logrotate moves the file away: the old lines are in the old file, the new ones in the new. */
static void test_reopened(void **state)
{
	char old[80];
	(void)state;
	open_file(LOG_LEVEL_INFO);
	log_line(LOG_LEVEL_INFO, "before");
	snprintf(old, sizeof(old), "%s.1", path);
	assert_int_equal(rename(path, old), 0);
	open_file(LOG_LEVEL_INFO);
	log_line(LOG_LEVEL_ERROR, "after");
	assert_matches(file(), "^" TIME "after\n$");
	assert_int_equal(rename(old, path), 0);
	assert_matches(file(), "^" TIME "before\n$");
}

/* More than the buffer holds: written when full. */
static void test_full_buffer(void **state)
{
	int lines = 0;
	(void)state;
	open_file(LOG_LEVEL_INFO);
	for (int i = 0; i < 5000; i++)
		log_line(LOG_LEVEL_INFO, "line=%d", i);
	log_flush();
	for (const char *p = file(); (p = strstr(p, "line=")); p++, lines++)
		assert_int_equal(strtol(p + 5, NULL, 10), lines);
	assert_int_equal(lines, 5000);
}

/* ---- stderr ---- */

/* Puts `fd` in the place of stderr; returns the real one. */
static int swap_stderr(int fd)
{
	int real = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
	log_open("stderr", LOG_LEVEL_INFO, NULL);
	return real;
}

static void swap_back(int real)
{
	dup2(real, STDERR_FILENO);
	close(real);
}

static void test_journal(void **state)
{
	int pair[2];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	setenv("JOURNAL_STREAM", "8:1", 1);
	int real = swap_stderr(pair[1]);
	log_line(LOG_LEVEL_INFO, "info");
	log_line(LOG_LEVEL_WARNING, "warning");
	log_line(LOG_LEVEL_ERROR, "error");
	swap_back(real);
	ssize_t n = read(pair[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	assert_string_equal(text, "<6>info\n<4>warning\n<3>error\n");
	close(pair[0]);
}

/* Everything that comes through until the other end is empty, whole lines only. */
static void drain(int fd, int *lines, long *dropped)
{
	static char all[1 << 20];
	size_t len = 0;
	*lines = 0;
	*dropped = 0;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (;;) {
		log_flush();
		ssize_t n = read(fd, all + len, sizeof(all) - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	all[len] = '\0';
	char *rest = all;
	for (char *line; *rest && (line = strsep(&rest, "\n"));) {
		assert_non_null(rest);
		const char *told = strstr(line, "Z log dropped=");
		if (told) {
			*dropped += strtol(told + 14, NULL, 10);
		} else {
			assert_matches(line, "^" TIME "line=[0-9]+ x{100}$");
			++*lines;
		}
	}
}

/* Nobody reads: nothing blocks, nothing is torn, and the lost lines are counted to the last one. */
static void check_unread(int reader, int writer)
{
	char x[101];
	int lines;
	long dropped;
	enum { SENT = 8000 };
	memset(x, 'x', 100);
	x[100] = '\0';
	int real = swap_stderr(writer);
	for (int i = 0; i < SENT; i++) {
		log_line(LOG_LEVEL_INFO, "line=%d %s", i, x);
		if (i % 50 == 0)
			log_flush();
	}
	drain(reader, &lines, &dropped);
	swap_back(real);
	close(reader);
	assert_true(dropped > 0);
	assert_int_equal(lines + dropped, SENT);
}

static void test_unread_pipe(void **state)
{
	int p[2];
	(void)state;
	assert_int_equal(pipe(p), 0);
	check_unread(p[0], p[1]);
}

static void test_unread_socket(void **state)
{
	int pair[2];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	check_unread(pair[0], pair[1]);
}

static void test_no_reader(void **state)
{
	int p[2];
	(void)state;
	assert_int_equal(pipe(p), 0);
	close(p[0]);
	signal(SIGPIPE, SIG_IGN);
	int real = swap_stderr(p[1]);
	for (int i = 0; i < 5000; i++)
		log_line(LOG_LEVEL_ERROR, "nobody reads this %d", i);
	open_file(LOG_LEVEL_INFO);
	swap_back(real);
	log_line(LOG_LEVEL_ERROR, "and this is read");
	assert_matches(file(), "^" TIME "and this is read\n" TIME "log dropped=5000\n$");
}

/* A child does not write what its parent had gathered, and no longer into the parent's file. */
static void test_forked(void **state)
{
	int p[2], status;
	(void)state;
	assert_int_equal(pipe(p), 0);
	open_file(LOG_LEVEL_INFO);
	log_line(LOG_LEVEL_INFO, "parent");
	pid_t pid = fork();
	if (pid == 0) {
		dup2(p[1], STDERR_FILENO);
		log_forked();
		log_line(LOG_LEVEL_INFO, "child");
		log_flush();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_string_equal(file(), "");
	log_flush();
	assert_matches(file(), "^" TIME "parent\n$");
	ssize_t n = read(p[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	assert_matches(text, "^" TIME "child\n$");
	close(p[0]);
	close(p[1]);
}

/* Nobody listens at /dev/log perhaps: nothing may come of that. */
static void test_syslog(void **state)
{
	struct err err;
	(void)state;
	assert_true(log_open("syslog", LOG_LEVEL_INFO, &err));
	log_line(LOG_LEVEL_INFO, "a test of quotagate's, %%s %s", "%s");
	log_put(LOG_LEVEL_WARNING, STR(""));
	log_flush();
	open_file(LOG_LEVEL_INFO);
	log_line(LOG_LEVEL_ERROR, "file");
	assert_matches(file(), "^" TIME "file\n$");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_file),
		TEST(test_links),
		TEST(test_given_away),
		TEST(test_levels),
		TEST(test_error_at_once),
		TEST(test_cleaned_and_cut),
		TEST(test_open_fails),
		TEST(test_reopened),
		TEST(test_full_buffer),
		TEST(test_journal),
		TEST(test_unread_pipe),
		TEST(test_unread_socket),
		TEST(test_no_reader),
		TEST(test_forked),
		TEST(test_syslog),
	};
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
