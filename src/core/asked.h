/*
 * Facts of rule `asked`: the store gives verdicts and no figures. In place of usage and limit stand two sizes, the
 * largest that it took and the smallest that it refused, each with its age. What lies between them nobody knows but the
 * store. A size stands for a message and all that was let in before it and may not be there yet.
 */
#ifndef CORE_ASKED_H
#define CORE_ASKED_H

#include "core/facts.h"

/* A size taken, when the store was not told one: the mailbox has room, for how much it did not say. A size refused is 1
   then. */
#define ASKED_ANY ((uint64_t)INT64_MAX)

enum asked_word {
	ASKED_TAKEN,
	ASKED_REFUSED,
	ASKED_UNKNOWN, /* it is to be asked */
};

/* True when facts are of this kind: their store has named the rule. */
static inline bool asked_is(const struct facts *f)
{
	return f->state == FACTS_FOUND && f->ruled && f->rule == RULE_ASKED;
}

/* What is said of a message of `size` octets (at least 1) after `charge`; at most ASKED_ANY. `grace` octets, by which the
   store lets the last message go over the limit, are not for all of them together: where something was let in before,
   there must be room without. */
uint64_t asked_size(uint64_t size, struct charge, uint64_t grace);

/* What the facts say of such a size, however old they are. */
enum asked_word asked_say(const struct facts *, uint64_t size);

/* Adds to a new answer, which has one of the two sizes, what is still true of former facts: a size that the answer does not
   contradict, and of two that say the same the one that says more, unless it is older than `took` or `refused` (lifetimes
   in milliseconds). */
void asked_merge(struct facts *is, const struct facts *was, msec took, msec refused);

/* How much earlier, in milliseconds; as much as fits. */
uint32_t asked_apart(msec later, msec earlier);

#endif
