#include "daemon/notify_state.h"

#include "io/log.h"
#include "wire/notice_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 1024 /* records that are read or written at once */

static off_t place_of(size_t record)
{
	return NOTICE_HEAD_OCTETS + (off_t)record * NOTICE_RECORD_OCTETS;
}

/* As much as that, or false with errno. */
static bool read_at(int fd, void *to, size_t len, off_t at)
{
	ssize_t n;
	do
		n = pread(fd, to, len, at);
	while (n < 0 && errno == EINTR);
	if (n >= 0 && (size_t)n < len)
		errno = EIO;
	return n >= 0 && (size_t)n == len;
}

static bool write_at(int fd, const void *from, size_t len, off_t at)
{
	ssize_t n;
	do
		n = pwrite(fd, from, len, at);
	while (n < 0 && errno == EINTR);
	if (n >= 0 && (size_t)n < len)
		errno = ENOSPC;
	return n >= 0 && (size_t)n == len;
}

/* ---- the file ---- */

/* It is written by a daemon that may be root: a link may not lead it to another's file, by whichever of its names. */
static bool is_ours(int fd, struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_set(err, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return err_set(err, "this is no file of one name");
	if (st.st_uid != geteuid())
		return err_set(err, "it belongs to user %u: remove it, or give it to user %u", (unsigned)st.st_uid,
			(unsigned)geteuid());
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return err_set(err, "another daemon holds it");
	if ((st.st_mode & 07777) != 0600 && fchmod(fd, 0600) != 0)
		return err_set(err, "%s", strerror(errno));
	return true;
}

static int open_file(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
	if (fd < 0)
		err_set(err, "%s", strerror(errno));
	if (fd >= 0 && is_ours(fd, err))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ---- from the file ---- */

struct loaded {
	struct notice *all;
	size_t n;
	bool damaged; /* something was told that is not known any more */
};

/* Clocks are set: what would lie ahead was told now. What is older than any period may be is as good as that old. */
static msec told_at(msec told, msec now, msec wall)
{
	const msec oldest = SECONDS(2 * 366 * 86400);
	msec ago = told >= wall ? 0 : wall - told;
	return now - (ago < oldest ? ago : oldest);
}

static void take(struct loaded *l, const char *octets, const struct hash_key *key, msec now, msec wall)
{
	struct notice_record r;
	if (!notice_record_decode(&r, octets, key))
		l->damaged = true;
	else if (!hash_is_none(r.mailbox))
		l->all[l->n++] = (struct notice){ .mailbox = r.mailbox,
			.told = told_at(r.told, now, wall),
			.told_full = told_at(r.told_full, now, wall),
			.stands = r.stands,
			.highest = r.highest,
			.full = r.full };
}

static bool load_records(struct loaded *l, int fd, const struct notice_head *head, msec now, msec wall)
{
	static char octets[CHUNK * NOTICE_RECORD_OCTETS];
	for (size_t i = 0; i < head->records;) {
		size_t n = head->records - i < CHUNK ? head->records - i : CHUNK;
		if (!read_at(fd, octets, n * NOTICE_RECORD_OCTETS, place_of(i)))
			return false;
		for (size_t k = 0; k < n; k++)
			take(l, octets + k * NOTICE_RECORD_OCTETS, &head->key, now, wall);
		i += n;
	}
	return true;
}

/* False: it cannot be read, or there is no memory. `key` is the file's, or stays as it is. */
static bool load(struct loaded *l, int fd, struct hash_key *key, msec now, msec wall, struct err *err)
{
	char octets[NOTICE_HEAD_OCTETS];
	struct notice_head head;
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_set(err, "%s", strerror(errno));
	if (st.st_size == 0)
		return true;
	if (st.st_size < NOTICE_HEAD_OCTETS || !read_at(fd, octets, sizeof(octets), 0) ||
		!notice_head_decode(&head, octets) || st.st_size != place_of(head.records)) {
		l->damaged = true;
		return true;
	}
	l->all = calloc(head.records, sizeof(*l->all));
	if (!l->all)
		return err_set(err, "not enough memory for %zu records", (size_t)head.records);
	if (!load_records(l, fd, &head, now, wall))
		return err_set(err, "%s", strerror(errno));
	*key = head.key;
	return true;
}

static msec last_of(const struct notice *is)
{
	if (!is->full || (is->highest && is->told > is->told_full))
		return is->told;
	return is->told_full;
}

static int by_age(const void *a, const void *b)
{
	msec x = last_of(a), y = last_of(b);
	return x < y ? -1 : x > y;
}

static void restore(struct notices *notices, struct loaded *l)
{
	if (l->n)
		qsort(l->all, l->n, sizeof(*l->all), by_age);
	for (size_t i = 0; i < l->n; i++)
		notices_restore(notices, &l->all[i]);
	if (!l->damaged)
		notices_complete(notices);
}

/* ---- to the file ---- */

static void encode(char *octets, const struct notify_state *s, const struct notice *is, msec now, msec wall)
{
	msec told = wall - (now - is->told), told_full = wall - (now - is->told_full);
	const struct notice_record r = { .mailbox = is->mailbox,
		.told = told > 0 && is->highest ? told : 0,
		.told_full = told_full > 0 && is->full ? told_full : 0,
		.stands = is->stands,
		.highest = is->highest,
		.full = is->full };
	notice_record_encode(octets, &r, &s->key);
}

/* All of the table. The head comes last: what ends in between leaves a file that is not believed. */
static bool write_all(const struct notify_state *s, const struct notices *notices, msec now, msec wall)
{
	static char octets[CHUNK * NOTICE_RECORD_OCTETS];
	size_t rows = notices_rows(notices);
	if (ftruncate(s->fd, 0) != 0 || ftruncate(s->fd, place_of(rows)) != 0)
		return false;
	for (size_t i = 0; i < rows;) {
		size_t n = rows - i < CHUNK ? rows - i : CHUNK, used = 0;
		for (size_t k = 0; k < n; k++) {
			struct notice is = notices_at(notices, i + k);
			used += !hash_is_none(is.mailbox);
			encode(octets + k * NOTICE_RECORD_OCTETS, s, &is, now, wall);
		}
		if (used && !write_at(s->fd, octets, n * NOTICE_RECORD_OCTETS, place_of(i)))
			return false;
		i += n;
	}
	notice_head_encode(octets, &(struct notice_head){ s->key, rows });
	return write_at(s->fd, octets, NOTICE_HEAD_OCTETS, 0);
}

bool notify_state_open(struct notify_state *s, const char *path, struct notices *notices, struct hash_key fresh,
	msec now, msec wall, struct err *err)
{
	struct loaded loaded = { .n = 0 };
	struct err why;
	*s = (struct notify_state){ .fd = open_file(path, &why), .key = fresh };
	bool good = s->fd >= 0 && load(&loaded, s->fd, &s->key, now, wall, &why);
	if (good) {
		restore(notices, &loaded);
		good = write_all(s, notices, now, wall) || err_set(&why, "%s", strerror(errno));
	}
	if (good)
		log_line(loaded.damaged ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
			"event=notify-state file=%s mailboxes=%zu%s", path, notices_count(notices),
			loaded.damaged ? " note=\"it was damaged and is begun anew with what was whole\"" : "");
	free(loaded.all);
	return good || err_set(err, "notify: %s: %s", path, why.text);
}

void notify_state_write(struct notify_state *s, const struct notices *notices, size_t row, msec now, msec wall)
{
	char octets[NOTICE_RECORD_OCTETS];
	if (s->fd < 0)
		return;
	struct notice is = notices_at(notices, row);
	encode(octets, s, &is, now, wall);
	bool good = write_at(s->fd, octets, sizeof(octets), place_of(row));
	if (!good && !s->failed)
		log_line(LOG_LEVEL_ERROR,
			"event=notify-state reason=\"%s\" note=\"what is told now may be told again after a restart\"",
			strerror(errno));
	s->failed = !good;
}

void notify_state_close(struct notify_state *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}
