/*
 * Who is never refused: the section `bypass`. An address is joe@example.org, postmaster@ (in every domain) or
 * @example.org (everybody there); letters count without case. A client is an IP address or a network.
 */
#ifndef CORE_BYPASS_H
#define CORE_BYPASS_H

#include "base/network.h"
#include "core/query.h"

struct bypass {
	const char *const *senders, *const *recipients;
	size_t n_senders, n_recipients;
	const struct network *clients;
	size_t n_clients;
};

/* For the check of an option row. */
bool bypass_check_address(struct str pattern, struct err *);

bool bypass_has(const struct bypass *, const struct query *);

#endif
