/*
 * What stands between a file and libconfuse 3.3: the statements are walked once, and only what libconfuse can take
 * passes. Unknown names are told and left out (libconfuse stops at the first), comments as well (it counts their
 * lines wrong and refuses them in lists), ${...} is disarmed, a missing title becomes an empty one, and after an error
 * of syntax nothing more passes. Each section begins with a marker that tells its line. Lines stay where they were.
 *
 *   statement = name ("=" | "+=") value | name [title] "{" statement* "}" | "include" "(" value ")"
 *   value     = word | string | "{" [value *("," value) [","]] "}"
 */
#ifndef CONF_SIEVE_H
#define CONF_SIEVE_H

#include "conf/inside.h"
#include "conf/scope.h"

#define SIEVE_MARK ":at" /* an option no file can set: with the line on which the section begins */

struct sieved {
	char *at; /* to be freed */
	size_t len;
	int cut; /* the line from which on nothing passed; 0: all did */
};

/* Tells mistakes by conf_wrong(). False when out of memory. */
bool sieve(struct conf *c, const char *file, struct str text, struct sieved *out);

#endif
