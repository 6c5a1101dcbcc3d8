/* What stat(2) says of a file, as far as it tells one state of it from another. */
#ifndef IO_STAMP_H
#define IO_STAMP_H

#include <stdbool.h>
#include <sys/stat.h>

/* All zero: of no file. */
struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

struct stamp stamp_of(const struct stat *);

/* It is the same file, and nobody has written to it or changed its owner or mode in between; but for what happened within
   one tick of the file system's clock. */
bool stamp_eq(const struct stamp *, const struct stamp *);

#endif
