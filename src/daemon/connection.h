/* One connection of a listener: its front's session, the octets that wait, the question that is asked. */
#ifndef DAEMON_CONNECTION_H
#define DAEMON_CONNECTION_H

#include "daemon/listener.h"

/* A new connection, in no list and not connected yet; null when there is no memory. */
struct stream *connection_new(struct listener *);

/* Its stream is connected, or could not be (then it is freed). */
void connection_start(struct stream *, bool ok);

/* Closes it once it was answered; at once when nothing is asked any more. One whose first or next question may be on its way is
   left to answer that, and to connection_expire(). */
void connection_leave(struct seat *);

/* Closes it now, for a reason that is counted. */
void connection_expire(struct seat *);

/* Closes it now, for another is to have its place. */
void connection_displace(struct seat *);

#endif
