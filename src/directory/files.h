/*
 * The files of a directory, read into one table and read again when one of them changes: another device, inode, size or
 * time. A changed file is read when it was last written at least a second ago or has stood still since the last look, so
 * that one being written is not taken for a whole one. The old table serves until the new one is complete; a file that
 * cannot be read, or makes no sense, keeps it, is logged once, and is tried again when it changes or half a minute later.
 */
#ifndef DIRECTORY_FILES_H
#define DIRECTORY_FILES_H

#include "base/time.h"
#include "directory/table.h"
#include "io/stamp.h"

struct files_one {
	const char *path;
	enum table_form form;
	struct stamp read, seen; /* when the table was made or tried; at the last look. All zero: it is not there */
};

#define FILES_MAX 64

struct files {
	struct files_one all[FILES_MAX];
	size_t n;
	struct table *table; /* null: they have never been whole */
	struct err trouble; /* why the table is not what the files say now; empty: it is */
	msec looked, tried; /* when, by CLOCK_MONOTONIC; 0: never */
};

/* Adds one; the path outlives all this. False: too many. */
bool files_add(struct files *, const char *path, enum table_form);

/* Looks at most once per second, and reads what has changed. */
void files_refresh(struct files *);

void files_done(struct files *);

#endif
