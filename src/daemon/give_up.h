/*
 * What every command gives up of its rights before it hears anybody: serve before its first client, check before its first
 * question, status before it reads what the daemon answers.
 */
#ifndef DAEMON_GIVE_UP_H
#define DAEMON_GIVE_UP_H

#include "daemon/config.h"

/* Started as root, becomes the daemon's user, for good and without any capability; as an ordinary user it stays what it is.
   Then nothing is gained by exec, no memory shown, and, unless `confine` is off, calls and files are given up as the daemon
   does, which the log tells at level info. Whatever needs more, the nursery and sockets, comes before. False: with the reason,
   and the process is to end. */
bool give_up_rights(const struct config *, struct err *);

#endif
