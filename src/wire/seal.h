/*
 * Seals on messages between quotagates: a keyed BLAKE2b hash (RFC 7693) of 256 bits, by libsodium. Who knows the key wrote
 * the message, and nobody has changed it since. A message names its key by the first four octets of a hash of that key, so
 * that while keys are being changed each side knows which one to use.
 *
 * A sealed message: octets 4 to 7 name the key (0: not sealed), the last SEAL_OCTETS are the seal of all before them.
 */
#ifndef WIRE_SEAL_H
#define WIRE_SEAL_H

#include "base/err.h"
#include "base/str.h"

#define SEAL_OCTETS 32
#define SEAL_KEYS_MAX 2
#define SEAL_NAME_AT 4 /* offset of the key's name in a message */

struct seal_key {
	uint32_t name; /* not 0 */
	uint8_t octets[32];
};

/* The first one seals, each of them is accepted: a new key comes second on all machines, then first, then the old goes. */
struct seal_keys {
	size_t n; /* 1..SEAL_KEYS_MAX */
	struct seal_key at[SEAL_KEYS_MAX];
};

/* The text of a key file: one key a line, of 16 octets at least; empty lines and those that begin with # do not count.
   False with the reason, in which nothing of a key occurs; a part of the keys may be there nevertheless, to be wiped. */
bool seal_keys_parse(struct seal_keys *, struct str text, struct err *);

/* Seals the message of `len` octets (at least SEAL_NAME_AT + 4 + SEAL_OCTETS) in place. Without a key (null) it is marked
   as not sealed. */
void seal_put(const struct seal_key *, char *message, size_t len);

/* The key that has sealed the message; null when it is none of these, or the seal is wrong. In constant time but for the
   key's name. */
const struct seal_key *seal_check(const struct seal_keys *, struct str message);

/* True when the message says of itself that it is not sealed. */
bool seal_is_missing(struct str message);

#endif
