#include "daemon/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE_MAX 4096 /* octets of a key file */

static bool is_ours(const struct stat *st, uid_t daemon, const char *path, struct err *err)
{
	if (!S_ISREG(st->st_mode))
		return err_set(err, "%s: expected a regular file", path);
	if (st->st_uid != 0 && st->st_uid != daemon)
		return err_set(err, "%s: expected a file that belongs to root or to the daemon's user", path);
	if (st->st_mode & (S_IWGRP | S_IRWXO))
		return err_set(err,
			"%s: expected a file that its group cannot write and others can neither read nor write (chmod "
			"640)",
			path);
	return true;
}

/* Its length, or -1. One octet more than may be is read, so that a longer one shows. */
static ssize_t read_whole(int fd, char text[KEY_FILE_MAX + 1], const char *path, struct err *err)
{
	size_t len = 0;
	ssize_t n = 1;
	while (n > 0 && len <= KEY_FILE_MAX) {
		n = read(fd, text + len, KEY_FILE_MAX + 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0)
		err_set(err, "%s: %s", path, strerror(errno));
	else if (len > KEY_FILE_MAX)
		err_set(err, "%s: longer than %d octets", path, KEY_FILE_MAX);
	return n < 0 || len > KEY_FILE_MAX ? -1 : (ssize_t)len;
}

static bool read_keys(struct seal_keys *keys, int fd, const char *path, uid_t daemon, struct err *err)
{
	char text[KEY_FILE_MAX + 1];
	struct stat st;
	struct err why;
	if (fstat(fd, &st) != 0)
		return err_set(err, "%s: %s", path, strerror(errno));
	if (!is_ours(&st, daemon, path, err))
		return false;
	ssize_t len = read_whole(fd, text, path, err);
	bool good = len >= 0;
	if (good && !seal_keys_parse(keys, (struct str){ text, (size_t)len }, &why))
		good = err_set(err, "%s: %s", path, why.text);
	explicit_bzero(text, sizeof(text));
	return good;
}

/* Memory that a child process finds empty, and a core dump does not show. */
static struct seal_keys *new_keys(void)
{
	struct seal_keys *keys = mmap(NULL, sizeof(*keys), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (keys == MAP_FAILED)
		return NULL;
	madvise(keys, sizeof(*keys), MADV_WIPEONFORK);
	madvise(keys, sizeof(*keys), MADV_DONTDUMP);
	return keys;
}

void keyfile_free(struct seal_keys *keys)
{
	if (!keys)
		return;
	explicit_bzero(keys, sizeof(*keys));
	munmap(keys, sizeof(*keys));
}

enum keyfile_outcome keyfile_read(struct seal_keys **out, const char *path, uid_t daemon, struct err *err)
{
	/* Non-blocking: a FIFO must not stop the daemon. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bool forbidden = fd < 0 && (errno == EACCES || errno == EPERM);
	*out = NULL;
	if (fd < 0) {
		err_set(err, "%s: %s", path, strerror(errno));
		return forbidden ? KEYFILE_FORBIDDEN : KEYFILE_BAD;
	}
	struct seal_keys *keys = new_keys();
	bool good = keys ? read_keys(keys, fd, path, daemon, err) : err_set(err, "%s: out of memory", path);
	close(fd);
	if (good)
		*out = keys;
	else
		keyfile_free(keys);
	return good ? KEYFILE_READ : KEYFILE_BAD;
}
