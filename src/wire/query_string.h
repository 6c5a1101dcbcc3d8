/*
 * The target of an HTTP request and the parameters in it, or in a form (RFC 3986, 3.3 and 3.4; RFC 9112, 3.2):
 *
 *   target = [ ( "http" / "https" ) "://" authority ] path [ "?" query ]
 *   query  = name [ "=" value ] *( "&" name [ "=" value ] )
 *
 * %XX is one octet, everything else stands for itself: a "+" is a plus and no blank, for mail addresses have the one and
 * not the other. Control characters, written or as %XX, and a % before anything but two hexadecimal digits are refused.
 */
#ifndef WIRE_QUERY_STRING_H
#define WIRE_QUERY_STRING_H

#include "base/buf.h"

struct http_target {
	struct str path; /* begins with a slash; as it was sent */
	struct str query; /* likewise; null `at`: there was no question mark */
};

struct query_pair {
	struct str name, value; /* as they were sent. Without an equals sign the value is empty */
};

/* False: it is none of ours. The slices look into `in`. */
bool http_target_parse(struct http_target *out, struct str in);

/* Takes the next pair off *rest; false at its end. Empty ones ("&&") are passed over. */
bool query_string_next(struct str *rest, struct query_pair *out);

/* Writes `in` with its %XX made octets. False when it is malformed, or does not fit. */
bool percent_decode(struct buf *out, struct str in);

#endif
