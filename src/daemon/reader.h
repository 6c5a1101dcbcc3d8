/*
 * The configuration, read by a process that does nothing else: libconfuse ends a process, or falls over its own feet, when it
 * gets no memory, and that must not be the daemon. At a reload it is a helper of the nursery's, of the daemon's own user, so it
 * can read what the daemon can, and nothing else: it opens no socket and writes nothing. What it says is not believed, see
 * conf_decode().
 */
#ifndef DAEMON_READER_H
#define DAEMON_READER_H

#include "base/err.h"
#include "conf/conf.h"
#include "io/nursery.h"

/* A helper's life: reads the file whose path is `arg`, says what is written in it, and ends. */
int reader_run(int fd, const void *arg);
void reader_reach(const void *arg, struct reach *);

/* Has a helper of this set read, and makes a conf of what it says, under the name `file`. Waits for it, five seconds at most.
   Null with the reason: no helper, or one that ended early, took too long, or talked nonsense. */
struct conf *reader_ask(struct nursery *, size_t set, const char *file, struct err *);

/* The same at the start, when there is no nursery yet: by a child of this process, with all its rights. */
struct conf *reader_start(const char *file, struct err *);

#endif
