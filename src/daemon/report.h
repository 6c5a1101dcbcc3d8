/*
 * A report of named values, for people as indented lines or for programs as JSON: an array of objects, or one of them
 * alone, whose keys are the names with _ for blanks. Groups of one name ("step") become an array in JSON.
 */
#ifndef DAEMON_REPORT_H
#define DAEMON_REPORT_H

#include "base/str.h"

#include <stdio.h>

struct report {
	FILE *out;
	bool json;
	bool alone; /* one object, not in an array */
	bool first; /* nothing stands before the next value in its object */
	bool first_object;
	int depth; /* of groups: 0 or 1 */
	const char *array; /* the group that is open as an array, or null */
};

void report_start(struct report *, FILE *, bool json);
void report_stop(struct report *);

/* In place of these two: JSON of one object. */
void report_start_alone(struct report *, FILE *);

/* One object. */
void report_begin(struct report *);
void report_end(struct report *);

/* A group inside it; groups do not nest. Groups named "step" follow one another. */
void report_open(struct report *, const char *name);
void report_close(struct report *);

void report_text(struct report *, const char *name, const char *value);
void report_str(struct report *, const char *name, struct str value); /* any octets: made printable */
void report_number(struct report *, const char *name, uint64_t value);
void report_bool(struct report *, const char *name, bool value);
void report_size(struct report *, const char *name, uint64_t octets); /* 0 is printed as it is */

#endif
