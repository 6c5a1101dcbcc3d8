/*
 * Options of a store, a directory or a listener, as a configuration gives them. For targets that drive what the options
 * belong to.
 */
#ifndef TESTS_FUZZ_OPTIONS_H
#define TESTS_FUZZ_OPTIONS_H

#include "base/opt.h"

/* The struct of `size` octets that this text fills, "key = value" by lines; a mistake in it ends the program. It is never
   freed: made once. */
const void *fuzz_options(const struct opt *, size_t size, const char *text);

#endif
