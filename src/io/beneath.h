/*
 * Opening files beneath a root directory, and nowhere else: names made from mail addresses, and links made by people
 * with a shell, lead no further than the root and a few more places that the postmaster named.
 *
 * The kernel does it in one call (openat2 with RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS). Where a link leads out of
 * the root, or the kernel forbids the call, the name is walked name by name with O_NOFOLLOW, links are resolved here
 * (at most 40), and each step is checked. Nothing is ever written or created, and no FIFO makes an opening wait.
 */
#ifndef IO_BENEATH_H
#define IO_BENEATH_H

#include "base/buf.h"

#include <sys/types.h>

struct beneath {
	char **places; /* [0] is the root, the others are places into which links may lead; absolute paths */
	size_t n;
	int fd; /* of the root; -1: not open */
	dev_t dev; /* what `fd` is, to see that the path has become something else */
	ino_t ino;
	bool by_name; /* the kernel forbids openat2 */
	char refused[256]; /* after EXDEV: "link A -> B leads out of ROOT" */
};

/* Copies the paths; opens nothing yet. False: out of memory. To be ended with beneath_done(). */
bool beneath_init(struct beneath *, const char *root, const char *const *more, size_t n);
void beneath_done(struct beneath *);

/* Opens the root, links followed, or sees that it is still what the path names and else opens it anew (a disk was
   mounted over it). Call it before a series of beneath_open(). False with errno: the root is not there. */
bool beneath_ready(struct beneath *);

/* Opens `name`, relative to the root ("" is the root itself), without write access. flags: O_RDONLY or O_PATH, perhaps
   O_DIRECTORY; close-on-exec, and for O_RDONLY non-blocking. -1 with errno; EXDEV: it leads out of the root, see
   `refused`; ELOOP: too many links; ENAMETOOLONG. */
int beneath_open(struct beneath *, const char *name, int flags);

/* Writes the full path of `name`, fit for one line. */
void beneath_put(const struct beneath *, const char *name, struct buf *out);

/* Writes why opening `name` failed with `error`: the refused link, or the full path and the system's words. */
void beneath_why(const struct beneath *, const char *name, int error, struct buf *why);

#endif
