/*
 * Key files: read when the configuration is, before rights are given up. What stands in one is told to nobody, in no message
 * either; and keys do not outlive a fork: neither the nursery nor a helper, which may be another user's and reads what
 * strangers sent, has them.
 */
#ifndef DAEMON_KEYFILE_H
#define DAEMON_KEYFILE_H

#include "wire/seal.h"

#include <sys/types.h>

enum keyfile_outcome {
	KEYFILE_READ,
	KEYFILE_FORBIDDEN, /* this process may not read the file */
	KEYFILE_BAD, /* it is not there, no key file, or others can get at it */
};

/* The keys in a regular file that belongs to root or to `daemon`, and that others can neither read nor write, in *out.
   `err` has the reason when there are none (and *out is null); it begins with the path. */
enum keyfile_outcome keyfile_read(struct seal_keys **out, const char *path, uid_t daemon, struct err *);

/* Wiped, then freed. Null is none. */
void keyfile_free(struct seal_keys *);

#endif
