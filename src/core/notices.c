#include "core/notices.h"

#include "base/list.h"

#include <stdlib.h>

struct row {
	struct hash mailbox;
	struct list age; /* in `rows`, oldest first, or in `spare` */
	msec told;
	uint32_t next; /* in the chain of its hash, index + 1 */
	uint8_t stands, highest; /* marks: where it is, and what was told */
};

struct notices {
	struct list rows, spare;
	size_t n, mask;
	uint32_t *chains; /* index + 1, 0: empty */
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
	if (!t->chains) {
		free(t);
		return NULL;
	}
	t->mask = chains - 1;
	list_init(&t->rows);
	list_init(&t->spare);
	for (size_t i = 0; i < mailboxes; i++)
		list_insert(&t->spare, &t->all[i].age);
	return t;
}

void notices_free(struct notices *t)
{
	if (t)
		free(t->chains);
	free(t);
}

size_t notices_count(const struct notices *t)
{
	return t->n;
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
	while (*at && !hash_eq(t->all[*at - 1].mailbox, mailbox))
		at = &t->all[*at - 1].next;
	return at;
}

static void drop(struct notices *t, struct hash mailbox)
{
	uint32_t *at = find(t, mailbox);
	struct row *r = &t->all[*at - 1];
	*at = r->next;
	list_remove(&r->age);
	list_insert(&t->spare, &r->age);
	t->n--;
}

static struct row *make(struct notices *t, struct hash mailbox)
{
	if (list_empty(&t->spare))
		drop(t, list_of(t->rows.next, struct row, age)->mailbox);
	struct row *r = list_of(t->spare.next, struct row, age);
	uint32_t *chain = &t->chains[mailbox.a & t->mask];
	list_remove(&r->age);
	list_insert(&t->rows, &r->age);
	r->mailbox = mailbox;
	r->next = *chain;
	*chain = (uint32_t)(r - t->all) + 1;
	t->n++;
	return r;
}

static bool tell(struct row *r, unsigned mark, msec now)
{
	r->stands = r->highest = (uint8_t)mark;
	r->told = now;
	return true;
}

/* The mailbox is below all marks: once its period is over nothing is left to be remembered. */
static bool fall(struct notices *t, struct row *r, msec period, msec now)
{
	r->stands = 0;
	if (now - r->told >= period)
		drop(t, r->mailbox);
	return false;
}

bool notices_see(struct notices *t, struct hash mailbox, unsigned mark, msec period, msec now)
{
	if (mark == 0 && t->n == 0)
		return false;
	uint32_t number = *find(t, mailbox);
	struct row *r = number ? &t->all[number - 1] : NULL;
	if (mark == 0)
		return r ? fall(t, r, period, now) : false;
	if (!r)
		return tell(make(t, mailbox), mark, now);
	bool rises = mark > r->stands;
	r->stands = (uint8_t)mark;
	list_remove(&r->age);
	list_insert(&t->rows, &r->age);
	if (!rises || (mark <= r->highest && now - r->told < period))
		return false;
	return tell(r, mark, now);
}
