/*
 * Milter packets (wire/milter.h) as one can write and read them: the command, then what its data is made of.
 *
 *   M "<joe@example.com>" "SIZE=100"            strings, each with its NUL
 *   D R "i" "4XkFr03zTdz1"                      one letter: that octet
 *   O 6 0x1FF 0x1FFFFF                          a number: four octets
 *   C "host" '4\x00\x19' "192.0.2.1"            in single quotes: octets without a NUL
 *
 * \xNN is an octet, for quotes too.
 */
#ifndef TESTS_PACKETS_H
#define TESTS_PACKETS_H

#include "base/buf.h"

/* Writes the packet; false when the line is none or there is no room. */
bool packets_read(struct buf *out, struct str line);

/* A line "< PACKET" for each packet; what is none follows "< malformed ". */
void packets_put(struct buf *out, struct str octets);

#endif
