/*
 * Who was told that his mailbox is nearly full, so that he is told once: by a key of the mailbox, the mark it stands at,
 * the highest one that was told, and when. A table of fixed size; the mailbox that was seen at a mark the longest ago
 * makes room, and may be told again. Lost at a restart. Takes no clock.
 */
#ifndef CORE_NOTICES_H
#define CORE_NOTICES_H

#include "base/hash.h"
#include "core/verdict.h"

#define NOTICE_MARKS_MAX 16
#define NOTICE_FULL 255 /* the mark of a mailbox that a message was refused for; above all others */
#define NOTICE_PERCENT_MAX 9999

/* The percentages that are news, 1 to 100. */
struct notice_marks {
	uint8_t at[NOTICE_MARKS_MAX]; /* ascending */
	size_t n;
};

struct notices;

/* Room for so many mailboxes (1 to 2^31), at 48 octets each and 4 to 8 for the table by hash. Null: no memory. */
struct notices *notices_new(size_t mailboxes);
void notices_free(struct notices *);

/* How full the mailbox is that was answered about: percent, rounded down, of octets or of messages, whichever is more; what
   others let in counts as used. 0 without a limit, and where the figures are none (RULE_ASKED). */
unsigned notices_percent(const struct answer *);

/* The highest mark that is not above `percent`; 0: it is below all. */
unsigned notices_mark(const struct notice_marks *, unsigned percent);

/* The mailbox stands at this mark now (0: below all; NOTICE_FULL: refused). True when that is news: it came there from
   below, and neither this mark nor a higher one was told less than `period` ago. From then on it counts as told. */
bool notices_see(struct notices *, struct hash mailbox, unsigned mark, msec period, msec now);

size_t notices_count(const struct notices *); /* mailboxes in the table */

#endif
