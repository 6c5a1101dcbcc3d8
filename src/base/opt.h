/*
 * One option, one row. From these tables come the parser of the configuration, its error messages, what
 * `quotagate config` prints and the option part of the manual pages.
 */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include "base/err.h"
#include "base/str.h"

enum opt_type {
	OPT_BOOL, /* bool: true false yes no on off */
	OPT_NUMBER, /* uint64_t in min..max */
	OPT_OCTETS, /* uint64_t in min..max; suffixes k M G T in either case, powers of 1024 */
	OPT_DURATION, /* msec in min..max; suffixes ms s m h d; "off" is 0 */
	OPT_STRING, /* const char *, null when not given */
	OPT_LIST, /* struct opt_list; a single value may stand without braces */
	OPT_CHOICE, /* int: index into choices */
	OPT_MODE, /* unsigned: permission bits, octal, 0..0777 */
	OPT_SECTION, /* a section of its own inside this one; `rows` is its table, offset that of its struct */
};

struct opt_list {
	const char **at;
	size_t n;
};

struct opt {
	const char *name;
	enum opt_type type;
	size_t offset; /* of the member that takes the value */
	const char *def; /* as one would write it in the file (a list: its elements separated by blanks, and in double
			    quotes where they hold some); null: unset */
	uint64_t min, max; /* both 0: the whole range of the type. Octets, milliseconds or a plain number */
	const char *const *choices; /* OPT_CHOICE: null-terminated */
	const struct opt *rows; /* OPT_SECTION */
	bool (*check)(struct str value, struct err *); /* OPT_STRING, OPT_LIST (each element): says what is wrong */
	bool required;
	bool helper_reads; /* OPT_STRING: the path of a secret that the section's helpers read */
	const char *help; /* one or two sentences for the manual */
};

/* For `check` of a row: the path of a file, from the root on. */
bool opt_check_path(struct str value, struct err *);

/* A table ends with a row without a name. */
#define OPT_END                                                                                                        \
	{                                                                                                              \
		.name = NULL                                                                                           \
	}

#endif
