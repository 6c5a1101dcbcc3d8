/* What the rooms of the gate share: gate.c, probe.c and resolve.c. Nobody else includes it. */
#ifndef CORE_GATE_INSIDE_H
#define CORE_GATE_INSIDE_H

#include "core/book.h"
#include "core/flight.h"
#include "core/gate.h"
#include "core/loans.h"

struct gate {
	struct gate_conf conf;
	struct gate_stores stores;
	struct hash_key key;
	struct cache *cache;
	struct ledger *ledger;
	struct loans *loans;
	struct flight *flight;
	struct book *book;
	struct probe *probes;
	struct list spare; /* probes to be lent */
	struct list by_deadline; /* the asks that wait */
	bool distrusted[ROUTE_DIRECTORIES_MAX]; /* directories whose canary is not well */
	bool distrusted_stores[ROUTE_CANARIES_MAX];
	uint64_t last_claim; /* the serial of the last look-up that asked a store's own ledger */
	struct gate_stats stats;
};

/* ---- gate.c ---- */

/* To all stores that keep a ledger of their own. */
void gate_tell(struct gate *, enum news_kind, struct hash transaction, uint64_t size);

/* The probe has come to its end, with p->answer. The note tells why, null: nothing to tell. When it was the last of its
   ask, the ask is answered; neither is to be touched after that. */
void probe_done(struct gate *, struct probe *, const char *note, msec now);

/* The end without a mailbox: decide() judges by the state alone. */
void probe_done_without(struct gate *, struct probe *, enum facts_state, const char *note, msec now);

/* A pass that rests on nothing. */
void probe_done_pass(struct gate *, struct probe *, enum reason, const char *note, msec now);

/* A member of the alias `parent`, not started. Null when the bounds are reached. */
struct probe *probe_lend(struct gate *, const struct probe *parent);

/* For one of several recipients, not started; likewise. */
struct probe *probe_lend_for(struct gate *, struct ask *, size_t recipient);

/* Begins with an address as the MTA sent it. */
void probe_begin_recipient(struct gate *, struct probe *, struct str address, msec now);

/* One that was lent and is not needed. */
void probe_return(struct gate *, struct probe *);

/* All probes of the ask go back, done or not. */
void probes_release(struct gate *, struct ask *);

/* Waits for a look-up, until the ask's deadline. */
void probe_wait(struct gate *, struct probe *, struct lookup *);

/* A look-up of the mailbox `key` to wait for: one in flight by the name `flight`, or a new one that wants its text and
   start. Null when there is no
   sense in waiting: *why tells. *fresh: it is new. */
struct lookup *probe_lookup(struct gate *, struct probe *, struct hash key, struct hash flight, bool firm, bool *fresh,
	const char **why, msec now);

/* The address, and the hints, as the text of a look-up. False when it does not fit; then the look-up is released. */
bool lookup_set(struct gate *, struct lookup *, struct str whole, size_t local, size_t domain, const struct probe *);

/* ---- several.c: the end of a message for several ---- */

/* Begins a probe for each of the recipients that the question names, as far as the bounds allow. */
void several_begin(struct gate *, struct ask *, msec now);

/* All are done. Whose verdict is the answer: the first that is refused and not bypassed, whose address becomes that of the
   question. Null: all have room. */
struct probe *several_choose(const struct gate *, struct ask *);

/* ---- conclude.c ---- */

/* The probe whose verdict is that of this recipient (0: of the question itself), null: it has none. An alias itself has
   none; its members have. */
struct probe *conclude_choose(const struct gate *, struct ask *, size_t recipient);

/* Every probe has come to its end, `last` at last: answers. The one place where a question is answered. */
void conclude(struct gate *, struct ask *, const struct probe *last, const char *note, msec now);

/* ---- probe.c: stores ---- */

/* Begins with the first store. */
void probe_start(struct gate *, struct probe *, msec now);

/* A look-up in a store is done. */
void probe_hear(struct gate *, struct probe *, const struct lookup *, msec now);

/* What the probe's store calls the mailbox that it has for an address. */
struct str probe_name(const struct probe *, const struct address *);

/* The name in the cache of the mailbox that the probe's store has for an address. */
struct hash probe_key(const struct gate *, const struct probe *, const struct address *);

/* Asks the probe's store. */
void probe_ask(struct gate *, struct probe *, struct hash key, const struct address *, bool firm, msec now);

/* "No such mailbox" was said, and is to be believed: goes on with the next store. */
void probe_believe(struct gate *, struct probe *, msec now);

/* Judges the mailbox of a probe that is done once more, by what was let in meanwhile. False: its refusal wants firm facts,
   which it waits for; the ask may have been answered by then, and is not to be touched. */
bool probe_is_still_right(struct gate *, struct probe *, msec now);

/* Its deadline has come, or nobody could be asked: the last known facts serve. */
void probe_unanswered(struct gate *, struct probe *, const char *note, msec now);

/* ---- learn.c ---- */

/* Into the cache with what a store said, if there is a place and it is to be believed. */
void probe_learn(struct gate *, struct lookup *, msec now);

/*
 * The figures of a look-up begun before that of the known ones say nothing new. `ledger`: they come from the ledger of the
 * store, and `taken` tells how old they are; then growth pays there, and what is charged here goes when it was told.
 */
void learn_facts(struct gate *, struct entry *, struct facts *is, bool ledger, msec begun);

/* "No such mailbox" of a store with a canary stays out of the cache until the canary was asked about. */
bool probe_is_doubtful(const struct gate *, const struct lookup *);

/* ---- claim.c: stores with a ledger of their own ---- */

/*
 * May this message be let in without asking the store? Within what it lent; but when the message is here, only if its
 * recipient was let in so: else the store has its charge, and must know its true size. For that it must know the transaction
 * too, of which a message of unknown size is let in. The entry may be null.
 */
bool claim_is_needless(struct gate *, const struct probe *, const struct entry *, msec now);

/* The store's ledger has answered. A store that keeps one may have peers without; those name no rule, and what they have room
   for is charged here. */
bool claim_is_answered(const struct gate *, const struct lookup *);

/* Fills the claim of a fresh look-up: whoever starts one there asks for himself. */
void claim_make(struct gate *, struct probe *, struct lookup *);

/* The store's ledger has answered: what it was told is there now, and so is the question's own charge; there is a new loan. */
void claim_learn(struct gate *, struct entry *, const struct lookup *, msec now);

/* The look-up has its answer, or will get none: the next one may tell what was let in here. */
void claim_end(struct gate *, const struct lookup *);

/* ---- resolve.c: directories ---- */

/* Begins with the first directory; goes on to the stores where there is none. */
void resolve_start(struct gate *, struct probe *, msec now);

void resolve_hear(struct gate *, struct probe *, const struct lookup *, msec now);
void resolve_unanswered(struct gate *, struct probe *, const char *note, msec now);

/* Goes on with the next directory. */
void resolve_go_on(struct gate *, struct probe *, msec now);

/* The form of the address that is being looked for, and its name in the book. */
bool resolve_form(const struct gate *, const struct probe *, struct address *out);
struct hash resolve_key(const struct gate *, const struct route_directory *, struct str whole);

/* Asks the probe's directory. */
void resolve_ask(struct gate *, struct probe *, struct hash key, const struct address *form, msec now);

/* "No such address" was said, and is to be believed: goes on with the next directory. */
void resolve_believe(struct gate *, struct probe *, msec now);

/* Into the book with a directory's answer, if it can stand there. Makes an answer that is malformed a failed one. */
void resolve_learn(struct gate *, struct lookup *, msec now);

/* ---- expand.c: targets ---- */

/* A directory names targets for the address in this form. False: it names the address itself and nothing more, so the
   next directory is to be asked; else the probe went on, or came to its end. */
bool expand_targets(struct gate *, struct probe *, struct str targets, const struct address *form, msec now);

/* How many aliases lie above it. */
static inline unsigned probe_depth(const struct probe *p)
{
	unsigned n = 0;
	for (p = p->parent; p; p = p->parent)
		n++;
	return n;
}

/* ---- canary.c: is a "no" to be believed? ---- */

bool canary_guards(const struct route_canary *);

/* True when this is the address of a canary: what is said of it needs no further canary. */
bool canary_is(const struct route_canary *, struct str whole);

/* The probe's directory, or store, said at `negative_taken` that it has no such address: goes on when the canary was asked
   about, by resolve_believe() or probe_believe(). */
void canary_start(struct gate *, struct probe *, msec negative_taken, msec now);

/* It has spoken of the canary. */
void canary_hear(struct gate *, struct probe *, const struct lookup *, msec now);

#endif
