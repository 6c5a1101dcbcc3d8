/* Addresses of other machines, and how a helper, which may wait for them, tells those of a name. */
#ifndef STORE_REMOTE_ADDRESS_H
#define STORE_REMOTE_ADDRESS_H

#include "base/buf.h"

#include <netinet/in.h>

#define REMOTE_ADDRESSES_MAX 8 /* of one host */

union remote_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* An address written in digits. */
bool remote_address_parse(union remote_address *, const char *text, uint16_t port);

bool remote_address_eq(const union remote_address *, const struct sockaddr *);

/* As it goes from a helper to the daemon, which believes nothing of it. */
struct remote_packed {
	uint32_t family; /* 4 or 6 */
	uint8_t octets[16];
};

/* Without a port. False: it is none. */
bool remote_address_unpack(union remote_address *, const struct remote_packed *);

/* For helpers, blocks: the addresses of a host, at most REMOTE_ADDRESSES_MAX. 0 with a few words in `why`: there are none. */
uint32_t remote_address_find(struct remote_packed *out, struct str name, struct buf *why);

#endif
