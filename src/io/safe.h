/*
 * What stood in files with secrets that this process may perhaps not read again: it was root when it read them, and is an
 * ordinary user when it reads its configuration anew. As long as a file is the one that was read, by what stat(2) says of
 * it, its contents are those that were read; for stat wants no right to read.
 *
 * What is kept here does not outlive a fork: the nursery and helpers find it wiped.
 */
#ifndef IO_SAFE_H
#define IO_SAFE_H

#include "io/secret.h"

#define SAFE_FILES_MAX 64 /* more are read, and not kept */

struct safe_file {
	char *path; /* null: none is kept here */
	struct secret secret;
	bool asked_for; /* since safe_sweep() */
};

/* All zero: nothing is kept. */
struct safe {
	struct safe_file files[SAFE_FILES_MAX];
	bool swept; /* before: the process is still starting */
};

/* As secret_read(), and *out is the caller's. SECRET_FORBIDDEN: the file may not be read, and it has changed since it was or
   never was; `err` says whose right it lacks and how to mend it. */
enum secret_state safe_read(
	struct safe *, struct secret *out, const char *path, const struct secret_rule *, struct err *);

/* The start, or a reload, has come to a good end: drops what was not asked for since the one before. */
void safe_sweep(struct safe *);

void safe_done(struct safe *);

#endif
