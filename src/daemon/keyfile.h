/*
 * Key files: read when the configuration is, before rights are given up. Keys do not outlive a fork: neither the nursery nor
 * a helper, which may be another user's and reads what strangers sent, has them.
 */
#ifndef DAEMON_KEYFILE_H
#define DAEMON_KEYFILE_H

#include "io/safe.h"
#include "wire/seal.h"

/* The keys in a file of the rule for the user `daemon`, in *out. `err` has the reason when there are none (and *out is null);
   it begins with the path. */
enum secret_state keyfile_read(struct seal_keys **out, struct safe *, const char *path, uid_t daemon, struct err *);

/* Wiped, then freed. Null is none. */
void keyfile_free(struct seal_keys *);

#endif
