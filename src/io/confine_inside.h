/* The halves of io/confine.c: calls of the kernel (seccomp) and files (Landlock). Nobody else includes this. */
#ifndef IO_CONFINE_INSIDE_H
#define IO_CONFINE_INSIDE_H

#include "io/confine.h"

/* Both: false with the reason when the kernel offers it and it failed; *held tells what came of it, 0: it is not offered. */

/* *held is 1. */
bool confine_calls(enum confine_kind, const struct reach *, int *held, struct err *);

/* *held is the version of Landlock's interface. */
bool confine_paths(enum confine_kind, const struct reach *, int *held, struct err *);

#endif
