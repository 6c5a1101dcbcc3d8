/*
 * What the service manager is told of the daemon's life, as sd_notify(3) describes: one datagram of lines NAME=VALUE to
 * the unix socket that NOTIFY_SOCKET names. Who is started without one tells nobody; what cannot be told is lost, for
 * the daemon must not wait for its supervisor.
 */
#ifndef IO_SUPERVISOR_H
#define IO_SUPERVISOR_H

#include "base/err.h"

struct supervisor {
	int fd; /* -1: there is none */
};

/* Connects, and forgets the variable, for no child is to speak in our name. Before rights are given up. */
bool supervisor_open(struct supervisor *, struct err *);

/* "READY=1", "STATUS=..." and the like; several lines are parted by '\n'. */
void supervisor_say(const struct supervisor *, const char *lines);

void supervisor_close(struct supervisor *);

#endif
