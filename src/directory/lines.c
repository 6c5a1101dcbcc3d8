#include "directory/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- a file in memory ---- */

/* Up to cap octets. -1 with errno. */
static ssize_t read_all(int fd, char *to, size_t cap)
{
	size_t len = 0;
	while (len < cap) {
		ssize_t n = read(fd, to + len, cap - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static bool read_open(struct text *out, int fd, const char *path, size_t most, struct stat *st, struct err *err)
{
	if (fstat(fd, st) != 0)
		return err_set(err, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st->st_mode))
		return err_set(err, "%s: is not a regular file", path);
	if ((uintmax_t)st->st_size > most)
		return err_set(err, "%s: is larger than %zu octets", path, most);
	size_t cap = (size_t)st->st_size + 1; /* one more, to see that it has not grown */
	char *at = malloc(cap);
	if (!at)
		return err_set(err, "%s: no memory for it", path);
	ssize_t n = read_all(fd, at, cap);
	if (n < 0 || (size_t)n != (size_t)st->st_size) {
		err_set(err, "%s: %s", path, n < 0 ? strerror(errno) : "changed while it was read");
		free(at);
		return false;
	}
	*out = (struct text){ at, (size_t)n };
	return true;
}

bool text_read(struct text *out, const char *path, size_t most, struct stat *st, struct err *err)
{
	/* a FIFO must not make us wait */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	memset(st, 0, sizeof(*st));
	*out = (struct text){ NULL, 0 };
	if (fd < 0)
		return err_set(err, "%s: %s", path, strerror(errno));
	bool read = read_open(out, fd, path, most, st, err);
	close(fd);
	return read;
}

/* ---- its lines ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

void lines_init(struct lines *l, struct text text, bool plain)
{
	*l = (struct lines){ .at = text.at, .end = text.at + text.len, .plain = plain, .next = 1 };
}

/* The newline that ends the line at `at`, or the end of the text. */
static char *end_of(const struct lines *l, char *at)
{
	char *lf = l->end > at ? memchr(at, '\n', (size_t)(l->end - at)) : NULL;
	return lf ? lf : l->end;
}

/* Empty, or a comment. */
static bool says_nothing(const char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	return at == end || *at == '#';
}

/* Takes the line up to `end`, and its newline. */
static void pass(struct lines *l, char *end)
{
	l->next++;
	l->at = end < l->end ? end + 1 : end;
}

/* Joins what continues the line that ended at `end`; returns where it ends now. */
static char *join(struct lines *l, const char *from, char *end)
{
	while (l->at < l->end && (size_t)(end - from) <= LINES_LINE_MAX) {
		char *begin = l->at, *stop = end_of(l, begin);
		if (says_nothing(begin, stop)) {
			pass(l, stop);
			continue;
		}
		if (!is_blank(*begin))
			break;
		memset(end, ' ', (size_t)(begin - end)); /* newlines, and comments between */
		end = stop;
		pass(l, stop);
	}
	return end;
}

bool lines_next(struct lines *l, struct str *out, const char **why)
{
	char *begin, *end;
	*why = NULL;
	do {
		if (l->at == l->end)
			return false;
		begin = l->at;
		end = end_of(l, begin);
		l->line = l->next;
		pass(l, end);
	} while (says_nothing(begin, end));
	if (!l->plain && is_blank(*begin))
		*why = "continues a line, but there is none before it";
	if (!l->plain)
		end = join(l, begin, end);
	if ((size_t)(end - begin) > LINES_LINE_MAX)
		*why = "is too long a line";
	else if (memchr(begin, '\0', (size_t)(end - begin)))
		*why = "holds a NUL: is this a text file?";
	while (begin < end && is_blank(*begin))
		begin++;
	while (end > begin && is_blank(end[-1]))
		end--;
	*out = (struct str){ begin, (size_t)(end - begin) };
	return !*why;
}
