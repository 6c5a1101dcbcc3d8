/*
 * Reads tests/cases/NAME line by line: what follows a # at the beginning of a line or after a blank is a comment, and
 * lines without anything else are passed over. SRC in the environment is the root of the sources.
 */
#ifndef TESTS_CASES_H
#define TESTS_CASES_H

#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

struct cases {
	FILE *file;
	const char *name;
	unsigned line; /* counted from 1 */
	unsigned replayed, failed;
	char text[4096];
};

static inline bool cases_open(struct cases *c, const char *name)
{
	char path[4096];
	const char *src = getenv("SRC");
	*c = (struct cases){ .name = name };
	snprintf(path, sizeof(path), "%s/tests/cases/%s", src ? src : ".", name);
	c->file = fopen(path, "r");
	if (!c->file)
		fprintf(stderr, "%s: cannot be read\n", path);
	return c->file;
}

/* The next case, without comment and surrounding blanks; a null `at` at the end of the file. Valid until the next. */
static inline struct str cases_next(struct cases *c)
{
	while (fgets(c->text, sizeof(c->text), c->file)) {
		struct str s = str_of(c->text);
		c->line++;
		for (size_t i = 0; i < s.len; i++)
			if (s.at[i] == '\n' || (s.at[i] == '#' && (i == 0 || s.at[i - 1] == ' ')))
				s.len = i;
		s = str_trim(s);
		if (s.len) {
			c->replayed++;
			return s;
		}
	}
	return (struct str){ NULL, 0 };
}

/* Compares what came out with what the case wants, and prints file and line when they differ. */
static inline void cases_want(struct cases *c, struct str got, struct str want)
{
	if (str_eq(got, want))
		return;
	c->failed++;
	fprintf(stderr, "tests/cases/%s:%u: got \"%.*s\", want \"%.*s\"\n", c->name, c->line, (int)got.len, got.at,
		(int)want.len, want.at);
}

/* True when there were cases and none failed. */
static inline bool cases_close(struct cases *c)
{
	fclose(c->file);
	return c->replayed > 0 && c->failed == 0;
}

#endif
