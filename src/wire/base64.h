/* Base 64 (RFC 4648, section 4), with padding; writing only. */
#ifndef WIRE_BASE64_H
#define WIRE_BASE64_H

#include "base/buf.h"

/* Appends four octets for every three of `in`, or what is left of three. */
void base64_put(struct buf *out, struct str in);

#endif
