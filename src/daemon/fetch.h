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
	int fd; /* to the daemon, between the question and fetch_take() */
	bool http;
	char *text; /* the caller frees it */
	size_t len;
	pid_t pid; /* of the daemon; 0: not known */
	uid_t uid; /* its user, when pid is known */
};

/* Connects and asks; of the answer nothing is read yet, so that rights which only this wants can be given up before. False with
   the reason, without the address. */
bool fetch_control(struct fetched *, const struct endpoint *, struct err *);

/* The same of "/metrics". `token_file` is the one of the listener, null: it has none; when it cannot be read, we ask without
   a token. */
bool fetch_http(struct fetched *, const struct endpoint *, const char *token_file, struct err *);

/* The answer to either. Waits five seconds at most. */
bool fetch_take(struct fetched *, struct err *);

#endif
