/*
 * A listener on a UDP socket: each datagram is a question of its own, with a session and an ask of its own, and its answer
 * goes to where it came from. At most `max_clients` wait for the gate at once. What is refused, longer than a request of
 * the front, or came when all places were taken is dropped and counted; nobody is told.
 */
#ifndef DAEMON_DATAGRAMS_H
#define DAEMON_DATAGRAMS_H

#include "daemon/listener.h"

extern const struct listener_kind datagrams_kind;

#endif
