#include "store/survey.h"

#include "wire/maildirsize.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#define SEEN_MOST 32 /* Maildirs looked at in all */
#define NAMES_MOST 64 /* names tried in one directory */

static void look_at(struct survey *s, int dir, const struct buf *path)
{
	char octets[MAILDIRSIZE_MAX];
	struct maildirsize m;
	int fd = openat(dir, "maildirsize", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0)
		return;
	ssize_t n = read(fd, octets, sizeof(octets));
	close(fd);
	if (n < 0)
		return;
	maildirsize_decode(&m, (struct str){ octets, (size_t)n });
	s->seen++;
	if (m.foreign && s->foreign++ == 0) {
		struct buf example = BUF(s->example);
		buf_put_clean(&example, buf_str(path));
		buf_z(&example);
	}
}

static void walk(struct survey *s, int dir, struct str rest, struct buf *path);

static void enter(struct survey *s, int dir, const char *name, struct str rest, struct buf *path)
{
	size_t len = path->len;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW);
	if (fd < 0)
		return;
	buf_putc(path, '/');
	buf_puts(path, name);
	if (!path->full)
		walk(s, fd, rest, path);
	path->len = len;
	path->full = false;
	close(fd);
}

static void enter_all(struct survey *s, int dir, struct str rest, struct buf *path)
{
	int copy = openat(dir, ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	DIR *names = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *d;
	if (!names) {
		if (copy >= 0)
			close(copy);
		return;
	}
	for (int i = 0; i < NAMES_MOST && s->seen < SEEN_MOST && (d = readdir(names)); i++)
		if (d->d_name[0] != '.')
			enter(s, dir, d->d_name, rest, path);
	closedir(names);
}

/* `rest` is what of the template lies below `dir`, null at its end. */
static void walk(struct survey *s, int dir, struct str rest, struct buf *path)
{
	char name[256];
	while (rest.at) {
		struct str part = str_cut(&rest, '/');
		if (part.len == 0)
			continue;
		if (str_find(part, '%') < part.len)
			enter_all(s, dir, rest, path);
		else if (str_copy_z(name, sizeof(name), part))
			enter(s, dir, name, rest, path);
		return;
	}
	look_at(s, dir, path);
}

void survey_maildirs(struct survey *s, struct str template)
{
	char space[512];
	struct buf path = BUF(space);
	*s = (struct survey){ 0 };
	if (!str_starts(template, STR("/")))
		return;
	int root = open("/", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	if (root < 0)
		return;
	walk(s, root, template, &path);
	close(root);
}
