/*
 * What was decided, for the log and the counters: one line of key=value per decision. The keys are stable.
 */
#ifndef DAEMON_DECISION_H
#define DAEMON_DECISION_H

#include "base/buf.h"
#include "core/gate.h"

/* key=value with a blank before it; a value with blanks, quotes or backslashes is put in double quotes, with backslashes
   before quotes and backslashes. */
void decision_put(struct buf *out, const char *key, struct str value);

/* Writes the line of an ask that was answered, at level info. */
void decision_log(const struct ask *, const char *listener, msec now);

#endif
