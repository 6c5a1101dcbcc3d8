/*
 * A question: may this message go to this recipient? A plain value, copied with `=`; its slices look into the
 * front's input, which stands still until the answer was written.
 */
#ifndef CORE_QUERY_H
#define CORE_QUERY_H

#include "base/hash.h"
#include "base/str.h"
#include "core/facts.h"

enum query_kind {
	QUERY_RECIPIENT, /* `address` is a recipient */
	QUERY_SENDER, /* does `sender` exist, if it is in a domain whose senders are checked? `address` is not looked at */
	QUERY_PATH, /* `address` is the absolute path of an mbox file or a Maildir (exim-quotad) */
};

enum query_stage {
	STAGE_RCPT, /* the recipient was just named; size as declared */
	STAGE_END_OF_MESSAGE, /* the message is here; size as counted */
};

/* A frontend that asks about a mailbox of ours and keeps facts of its own (rule 10 of the ledger). */
struct borrower {
	struct hash name; /* of the running frontend; none: no frontend asks */
	uint32_t held; /* the number of the loan that it has on this mailbox, 0: none */
	uint32_t next; /* the number of the loan that it wants in its place, 0: none */
	struct charge spent; /* what it let in on the former */
};

enum query_purpose {
	PURPOSE_DELIVER, /* a message will come: a pass is charged */
	PURPOSE_REPORT, /* somebody only wants to know: nothing is charged */
	PURPOSE_WITHDRAW, /* no message will come there: its transaction's charge is taken back, no store is asked */
	PURPOSE_PEEK, /* answer from what is in the cache, ask no store, charge nothing */
};

struct query {
	enum query_kind kind;
	enum query_stage stage;
	enum query_purpose purpose;
	struct str
		address; /* as the MTA sent it, without <>. At STAGE_END_OF_MESSAGE empty: several recipients; with the
			       answer it is then the one that was refused */
	struct str recipients; /* of a message for several, at its end (core/recipients.h); empty: not told */
	struct str sender; /* envelope sender, empty: the null sender or not told */
	bool authenticated; /* the client has proved who it is: its senders are not checked */
	struct str client; /* address of the SMTP client, empty: not told */
	uint64_t size; /* octets; 0: not declared; at most INT64_MAX */
	struct limit limit; /* of the mailbox, as the asker says; not named: the configuration says it */
	bool limit_is_default; /* it holds only where nothing else names one */
	struct borrower borrower;
	bool unbound; /* nobody tells of the transaction's end but STAGE_END_OF_MESSAGE (ledger_unbind) */
	bool ends; /* the transaction is over with the answer, but the question may come again (ledger_linger) */
	struct hash transaction; /* the SMTP transaction; none: this question is one of its own, ended by its answer */
};

/* True when no store and no directory is to be asked: what is known must do. */
static inline bool query_asks_nobody(const struct query *q)
{
	return q->purpose == PURPOSE_PEEK || q->purpose == PURPOSE_WITHDRAW;
}

/* The front's input moved from `from` (len octets) to `to`: slices that looked into it follow. */
void query_move(struct query *q, const char *from, size_t len, const char *to);

#endif
