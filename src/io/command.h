/*
 * Runs a program and waits for its end: no shell, nothing on its standard input, output or error, no other descriptor, a
 * process group of its own. For helper processes, which may wait; the program keeps the helper's user and gains no right.
 * When the helper is killed the program is killed too, but not what it has started itself.
 */
#ifndef IO_COMMAND_H
#define IO_COMMAND_H

#include "base/err.h"
#include "base/time.h"

/* False with the reason: it could not be started, ended with another status than 0 or by a signal, or was still running
   after `timeout` (at least 1), when its whole group was killed. `argv` and `env` end with null; argv[0] is an absolute
   path. */
bool command_run(char *const argv[], char *const env[], msec timeout, struct err *);

#endif
