/*
 * The decision: one pure function. The table is "The decision" of quotagate.conf(5); tests/cases/decide.cases holds it
 * as data.
 */
#ifndef CORE_DECIDE_H
#define CORE_DECIDE_H

#include "core/query.h"
#include "core/verdict.h"

/* The names as written in the configuration, null-terminated, in the order of the enum. */
extern const char *const store_rule_names[];

/* Whose rule and which limits hold for one mailbox, in the order in which limits are searched. */
struct terms {
	enum store_rule rule;
	uint64_t grace; /* octets, for RULE_FITS and RULE_ASKED */
	bool alone; /* RULE_ASKED: one message at a time */
	bool ignore_store_limit; /* limit_from = config */
	struct limit directory, domain, store;
};

enum on_unknown { UNKNOWN_PASS, UNKNOWN_REJECT, UNKNOWN_DEFER };
enum on_error { ERROR_PASS, ERROR_DEFER };

/* The `rules` section. */
struct rules {
	enum on_unknown unknown;
	enum on_error error;
	struct reply full, full_long, too_large, unknown_reject, unknown_defer, error_defer, forged;
	struct reply put_off; /* `full` with a 4xx code: for what only others make full, who may not come */
	msec full_for; /* 0: off */
	uint64_t added; /* octets that the MTA adds after SIZE= */
};

/* S: the declared size and what is added, at least 1, at most INT64_MAX. To the size that a frontend tells nothing is added:
   it has done that. */
uint64_t decide_size(const struct rules *, const struct query *);

/* The limits in force: directory, store's own, domain's, store section's; those of a store that names its rule are. 0:
   unlimited. */
struct limit decide_limit(const struct terms *, const struct facts *);

/* The store's own rule on usage u and messages m. */
bool decide_is_full(const struct terms *, struct limit, uint64_t u, uint32_t m, uint64_t size);

/* True when the store takes one message at a time, something was let in that may not be there yet, and the store has not
   refused a message of `size` octets (at least 1) in its own words. Then nobody need be asked: it waits. */
bool decide_puts_off(const struct terms *, const struct facts *, struct charge, uint64_t size);

/* The reply of a refusal, with the address that it speaks of: the recipient, or the sender that is forged. */
void verdict_print(struct buf *out, const struct verdict *, const struct query *);

/* `charge` is what others let in; now - facts->full_since tells how long the mailbox has been full. Never fails. */
struct verdict decide(const struct rules *, const struct terms *, const struct query *, const struct facts *,
	struct charge, msec now);

#endif
