/*
 * Where we listen, as written in the configuration: "unix:/path", "inet:host:port", "inet:[v6]:port", and the same with
 * "udp:" for datagrams. The host is a number, "localhost" or "*": names are not resolved.
 */
#ifndef IO_ENDPOINT_H
#define IO_ENDPOINT_H

#include "base/err.h"
#include "base/str.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

enum endpoint_family { ENDPOINT_UNIX, ENDPOINT_INET, ENDPOINT_UDP };

struct endpoint {
	enum endpoint_family family;
	struct sockaddr_storage address;
	socklen_t len;
};

/* Who may connect to a unix socket; ignored for others. */
struct endpoint_access {
	mode_t mode;
	uid_t owner; /* (uid_t)-1: unchanged */
	gid_t group; /* (gid_t)-1: unchanged */
};

bool endpoint_parse(struct endpoint *, struct str text, struct err *);

/* For the check of an option row. */
bool endpoint_check(struct str text, struct err *);

/* The path of a unix socket. */
const char *endpoint_path(const struct endpoint *);

bool endpoint_eq(const struct endpoint *, const struct endpoint *);

/* Where this socket is bound, in the form of endpoint_parse(). False: it is none that could be listened on, for it is of
   another family or type, or takes no connections (unix, TCP), or is unnamed. */
bool endpoint_of_socket(struct endpoint *, int fd);

/* A socket that listens, or is bound for datagrams, non-blocking, close-on-exec; -1 with the reason. The socket file of a server that is gone is
   replaced; that of a living one, and any other kind of file, is refused. The mode is set before anybody can connect. */
int endpoint_listen(const struct endpoint *, const struct endpoint_access *, struct err *);

/* Removes the socket file, if it is still the one that `fd` listens on. */
void endpoint_remove(const struct endpoint *, const struct stat *bound);

/* What endpoint_remove() compares: the socket file as it is now. */
bool endpoint_stat(const struct endpoint *, struct stat *);

/* A blocking connected socket, -1 with errno. Waits for a place in its queue for five seconds at most. */
int endpoint_connect(const struct endpoint *);

#endif
