/* A secret that stands in a file of its own, because the configuration is printed, and read by more people than should
   know. */
#ifndef IO_SECRET_H
#define IO_SECRET_H

#include "base/err.h"

#include <stddef.h>

/* The first line of the file, with a NUL, at most cap - 1 octets. False with the reason; that others may read the file is
   one. */
bool secret_read(char *out, size_t cap, const char *path, struct err *);

#endif
