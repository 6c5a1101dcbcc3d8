#include "store/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PATH_ROOM 4096
#define DEPTH_MAX 32

bool tree_is_aside(const char *name)
{
	static const char *const beginnings[] = { ".", "dovecot.index", "dovecot-uidvalidity", "dovecot.list",
		"dovecot.mailbox.log" };
	struct str s = str_of(name);
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
		if (str_starts(s, str_of(beginnings[i])))
			return true;
	return str_eq(s, STR("subscriptions")) || (s.len > 5 && str_eq(str_from(s, s.len - 5), STR(".lock")));
}

static void add_file(struct tree_sum *sum, const struct stat *st)
{
	if (sum->other && sum->other->st_dev == st->st_dev && sum->other->st_ino == st->st_ino) {
		if (sum->other_met)
			return;
		sum->other_met = true;
	}
	if (__builtin_add_overflow(sum->octets, (uint64_t)st->st_size, &sum->octets))
		sum->octets = UINT64_MAX;
}

static bool add_directory(int parent, const char *name, struct tree_sum *sum, unsigned depth, struct buf *failed);

static bool add_entry(DIR *dir, const char *name, struct tree_sum *sum, unsigned depth, struct buf *failed)
{
	struct stat st;
	size_t end = failed->len;
	if (name[0] == '.')
		return true;
	buf_putc(failed, '/');
	buf_puts(failed, name);
	if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno != ENOENT)
			return false;
	} else if (S_ISDIR(st.st_mode)) {
		if (!add_directory(dirfd(dir), name, sum, depth + 1, failed))
			return false;
	} else if (S_ISREG(st.st_mode) && !tree_is_aside(name)) {
		add_file(sum, &st);
	}
	failed->len = end;
	return true;
}

static bool add_directory(int parent, const char *name, struct tree_sum *sum, unsigned depth, struct buf *failed)
{
	const struct dirent *e;
	if (depth > DEPTH_MAX) {
		errno = ELOOP;
		return false;
	}
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return false;
	}
	bool good = true;
	while (good && (errno = 0, (e = readdir(dir))))
		good = add_entry(dir, e->d_name, sum, depth, failed);
	int error = errno;
	closedir(dir);
	errno = error;
	return good && error == 0;
}

bool tree_add(struct beneath *b, const char *name, struct tree_sum *sum, struct buf *failed)
{
	struct stat st;
	buf_puts(failed, name);
	int fd = beneath_open(b, name, O_PATH);
	if (fd < 0)
		return errno == ENOENT || errno == ENAMETOOLONG;
	bool good = fstat(fd, &st) == 0;
	if (good && S_ISREG(st.st_mode)) {
		sum->found = true;
		add_file(sum, &st);
	} else if (good && S_ISDIR(st.st_mode)) {
		sum->found = true;
		good = add_directory(fd, ".", sum, 0, failed);
	} else if (good) {
		good = false;
		errno = EINVAL;
	}
	int error = errno;
	close(fd);
	errno = error;
	return good;
}
