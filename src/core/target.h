/*
 * What a directory says of one address: nothing, that there is no such address, or its targets. Targets travel as one
 * record of at most TARGETS_MAX octets, from the directory's helper to the gate, which keeps it as it is.
 */
#ifndef CORE_TARGET_H
#define CORE_TARGET_H

#include "base/buf.h"
#include "core/decide.h"

#define TARGETS_MAX 65000 /* octets of a record */

enum listing {
	LISTING_FAILED, /* the directory did not answer, or its answer makes no sense */
	LISTING_NOT_OURS, /* it does not know the domain */
	LISTING_NO_ADDRESS, /* it lists all addresses of the domain, and this is none */
	LISTING_UNLISTED, /* it does not know the address, but does not list all (a table of aliases) */
	LISTING_TARGETS,
};

enum target_kind {
	TARGET_MAILBOX, /* a mailbox: that of `address`, or of the address that was asked when `address` is empty */
	TARGET_ADDRESS, /* another address, to be looked up in its turn */
	TARGET_ELSEWHERE, /* a pipe, a file, a relay, a forward: always room */
};

struct target {
	enum target_kind kind;
	struct str address; /* without <> */
	struct str store; /* name of the store that holds it, empty: as the domain says */
	struct str host; /* %{host}, empty: not told */
	struct str home; /* %h, empty: not told */
	struct limit limit; /* named: the directory's limit */
};

/* Appends one; out->full is set when the record would be too long. */
void target_put(struct buf *out, const struct target *);

/* Takes the first target off the record. False at its end, and when it is malformed (then *rest is not empty). The slices
   look into the record. */
bool target_get(struct target *out, struct str *rest);

/* True when the whole record is well-formed. */
bool targets_check(struct str record);

#endif
