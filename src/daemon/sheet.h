/*
 * Sheets: named rows of values under titles, printed for people as a table with aligned columns (one that has a single row
 * as lines of title and value), and for programs as members of one JSON object: an array of objects, or one object, whose
 * keys are the titles with _ for blanks.
 */
#ifndef DAEMON_SHEET_H
#define DAEMON_SHEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum cell_kind {
	CELL_TEXT,
	CELL_COUNT,
	CELL_SECONDS, /* people read 3.2 ms, 4 s, 2 h 5 min, 3 d 4 h */
	CELL_SHARE, /* 0 to 1; people read 93.1 % */
	CELL_TIME, /* seconds since 1970; people read the local time */
	CELL_BOOL, /* people read yes and no */
};

struct cell {
	enum cell_kind kind;
	double value; /* not a number: it is not known; people read -, programs null */
	char *text; /* CELL_TEXT; null: not known */
};

struct sheet {
	const char *name;
	const char *const *titles; /* null-terminated */
	bool single; /* has one row */
	size_t columns;
	struct cell *cells; /* row by row */
	size_t n, cap;
	bool failed; /* memory did: cells are missing */
};

void sheet_init(struct sheet *, const char *name, const char *const *titles, bool single);
void sheet_free(struct sheet *);

/* The next cell. Text is copied, and cleaned of what is not printable. */
void sheet_text(struct sheet *, const char *);
void sheet_value(struct sheet *, enum cell_kind, double);

/* Prints all of them; the tables that have no row are left out for people. */
void sheets_print(const struct sheet *, size_t n, FILE *, bool json);

#endif
