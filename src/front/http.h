/*
 * HTTP: its options, and the one line that the quota scripts of old answered. HTTP itself is spoken by daemon/web.c through
 * a library, so this front is never fed.
 *
 *   line = ( "OK" / "OVERQUOTA" ) SP address SP octets SP quota [ SP messages SP message-quota ] LF
 *
 * The address stands there as it was asked. A quota of 0 is none; of an unknown mailbox all is 0. Messages are told when
 * the store counts them or a limit on them is in force.
 */
#ifndef FRONT_HTTP_H
#define FRONT_HTTP_H

#include "base/buf.h"
#include "core/query.h"
#include "core/verdict.h"
#include "front/facts_conf.h"

struct http_conf {
	const char *token_file; /* null: everybody may ask */
	const char *certificate, *private_key; /* both, or both null: without TLS */
	struct facts_conf facts; /* key_file null: no messages between quotagates */
};

/* Writes the line. False, and nothing written: the store could not tell. */
bool http_put_line(struct buf *out, const struct query *, const struct answer *);

#endif
