/*
 * The metrics of the running daemon (daemon/metrics.h), as another process gets them: through the control socket, or from a
 * listener of protocol http.
 */
#ifndef DAEMON_FETCH_H
#define DAEMON_FETCH_H

#include "io/endpoint.h"

/* More is not taken from whoever answers. Octets. */
#define FETCH_MAX ((size_t)16 << 20)

struct fetched {
	char *text; /* the caller frees it */
	size_t len;
	pid_t pid; /* of the daemon; 0: not known */
	uid_t uid; /* its user, when pid is known */
};

/* Waits five seconds at most. False with the reason, without the address. */
bool fetch_control(struct fetched *, const struct endpoint *, struct err *);

/* The same of "/metrics". `token_file` is the one of the listener, null: it has none; when it cannot be read, we ask without
   a token. */
bool fetch_http(struct fetched *, const struct endpoint *, const char *token_file, struct err *);

#endif
