/*
 * The gate: takes questions, finds out which mailbox is meant, gets facts from the cache or from a store, judges, and
 * keeps the ledger. No clock, no socket, no allocation per question: `now` comes in, gate_expiry() says when to call back,
 * stores are reached through two functions.
 *
 *  - Single flight: a thousand askers for one mailbox cost one look-up.
 *  - Every question is answered exactly once, and at the latest when its deadline has come: by the last known facts
 *    (`stale`), else by the rule `error`. The look-up goes on and warms the cache.
 *  - A refusal on facts that are not firm first asks the store for firm ones.
 *  - At the end of a message for several all of them are judged at the same time; the first refused refuses the message.
 *  - An alias is expanded first, and its members are asked at the same time; see the section `rules`, alias.
 *
 * Its rooms: gate.c (questions), probe.c (one mailbox), resolve.c (directories), expand.c (their targets), canary.c (their
 * "no"), several.c (a message for several), conclude.c (the verdict).
 */
#ifndef CORE_GATE_H
#define CORE_GATE_H

#include "core/bypass.h"
#include "core/ledger.h"
#include "core/lookup.h"
#include "core/probe.h"
#include "core/query.h"
#include "core/target.h"

/* When an address with several targets is full. */
enum alias_rule {
	ALIAS_ALL_FULL, /* when every local target refuses */
	ALIAS_ANY_FULL, /* when one does */
};

/* What of the configuration the gate reads. It may change at any turn through gate_configure(). */
struct gate_conf {
	const struct route *route;
	struct rules rules;
	struct bypass bypass;
	bool shadow; /* pass everybody, tell what would have been refused */
	enum alias_rule alias;
	enum fold fold;
	struct str delimiters; /* recipient_delimiter, each octet one */
	msec timeout; /* by then every question has its answer */
	unsigned soft, hard; /* percent of the limit, soft <= hard <= 100 */
	msec ttl_low, ttl_mid, ttl_high,
		ttl_none; /* lifetime of facts below soft, between, above hard; of "no mailbox" */
	msec stale; /* how long the last known facts serve when the store does not answer */
	msec settle;
};

/* Fixed for the gate's life. */
struct gate_size {
	size_t mailboxes; /* in the cache */
	size_t lookups; /* in flight at once */
	size_t transactions; /* open at once */
	size_t charges; /* of open transactions */
	size_t probes; /* members of aliases under way at once */
	size_t answers, answer_octets; /* of directories that are kept */
	size_t loans; /* to frontends at once */
};

/* One mailbox of a question that was answered. All that it points to lasts for the call. */
struct judged {
	const struct route_store *store;
	struct str name, place; /* of the mailbox in it; place: host and home that a directory told, may be empty */
	const struct address *address;
	const struct answer *answer; /* of this mailbox; its facts are FACTS_FOUND */
	bool full; /* what is in it leaves no room for the message, and no waiver lets it in all the same */
};

/* How stores and directories are reached. start() ends in exactly one lookup_done(), perhaps at once, unless cancel() came
   first. */
struct gate_stores {
	void *context;
	void (*start)(void *context, struct lookup *, msec now);
	void (*cancel)(void *context, struct lookup *);
	/* The canary of a directory, or of a store, was found wanting (false), or well after that (true). May be null. */
	void (*trust)(void *context, bool of_directory, unsigned index, bool good);
	/* For a store that keeps a ledger of its own, or for all of them (ROUTE_ALL_STORES). May be null. */
	void (*tell)(void *context, unsigned store, const struct news *);
	/* A directory's note tells of something to be mended (NOTE_ODD). May be null. */
	void (*odd)(void *context, unsigned directory, const char *note, msec now);
	/* The answer to a look-up that was started is here and was looked at; who waits for it hears next. May be null. */
	void (*landed)(void *context, const struct lookup *, msec now);
	/* A message to this mailbox was judged by what was found there. May be null. */
	void (*judged)(void *context, const struct judged *, msec now);
};

/* One step on the way to the verdict, for `check`. */
struct gate_step {
	const struct address *address; /* the form that was tried */
	unsigned depth; /* 0: the question's address, 1: a member of that alias, and so on */
	bool of_sender; /* it is the envelope sender's */
	const struct route_directory *directory; /* asked in this step, then `listing` and `targets` are its answer */
	enum listing listing;
	struct str targets;
	const struct route_store
		*store; /* asked in this step; both null: `note` tells why the address went no further */
	struct facts facts;
	bool cached; /* the facts stood in the cache */
	bool stale; /* the store did not answer; these are the last known facts, or none */
	const char *note; /* of the look-up, null for cached facts */
	struct charge charge;
	struct limit limit; /* in force; with state FACTS_FOUND */
	struct terms terms;
	bool firm_wanted; /* a refusal on these facts was not believed: the store is asked for firm ones */
};

/* A question on its way. It lives inside the connection that asks. */
struct ask {
	/* set by the asker before gate_ask(), and standing still until done() */
	struct query query;
	uint64_t path_store; /* QUERY_PATH: the salt of the store that answers */
	struct charge also; /* charges known from elsewhere (`check` asks the running daemon) */
	void (*done)(struct ask *, msec now);
	void (*explain)(struct ask *, const struct gate_step *); /* null: nobody wants to know */

	/* the answer, valid in done() and after */
	struct answer answer;
	const struct route_store *store; /* that decided; null: none */
	const struct route_domain *route; /* of the address that decided; null: it has none */
	struct limit limit; /* that was applied */
	bool cached; /* no store was asked */
	const char *note; /* what a look-up noted, or why there was none; null: nothing */
	char note_text[LOOKUP_NOTE];

	/* the gate's own */
	struct list probes;
	struct list by_deadline;
	msec deadline;
	size_t pending; /* probes that are not done */
	size_t members; /* probes that were lent to it */
	size_t recipients; /* of a message for several: how many are judged */
	const char
		*cut; /* why an alias, or the recipients of a message, were not followed to the end, null: they were */
	bool active;
	struct probe first;
};

struct gate_stats {
	uint64_t asked, hits, lookups, failed, late, joined, recounts, crowded, cut; /* since the start */
	size_t mailboxes, answers, waiting, transactions, loans;
	uint64_t evicted, uncharged;
	uint64_t claims, lent; /* questions put to a store's own ledger; loans given */
};

/* Null when there is no memory. `key` must come from a good source of randomness. */
struct gate *gate_new(
	const struct gate_size *, const struct gate_conf *, const struct gate_stores *, struct hash_key key);

/* No question may be waiting. Look-ups in flight are cancelled. */
void gate_free(struct gate *);

/* New rules, routes, limits. Look-ups in flight are cancelled and their questions asked again by the new route; facts and
   charges stay (a store whose salt changed starts anew). The former conf is not read again. */
void gate_configure(struct gate *, const struct gate_conf *, msec now);

/* Exactly one done(), maybe before it returns. */
void gate_ask(struct gate *, struct ask *, msec now);

/* The asker left: no done(). The look-up goes on and warms the cache. Harmless when the ask is not active. */
void gate_forget(struct gate *, struct ask *);

/* The transaction is over, or its message will not come (`abandoned`). */
void gate_end(struct gate *, struct hash transaction, bool abandoned, msec now);

/* When gate_expire() wants to be called next. */
msec gate_expiry(const struct gate *);
void gate_expire(struct gate *, msec now);

struct gate_stats gate_stats(const struct gate *);

#endif
