/*
 * The keys under which Dovecot keeps a user's quota in Redis (2.3 and 2.4 alike):
 *
 *   PREFIX USER "/quota/" WHAT
 *
 * WHAT is `storage`, whose value is octets, or `messages`; values are decimal. A user with a "/" in his name is written
 * with "\-" for each, and "\\" for each backslash; without one, backslashes stand for themselves.
 */
#ifndef WIRE_REDIS_KEY_H
#define WIRE_REDIS_KEY_H

#include "base/buf.h"

void redis_key_put(struct buf *out, struct str prefix, struct str user, struct str what);

#endif
