/*
 * A look at files with the eyes of a store's or directory's helpers, before there are any: in a child process that has become
 * their user as a helper does. So folders, groups, access lists and whatever else the kernel looks at are judged as they will be.
 */
#ifndef DAEMON_AS_HELPER_H
#define DAEMON_AS_HELPER_H

#include "daemon/config.h"

/* What look(arg) returns there, 0 to 100; -1: there could be no such process. It is confined as a helper that asks servers,
   unless `confine` is off, and waited for. What `look` prints goes unbuffered. */
int as_helper(const struct config *, const struct config_helper *, int (*look)(const void *arg), const void *arg);

#endif
