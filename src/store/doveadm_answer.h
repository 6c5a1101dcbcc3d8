/*
 * The answer to some quotaGets, commands of doveadm's HTTP API that went in one request, each under a tag of its own:
 *
 *   [ RESULT... ]
 *   RESULT: [ "doveadmResponse", [ { "root": NAME, "type": "STORAGE" / "MESSAGE", "value": N, "limit": N / "-" }... ], TAG ]
 *         | [ "error", { "type": "exitCode", "exitCode": 67 }, TAG ]
 *
 * Numbers are strings; those of STORAGE count KiB and are rounded up, usage and limit alike. A user may have several
 * quota roots; Dovecot obeys all of them, so the one with the least room is told. Read by jansson; what the answer may
 * make it allocate is bounded by the answer's length.
 */
#ifndef STORE_DOVEADM_ANSWER_H
#define STORE_DOVEADM_ANSWER_H

#include "store/store.h"

#define DOVEADM_USERS_MAX 32 /* in one request */

/* Fills the facts of `n` questions, and appends to their notes what was said: number i, in decimal, is the tag of
   question i. What is no answer to one of them is FACTS_FAILED. False: it is none to all of them, and none is believed. */
bool doveadm_answer_read(struct str answer, struct store_question *, size_t n);

#endif
