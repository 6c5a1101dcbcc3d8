/* What a listener would write, octet for octet, were this the answer: for `check` and `setup`. */
#ifndef DAEMON_LITERAL_H
#define DAEMON_LITERAL_H

#include "base/buf.h"
#include "daemon/config.h"

/* The listener's own front writes it, on a session of its own. False: out of memory. */
bool literal_put(struct buf *out, const struct config_listener *, const struct query *, const struct answer *);

#endif
