/*
 * Where a server of the benchmark listens: "unix:/path", "inet:127.x.y.z:port" or "udp:127.x.y.z:port", and nothing
 * else. The tools here put load on a machine; they refuse to reach beyond it.
 */
#ifndef BENCH_ENDPOINT_H
#define BENCH_ENDPOINT_H

#include <stdbool.h>
#include <sys/socket.h>

struct endpoint {
	struct sockaddr_storage address;
	socklen_t length;
	int type; /* SOCK_STREAM or SOCK_DGRAM */
};

/* False: the text is no such address. */
bool endpoint_decode(struct endpoint *out, const char *text);

/* A blocking, connected socket; -1 with errno set on failure. Gives up after ten seconds. */
int endpoint_connect(const struct endpoint *);

/* A non-blocking listening socket, of streams; -1 with errno set on failure. A stale unix socket is replaced. */
int endpoint_listen(const struct endpoint *);

#endif
