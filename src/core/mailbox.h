/* Whom a store is asked about. The slices belong to the look-up. */
#ifndef CORE_MAILBOX_H
#define CORE_MAILBOX_H

#include "base/str.h"

/* RFC 5321 allows 64 and 255 octets; SRS and VERP local parts are longer in practice. */
#define LOCAL_MAX 255
#define DOMAIN_MAX 255
#define ADDRESS_MAX (LOCAL_MAX + 1 + DOMAIN_MAX)
#define MAILBOX_PATH_MAX 1024

struct mailbox {
	struct str address; /* %u: local@domain, or the bare user name. For a path query: the path */
	struct str local; /* %n */
	struct str domain; /* %d, empty for a bare user name */
	struct str home; /* %h as a directory named it, empty: not known */
	struct str host; /* %{host}, empty: not known */
};

#endif
