#include "core/notices.h"

#include "base/list.h"

#include <stdlib.h>

#define SEEN_BITS 64 /* for each chain */

struct row {
	struct notice is;
	struct list age; /* in `rows`, oldest first, or in `spare` */
	uint32_t next; /* in the chain of its hash, index + 1 */
};

struct notices {
	struct list rows, spare;
	size_t n, mailboxes, mask;
	uint32_t *chains; /* index + 1, 0: empty */
	uint64_t *
		seen; /* for each chain, a bit for each mailbox that was seen; null: who is not in a row was not told */
	struct row all[];
};

struct notices *notices_new(size_t mailboxes)
{
	size_t chains = 1;
	while (chains < mailboxes)
		chains *= 2;
	struct notices *t = calloc(1, sizeof(*t) + mailboxes * sizeof(t->all[0]));
	if (!t)
		return NULL;
	t->chains = calloc(chains, sizeof(*t->chains));
	t->seen = calloc(chains, sizeof(*t->seen));
	if (!t->chains || !t->seen) {
		notices_free(t);
		return NULL;
	}
	t->mask = chains - 1;
	t->mailboxes = mailboxes;
	list_init(&t->rows);
	list_init(&t->spare);
	for (size_t i = 0; i < mailboxes; i++)
		list_insert(&t->spare, &t->all[i].age);
	return t;
}

void notices_free(struct notices *t)
{
	if (t) {
		free(t->chains);
		free(t->seen);
	}
	free(t);
}

void notices_complete(struct notices *t)
{
	free(t->seen);
	t->seen = NULL;
}

size_t notices_count(const struct notices *t)
{
	return t->n;
}

size_t notices_rows(const struct notices *t)
{
	return t->mailboxes;
}

struct notice notices_at(const struct notices *t, size_t row)
{
	return t->all[row].is;
}

/* ---- how full ---- */

static unsigned percent_of(uint64_t used, uint64_t limit)
{
	if (used > UINT64_MAX / 100) {
		used >>= 7;
		limit >>= 7;
	}
	if (limit == 0 || used * 100 / limit > NOTICE_PERCENT_MAX)
		return NOTICE_PERCENT_MAX;
	return (unsigned)(used * 100 / limit);
}

unsigned notices_percent(const struct answer *a)
{
	unsigned octets = 0, messages = 0;
	if (a->facts.state != FACTS_FOUND || a->rule == RULE_ASKED)
		return 0;
	if (a->limit)
		octets = percent_of(octets_sum(a->facts.usage, a->charge.octets), a->limit);
	if (a->message_limit)
		messages = percent_of((uint64_t)a->facts.messages + a->charge.messages, a->message_limit);
	return octets > messages ? octets : messages;
}

unsigned notices_mark(const struct notice_marks *marks, unsigned percent)
{
	unsigned mark = 0;
	for (size_t i = 0; i < marks->n && marks->at[i] <= percent; i++)
		mark = marks->at[i];
	return mark;
}

/* ---- the table ---- */

/* Where the number of its row stands, or would stand. */
static uint32_t *find(struct notices *t, struct hash mailbox)
{
	uint32_t *at = &t->chains[mailbox.a & t->mask];
	while (*at && !hash_eq(t->all[*at - 1].is.mailbox, mailbox))
		at = &t->all[*at - 1].next;
	return at;
}

static void drop(struct notices *t, struct row *r)
{
	*find(t, r->is.mailbox) = r->next;
	r->is = (struct notice){ .stands = 0 };
	list_remove(&r->age);
	list_insert(&t->spare, &r->age);
	t->n--;
}

static struct row *make(struct notices *t, struct hash mailbox)
{
	if (list_empty(&t->spare))
		drop(t, list_of(t->rows.next, struct row, age));
	struct row *r = list_of(t->spare.next, struct row, age);
	uint32_t *chain = &t->chains[mailbox.a & t->mask];
	list_remove(&r->age);
	list_insert(&t->rows, &r->age);
	r->is = (struct notice){ .mailbox = mailbox };
	r->next = *chain;
	*chain = (uint32_t)(r - t->all) + 1;
	t->n++;
	return r;
}

void notices_restore(struct notices *t, const struct notice *is)
{
	uint32_t number = *find(t, is->mailbox);
	if (number)
		drop(t, &t->all[number - 1]);
	make(t, is->mailbox)->is = *is;
}

/* Is it the first time? Two mailboxes may share a bit: the second of them then counts as seen. */
static bool is_new(struct notices *t, struct hash mailbox)
{
	if (!t->seen)
		return false;
	uint64_t *seen = &t->seen[mailbox.a & t->mask], bit = UINT64_C(1) << (mailbox.b % SEEN_BITS);
	bool was = *seen & bit;
	*seen |= bit;
	return !was;
}

static bool rise(struct notice *is, unsigned mark, msec period, msec now)
{
	bool rises = mark > is->stands;
	is->stands = (uint8_t)mark;
	if (!rises || (mark <= is->highest && now - is->told < period))
		return false;
	is->highest = (uint8_t)mark;
	is->told = now;
	return true;
}

static bool refuse(struct notice *is, msec period, msec now)
{
	if (is->full && now - is->told_full < period)
		return false;
	is->full = true;
	is->told_full = now;
	return true;
}

/* Below all marks, and the periods are over: nothing is left to be remembered. */
static bool is_over(const struct notice *is, msec period, msec now)
{
	return is->stands == 0 && (!is->highest || now - is->told >= period) &&
	       (!is->full || now - is->told_full >= period);
}

struct notice_news notices_see(struct notices *t, struct hash mailbox, unsigned mark, bool full, msec period, msec now)
{
	struct notice_news news = { .mark = false };
	uint32_t number = *find(t, mailbox);
	bool first = is_new(t, mailbox) && !number;
	if (!number && mark == 0 && !full)
		return news;
	struct row *r = number ? &t->all[number - 1] : make(t, mailbox);
	uint8_t stood = r->is.stands;
	if (first)
		r->is.stands = (uint8_t)mark;
	news.mark = rise(&r->is, mark, period, now);
	news.full = full && refuse(&r->is, period, now);
	news.row = (size_t)(r - t->all);
	news.changed = !number || news.mark || news.full || r->is.stands != stood;
	if (is_over(&r->is, period, now)) {
		drop(t, r);
		news.changed = true;
	} else if (mark || full) {
		list_remove(&r->age);
		list_insert(&t->rows, &r->age);
	}
	return news;
}
