/*
 * Listeners and their connections: sockets on one side, a front on the other, questions to the gate in between. Each
 * connection asks one question at a time; what comes meanwhile waits with the kernel.
 */
#ifndef DAEMON_LISTENER_H
#define DAEMON_LISTENER_H

#include "base/list.h"
#include "daemon/engine.h"
#include "io/stream.h"

struct listener_stats {
	uint64_t accepted, refused, requests, malformed, timed_out; /* since the start */
	size_t clients;
};

struct listener {
	struct server server; /* first: the server's callbacks get a pointer to it */
	struct engine *engine;
	struct config *config; /* held: `spec` belongs to it */
	const struct config_listener *spec;
	unsigned number; /* unique in this process, for transaction ids */
	char name[64];
	struct endpoint endpoint;
	int fd; /* bound, not yet with the loop; -1 */
	struct stat bound; /* the socket file */
	void *shared; /* the front's */
	struct list all; /* the daemon's listeners */
	struct list idle, busy, asking; /* connections: without input, with a part of a request, with the gate */
	struct listener_stats stats;
	msec complained, crowded; /* when these were last logged */
	uint64_t complaints; /* not logged since */
	bool closing, closed;
};

/* Binds; null with the reason. */
struct listener *listener_new(
	struct engine *, struct config *, const struct config_listener *, unsigned number, struct err *);

/* One that was never opened. */
void listener_free(struct listener *);

/* Begins to accept. Apart from listener_new(), for rights are given up in between. After a failure it frees itself. */
bool listener_open(struct listener *, struct err *);

/* The configuration changed, but for the address and the protocol. Connections keep what they began with. */
void listener_configure(struct listener *, struct config *, const struct config_listener *);

/* No more connections; idle ones are closed, the others as soon as they are answered. It frees itself when the last is
   gone. The socket file is removed. */
void listener_close(struct listener *);

/* Closes every connection now, answered or not. */
void listener_abort(struct listener *);

/* Once a second: closes connections that have been idle, or in the middle of a request, for too long. */
void listener_expire(struct listener *, msec now);

/* A connection of it has gone. */
void listener_left(struct listener *);

#endif
