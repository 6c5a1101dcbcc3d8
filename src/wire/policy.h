/*
 * Postfix policy delegation (Postfix, SMTPD_POLICY_README). A request is lines `name=value` and then an empty line; the
 * reply is `action=text` and an empty line:
 *
 *   request = 1*( name "=" value LF ) LF        reply = "action=" text LF LF
 *
 * A line may end in CR LF, since people write Exim's requests by hand. Unknown names are skipped, of a repeated name
 * the first counts. Both sides are here: the server's for the front, the client's for stores that ask such a server.
 * Nothing is copied or allocated.
 */
#ifndef WIRE_POLICY_H
#define WIRE_POLICY_H

#include "base/buf.h"

#include <sys/types.h>

/* Slices into the request. A null `at`: the attribute was not there; empty with an `at`: it was there and empty. */
struct policy_request {
	struct str request; /* "smtpd_access_policy" */
	struct str protocol_state; /* "RCPT", "END-OF-MESSAGE", ... */
	struct str client_address; /* of the SMTP client, without brackets */
	struct str sender,
		recipient; /* internal form, without <>; recipient empty at the end of a message for several */
	struct str recipient_count; /* decimal; 0 before DATA */
	struct str queue_id; /* empty until a recipient was accepted */
	struct str instance; /* one per message, empty before MAIL */
	/* Not Postfix': what an MTA tells that asks each question on a connection of its own. */
	struct str message; /* one per message, in place of `instance` */
	struct str recipients; /* all of them, at the end of a message (core/recipients.h) */
	struct str size; /* see policy_size() */
	struct str sasl_username; /* empty: not authenticated */
};

/* > 0: octets of the request with its empty line; 0: more is needed; < 0: malformed (a line without "=", a NUL, no line
   at all), and *out is of no use. Looks at whole lines only, from the first on; input that comes in small pieces is
   better given to policy_span() first. */
ssize_t policy_decode(struct policy_request *out, struct str in);

/* What policy_decode() would return, without reading the lines before *checked again: *checked is 0 at the first call,
   counts the octets of good whole lines, and is to be given back when `in` has grown. */
ssize_t policy_span(struct str in, size_t *checked);

/* Octets, 0 for unknown (empty, negative or no number), at most INT64_MAX. */
uint64_t policy_size(struct str size);

/* `action` has no LF in it. */
void policy_encode(struct buf *out, struct str action);

/* The client's side. > 0: octets of the reply with its empty line, *action is what it says (a null `at`: nothing); 0: more
   is needed; < 0: malformed, or longer than `max` octets. Other attributes are skipped. */
ssize_t policy_reply_decode(struct str *action, struct str in, size_t max);

/* Writes what is not null, and request=smtpd_access_policy in any case. False, with *out as it was, when a value holds
   LF or NUL, ends in CR, or the request does not fit. */
bool policy_request_encode(struct buf *out, const struct policy_request *);

#endif
