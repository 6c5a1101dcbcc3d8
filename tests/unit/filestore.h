/*
 * What the tests of the blocking stores share: a private directory, files made in it, a store opened with options by name,
 * and a question to it.
 */
#ifndef TESTS_FILESTORE_H
#define TESTS_FILESTORE_H

#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char base[64];

static int files_setup(void **state)
{
	(void)state;
	snprintf(base, sizeof(base), "/tmp/quotagate-XXXXXX");
	return mkdtemp(base) && chmod(base, 0755) == 0 ? 0 : -1;
}

static int files_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static int files_teardown(void **state)
{
	(void)state;
	return nftw(base, files_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path of `name` in the private directory. Valid for the next 32 calls. */
static inline const char *at(const char *name)
{
	static char text[32][2 * PATH_MAX];
	static unsigned i;
	char *out = text[i++ % 32];
	snprintf(out, sizeof(text[0]), "%s/%s", base, name);
	return out;
}

static inline void make_dirs(const char *name)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s", at(name));
	for (char *p = path + strlen(base) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
	}
	assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
}

static inline void make_file(const char *name, const char *text)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* A file of `octets` octets, all of them holes. */
static inline void make_sized(const char *name, off_t octets)
{
	make_file(name, "");
	assert_int_equal(truncate(at(name), octets), 0);
}

static inline void make_link(const char *target, const char *name)
{
	assert_int_equal(symlink(target, at(name)), 0);
}

static inline void make_maildir(const char *name)
{
	char path[PATH_MAX];
	static const char *const boxes[] = { "new", "cur", "tmp" };
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", name, boxes[i]);
		make_dirs(path);
	}
}

/* Last written `seconds` ago. */
static inline void make_old(const char *name, time_t seconds)
{
	const struct timespec when = { .tv_sec = time(NULL) - seconds };
	const struct timespec times[2] = { when, when };
	assert_int_equal(utimensat(AT_FDCWD, at(name), times, 0), 0);
}

struct opened {
	const struct store_kind *type;
	void *conf, *state;
	struct err err;
};

static inline void set_option(const struct opt *row, char *conf, const char *value)
{
	struct err err = { "" };
	if (row->check && !row->check(str_of(value), &err))
		fail_msg("%s = %s: %s", row->name, value, err.text);
	if (row->type == OPT_STRING) {
		char *copy = strdup(value);
		memcpy(conf + row->offset, &copy, sizeof(copy));
	} else if (row->type == OPT_LIST) {
		struct opt_list list;
		memcpy(&list, conf + row->offset, sizeof(list));
		list.at = realloc(list.at, (list.n + 1) * sizeof(*list.at));
		list.at[list.n++] = strdup(value);
		memcpy(conf + row->offset, &list, sizeof(list));
	} else if (row->type == OPT_DURATION) {
		msec time = strtoll(value, NULL, 10);
		memcpy(conf + row->offset, &time, sizeof(time));
	} else if (row->type == OPT_CHOICE) {
		int i = 0;
		while (row->choices[i] && strcmp(row->choices[i], value) != 0)
			i++;
		assert_non_null(row->choices[i]);
		memcpy(conf + row->offset, &i, sizeof(i));
	}
}

/* Options follow by name and value, up to a null name; several values of a list by several pairs; durations in
   milliseconds. */
static inline struct opened open_store(const struct store_kind *type, enum store_rule rule, ...)
{
	struct opened o = { .type = type, .conf = calloc(1, type->conf_size) };
	va_list ap;
	va_start(ap, rule);
	for (const char *name; (name = va_arg(ap, const char *));) {
		const struct opt *row = type->opts;
		while (row->name && strcmp(row->name, name) != 0)
			row++;
		assert_non_null(row->name);
		set_option(row, o.conf, va_arg(ap, const char *));
	}
	va_end(ap);
	if (type->prepare)
		type->prepare(o.conf, rule);
	o.state = type->open(o.conf, &o.err);
	assert_non_null(o.state);
	return o;
}

static inline void close_store(struct opened *o)
{
	o->type->close(o->state);
	for (const struct opt *row = o->type->opts; row->name; row++) {
		if (row->type == OPT_STRING) {
			char *value;
			memcpy(&value, (char *)o->conf + row->offset, sizeof(value));
			free(value);
		} else if (row->type == OPT_LIST) {
			struct opt_list list;
			memcpy(&list, (char *)o->conf + row->offset, sizeof(list));
			for (size_t i = 0; i < list.n; i++)
				free((void *)(uintptr_t)list.at[i]);
			free(list.at);
		}
	}
	free(o->conf);
}

struct asked {
	struct facts facts;
	char note[256];
};

static inline struct asked ask_mailbox(struct opened *o, const struct mailbox *m, bool firm)
{
	struct asked a;
	struct buf note = BUF(a.note);
	memset(&a.facts, 0xA5, sizeof(a.facts));
	o->type->ask(o->state, m, firm, &a.facts, &note);
	buf_z(&note);
	assert_int_equal(strcspn(a.note, "\n"), strlen(a.note));
	return a;
}

/* The address is cut at its last @. */
static inline struct asked ask(struct opened *o, const char *address, bool firm)
{
	struct mailbox m = { .address = str_of(address), .local = str_of(address) };
	size_t i = str_rfind(m.address, '@');
	m.local.len = i;
	m.domain = str_from(m.address, i + 1);
	return ask_mailbox(o, &m, firm);
}

static inline void check_state(struct asked a, enum facts_state state, const char *file, int line)
{
	if (a.facts.state == state)
		return;
	print_error("state %d, wanted %d: %s\n", (int)a.facts.state, (int)state, a.note);
	_fail(file, line);
}

static inline void check_found(
	struct asked a, enum facts_source source, uint64_t octets, uint32_t messages, const char *file, int line)
{
	check_state(a, FACTS_FOUND, file, line);
	if (a.facts.source == source && a.facts.usage == octets && a.facts.messages == messages)
		return;
	print_error("%s %ju octets, %u messages: %s\n", facts_source_name(a.facts.source), (uintmax_t)a.facts.usage,
		a.facts.messages, a.note);
	_fail(file, line);
}

static inline void check_noted(struct asked a, const char *words, const char *file, int line)
{
	if (strstr(a.note, words))
		return;
	print_error("the note is: %s\n", a.note);
	_fail(file, line);
}

#define assert_state(a, wanted) check_state((a), (wanted), __FILE__, __LINE__)
#define assert_found(a, source, octets, messages) check_found((a), (source), (octets), (messages), __FILE__, __LINE__)
#define assert_noted(a, words) check_noted((a), (words), __FILE__, __LINE__)

#define test(function) cmocka_unit_test_setup_teardown(function, files_setup, files_teardown)

#endif
