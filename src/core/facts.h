/*
 * What a store said of one mailbox. Only what the store said: limits and rules of the configuration are applied when a
 * question is judged, so a reload takes effect at once. A plain value.
 */
#ifndef CORE_FACTS_H
#define CORE_FACTS_H

#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

enum facts_state {
	FACTS_FAILED, /* the store did not answer, or could not tell. Never becomes "no such mailbox" */
	FACTS_FOUND,
	FACTS_NO_MAILBOX, /* the store answers for the domain and has no such mailbox */
	FACTS_NOT_OURS, /* the store does not know the domain */
};

/* Whose arithmetic says "full". U, m: octets and messages used; L, M: allowed; S: size, at least 1; G: grace. A limit
   that is not named never refuses. */
enum store_rule {
	RULE_FITS, /* U + S > L + G or m + 1 > M */
	RULE_COURIER, /* U + S > L or m + 1 > M */
	RULE_EXIM, /* U + S > L or m + 1 > M */
	RULE_EXIM_EXCLUSIVE, /* U > L or m > M */
	RULE_DOVECOT_2_3, /* U >= L, or U + S > L + a tenth of L, or m + 1 > M */
	RULE_DOVECOT_2_4, /* U >= L, or U + S > L + 10 MiB, or m + 1 > M */
	RULE_CYRUS, /* U > L or m > M */
	RULE_CYRUS_STRICT, /* U + S > L or m + 1 > M */
	RULE_ASKED, /* the store said so: verdicts, no figures (core/asked.h) */
};

struct limit {
	bool named; /* else the next in the order is asked; named with 0 means unlimited and ends the search */
	uint64_t octets;
	uint32_t messages; /* 0: unlimited */
};

/* Where the figures come from, for `check` and the log. */
enum facts_source {
	SOURCE_NONE,
	SOURCE_MAILDIRSIZE, /* the sum of a maildirsize file */
	SOURCE_RECOUNT, /* every message counted now */
	SOURCE_REMEMBERED, /* a recount that still stands: no directory has changed since */
	SOURCE_STAT, /* the size of an mbox file, or of a tree of them */
	SOURCE_PEER, /* another machine told them, and not how it knows */
	SOURCE_SERVER, /* the server that keeps the mailbox told them */
	SOURCE_DATABASE, /* they stand where that server writes them: tables, keys */
	SOURCE_VERDICT, /* a server was asked whether it would take the message */
};

struct facts {
	enum facts_state state;
	enum facts_source source;
	bool firm; /* fit to refuse on; else a refusal first asks the store for firm ones */
	bool ruled; /* the store names the rule by which it delivers, and `rule` holds; else that of its section */
	enum store_rule rule;
	bool too_large; /* RULE_ASKED: what was refused would not fit into the mailbox were it empty */
	bool foreign; /* maildirsize: not written by Courier's hand (wire/maildirsize.h); its rule may be the wrong one */
	uint32_t messages, message_limit; /* limit 0: the store names none */
	uint64_t usage,
		limit; /* octets; limit 0: the store names none. RULE_ASKED: the largest size taken, the smallest
				  refused; 0: none */
	msec taken; /* when the look-up that brought them began; set by the gate */
	msec took_at, refused_at; /* RULE_ASKED: the same for either size; `taken` is the later one */
	msec full_since; /* full on the store's own figures at every look-up since; 0: not full. Kept by the cache */
};

/* What was let in and is not in the figures yet. */
struct charge {
	uint64_t octets;
	uint32_t messages;
};

static inline uint64_t octets_sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Both stop at the largest number. */
static inline struct charge charge_sum(struct charge a, struct charge b)
{
	return (struct charge){
		.octets = octets_sum(a.octets, b.octets),
		.messages = a.messages > UINT32_MAX - b.messages ? UINT32_MAX : a.messages + b.messages,
	};
}

/* What is left of `a` when as much of `b` as there is in it has gone. */
static inline struct charge charge_less(struct charge a, struct charge b)
{
	a.octets -= b.octets < a.octets ? b.octets : a.octets;
	a.messages -= b.messages < a.messages ? b.messages : a.messages;
	return a;
}

/*
 * A part of the room below `soft`, lent by a backend to a frontend, which answers alone within it (rule 10 of the
 * ledger). The frontend gives it its number.
 */
struct loan {
	uint32_t number; /* 0: none */
	uint32_t messages;
	uint64_t octets;
	msec life; /* how long it holds from the answer on that brought it */
};

const char *facts_source_name(enum facts_source);

#endif
