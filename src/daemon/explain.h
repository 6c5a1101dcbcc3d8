/* The steps on the way to a verdict, as values of a report: for the command check and for who asks by HTTP. */
#ifndef DAEMON_EXPLAIN_H
#define DAEMON_EXPLAIN_H

#include "core/gate.h"
#include "daemon/report.h"

/* A group "step". `now` as in the ages of facts. */
void explain_step(struct report *, const struct gate_step *, msec now);

/* A directory or store did not answer in this step. */
bool explain_is_unanswered(const struct gate_step *);

/* What a store said of a mailbox: "found", "no such mailbox", ... */
const char *explain_state(enum facts_state);

const char *explain_action(enum action);

#endif
