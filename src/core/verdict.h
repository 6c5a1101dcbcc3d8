/* The answer to a question, with the reply for the SMTP client and a one-word reason for the log. A plain value. */
#ifndef CORE_VERDICT_H
#define CORE_VERDICT_H

#include "base/buf.h"
#include "base/err.h"
#include "core/facts.h"

enum action {
	ACTION_PASS,
	ACTION_DEFER, /* 4xx */
	ACTION_REJECT, /* 5xx */
};

enum reason {
	REASON_ROOM, /* it fits, and was or would be charged */
	REASON_NO_LIMIT,
	REASON_NOT_OURS, /* the domain is not ours */
	REASON_ELSEWHERE, /* its target is elsewhere (a forward, a pipe, a relay), or could not be followed to its end */
	REASON_NO_MAILBOX,
	REASON_FULL,
	REASON_FULL_LONG, /* full for longer than full_for */
	REASON_TOO_LARGE, /* would not fit into the mailbox were it empty */
	REASON_ERROR, /* the store did not answer and nothing is known */
	REASON_FORGED, /* the envelope sender is in a domain of ours and does not exist */
	REASON_BAD_ADDRESS, /* no address could be made of what the MTA sent */
	REASON_NOT_ASKED, /* nothing to judge: another protocol state, no recipient, several recipients */
	REASON_COUNT
};

const char *reason_name(enum reason); /* as in the log: "room", "no-limit", "full-long" */

/* A configured reply: "452 4.2.2 Quota exceeded for %u, try again later". */
struct reply {
	unsigned code; /* 400..599 */
	unsigned subject, detail; /* of the enhanced code; its class is that of the code (RFC 3463) */
	struct str text; /* %u stands for the address, %% for a percent sign; at most 400 octets */
};

/* Code 4xx/5xx other than 421 and 521, an enhanced code of the same class, printable text on one line. The slice of the
   text is into `in`. */
bool reply_parse(struct reply *out, struct str in, struct err *);

/* "452 4.2.2 text" with the address put in, cleaned. */
void reply_print(struct buf *out, const struct reply *, struct str address);

/* Why a message passes that would have been refused. */
enum waiver {
	WAIVED_NOT,
	WAIVED_BYPASS, /* sender, client or recipient is in the bypass lists */
	WAIVED_SHADOW, /* shadow mode: nobody is refused */
};

struct verdict {
	enum action action;
	enum reason reason;
	enum waiver waived; /* then the action is a pass, and reason and reply tell what it would have been */
	bool of_sender; /* the reply speaks of the sender, not of the recipient */
	bool stale; /* judged by facts that had outlived their time, because the store did not answer */
	const struct reply *reply; /* null for a pass that was none of a waiver; belongs to the rules */
};

/* What a front is told: the verdict, and what it rests on. */
struct answer {
	struct verdict verdict;
	struct facts facts; /* of the mailbox that decided; state FACTS_FAILED when there is none */
	struct charge charge; /* what others let into it */
	uint64_t limit; /* octets, in force for it; 0: none */
	uint32_t message_limit; /* the same for messages */
	enum store_rule rule; /* by which it was judged; with state FACTS_FOUND */
	uint64_t grace; /* octets, for RULE_FITS and RULE_ASKED */
	bool charged; /* the message was charged to it */
	struct loan loan; /* for the borrower of the query */
};

#endif
