/*
 * Files of the postmaster that others must not read, or at least not write: keys, tokens, passwords and certificates. They
 * stand in files of their own because the configuration is printed, and read by more people than should know.
 *
 * A file is opened without waiting for anybody (a FIFO has no writer), and is believed only when nobody but those whom the
 * rule names can have written it. What is wrong with it is said in one sentence that begins with the path, and in which
 * nothing of what stands in it occurs.
 */
#ifndef IO_SECRET_H
#define IO_SECRET_H

#include "base/err.h"
#include "base/str.h"
#include "io/stamp.h"

#define SECRET_MAX ((size_t)65536) /* octets of a file */

/* For secret_rule.owner: a password that is sent to others may be anybody's. */
#define SECRET_OF_ANYBODY ((uid_t)-1)

struct secret_rule {
	uid_t owner; /* whom the file may belong to, besides root */
	bool public; /* everybody may read it: a certificate */
};

enum secret_state {
	SECRET_READ,
	SECRET_FORBIDDEN, /* this process may not read the file, or not look into its folder */
	SECRET_BAD, /* it is not there, or not as the rule wants it, or too long; or there is no memory for it */
};

/* What stands in a file. All zero: nothing. */
struct secret {
	char *at; /* with a NUL behind */
	size_t len; /* octets, without that */
	size_t room; /* octets at `at` */
	struct stamp stamp; /* of the file, before it was read */
};

/* Reads all of a file. Unless SECRET_READ is returned, *out is empty and `err` has the reason. */
enum secret_state secret_read(struct secret *out, const char *path, const struct secret_rule *, struct err *);

/* The same without reading: of which state of the file it would be, which wants no right to read it. */
enum secret_state secret_look(struct stamp *out, const char *path, const struct secret_rule *, struct err *);

/* False: out of memory, and *out is empty. */
bool secret_copy(struct secret *out, const struct secret *);

/* Wiped, then freed; empty from then on. */
void secret_done(struct secret *);

/* The first line of a file that may be anybody's, with a NUL, at most cap - 1 octets without it: a password, or what else is
   sent to others. The caller wipes `out`. */
enum secret_state secret_line(char *out, size_t cap, const char *path, struct err *);

/* The check of an option (base/opt.h): an absolute path, whose file has such a line as far as this process may tell. One that
   only the helpers may read is fine. */
bool secret_option(struct str path, struct err *);

/* Cuts from *text its next line, when each is a secret of its own: empty ones and those that begin with # do not count.
   A null `at`: there is none. */
struct str secret_next(struct str *text);

/* Zeroed memory that child processes find empty, and core dumps do not show. Null: there is none. */
void *secret_memory(size_t octets);

/* Wiped, then freed. Null is none. */
void secret_memory_free(void *, size_t octets);

#endif
