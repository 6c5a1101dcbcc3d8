/*
 * Names of mailboxes as IMAP writes them: modified UTF-7 (RFC 3501, 5.1.3). Printable ASCII stands for itself and & for
 * "&-"; all else is UTF-16 in base64, with , for / and without padding, between & and -. What comes out is printable
 * ASCII, so that a quoted string can hold every name.
 */
#ifndef WIRE_IMAP_NAME_H
#define WIRE_IMAP_NAME_H

#include "base/buf.h"

/* False, with nothing written, when the name is not well-formed UTF-8. */
bool imap_name_encode(struct buf *out, struct str name);

#endif
