/*
 * A listener on a UDP socket: each datagram is a question of its own, with a session and an ask of its own, and its answer
 * goes to where it came from. At most `max_clients` wait for the gate at once. What is refused, longer than a request of
 * the front, or came when all places were taken is dropped and counted; nobody is told.
 */
#ifndef DAEMON_DATAGRAMS_H
#define DAEMON_DATAGRAMS_H

#include "daemon/listener.h"

/* Takes over the bound socket. After a failure the listener frees itself. */
bool datagrams_open(struct listener *, int fd, struct err *);

/* Takes no more; the socket is closed when the last answer is sent. */
void datagrams_close(struct listener *);

/* Of a listener that was closed: drops what is not answered. */
void datagrams_abort(struct listener *);

/* Frees what is kept for further datagrams. */
void datagrams_free_spare(struct listener *);

#endif
