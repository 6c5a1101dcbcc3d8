/*
 * Usage and limits of one Maildir++: from its maildirsize where that may be believed, else by a recount. Shared by the
 * stores that read Maildirs. Only reads.
 *
 * A maildirsize may be believed to say "full" when it has exactly one data line, is younger than 15 minutes and
 * smaller than 5120 octets (README.maildirquota); then the facts are firm. Otherwise its totals are fit to let a message
 * pass. Without a file that makes sense every message is counted, or an earlier count still stands. The limits are
 * those of its first line.
 *
 * Dovecot counts anew only when the file says that usage is above its limit. Before that it refuses what does not fit by
 * the file, however old and however long, and so must who judges for it.
 */
#ifndef STORE_MAILDIRPP_H
#define STORE_MAILDIRPP_H

#include "core/facts.h"
#include "store/recount.h"

struct maildirpp {
	struct recount_rules rules;
	struct recount_memory *memory;
	bool dovecot; /* Dovecot delivers: the file is firm up to its limit */
};

/* Where the maildirsize lies, when not in the Maildir itself (Dovecot's CONTROL=). */
struct maildirpp_control {
	struct beneath *beneath;
	const char *name;
};

/* Fills facts and note for the Maildir `name` beneath b, and as firm as asked. A directory with a file `maildirfolder` in it
   is a folder, and the Maildir is the one above it. FACTS_NO_MAILBOX: there is no such directory. `control`: may be
   null. */
void maildirpp_ask(struct maildirpp *, struct beneath *b, const char *name, const struct maildirpp_control *control,
	bool firm, struct facts *, struct buf *note);

#endif
