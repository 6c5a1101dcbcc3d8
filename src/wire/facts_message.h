/*
 * The messages between quotagates, format 1: quotagate-facts(7) has it octet by octet. A question or an event is answered by
 * one reply, which is never longer than it. Numbers are unsigned, the octet of highest value first. A message goes as one
 * datagram, or as the body of an HTTP request and its response.
 *
 *   question, event   "QG" 1 kind key[4] asker[8] sequence[8] id[8] time[8] transaction[16] size[8] limit[8]
 *                     message_limit[4] flags event address_length[2] spent[8] spent_messages[4] held[4] address padding seal[32]
 *   reply             "QG" 1 kind key[4] asker[8] sequence[8] id[8] time[8] state source rule flags messages[4]
 *                     message_limit[4] charge_messages[4] usage[8] limit[8] charge[8] age[8] full_for[8] loan[8]
 *                     loan_messages[4] loan_life[4] note_length note seal[32]
 *
 * Sealing is the business of wire/seal.h: what is encoded has room for the seal, and what is decoded was checked.
 */
#ifndef WIRE_FACTS_MESSAGE_H
#define WIRE_FACTS_MESSAGE_H

#include "base/buf.h"
#include "base/hash.h"
#include "base/time.h"
#include "wire/seal.h"

#define FACTS_MESSAGE_MAX 512 /* octets */
#define FACTS_REQUEST_MIN 192 /* a shorter one is padded, so that no reply is longer than its request */
#define FACTS_ADDRESS_MAX 384
#define FACTS_NOTE_MAX 47 /* so many octets always fit into a reply */
#define FACTS_SOURCE_LAST 8 /* enum facts_source and enum store_rule end here */
#define FACTS_RULE_LAST 8

enum facts_message_kind {
	FACTS_QUESTION = 1,
	FACTS_EVENT = 2,
	FACTS_REPLY = 129,
};

enum facts_event {
	FACTS_EVENT_NONE,
	FACTS_EVENT_ARRIVED, /* the message is here and was let in; `size` is known */
	FACTS_EVENT_ENDED,
	FACTS_EVENT_ABANDONED, /* the message will not come */
	FACTS_EVENT_WITHDRAWN, /* the message will not come to `address` */
};

struct facts_request {
	enum facts_message_kind kind; /* FACTS_QUESTION or FACTS_EVENT */
	uint64_t asker; /* a random number of the running frontend */
	uint64_t sequence; /* of the message; grows with each that the asker sends */
	uint64_t
		id; /* of the question; the same in all its tries. High 32 bits: random; low: number of the loan wanted */
	msec time; /* of the asker's clock, since 1970 */
	struct hash transaction; /* none: it ends with the answer */
	uint64_t size, limit; /* octets */
	uint32_t message_limit;
	bool charge; /* a message will come */
	bool limit_named; /* limit and message_limit hold, 0 is unlimited */
	bool limit_is_default; /* but only where the mailbox has none of its own */
	bool end_of_message; /* it is here already */
	bool firm; /* facts fit to refuse on are wanted */
	enum facts_event event; /* FACTS_EVENT_NONE in a question */
	uint64_t spent; /* let in on the loan held */
	uint32_t spent_messages;
	uint32_t held; /* number of that loan, 0: none */
	struct str address; /* of a question, and of FACTS_EVENT_WITHDRAWN; else empty */
};

enum facts_reply_state {
	FACTS_REPLY_FAILED = 0, /* the first four are enum facts_state */
	FACTS_REPLY_FOUND = 1,
	FACTS_REPLY_NO_MAILBOX = 2,
	FACTS_REPLY_NOT_OURS = 3,
	FACTS_REPLY_NOTED = 4, /* the event */
	FACTS_REPLY_CLOCK = 5, /* refused: the clocks are too far apart; `time` tells how far */
};

struct facts_reply {
	uint64_t asker, sequence, id; /* of the request */
	msec time; /* of the backend's clock */
	enum facts_reply_state state;
	uint8_t source; /* enum facts_source */
	uint8_t rule; /* enum store_rule */
	bool firm, foreign, charged, stale;
	bool too_large; /* rule `asked`: what was refused would not fit into the mailbox were it empty */
	uint32_t messages, message_limit, charge_messages; /* the first two, with rule `asked`: how much older, in
							      milliseconds, either size is than `age` says */
	uint64_t usage, limit,
		charge; /* octets; the limit in force, with its grace; what was let in beside this question. With rule
			   `asked`, the largest size taken and the smallest refused; 0: none */
	uint64_t age; /* of the figures, in milliseconds */
	uint64_t full_for; /* so many milliseconds the mailbox has been full on the store's own figures; 0: it is not */
	uint64_t loan; /* octets */
	uint32_t loan_messages, loan_life; /* seconds */
	struct str note; /* one line; whoever prints it makes it clean */
};

/* > 0: octets eaten, which is all of `in`; < 0: malformed. A datagram never needs more. Amounts (of octets, of time) are at
   most INT64_MAX. */
int facts_request_decode(struct facts_request *, struct str in);
int facts_reply_decode(struct facts_reply *, struct str in);

/* Appends one message with room for the seal at its end (zeros); `out` has FACTS_MESSAGE_MAX octets for it. Higher amounts
   become INT64_MAX. False, with nothing written, when the address is too long. */
bool facts_request_encode(struct buf *out, const struct facts_request *);

/* The same; a note that does not fit into `most` octets all in all (at least FACTS_REQUEST_MIN) is cut. */
void facts_reply_encode(struct buf *out, const struct facts_reply *, size_t most);

#endif
