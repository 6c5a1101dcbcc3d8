/*
 * Stands before a server that helpers ask one question at a time. When GUARD_FAILURES questions in a row met nothing but
 * its faults, it is left alone as a breaker has it (core/breaker.h), and whoever asks meanwhile hears at once for how
 * long, and what the last fault was. A question that learned nothing about the server changes nothing. Takes no clock,
 * throws no dice, and logs nothing.
 */
#ifndef CORE_GUARD_H
#define CORE_GUARD_H

#include "base/buf.h"
#include "base/heard.h"
#include "core/peer.h"

#define GUARD_FAILURES 3
#define GUARD_PAUSE SECONDS(5) /* the first one */
#define GUARD_WORDS 160 /* octets of the last fault's words */

struct guard {
	struct breaker breaker;
	struct peer_stats peer; /* but for its state */
	const void *probe; /* whose question is out to try the server again; null: nobody's */
	uint32_t random;
	char words[GUARD_WORDS]; /* of the last fault, NUL-terminated */
};

/* `name` is the server's, cut to fit. */
void guard_init(struct guard *, struct str name, uint32_t random);

/* May the asker, a pointer that is his until he comes back, ask the server? Who may must come back by guard_heard(). */
bool guard_admits(struct guard *, const void *asker, msec now);

/* Whether the server is asked, if that has changed. */
enum guard_turn { GUARD_AS_BEFORE, GUARD_LEFT_ALONE, GUARD_ASKED_AGAIN };

/* The asker's question has ended; `words` tell of a fault. One that nobody wants to be answered any more heard nothing. */
enum guard_turn guard_heard(struct guard *, const void *asker, enum heard, struct str words, msec now);

/* Why the server is not asked: for how long, and the last fault. */
void guard_put_why(const struct guard *, msec now, struct buf *out);

struct peer_stats guard_peer(const struct guard *);

#endif
