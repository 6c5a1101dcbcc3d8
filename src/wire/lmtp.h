/*
 * Replies of servers that speak LMTP or SMTP, and mailboxes as they are named there. RFC 5321 section 4.2 (RFC 2033 for
 * LMTP), enhanced codes of RFC 2034 and 3463, SIZE of RFC 1870, SMTPUTF8 of RFC 6531:
 *
 *   reply = *( code "-" text CRLF ) code [ SP [ enhanced SP ] text ] CRLF        mailbox = "<" local [ "@" domain ] ">"
 *
 * A line may end in LF alone. Nothing is copied or allocated.
 */
#ifndef WIRE_LMTP_H
#define WIRE_LMTP_H

#include "base/buf.h"

#include <sys/types.h>

#define LMTP_REPLY_MAX 8192 /* octets of a whole reply */

struct lmtp_reply {
	unsigned code; /* 200..599 */
	bool enhanced; /* the last line has an enhanced code, of the class of the code: */
	unsigned subject, detail;
	struct str text; /* of the last line, without its codes */
	struct str lines; /* all of it */
};

/* > 0: octets of the whole reply; 0: more is needed; < 0: malformed, lines of different codes, or longer than
   LMTP_REPLY_MAX, told as soon as it can be seen. The slices look into `in`. */
ssize_t lmtp_reply_decode(struct lmtp_reply *out, struct str in);

/* One line without its end, as a reply of one line. False when it is none. */
bool lmtp_line_decode(struct lmtp_reply *out, struct str line);

/* Does the server offer this in its reply to EHLO or LHLO? *parameters is what stands behind the word. */
bool lmtp_offers(const struct lmtp_reply *hello, struct str keyword, struct str *parameters);

/* What a reply to MAIL or RCPT says about a mailbox. The enhanced code counts more than the code; without one a 550, 551 or
   553 means that there is none, unless its words speak of something else: of room, or of who may send here. */
enum lmtp_meaning {
	LMTP_TAKEN,
	LMTP_FULL,
	LMTP_TOO_LARGE, /* for the mailbox, were it empty, or for the server */
	LMTP_NO_MAILBOX,
	LMTP_CLOSING, /* 421: the server closes the connection */
	LMTP_UNKNOWN, /* anything else: the server could not, or would not, tell */
};

enum lmtp_meaning lmtp_meaning(const struct lmtp_reply *);

/* Does its enhanced code say more than the class of an error, of the address, the mailbox or the mail system? */
bool lmtp_is_definite(const struct lmtp_reply *);

/* Writes a mailbox, its local part in quotes where it needs them. False, with *out as it was, when it cannot be said: a
   control character, octets beyond ASCII without `utf8`, or no room. */
bool lmtp_put_mailbox(struct buf *out, struct str local, struct str domain, bool utf8);

/* Only ASCII? */
bool lmtp_is_ascii(struct str s);

#endif
