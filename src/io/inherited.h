/*
 * Sockets that listen already when the program starts: the service manager bound them and hands them down, as
 * sd_listen_fds(3) describes (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES). It keeps its own copies, so who connects while the
 * daemon is restarted waits in the queue of the socket instead of being turned away; and the daemon needs no right to
 * bind. Who may connect to such a unix socket is what the service manager set, and its file is never removed here.
 */
#ifndef IO_INHERITED_H
#define IO_INHERITED_H

#include "base/err.h"
#include "io/endpoint.h"

#include <stddef.h>

#define INHERITED_MAX 64

struct inherited {
	struct inherited_socket {
		int fd;
		bool used; /* by a listener, now or before a reload */
		char name[64]; /* as the service manager calls it (FileDescriptorName=), cut; "" when it does not */
		struct endpoint endpoint; /* where it is bound */
	} sockets[INHERITED_MAX];
	size_t n;
};

/* Takes what was handed down and forgets the variables that say so, for no child is to believe that they are meant for
   it. Nothing handed down is no fault; what is no socket that could listen for us is. Before any other descriptor is
   opened. */
bool inherited_open(struct inherited *, struct err *);

/* A copy of the socket bound to just this endpoint; else of the only one that has `name` and is of the same kind (unix,
   TCP, UDP). Non-blocking, close-on-exec, the caller's to close. -1 with errno; 0 in errno: there is none. */
int inherited_take(struct inherited *, const char *name, const struct endpoint *);

/* The first one that nobody has taken, null when all are in use. */
const struct inherited_socket *inherited_unused(const struct inherited *);

#endif
