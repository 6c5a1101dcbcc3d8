/*
 * The folders of one Maildir: which directories hold its messages. Maildir++ has them as `.Folder.Subfolder` beside
 * new/ and cur/; Dovecot's LAYOUT=fs as plain directories within each other. Links to folders are skipped, as every
 * writer of maildirsize does.
 */
#ifndef STORE_FOLDERS_H
#define STORE_FOLDERS_H

#include "io/beneath.h"

struct folders {
	struct beneath *beneath;
	bool fs, skip_trash; /* as in struct recount_rules */
	struct buf path; /* the Maildir, relative to the root; its folders' names are put behind it */
	/* Called for each new/ and cur/, there or not (is_box), and for each directory that has folders in it. `name` is
	   relative to the root. False, with errno, ends the walk. */
	bool (*visit)(void *context, const char *name, bool is_box);
	void *context;
};

/* False with errno when a visit was false or a directory cannot be listed; `path` then still names it. A folder deeper
   than 32 levels is an error (ELOOP). */
bool folders_each(struct folders *);

#endif
