/*
 * A UDP socket on the loop: hands on what comes in, sends what it is given if the kernel takes it at once. What dies is
 * freed after the turn.
 */
#ifndef IO_DATAGRAM_H
#define IO_DATAGRAM_H

#include "base/err.h"
#include "base/str.h"

#include <uv.h>

struct datagram_socket;

struct datagram_calls {
	/* One datagram, which may be empty; `in` and `from` are valid during the call only. */
	void (*data)(struct datagram_socket *, struct str in, const struct sockaddr *from);
	/* The socket is closed; free what holds it. */
	void (*closed)(struct datagram_socket *);
};

/* Lives inside the owner's struct. */
struct datagram_socket {
	uv_udp_t udp;
	const struct datagram_calls *calls;
};

/* Takes over the bound socket `fd`, also when it fails; closed() is called after datagram_close() and after a failure. */
bool datagram_open(struct datagram_socket *, uv_loop_t *, int fd, const struct datagram_calls *, struct err *);

/* Nothing comes in any more; sending goes on. */
void datagram_deafen(struct datagram_socket *);

void datagram_close(struct datagram_socket *);

/* False when the kernel did not take it, which is all that becomes of it. */
bool datagram_send(struct datagram_socket *, const struct sockaddr *to, struct str);

/* The address as text, without the port. */
void datagram_host(const struct sockaddr *, char *text, size_t cap);

#endif
