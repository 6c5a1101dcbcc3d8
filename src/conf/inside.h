/*
 * What the files of conf/ share: the configuration as it was written (names and words with file and line), before
 * option rows give it types, and where its memory and its complaints are kept.
 */
#ifndef CONF_INSIDE_H
#define CONF_INSIDE_H

#include "conf/conf.h"

#define CONF_NESTED_MAX 3 /* the file, a section, a section inside it */

struct word {
	struct word *next;
	const char *text;
	const char *file;
	int line;
};

/* One option as written: the words of a list, or one. An empty list has none. */
struct entry {
	struct entry *next;
	const char *name;
	const char *file;
	int line;
	struct word *words, **end;
	size_t n;
};

struct written {
	struct written *next;
	const char *name; /* of the kind, or of the section inside a section */
	const char *title; /* null without one */
	const char *file;
	int line;
	struct entry *entries;
	struct written *subs, **end; /* sections inside this one */
};

struct block;

struct complaint {
	const char *file;
	int line;
	const char *text; /* "file:line: ..." */
};

struct conf {
	const struct conf_kind *kinds;
	size_t n_kinds;
	struct written *top; /* the top level; its `subs` are all sections in the order written */
	struct conf_section *sections, **end;
	struct complaint complaints[CONF_ERRORS_MAX];
	size_t n_complaints;
	struct block *blocks;
	bool failed; /* out of memory */
};

/* Zeroed memory that lives as long as the conf; null, with c->failed set, when there is none. */
void *conf_alloc(struct conf *c, size_t octets);
const char *conf_copy(struct conf *c, struct str s);

__attribute__((format(printf, 4, 5))) void conf_wrong(
	struct conf *c, const char *file, int line, const char *format, ...);

/* A complaint that was made elsewhere, file and line in its text. */
void conf_keep_complaint(struct conf *c, const char *file, int line, struct str text);

/* Without anything in it; its c->top->file is a copy of `file`. Null, or c->failed set: out of memory. */
struct conf *conf_new(const char *file, const struct conf_kind *kinds, size_t n);

/* Reads the file c->top->file, or with text.at set that text under the file's name, into c->top. */
void conf_load(struct conf *c, struct str text);

/* Gives types to what is written in it. When it failed, then or before, it is freed, and null comes back. */
struct conf *conf_finish(struct conf *c);

const struct entry *written_entry(const struct written *w, struct str name);
const struct written *written_sub(const struct written *w, struct str name);

/* Gives types: from what was written to the sections. */
void conf_fill(struct conf *c);

#endif
