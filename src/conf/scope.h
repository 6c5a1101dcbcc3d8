/*
 * Which names may stand where: at the top level, in a section of a kind, in a section inside that. The options of all
 * variants of a kind are known together; which of them belong to the variant chosen is settled later.
 */
#ifndef CONF_SCOPE_H
#define CONF_SCOPE_H

#include "conf/conf.h"

#define SCOPE_NAMES_MAX 512

struct scope {
	const struct conf_kind *kinds;
	size_t n_kinds;
	const struct conf_kind *kind; /* null at the top level */
	const char *inside; /* the section inside a section of that kind, else null */
};

enum name_kind {
	NAME_UNKNOWN,
	NAME_OPTION,
	NAME_SECTION,
};

struct name {
	enum name_kind kind;
	const char *text;
	bool titled; /* NAME_SECTION */
	struct scope scope; /* NAME_SECTION: what may stand in it */
};

/* All names of a scope, each once; returns how many. */
size_t scope_names(const struct scope *s, struct name names[SCOPE_NAMES_MAX]);

struct name scope_find(const struct scope *s, struct str name);

/* Of the words the one spelled most like s; null when none is close. */
const char *nearest(struct str s, const char *const *words, size_t n);

/* ": did you mean `...`?", with what is known in the scope; "" when nothing is close. */
const char *scope_hint(const struct scope *s, struct str name, char out[static 96]);

#endif
