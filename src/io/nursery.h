/*
 * The nursery: the process that makes and ends helper processes. It is forked before the loop exists, before any client
 * and any secret of the network, so no copy of a client's socket lives in a helper. Started as root it keeps only
 * CAP_SETUID, CAP_SETGID and CAP_KILL (and CAP_DAC_READ_SEARCH, if a store is to be read as root in so many words). It
 * opens no socket to the world and parses nothing but the daemon's fixed requests; it ends all helpers, and itself, when
 * the daemon is gone.
 *
 * What the helpers do is fixed when a nursery is born. A reload therefore needs a new one: the old nursery, which still
 * has the rights that the daemon gave up, forks its successor, and that one reads the configuration file itself. The
 * daemon only compares digests: a daemon that was taken over cannot slip another plan to it.
 */
#ifndef IO_NURSERY_H
#define IO_NURSERY_H

#include "base/err.h"
#include "base/hash.h"
#include "io/confine.h"

#include <stddef.h>
#include <sys/types.h>

/* Supplementary groups of one set's user; one with more is refused. */
#define NURSERY_GROUPS 256
/* Helpers alive at once: this many times the number of sets. A pool needs twice its `helpers` at most. */
#define NURSERY_HELPERS 128

/* What one set of helpers does. */
struct nursery_set {
	const char *name; /* shown by `ps -o comm` as "qg-NAME", cut to 15 octets */
	/* Who the helper is. (uid_t)-1: as the nursery, which then must not be root. 0 is root in so many words: such a
	   helper keeps CAP_DAC_READ_SEARCH, and nothing else. */
	uid_t uid;
	bool bare; /* root keeps nothing at all, and may be it without so many words */
	gid_t gid; /* not looked at when uid is -1 */
	const char *user; /* for initgroups(); null: no supplementary groups */
	/* The helper's whole life. `fd` is its end of a SOCK_SEQPACKET pair. Returns the exit status. */
	int (*run)(int fd, const void *arg);
	const void *arg;
	enum confine_kind confine; /* before run() */
	/* CONFINE_HELPER: tells what the helper needs; *reach is empty. Null: servers, see struct reach. */
	void (*reach)(const void *arg, struct reach *);
};

/* What all sets do. */
struct nursery_plan {
	const struct nursery_set *sets;
	size_t n;
	enum confine_kind confine; /* the nursery itself */
	struct hash digest; /* of all that the plan depends on: equal digests, equal plans. Compared by the caller */
};

/* Reads the configuration anew, in the successor's process and with the nursery's rights. It fills *plan, which must
   last as long as that process. It may free what a former plan used: no one else does in this process. */
typedef bool nursery_reread(void *arg, struct nursery_plan *plan, struct err *);

struct nursery;

/* Forks the nursery. It works with its own copy of the plan, the caller's may go. `reread` null: nursery_renew() will
   fail. Fails when a set's user is not to be had. */
struct nursery *nursery_open(const struct nursery_plan *, nursery_reread *, void *arg, struct err *);

/* Has the old nursery fork its successor, which rereads the configuration; waits for that, two seconds at most. On
   failure, such as the reread's own, null. Both live side by side until the caller closes one. */
struct nursery *nursery_renew(struct nursery *old, struct err *);

/* The digest of the plan that this nursery works by. */
struct hash nursery_digest(const struct nursery *);

/* Asks for a helper of set `set`. On success *pid is set and the daemon's end of its socket pair (SOCK_SEQPACKET,
   non-blocking, close-on-exec) is returned; else -1. Waits for the nursery's answer: a fork takes well under a
   millisecond, and it is given no more than a second. */
int nursery_spawn(struct nursery *, size_t set, pid_t *pid, struct err *);

/* Ends helper `pid` with SIGKILL; does nothing when it is none of this nursery's or has ended already. */
void nursery_end(struct nursery *, pid_t pid);

/* The nursery's process, for the log and `status`. */
pid_t nursery_pid(const struct nursery *);

/* True when it has ended, as by kill -9 or for want of memory, and its helpers with it: there will be no others. */
bool nursery_gone(const struct nursery *);

/* Ends all helpers and the nursery itself. */
void nursery_close(struct nursery *);

#endif
