/*
 * A directory: one kind of address book that knows who is behind an address. It is ordinary synchronous code that runs in
 * helper processes, as a blocking store does (directory/asking.h makes it answer the gate's look-ups). The gate asks about
 * an address, about the same without its extension, and about "@domain" (a catch-all); ask() looks up just what it is
 * given.
 */
#ifndef DIRECTORY_DIRECTORY_H
#define DIRECTORY_DIRECTORY_H

#include "base/buf.h"
#include "base/err.h"
#include "base/heard.h"
#include "base/opt.h"
#include "core/lookup.h"
#include "core/mailbox.h"
#include "core/target.h"

struct reach;

struct directory_type {
	const char *name;
	const struct opt *opts; /* its own options of the `directory` section */
	size_t conf_size; /* octets of the struct they fill */
	/* A look at the whole conf after the options are read (templates, combinations). May be null. */
	bool (*check)(const void *conf, struct err *);
	/* What a helper needs to get at (io/confine.h). Null: servers. */
	void (*reach)(const void *conf, struct reach *);
	/* As those of a store: where its questions go, and what was heard there since the last call. Both null: it asks no
	   server, and has no breaker. */
	void (*server)(const void *conf, struct buf *out);
	enum heard (*heard)(void *state);
	void *(*open)(const void *conf, struct err *);
	/* Who is behind the address (local part empty: a catch-all is looked for)? Appends targets (core/target.h) and returns
	   LISTING_TARGETS, or says why not; the state is the directory's own (a connection, a file in memory). One line
	   into `note`: what was found where, or why it could not be told, naming entry and attribute. A stranger typed the
	   address: it must be escaped as the directory's language needs. */
	enum listing (*ask)(void *state, const struct mailbox *address, struct buf *targets, struct buf *note);
	void (*close)(void *state);
};

/* An opened directory on the loop; as struct store. */
struct directory;
struct directory_calls {
	void (*start)(struct directory *, struct lookup *);
	void (*cancel)(struct directory *, struct lookup *);
	void (*close)(struct directory *);
};

struct directory {
	const struct directory_calls *calls;
};

#endif
