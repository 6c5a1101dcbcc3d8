/*
 * A store: one kind of place that knows usage and limit of mailboxes. There are two ways to write one, and both look the
 * same to the gate: asynchronous ones live on the loop; blocking ones are plain synchronous code that runs in helper
 * processes (store/blocking.h makes the former of the latter).
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/heard.h"
#include "base/opt.h"
#include "core/decide.h"
#include "core/lookup.h"
#include "core/peer.h"

struct blocking_conf;
struct nursery;
struct reach;
struct pool_stats;
struct uv_loop_s;

/* One of several that are asked together; facts and note are filled as by ask(). */
struct store_question {
	struct mailbox mailbox;
	bool firm;
	struct facts facts;
	struct buf note; /* empty, with room */
};

/* Blocking. open() runs in the helper, as the store's user; ask() may block, must not grow memory without bound, and
   must not trust the mailbox's text, which a stranger typed. */
struct store_kind {
	const char *name;
	const struct opt *opts; /* its own options of the `store` section */
	size_t conf_size; /* octets of the struct they fill */
	enum store_rule rule; /* the default of `rule` */
	uint64_t grace; /* octets: the default of `grace` where it gives verdicts */
	/* True when the store gives verdicts and no figures: then its rule is RULE_ASKED, and it names it in its facts. May
	   be null. */
	bool (*gives_verdicts)(const void *conf);
	/* A look at the whole conf after the options are read (paths, combinations). May be null. */
	bool (*check)(const void *conf, struct err *);
	/* The rule in force is known now: settle what depends on it (what counts). May be null. */
	void (*prepare)(void *conf, enum store_rule rule);
	/* Looks at a few mailboxes, in the process of `quotagate config`: is the default rule theirs? True with a sentence
	   when it seems not. May be null. */
	bool (*survey)(const void *conf, struct buf *warning);
	/* Why the default rule is hardly the right one, whatever is in the store: one sentence, or null. May be null. */
	const char *(*doubt)(const void *conf);
	/* True when the store is told the domain (%d, %u or the whole address is used): only then is it asked about
	   domains that no `domain` section gives it. */
	bool (*told_domain)(const void *conf);
	/* True when such a store keeps a ledger of its own: it looks at the claims of look-ups, and wants news. May be null. */
	bool (*keeps_ledger)(const void *conf);
	/* The file with the keys that are to be in blocking_conf, null: none. May be null. */
	const char *(*key_file)(const void *conf);
	/* A store that lives on the loop, and has helpers for what blocks: attach() opens it, run() is nursery_set.run
	   (`arg` is a const struct blocking_conf). Both null: open, ask and close are called in helpers. */
	struct store *(*attach)(struct uv_loop_s *, struct nursery *, const struct blocking_conf *, struct err *);
	int (*run)(int fd, const void *arg);
	/* What a helper needs to get at (io/confine.h). Null: servers. */
	void (*reach)(const void *conf, struct reach *);
	/* Where its questions go, if that is another server: puts it as the postmaster wrote it, and the store gets a breaker
	   (core/guard.h) that goes by what heard() says. Both null: it has none, for one mailbox that cannot be read says
	   nothing about the others. */
	void (*server)(const void *conf, struct buf *out);
	enum heard (*heard)(void *state); /* since it was last called; after each ask() */
	void *(*open)(const void *conf, struct err *);
	/* Fills facts (state, source, firm, figures); `firm` asks for facts fit to refuse on, whatever they cost. One line
	   into `note`: what was read, or why it could not be told. */
	void (*ask)(void *state, const struct mailbox *, bool firm, struct facts *, struct buf *note);
	/* Several questions that wait: asks for the first of them in one go, as many as it likes but at least one, and
	   returns how many. May be null: helpers get them one by one. */
	size_t (*ask_many)(void *state, struct store_question *, size_t n);
	void (*close)(void *state);
};

/* For doubt(), where the rule is RULE_FITS. */
#define DOUBT_DOVECOT                                                                                                  \
	"Dovecot writes these figures, but rule = fits is the default: name the rule of the program that delivers, "   \
	"for instance dovecot-2.3"

/* Of a store that exchanges messages with other machines, for metrics. */
struct store_messages {
	uint64_t strange; /* that came, but from nobody who may send them, or malformed */
	uint64_t late; /* that came, but answer nothing that is still asked */
	uint64_t untold; /* news of transactions that did not get there, and that is not told any more */
	size_t owed; /* that waits until somebody answers */
};

/* An opened store on the loop. Every start() ends in exactly one lookup_done(), unless cancel() came first. */
struct store;
struct store_type {
	const char *name;
	void (*tell)(struct store *, const struct news *); /* null: it keeps no ledger */
	/* Its helper processes. Null: it has none. */
	struct pool_stats (*helpers)(const struct store *);
	/* The peer number i, from 0 on. False when there are no more. Null: it has none. */
	bool (*peer)(const struct store *, size_t i, struct peer_stats *out);
	/* Null: it exchanges none. */
	struct store_messages (*messages)(const struct store *);
	void (*start)(struct store *, struct lookup *);
	void (*cancel)(struct store *, struct lookup *);
	void (*close)(struct store *);
};

struct store {
	const struct store_type *type;
};

#endif
