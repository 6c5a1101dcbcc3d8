/*
 * Dovecot's quota-status as a server that is asked for verdicts, by Postfix' policy protocol (wire/policy.h): size and
 * recipient, one question at a time on a connection. Its answers are what the postmaster wrote; `words` says what they
 * mean, and what it does not name means what Dovecot means by it.
 */
#ifndef STORE_QUOTA_STATUS_H
#define STORE_QUOTA_STATUS_H

#include "store/caller.h"

struct quota_status_conf {
	struct caller_conf caller;
	struct opt_list pass, full, too_large, unknown; /* beginnings of answers */
	bool trust_unknown;
};

/* The table of the section `words`. Its offsets are within quota_status_conf. */
extern const struct opt quota_status_words[];

/* For caller_open(), with a struct quota_status_conf. */
extern const struct caller_protocol quota_status_protocol;

#endif
