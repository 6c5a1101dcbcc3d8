#include "io/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINKS_MAX 40
#define DEPTH_MAX 64
#define TRIES 3

bool beneath_init(struct beneath *b, const char *root, const char *const *more, size_t n)
{
	*b = (struct beneath){ .fd = -1, .places = calloc(n + 1, sizeof(*b->places)) };
	if (!b->places)
		return false;
	for (; b->n < n + 1; b->n++) {
		b->places[b->n] = strdup(b->n == 0 ? root : more[b->n - 1]);
		if (!b->places[b->n]) {
			beneath_done(b);
			return false;
		}
	}
	return true;
}

void beneath_done(struct beneath *b)
{
	if (b->fd >= 0)
		close(b->fd);
	for (size_t i = 0; i < b->n; i++)
		free(b->places[i]);
	free(b->places);
	*b = (struct beneath){ .fd = -1 };
}

bool beneath_ready(struct beneath *b)
{
	struct stat st;
	if (b->fd >= 0 && stat(b->places[0], &st) == 0 && st.st_dev == b->dev && st.st_ino == b->ino)
		return true;
	if (b->fd >= 0)
		close(b->fd);
	b->fd = open(b->places[0], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (b->fd < 0 || fstat(b->fd, &st) != 0)
		return false;
	b->dev = st.st_dev;
	b->ino = st.st_ino;
	return true;
}

/* The flags of every opening. O_PATH opens nothing, so it takes no others. */
static int full_flags(int flags)
{
	return flags | O_CLOEXEC | (flags & O_PATH ? 0 : O_NONBLOCK | O_NOCTTY);
}

/* A name on its way through the file system, one name at a time. */
struct walk {
	struct beneath *b;
	int fds[DEPTH_MAX]; /* the directories from the place at hand down to where we are */
	unsigned depth; /* fds[0..depth-1] are open */
	size_t ends[DEPTH_MAX]; /* where[0..ends[i]) is the path of fds[i] */
	char where[PATH_MAX];
	char rest[PATH_MAX]; /* names still to go */
	unsigned links;
	char link[PATH_MAX], target[PATH_MAX]; /* the last link followed; empty: none yet */
};

static void climb(struct walk *w, unsigned depth)
{
	while (w->depth > depth)
		close(w->fds[--w->depth]);
}

static int refuse(struct walk *w)
{
	if (w->link[0])
		snprintf(w->b->refused, sizeof(w->b->refused), "link %.*s -> %.*s leads out of %.*s", 90, w->link, 90,
			w->target, 48, w->b->places[0]);
	else
		snprintf(w->b->refused, sizeof(w->b->refused), "%.*s leads out of it", 200, w->b->places[0]);
	return EXDEV;
}

/* The part of `path` below `place`, at least "", or null when it is not below it. */
static const char *below(const char *path, const char *place)
{
	size_t n = strlen(place);
	while (n > 0 && place[n - 1] == '/')
		n--;
	if (strncmp(path, place, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return NULL;
	path += n;
	return path + strspn(path, "/");
}

/* The place that `path` lies in, the deepest one if several, and what stands below it. */
static const char *find_place(const struct beneath *b, const char *path, bool real, size_t *place)
{
	const char *best = NULL;
	for (size_t i = 0; i < b->n; i++) {
		char resolved[PATH_MAX];
		const char *name = b->places[i];
		if (real)
			name = realpath(name, resolved);
		const char *rest = name ? below(path, name) : NULL;
		if (rest && (!best || strlen(rest) < strlen(best))) {
			best = rest;
			*place = i;
		}
	}
	return best;
}

/* Starts again at an absolute path. 0 or an errno. */
static int jump(struct walk *w, const char *path)
{
	size_t place = 0;
	const char *rest = find_place(w->b, path, false, &place);
	if (!rest)
		rest = find_place(w->b, path, true, &place);
	if (!rest)
		return refuse(w);
	memmove(w->rest, rest, strlen(rest) + 1);
	climb(w, 0);
	int fd = place == 0 ? openat(w->b->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC)
			    : open(w->b->places[place], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	w->fds[w->depth++] = fd;
	w->ends[0] = strlen(w->b->places[place]);
	if (w->ends[0] >= sizeof(w->where))
		return ENAMETOOLONG;
	memcpy(w->where, w->b->places[place], w->ends[0] + 1);
	return 0;
}

/* ".." at the top of a place: it may still lead into another place. */
static int escape(struct walk *w)
{
	char top[PATH_MAX], path[2 * PATH_MAX];
	const char *rest = w->rest;
	w->where[w->ends[0]] = '\0';
	if (!realpath(w->where, top))
		return errno;
	for (;;) {
		char *slash = strrchr(top, '/');
		if (slash)
			*slash = '\0';
		rest += strspn(rest, "/");
		if (strncmp(rest, "..", 2) != 0 || (rest[2] != '/' && rest[2] != '\0'))
			break;
		rest += 2;
	}
	int n = snprintf(path, sizeof(path), "%s/%s", top, rest);
	return n < 0 || n >= PATH_MAX ? ENAMETOOLONG : jump(w, path);
}

/* Follows the link open at fd, the name `name` of the directory at hand. 0 or an errno. */
static int follow(struct walk *w, int fd, const char *name)
{
	char rest[2 * PATH_MAX];
	ssize_t len = readlinkat(fd, "", w->target, sizeof(w->target) - 1);
	if (len <= 0)
		return len < 0 ? errno : ENOENT;
	w->target[len] = '\0';
	if (++w->links > LINKS_MAX)
		return ELOOP;
	int n = snprintf(w->link, sizeof(w->link), "%.*s/%s", (int)w->ends[w->depth - 1], w->where, name);
	if (n < 0 || (size_t)n >= sizeof(w->link))
		return ENAMETOOLONG;
	n = snprintf(rest, sizeof(rest), "%s%s%s", w->target, w->rest[0] ? "/" : "", w->rest);
	if (n < 0 || n >= PATH_MAX)
		return ENAMETOOLONG;
	if (rest[0] == '/')
		return jump(w, rest);
	memcpy(w->rest, rest, (size_t)n + 1);
	return 0;
}

static int descend(struct walk *w, int fd, const char *name)
{
	size_t end = w->ends[w->depth - 1];
	int n = snprintf(w->where + end, sizeof(w->where) - end, "/%s", name);
	if (w->depth == DEPTH_MAX || n < 0 || (size_t)n >= sizeof(w->where) - end)
		return ENAMETOOLONG;
	w->fds[w->depth] = fd;
	w->ends[w->depth++] = end + (size_t)n;
	return 0;
}

/* Takes the next name off w->rest, with the slashes around it. False at the end. */
static bool take_name(struct walk *w, char name[NAME_MAX + 1], int *error)
{
	const char *from = w->rest + strspn(w->rest, "/");
	size_t len = strcspn(from, "/");
	if (len == 0)
		return false;
	*error = len > NAME_MAX ? ENAMETOOLONG : 0;
	if (*error)
		return true;
	memcpy(name, from, len);
	name[len] = '\0';
	from += len + strspn(from + len, "/");
	memmove(w->rest, from, strlen(from) + 1);
	return true;
}

/* One name. 0 to go on, or an errno; *end is set when the last name was opened. */
static int step(struct walk *w, const char *name, int flags, int *end)
{
	struct stat st;
	if (strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0) {
		if (w->depth == 1)
			return escape(w);
		climb(w, w->depth - 1);
		return 0;
	}
	int fd = openat(w->fds[w->depth - 1], name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno;
	int error = fstat(fd, &st) != 0 ? errno : 0;
	if (!error && S_ISLNK(st.st_mode)) {
		error = follow(w, fd, name);
	} else if (!error && !w->rest[0]) {
		*end = openat(w->fds[w->depth - 1], name, full_flags(flags) | O_NOFOLLOW);
		error = *end < 0 ? errno : 0;
	} else if (!error) {
		error = descend(w, fd, name);
		if (!error)
			return 0;
	}
	close(fd);
	return error;
}

static int walk_open(struct beneath *b, const char *name, int flags)
{
	struct walk w = { .b = b };
	char part[NAME_MAX + 1];
	int end = -1, error = 0;
	if (strlen(name) >= sizeof(w.rest)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	error = jump(&w, b->places[0]);
	memcpy(w.rest, name, strlen(name) + 1);
	while (!error && end < 0 && take_name(&w, part, &error))
		if (!error)
			error = step(&w, part, flags, &end);
	if (!error && end < 0) {
		end = openat(w.fds[w.depth - 1], ".", full_flags(flags));
		error = end < 0 ? errno : 0;
	}
	climb(&w, 0);
	errno = error;
	return end;
}

int beneath_open(struct beneath *b, const char *name, int flags)
{
	struct open_how how = {
		.flags = (unsigned)full_flags(flags),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	if (b->fd < 0) {
		errno = ENOENT;
		return -1;
	}
	for (int i = 0; i < TRIES && !b->by_name; i++) {
		long fd = syscall(SYS_openat2, b->fd, name[0] ? name : ".", &how, sizeof(how));
		if (fd >= 0)
			return (int)fd;
		if (errno == ENOSYS || errno == EPERM)
			b->by_name = true;
		else if (errno == EXDEV)
			break;
		else if (errno != EAGAIN) /* EAGAIN: something was renamed while the kernel looked at ".." */
			return -1;
	}
	return walk_open(b, name, flags);
}

void beneath_put(const struct beneath *b, const char *name, struct buf *out)
{
	struct str root = str_of(b->places[0]);
	buf_put_clean(out, root);
	if (name[0] && (root.len == 0 || root.at[root.len - 1] != '/'))
		buf_putc(out, '/');
	buf_put_clean(out, str_of(name));
}

void beneath_why(const struct beneath *b, const char *name, int error, struct buf *why)
{
	if (error == EXDEV) {
		buf_put_clean(why, str_of(b->refused));
		return;
	}
	beneath_put(b, name, why);
	buf_printf(why, ": %s", strerror(error));
}
