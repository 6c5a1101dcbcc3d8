/*
 * The octets in an mbox file, or in a tree of directories full of them (Dovecot's ~/mail). What IMAP servers keep beside
 * the mail is left out: names that begin with a dot, indexes, lists of folders, locks. Links in the tree are not
 * followed. The size of an mbox is what stat() says; it holds a few per cent more than the messages. Only reads.
 */
#ifndef STORE_TREE_H
#define STORE_TREE_H

#include "io/beneath.h"

#include <stdint.h>
#include <sys/stat.h>

struct tree_sum {
	bool found; /* there is a file or directory */
	uint64_t octets; /* saturated */
	/* A file to look out for, so that nothing is counted twice. */
	const struct stat *other; /* may be null */
	bool other_met;
};

/* Adds what `name` beneath b holds to *sum; nothing there is no error. False with errno when it cannot be read or is
   neither file nor directory (EINVAL), or is deeper than 32 levels (ELOOP); *failed then names the place. */
bool tree_add(struct beneath *b, const char *name, struct tree_sum *sum, struct buf *failed);

/* True for the name of a file that holds no mail. */
bool tree_is_aside(const char *name);

#endif
