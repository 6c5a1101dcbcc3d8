/*
 * Passwords and tokens that lie in files which the helpers of a store or directory read, and cannot: such as one of root's alone
 * that root has just looked at. It is no mistake of the configuration, for rights of files change while a daemon runs, and a
 * helper looks anew at each connection; but whoever starts it wants to know.
 */
#ifndef DAEMON_UNREAD_H
#define DAEMON_UNREAD_H

#include "daemon/config.h"

/* A warning each, on standard error. */
void unread_print(const struct config *);

/* The same in the log: event=unreadable. */
void unread_log(const struct config *);

#endif
