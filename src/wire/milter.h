/*
 * The milter protocol of Sendmail and Postfix, versions 2 to 6 (sendmail: include/libmilter/mfdef.h). Both directions
 * are packets; numbers are in network order, a string ends in NUL:
 *
 *   packet  = length(4: command and data, 1 to 65536) command(1) data
 *   OPTNEG  = version(4) actions(4) protocol(4) *( stage(4) string )    the lists, names of macros, in the reply only
 *   MACRO   = command(1) *( name-string value-string )        MAIL, RCPT = path-string *parameter-string
 *   CONNECT = host-string "U" / host-string family(1: "4" "6" "L") port(2) address-string
 *   replies = "c" / "y" string / ...                          a reply of one letter has no data
 *
 * The filter's side for the front, the MTA's for tests. Nothing is copied or allocated; results are slices of the input.
 */
#ifndef WIRE_MILTER_H
#define WIRE_MILTER_H

#include "base/buf.h"

#include <sys/types.h>

#define MILTER_HEAD 5 /* octets of the length and the command */
#define MILTER_PACKET_MAX 65540 /* with its length */
#define MILTER_TEXT_MAX 980 /* octets of a reply's text on the wire, where % counts twice (libmilter: MAXREPLYLEN) */

enum milter_command {
	MILTER_OPTNEG = 'O',
	MILTER_MACRO = 'D', /* no reply */
	MILTER_CONNECT = 'C',
	MILTER_HELO = 'H',
	MILTER_MAIL = 'M',
	MILTER_RCPT = 'R',
	MILTER_DATA = 'T', /* since version 4 */
	MILTER_HEADER = 'L',
	MILTER_EOH = 'N',
	MILTER_BODY = 'B',
	MILTER_BODYEOB = 'E', /* end of message; may carry the last piece of the body */
	MILTER_ABORT = 'A', /* no reply: the message will not come */
	MILTER_QUIT = 'Q', /* no reply */
	MILTER_QUIT_NC = 'K', /* no reply: another SMTP session follows on this connection */
	MILTER_UNKNOWN = 'U', /* since version 3 */
};

enum milter_reply {
	MILTER_CONTINUE = 'c',
	MILTER_REPLYCODE = 'y',
};

/* Which commands the MTA need not send. */
enum milter_protocol {
	MILTER_NOCONNECT = 0x1,
	MILTER_NOHELO = 0x2,
	MILTER_NOBODY = 0x10,
	MILTER_NOHDRS = 0x20,
	MILTER_NOEOH = 0x40,
	MILTER_NOUNKNOWN = 0x100, /* version 3 and later */
	MILTER_NODATA = 0x200, /* version 4 and later */
};

struct milter_packet {
	unsigned char command; /* any octet */
	struct str data;
};

/* > 0: octets of the packet; 0: more is needed; < 0: malformed, a length of 0 or above 65536. */
ssize_t milter_decode(struct milter_packet *out, struct str in);

/* False, with *out as it was, when it does not fit or data is too long. */
bool milter_encode(struct buf *out, unsigned char command, struct str data);

/* Takes the string that `rest` begins with, without its NUL. False when there is none. */
bool milter_string(struct str *out, struct str *rest);

/* ---- negotiation ---- */

#define MILTER_VERSION_MIN 2
#define MILTER_VERSION 6 /* ours; the first that may ask for macros */

struct milter_options {
	uint32_t version, actions, protocol;
};

/* Macros that the MTA is asked to send with a stage; it then sends none but these. */
struct milter_list {
	uint32_t stage; /* 0 CONNECT, 1 HELO, 2 MAIL, 3 RCPT, 4 DATA, 5 end of message, 6 EOH */
	struct str names; /* as in "i {auth_authen}" */
};

/* The lists stand behind: *rest. False: malformed. */
bool milter_options_decode(struct milter_options *out, struct str data, struct str *rest);
/* Takes a list off *rest; false when there is none, or what is there is malformed. */
bool milter_list_decode(struct milter_list *out, struct str *rest);
bool milter_options_encode(struct buf *out, const struct milter_options *, const struct milter_list *lists, size_t n);

/* What to answer to an MTA's offer: the lower version, no actions, and of the protocol what is both wanted and offered
   and known in that version. False: it is too old for us. */
bool milter_agree(struct milter_options *out, const struct milter_options *offer, uint32_t wanted);

/* ---- commands ---- */

/* The command that the macros are for, and its pairs in *rest; false: malformed, some string has no end or no partner. */
bool milter_macros_decode(unsigned char *command, struct str data, struct str *rest);
/* Takes a pair off *rest; false when there is none. */
bool milter_macro_decode(struct str *name, struct str *value, struct str *rest);

struct milter_envelope {
	struct str address; /* without <> around it; empty for <> */
	uint64_t size; /* of SIZE=; octets, 0 for unknown, at most INT64_MAX */
};

/* MAIL or RCPT. Sendmail 8.17.1 glues the parameters to the path: what follows its > is read as parameters. A path
   without <> ends at its first blank. False: malformed, no path or a string without an end. */
bool milter_envelope_decode(struct milter_envelope *out, struct str data);

/* The SMTP client's address, empty when the MTA does not know it. False: malformed. */
bool milter_connect_decode(struct str *address, struct str data);

/* Octets, 0 for unknown (empty, negative or no number), at most INT64_MAX. */
uint64_t milter_size(struct str text);

/* A command or a set of macros (then `first` is the command that they are for, else null) made of strings. False, with
   *out as it was, when a string holds a NUL or it does not fit. */
bool milter_strings_encode(
	struct buf *out, unsigned char command, const char *first, const struct str *strings, size_t n);

/* ---- replies ---- */

/* "452 4.2.2 text": the line that the SMTP client shall see, cut to fit, each % doubled, for Sendmail prints it as a
   format. False, with *out as it was: it is no 4xx or 5xx with a blank and a text, its enhanced code is of another class
   (Postfix would drop us), it has a control character in it, or it does not fit. */
bool milter_refusal_encode(struct buf *out, struct str line);

/* Writes the line that the SMTP client will see. False: Sendmail or Postfix would take the packet's data for none. */
bool milter_refusal_decode(struct buf *line, struct str data);

#endif
