/*
 * What the section notify has told, in a file of fixed size (wire/notice_file.h) that outlives the daemon. It is opened
 * once, at the start, and locked; one small write follows each change. A file that is damaged is begun anew, and the log
 * says so. Nothing waits for a disk: what the kernel did not write before a power failure is lost.
 */
#ifndef DAEMON_NOTIFY_STATE_H
#define DAEMON_NOTIFY_STATE_H

#include "base/err.h"
#include "core/notices.h"

struct notify_state {
	int fd; /* -1: there is no file */
	struct hash_key key;
	bool failed; /* the last write did, and was told of */
};

/* Takes what stands in the file into `notices`, which has no rows yet, and makes the file that of this table. A file that is
   not there gets `fresh` for its key. `now` is the time of the rows, `wall` that of day, since 1970. False: the file cannot
   be had; `err` names it. */
bool notify_state_open(struct notify_state *, const char *path, struct notices *, struct hash_key fresh, msec now,
	msec wall, struct err *);

/* Row number `row` has changed. A failure is logged, and again when there was none in between. */
void notify_state_write(struct notify_state *, const struct notices *, size_t row, msec now, msec wall);

void notify_state_close(struct notify_state *);

#endif
