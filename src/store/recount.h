/*
 * What a Maildir holds, by looking at every message: new/ and cur/ of the Maildir and of each of its folders, tmp/ not.
 * The size stands in the file name (`,S=1234`), else stat() tells it. Never writes. A file that vanishes meanwhile was
 * moved or deleted, and is no error.
 *
 * A count is dear, and nobody rewrites a maildirsize while we refuse mail. So its result can be remembered together
 * with a print of the directories: as long as their print is the same, no message has come or gone.
 */
#ifndef STORE_RECOUNT_H
#define STORE_RECOUNT_H

#include "base/hash.h"
#include "io/beneath.h"

#include <sys/stat.h>

struct recount_rules {
	bool fs; /* folders are plain subdirectories (Dovecot's LAYOUT=fs); else they begin with a dot (Maildir++) */
	bool skip_trash; /* as Courier: neither the folder Trash nor messages with the flag T */
};

struct recount_sum {
	uint64_t octets, messages; /* saturated */
};

/* The size in a message's file name: the last `,S=` before the first colon, of which the digits end at `:`, `,` or the
   end. False when there is none. */
bool recount_size_of_name(const char *name, uint64_t *octets);

/* True when the name has the flag T (trashed) behind `:2,`. */
bool recount_is_trashed(const char *name);

/* Counts the Maildir `name` beneath b. False with errno (see beneath_open) when some directory cannot be read; *failed
   names it. */
bool recount_count(
	struct beneath *b, const char *name, const struct recount_rules *, struct recount_sum *, struct buf *failed);

/* The remembered counts of one store: the least recently used ones give way. */
struct recount_memory;

struct recount_memory *recount_memory_new(void); /* null: out of memory */
void recount_memory_free(struct recount_memory *);

/* What a count will be remembered by. */
struct recount_print {
	struct hash mailbox; /* which Maildir */
	struct hash state; /* its directories and its maildirsize as stat() shows them */
	bool settled; /* no directory has changed within the last 2 seconds: what changes from now on shows */
};

/* Takes the print of the Maildir; `file` is the stat of its maildirsize, null when there is none. To be taken before the
   count, so that a change during the count shows later. False with errno as recount_count(). */
bool recount_print_take(struct recount_print *, const struct recount_memory *, struct beneath *b, const char *name,
	const struct recount_rules *, const struct stat *file, struct buf *failed);

/* False: not remembered, or no longer true. */
bool recount_memory_get(struct recount_memory *, const struct recount_print *, struct recount_sum *);

/* Does nothing when the print is not settled. */
void recount_memory_put(struct recount_memory *, const struct recount_print *, struct recount_sum);

#endif
