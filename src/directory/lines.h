/*
 * Tables as text: a file in memory, and its logical lines as Postfix reads them (virtual(5), aliases(5)): a line that
 * begins with a blank continues the one before; empty lines, and those whose first other octet is '#', do not count, not
 * even between a line and its continuation. The text is changed while it is read, so that each logical line is one slice.
 */
#ifndef DIRECTORY_LINES_H
#define DIRECTORY_LINES_H

#include "base/err.h"
#include "base/str.h"

#include <sys/stat.h>

#define LINES_FILE_MAX ((size_t)64 << 20) /* octets of a file */
#define LINES_LINE_MAX ((size_t)1 << 20) /* octets of a logical line */

struct text {
	char *at; /* malloc()ed; null: none */
	size_t len;
};

/* Reads a regular file of at most `most` octets; *st is what fstat(2) said before. False with "PATH: why". */
bool text_read(struct text *out, const char *path, size_t most, struct stat *st, struct err *);

struct lines {
	char *at, *end;
	bool plain; /* no line continues another */
	unsigned next; /* number of the line at `at`, from 1 */
	unsigned line; /* of the first line of the last result */
};

void lines_init(struct lines *, struct text, bool plain);

/* The next logical line, without blanks at its ends. False at the end, or with *why set. */
bool lines_next(struct lines *, struct str *out, const char **why);

#endif
