#include "io/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

#define OPTION_LINE_MAX 1024 /* no option takes a longer password */

/* ---- memory ---- */

void *secret_memory(size_t octets)
{
	void *at = mmap(NULL, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return NULL;
	madvise(at, octets, MADV_WIPEONFORK);
	madvise(at, octets, MADV_DONTDUMP);
	return at;
}

void secret_memory_free(void *at, size_t octets)
{
	if (!at)
		return;
	explicit_bzero(at, octets);
	munmap(at, octets);
}

static bool reserve(struct secret *s, size_t room)
{
	*s = (struct secret){ .at = secret_memory(room), .room = room };
	return s->at != NULL;
}

void secret_done(struct secret *s)
{
	secret_memory_free(s->at, s->room);
	*s = (struct secret){ .at = NULL };
}

bool secret_copy(struct secret *out, const struct secret *s)
{
	if (!reserve(out, s->len + 1)) {
		*out = (struct secret){ .at = NULL };
		return false;
	}
	memcpy(out->at, s->at, s->len);
	out->len = s->len;
	out->stamp = s->stamp;
	return true;
}

/* ---- what is believed ---- */

static bool is_fit(const struct stat *st, const struct secret_rule *rule, struct err *err)
{
	mode_t forbidden = S_IWGRP | (rule->public ? S_IWOTH : S_IRWXO);
	if (!S_ISREG(st->st_mode))
		return err_set(err, "expected a regular file");
	if (rule->owner != SECRET_OF_ANYBODY && st->st_uid != 0 && st->st_uid != rule->owner)
		return err_set(err, "expected a file that belongs to root or to the daemon's user");
	if (!(st->st_mode & forbidden))
		return true;
	if (rule->public)
		return err_set(err, "expected a file that group and others cannot write (chmod 644)");
	return err_set(
		err, "expected a file that its group cannot write and others can neither read nor write (chmod 640)");
}

static enum secret_state state_of_errno(struct err *err)
{
	bool forbidden = errno == EACCES || errno == EPERM;
	err_set(err, "%s", strerror(errno));
	return forbidden ? SECRET_FORBIDDEN : SECRET_BAD;
}

/* ---- reading ---- */

/* One octet more than may be is read, so that a longer file shows. */
static bool fill(struct secret *s, int fd, struct err *err)
{
	ssize_t n = 1;
	while (n > 0 && s->len <= SECRET_MAX) {
		n = read(fd, s->at + s->len, SECRET_MAX + 1 - s->len);
		s->len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0)
		return err_set(err, "%s", strerror(errno));
	if (s->len > SECRET_MAX)
		return err_set(err, "longer than %zu octets", SECRET_MAX);
	s->at[s->len] = '\0';
	return true;
}

static bool read_open(struct secret *out, int fd, const struct secret_rule *rule, struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_set(err, "%s", strerror(errno));
	if (!is_fit(&st, rule, err))
		return false;
	if (!reserve(out, SECRET_MAX + 1))
		return err_set(err, "out of memory");
	out->stamp = stamp_of(&st);
	return fill(out, fd, err);
}

enum secret_state secret_read(struct secret *out, const char *path, const struct secret_rule *rule, struct err *err)
{
	struct err why;
	enum secret_state state = SECRET_READ;
	*out = (struct secret){ .at = NULL };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		state = state_of_errno(&why);
	else if (!read_open(out, fd, rule, &why))
		state = SECRET_BAD;
	if (fd >= 0)
		close(fd);
	if (state == SECRET_READ)
		return state;
	secret_done(out);
	err_set(err, "%s: %s", path, why.text);
	return state;
}

enum secret_state secret_look(struct stamp *out, const char *path, const struct secret_rule *rule, struct err *err)
{
	struct stat st;
	struct err why;
	enum secret_state state = SECRET_READ;
	if (stat(path, &st) != 0)
		state = state_of_errno(&why);
	else if (!is_fit(&st, rule, &why))
		state = SECRET_BAD;
	else
		*out = stamp_of(&st);
	if (state != SECRET_READ)
		err_set(err, "%s: %s", path, why.text);
	return state;
}

/* ---- lines ---- */

static struct str cut_line(struct str *text)
{
	struct str line = str_cut(text, '\n');
	if (line.len && line.at[line.len - 1] == '\r')
		line.len--;
	return line;
}

struct str secret_next(struct str *text)
{
	while (text->at) {
		struct str line = cut_line(text);
		if (line.len && line.at[0] != '#')
			return line;
	}
	return (struct str){ NULL, 0 };
}

enum secret_state secret_line(char *out, size_t cap, const char *path, struct err *err)
{
	const struct secret_rule rule = { .owner = SECRET_OF_ANYBODY };
	struct secret all;
	enum secret_state state = secret_read(&all, path, &rule, err);
	if (state != SECRET_READ)
		return state;
	struct str text = { all.at, all.len }, line = cut_line(&text);
	bool good = str_copy_z(out, cap, line);
	if (line.len >= cap)
		err_set(err, "%s: the first line is longer than %zu octets", path, cap - 1);
	else if (!good)
		err_set(err, "%s: the first line holds a NUL", path);
	secret_done(&all);
	return good ? SECRET_READ : SECRET_BAD;
}

bool secret_option(struct str path, struct err *err)
{
	char name[PATH_MAX], line[OPTION_LINE_MAX];
	if (path.len == 0 || path.at[0] != '/' || !str_copy_z(name, sizeof(name), path))
		return err_set(err, "expected an absolute path");
	enum secret_state state = secret_line(line, sizeof(line), name, err);
	explicit_bzero(line, sizeof(line));
	return state != SECRET_BAD;
}
