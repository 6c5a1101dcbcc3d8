/*
 * The store behind a listener that is asked about paths (exim-quotad): an mbox file or a Maildir, named by the asker,
 * below one of the roots.
 */
#ifndef STORE_PATH_H
#define STORE_PATH_H

#include "store/store.h"

struct path_conf {
	struct opt_list roots; /* absolute paths */
	const char *user; /* who reads */
	uint64_t helpers;
};

extern const struct store_kind path_type;

#endif
