#include "store/folders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 32

static bool is_box_name(const char *name)
{
	return strcmp(name, "new") == 0 || strcmp(name, "cur") == 0 || strcmp(name, "tmp") == 0;
}

/* `top`: the entry stands in the Maildir itself, where the folder Trash is. */
static bool is_folder(const struct folders *f, DIR *dir, const struct dirent *e, bool top)
{
	struct stat st;
	const char *name = e->d_name;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || (name[0] == '.') == f->fs || is_box_name(name))
		return false;
	if (f->skip_trash && top && strcmp(name, f->fs ? "Trash" : ".Trash") == 0)
		return false;
	if (e->d_type != DT_UNKNOWN)
		return e->d_type == DT_DIR;
	return fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static bool append(struct buf *path, const char *name)
{
	if (path->len)
		buf_putc(path, '/');
	buf_puts(path, name);
	buf_z(path);
	if (path->full)
		errno = ENAMETOOLONG;
	return !path->full;
}

static bool visit_boxes(struct folders *f)
{
	static const char *const boxes[] = { "new", "cur" };
	size_t end = f->path.len;
	for (size_t i = 0; i < 2; i++) {
		if (!append(&f->path, boxes[i]) || !f->visit(f->context, f->path.at, true))
			return false;
		f->path.len = end;
	}
	return true;
}

static bool list(struct folders *f, unsigned depth);

static bool list_entries(struct folders *f, DIR *dir, unsigned depth)
{
	const struct dirent *e;
	size_t end = f->path.len;
	while (errno = 0, (e = readdir(dir))) {
		if (!is_folder(f, dir, e, depth == 0))
			continue;
		if (!append(&f->path, e->d_name) || !visit_boxes(f) || (f->fs && !list(f, depth + 1)))
			return false;
		f->path.len = end;
	}
	return errno == 0;
}

/* The folders in the directory f->path. */
static bool list(struct folders *f, unsigned depth)
{
	if (depth > DEPTH_MAX) {
		errno = ELOOP;
		return false;
	}
	if (!f->visit(f->context, buf_z(&f->path), false))
		return false;
	int fd = beneath_open(f->beneath, f->path.at, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return depth > 0 && errno == ENOENT;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return false;
	}
	bool good = list_entries(f, dir, depth);
	int error = errno;
	closedir(dir);
	errno = error;
	return good;
}

bool folders_each(struct folders *f)
{
	return visit_boxes(f) && list(f, 0);
}
