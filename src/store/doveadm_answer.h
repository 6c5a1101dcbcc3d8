/*
 * The answer to one quotaGet, a command of doveadm's HTTP API:
 *
 *   [ [ "doveadmResponse", [ { "root": NAME, "type": "STORAGE" / "MESSAGE", "value": N, "limit": N / "-" }... ], TAG ] ]
 *   [ [ "error", { "type": "exitCode", "exitCode": 67 }, TAG ] ]
 *
 * Numbers are strings; those of STORAGE count KiB and are rounded up, usage and limit alike. A user may have several quota roots; Dovecot obeys
 * all of them, so the one with the least room is told. Read by jansson; what the answer may make it allocate is bounded
 * by the answer's length.
 */
#ifndef STORE_DOVEADM_ANSWER_H
#define STORE_DOVEADM_ANSWER_H

#include "base/buf.h"
#include "core/facts.h"

/* Which command is asked about; its answer repeats it. */
#define DOVEADM_TAG "q"

/* Fills facts, and appends to the note what was said. Whatever is no such answer is FACTS_FAILED. */
void doveadm_answer_read(struct str answer, struct facts *, struct buf *note);

#endif
