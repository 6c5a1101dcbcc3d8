/*
 * Who was told that his mailbox is nearly full, so that he is told once: by a key of the mailbox, the mark it stands at,
 * the highest one that was told, whether a refusal was, and when. A table of fixed size; the mailbox that was seen at a
 * mark the longest ago makes room, and may be told again. Takes no clock.
 *
 * What was told before the table was made is known to it only when somebody says so (notices_restore, notices_complete).
 * Else the mark at which it sees a mailbox for the first time is where this one stood already, and no news.
 */
#ifndef CORE_NOTICES_H
#define CORE_NOTICES_H

#include "base/hash.h"
#include "core/verdict.h"

#define NOTICE_MARKS_MAX 16
#define NOTICE_PERCENT_MAX 9999

/* The percentages that are news, 1 to 100. */
struct notice_marks {
	uint8_t at[NOTICE_MARKS_MAX]; /* ascending */
	size_t n;
};

/* What is remembered of one mailbox. A plain value. */
struct notice {
	struct hash mailbox; /* none: of no mailbox */
	msec told, told_full; /* when a mark was, and when a refusal */
	uint8_t stands, highest; /* marks: where it is, and what was told; 0: below all, none */
	bool full; /* a refusal was told */
};

/* What a message made news. */
struct notice_news {
	bool mark; /* the mailbox came to a mark */
	bool full; /* it was refused a message */
	bool changed; /* what is remembered in row number `row` is another thing now */
	size_t row;
};

struct notices;

/* Room for so many mailboxes (1 to 2^31), at 64 octets each and 12 to 24 for tables by hash. Null: no memory. */
struct notices *notices_new(size_t mailboxes);
void notices_free(struct notices *);

/* Something is remembered from before, the oldest first; with `mailbox` and times that may be negative. What is known of the
   same mailbox already gives way. */
void notices_restore(struct notices *, const struct notice *);

/* Nothing was told of mailboxes that are not in the table: a mark at which one is seen for the first time is news. */
void notices_complete(struct notices *);

/* How full the mailbox is that was answered about: percent, rounded down, of octets or of messages, whichever is more; what
   others let in counts as used. 0 without a limit, and where the figures are none (RULE_ASKED). */
unsigned notices_percent(const struct answer *);

/* The highest mark that is not above `percent`; 0: it is below all. */
unsigned notices_mark(const struct notice_marks *, unsigned percent);

/* The mailbox stands at this mark now (0: below all), and was refused a message for want of room (`full`). A mark is news
   when the mailbox came there from below and neither this one nor a higher one was told less than `period` ago; a refusal,
   when none was told less than `period` ago. Neither stands in the way of the other. What is news counts as told. */
struct notice_news notices_see(struct notices *, struct hash mailbox, unsigned mark, bool full, msec period, msec now);

size_t notices_count(const struct notices *); /* mailboxes in the table */
size_t notices_rows(const struct notices *); /* those for which there is room; rows from 0 on */
struct notice notices_at(const struct notices *, size_t row); /* all zero: nothing is remembered there */

#endif
