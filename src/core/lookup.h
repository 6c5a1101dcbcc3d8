/*
 * One question to one store or directory, in flight. Made by the gate, filled by whom it asks. It carries its own text, so that it
 * outlives the connection that asked.
 */
#ifndef CORE_LOOKUP_H
#define CORE_LOOKUP_H

#include "base/buf.h"
#include "base/hash.h"
#include "base/list.h"
#include "core/mailbox.h"
#include "core/query.h"
#include "core/target.h"

#define LOOKUP_NOTE 256

/*
 * For a store that keeps a ledger of its own (another quotagate): what the question is asked for. Other stores do not look
 * at it.
 */
struct claim {
	bool deliver; /* a message will come: a pass is to be charged */
	enum query_stage stage;
	uint64_t size; /* octets, as the store is to judge it; 0: not known */
	struct hash transaction; /* none: it ends with the answer */
	struct limit
		limit; /* of the mailbox, as the configuration or a directory here says; not named: the store's own holds */
	bool limit_is_default; /* it holds only where the store has none */
	uint32_t number; /* of the loan that is wanted; 0: none, and nothing is said of the one held */
	uint32_t held; /* the number of the loan on this mailbox, 0: none */
	struct charge spent; /* what was let in on it */
	uint64_t serial; /* whose question it is */
};

struct lookup {
	/* what is asked */
	struct mailbox mailbox; /* slices into `text` */
	bool of_directory; /* a directory is asked; then `listing` and `targets` are the answer, not `facts` */
	unsigned store; /* which of the configured stores, or directories */
	bool firm; /* firm facts are wanted: recount if need be */
	msec begun;
	/* For stores of rule `asked` (core/asked.h), octets, at least 1: the message, and the message with all that was let in
	   before it, which is what the store is asked about. Others do not look at them. */
	uint64_t size, size_with_charges;

	struct claim claim;

	/* filled by the store before it calls lookup_done() */
	struct facts
		facts; /* `taken`, `took_at` and `refused_at` are ages in milliseconds, where the store tells them; else 0 */
	struct charge others; /* a store with a ledger: what it let in beside this question */
	bool charged; /* likewise: this question was charged there */
	struct loan loan; /* likewise, if there is one; its number is that of the claim */
	enum listing listing;
	struct str targets; /* a record (core/target.h); stands still until lookup_done() returns */
	char note[LOOKUP_NOTE]; /* NUL-terminated, one printable line: the path that was read, or why it failed */

	/* the gate's own */
	struct list in_flight; /* all look-ups, oldest first */
	struct list same_slot; /* those of one slot of the table by key */
	struct list waiting; /* the asks that wait for it */
	struct hash flight; /* by which others find it, to wait for it too */
	struct hash key; /* of the mailbox */
	struct gate *gate;
	bool active;

	/* of whoever reaches the stores for the gate */
	uint64_t started; /* nanoseconds of a clock that never goes back */

	/* the store's own */
	void *store_data;
	char text[MAILBOX_PATH_MAX];
};

/* Sets the note: cleaned, and cut to fit. */
static inline void lookup_note(struct lookup *l, struct str note)
{
	struct buf b = BUF(l->note);
	b.cap--;
	buf_put_clean(&b, note);
	l->note[b.len] = '\0';
}

/* What became of a transaction, for stores that keep a ledger of their own. */
enum news_kind {
	NEWS_ARRIVED, /* its message is here and was let in; `size` is known */
	NEWS_ENDED,
	NEWS_ABANDONED, /* its message will not come */
	NEWS_WITHDRAWN, /* its message will not come to `mailbox` */
};

struct news {
	enum news_kind kind;
	struct hash transaction;
	uint64_t size; /* octets */
	struct mailbox mailbox; /* NEWS_WITHDRAWN */
};

/* The store has filled in facts and note. Exactly one per start, unless cancel came first. Defined by the gate. */
void lookup_done(struct lookup *, msec now);

/* A note that begins so tells of something in the store or directory that somebody should mend: it is logged. */
#define NOTE_ODD "odd: "

/* Makes a note begin so. */
static inline void note_be_odd(struct buf *note)
{
	struct str odd = STR(NOTE_ODD);
	if (str_starts(buf_str(note), odd) || note->cap - note->len < odd.len)
		return;
	memmove(note->at + odd.len, note->at, note->len);
	memcpy(note->at, odd.at, odd.len);
	note->len += odd.len;
}

#endif
