/*
 * The rights of processes on Linux: capabilities(7), credentials(7), prctl(2). Each function is meant for a process that
 * was just forked and has one thread. None of them ever gives a right.
 */
#ifndef IO_RIGHTS_H
#define IO_RIGHTS_H

#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

/* True when this process may become any other user: it has CAP_SETUID and CAP_SETGID. */
bool rights_may_switch(void);

/* Keeps of the capabilities CAP_SETUID, CAP_SETGID and CAP_KILL, also in the bounding set, and gains none by exec. With
   `reader` it keeps CAP_DAC_READ_SEARCH too, for helpers that are root in so many words; fails if that is gone. */
bool rights_keep_nursery(bool reader, struct err *);

/* Becomes this user with these groups, for good, and loses every capability, though the user be root; also, with the right
   to do so, from the bounding set. */
bool rights_become(uid_t, gid_t, const gid_t *groups, size_t n, struct err *);

/* Becomes root that may read every file and nothing else: of the capabilities CAP_DAC_READ_SEARCH alone stays. */
bool rights_become_reader(gid_t, const gid_t *groups, size_t n, struct err *);

/* No core file is ever written, by whatever the kernel is told to do with one, nor may a process of the same user trace
   this one or read its memory: keys and passwords are in it. Again after a change of user, which undoes a part of it. */
bool rights_hide(struct err *);

/* Loses every capability, stays the user that it is. */
bool rights_drop_all(struct err *);

#endif
