/*
 * Netstrings (D. J. Bernstein, 1997), which socketmap speaks:
 *
 *   netstring = length ":" length octets ","        length = "0" / digit from 1 to 9, further digits
 *
 * Nothing is copied or allocated.
 */
#ifndef WIRE_NETSTRING_H
#define WIRE_NETSTRING_H

#include "base/buf.h"

#include <sys/types.h>

/* > 0: octets of the netstring, *payload is a slice into `in`; 0: more is needed; < 0: malformed, or a payload of more
   than `max` octets (max at most 2^30), told as soon as it can be seen. */
ssize_t netstring_decode(struct str *payload, struct str in, size_t max);

void netstring_encode(struct buf *out, struct str payload);

#endif
