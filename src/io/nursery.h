/*
 * The nursery: the process that makes and ends helper processes. It is forked before the loop exists, before any client
 * and any secret of the network, so no copy of a client's socket lives in a helper. Started as root it keeps only
 * CAP_SETUID, CAP_SETGID and CAP_KILL. It opens no socket and parses nothing but the daemon's fixed requests; it ends
 * all helpers, and itself, when the daemon is gone.
 */
#ifndef IO_NURSERY_H
#define IO_NURSERY_H

#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

/* What one set of helpers does, fixed before the fork. */
struct nursery_set {
	const char *name; /* shown by ps: "quotagate: vmail" */
	uid_t uid; /* who the helper is; (uid_t)-1: as the nursery */
	gid_t gid;
	const char *user; /* for initgroups(); null: no supplementary groups */
	/* The helper's whole life. `fd` is its end of a SOCK_SEQPACKET pair. Returns the exit status. */
	int (*run)(int fd, const void *arg);
	const void *arg;
};

struct nursery;

/* Forks the nursery. The sets are copied by the fork; the caller keeps them until nursery_close(). */
struct nursery *nursery_open(const struct nursery_set *sets, size_t n, struct err *);

/* Asks for a helper of set `set`. On success *pid is set and the daemon's end of its socket pair (SOCK_SEQPACKET,
   non-blocking, close-on-exec) is returned; else -1. Waits for the nursery's answer: a fork takes well under a
   millisecond, and it is given no more than a second. */
int nursery_spawn(struct nursery *, size_t set, pid_t *pid, struct err *);

/* Ends helper `pid` with SIGKILL; does nothing when it is none of ours. */
void nursery_end(struct nursery *, pid_t pid);

/* Ends all helpers and the nursery itself. */
void nursery_close(struct nursery *);

#endif
