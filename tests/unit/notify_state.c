/* What was told outlives the table that knew it, in a file; what is no such file is begun anew or refused. */
#include "daemon/notify_state.h"
#include "wire/notice_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PERIOD SECONDS(86400)
#define NOON INT64_C(1700000000000)
#define ROWS 1500 /* more than are read at once */

static char folder[] = "/tmp/qg-notices-XXXXXX";
static char path[64], other[64];
static const struct hash_key fresh = { 3, 4 };

static struct hash box(uint64_t n)
{
	return (struct hash){ n * 7, n };
}

/* A daemon's life. */
struct life {
	struct notices *notices;
	struct notify_state state;
	struct err err;
};

static bool begin(struct life *l, size_t rows, msec now, msec wall)
{
	*l = (struct life){ .notices = notices_new(rows) };
	return notify_state_open(&l->state, path, l->notices, fresh, now, wall, &l->err);
}

static void end(struct life *l)
{
	notify_state_close(&l->state);
	notices_free(l->notices);
}

static struct notice_news see(struct life *l, uint64_t n, unsigned mark, bool full, msec now, msec wall)
{
	struct notice_news news = notices_see(l->notices, box(n), mark, full, PERIOD, now);
	if (news.changed)
		notify_state_write(&l->state, l->notices, news.row, now, wall);
	return news;
}

static off_t octets(void)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	return st.st_size;
}

static void write_octet(off_t at, char c)
{
	int fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

static int clean(void **state)
{
	(void)state;
	unlink(path);
	unlink(other);
	return 0;
}

static void test_outlives(void **state)
{
	struct life l;
	(void)state;
	assert_true(begin(&l, ROWS, 50, NOON));
	for (uint64_t n = 1; n <= ROWS; n++)
		assert_true(see(&l, n, 80, n % 2, 50 + (msec)n, NOON + (msec)n).mark);
	see(&l, 3, 0, false, 9050, NOON + 9000); /* that it fell is remembered, too */
	end(&l);
	assert_int_equal(octets(), NOTICE_HEAD_OCTETS + ROWS * NOTICE_RECORD_OCTETS);

	assert_true(begin(&l, ROWS, 7, NOON + 10000)); /* another clock */
	assert_int_equal(notices_count(l.notices), ROWS);
	assert_memory_equal(&l.state.key, &fresh, sizeof(fresh));
	for (uint64_t n = 1; n <= ROWS; n++) {
		struct notice_news news = see(&l, n, 80, true, 8, NOON + 10001);
		assert_false(news.mark);
		assert_int_equal(news.full, n % 2 == 0);
	}
	see(&l, 3, 0, false, 9, NOON + 10002);
	assert_false(see(&l, 3, 80, false, PERIOD - 9996, NOON + PERIOD).mark);
	see(&l, 3, 0, false, PERIOD - 9995, NOON + PERIOD + 1);
	assert_true(see(&l, 3, 80, false, PERIOD - 9990, NOON + PERIOD + 4).mark); /* told at NOON + 3 */
	end(&l);
}

/* Of a smaller table the latest are kept, of a larger one all. */
static void test_other_sizes(void **state)
{
	struct life l;
	(void)state;
	assert_true(begin(&l, 20, 0, NOON));
	for (uint64_t n = 1; n <= 20; n++)
		see(&l, n, 80, false, 100 - (msec)n, NOON + 100 - (msec)n); /* 1 is the latest */
	end(&l);
	assert_true(begin(&l, 16, 0, NOON + 200));
	assert_int_equal(octets(), NOTICE_HEAD_OCTETS + 16 * NOTICE_RECORD_OCTETS);
	end(&l);
	assert_true(begin(&l, 5000, 0, NOON + 200));
	assert_int_equal(octets(), NOTICE_HEAD_OCTETS + 5000 * NOTICE_RECORD_OCTETS);
	assert_int_equal(notices_count(l.notices), 16);
	for (uint64_t n = 1; n <= 20; n++)
		assert_int_equal(see(&l, n, 80, false, 1, NOON + 201).mark, n > 16);
	end(&l);
}

/* A clock that was set back by years: nobody is muted for longer than a period from now on. */
static void test_told_in_the_future(void **state)
{
	struct life l;
	(void)state;
	assert_true(begin(&l, 16, 0, NOON));
	assert_true(see(&l, 1, 0, true, 0, NOON).full);
	end(&l);
	assert_true(begin(&l, 16, 0, NOON - 1000 * PERIOD));
	assert_false(see(&l, 1, 0, true, PERIOD - 1, NOON).full);
	assert_true(see(&l, 1, 0, true, PERIOD, NOON).full);
	end(&l);
}

/* What is whole is kept; who is not known any more may have been told, so where he stands is no news. */
static void test_damaged_record(void **state)
{
	struct life l;
	(void)state;
	assert_true(begin(&l, 16, 0, NOON));
	for (uint64_t n = 1; n <= 2; n++)
		see(&l, n, 80, false, 1, NOON + 1);
	end(&l);
	write_octet(NOTICE_HEAD_OCTETS + 20, 'x');
	assert_true(begin(&l, 16, 0, NOON + 2));
	assert_int_equal(notices_count(l.notices), 1);
	assert_false(see(&l, 1, 80, false, 1, NOON + 3).mark);
	assert_false(see(&l, 2, 80, false, 1, NOON + 3).mark);
	assert_true(see(&l, 1, 95, false, 2, NOON + 4).mark);
	end(&l);
}

static void test_damaged_file(void **state)
{
	struct life l;
	(void)state;
	for (int how = 0; how < 3; how++) {
		unlink(path);
		assert_true(begin(&l, 16, 0, NOON));
		assert_true(see(&l, 1, 80, false, 1, NOON + 1).mark);
		end(&l);
		if (how == 0)
			write_octet(0, 'Q');
		else
			assert_int_equal(truncate(path, octets() + (how == 1 ? -1 : 1)), 0);
		assert_true(begin(&l, 16, 0, NOON + 2));
		assert_int_equal(notices_count(l.notices), 0);
		assert_false(see(&l, 1, 80, false, 1, NOON + 3).mark);
		assert_true(see(&l, 1, 95, false, 1, NOON + 3).mark);
		end(&l);
		assert_true(begin(&l, 16, 0, NOON + 4)); /* and is a good one from then on */
		assert_int_equal(notices_count(l.notices), 1);
		end(&l);
	}
}

static void refused(const char *why)
{
	struct life l;
	assert_false(begin(&l, 16, 0, NOON));
	if (!strstr(l.err.text, why) || !strstr(l.err.text, path))
		fail_msg("%s: %s", why, l.err.text);
	end(&l);
}

/* A link leads to nobody else's file, and two daemons to none. */
static void test_what_is_refused(void **state)
{
	struct life l;
	FILE *file = fopen(other, "w");
	(void)state;
	assert_non_null(file);
	fputs("precious\n", file);
	fclose(file);
	assert_int_equal(symlink(other, path), 0);
	refused("Too many levels of symbolic links");
	unlink(path);
	assert_int_equal(link(other, path), 0);
	refused("no file of one name");
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	refused("no file of one name");
	unlink(path);
	assert_true(begin(&l, 16, 0, NOON));
	refused("another daemon holds it");
	end(&l);
	struct stat st;
	assert_int_equal(stat(other, &st), 0);
	assert_int_equal(st.st_size, strlen("precious\n"));
}

/* It is told once, and nothing else comes of it. */
static void test_no_room(void **state)
{
	struct life l;
	(void)state;
	assert_true(begin(&l, 16, 0, NOON));
	int fd = l.state.fd;
	l.state.fd = open("/dev/full", O_RDWR | O_CLOEXEC);
	assert_true(see(&l, 1, 80, false, 1, NOON + 1).mark);
	assert_true(l.state.failed);
	assert_false(see(&l, 1, 80, false, 2, NOON + 2).mark);
	close(l.state.fd);
	l.state.fd = fd;
	assert_true(see(&l, 2, 80, false, 3, NOON + 3).mark);
	assert_false(l.state.failed);
	end(&l);
	assert_true(begin(&l, 16, 0, NOON + 4));
	assert_int_equal(notices_count(l.notices), 1);
	end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_outlives, clean),
		cmocka_unit_test_setup(test_other_sizes, clean),
		cmocka_unit_test_setup(test_told_in_the_future, clean),
		cmocka_unit_test_setup(test_damaged_record, clean),
		cmocka_unit_test_setup(test_damaged_file, clean),
		cmocka_unit_test_setup(test_what_is_refused, clean),
		cmocka_unit_test_setup(test_no_room, clean),
	};
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/notices", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	clean(NULL);
	rmdir(folder);
	return failed;
}
