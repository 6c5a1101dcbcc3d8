/*
 * Stores that say what a test wrote down, when the test wants it. A mailbox that is not written down does not exist.
 * Every look-up that is started and neither answered nor cancelled stands in `held`, oldest first.
 */
#ifndef TESTS_FAKE_SCRIPTED_H
#define TESTS_FAKE_SCRIPTED_H

#include "core/asked.h"
#include "core/gate.h"

#include <stdio.h>

#define SCRIPTED_STORES 4
#define SCRIPTED_BOXES 8
#define SCRIPTED_HELD 4096
#define SCRIPTED_NEWS 16

struct scripted_box {
	const char *name; /* the address; where the store is not told the domain, the local part */
	struct facts facts;
	struct facts recount; /* what is said when firm facts are wanted, unless its state is FACTS_FAILED */
	struct charge others; /* in the store's own ledger */
	struct loan loan; /* that who wants one gets; its number is that of the claim */
	bool asked; /* it has no figures, but says whether it takes a message: up to `room` octets */
	bool blind; /* and is not told sizes: none is taken when there is no room */
	uint64_t room, whole; /* octets; what is above `whole` is too large for good, 0: nothing is */
};

struct scripted_store {
	bool at_once; /* answers inside start() */
	bool fails; /* does not answer: FACTS_FAILED */
	bool by_local; /* knows its mailboxes by the local part */
	bool ledger; /* keeps one: it lets in what fits, and says so */
	struct claim claim; /* of the last look-up */
	uint64_t size, size_with_charges; /* likewise */
	struct scripted_box boxes[SCRIPTED_BOXES];
	unsigned started, firm, cancelled; /* so many look-ups */
};

struct scripted {
	struct scripted_store stores[SCRIPTED_STORES];
	struct lookup *held[SCRIPTED_HELD];
	size_t n;
	struct news news[SCRIPTED_NEWS]; /* the first ones */
	size_t n_news;
};

static inline void scripted_drop(struct scripted *s, const struct lookup *l)
{
	size_t i = 0;
	while (i < s->n && s->held[i] != l)
		i++;
	assert_true(i < s->n);
	memmove(&s->held[i], &s->held[i + 1], (s->n - i - 1) * sizeof(s->held[0]));
	s->n--;
}

/* The figures are judged as the store delivers: what is over the limit is not let in. */
static inline void scripted_book(struct lookup *l, const struct scripted_box *b)
{
	uint64_t size = l->claim.size ? l->claim.size : 1;
	l->facts.ruled = true;
	l->others = b->others;
	l->charged =
		l->claim.deliver && (!l->facts.limit || l->facts.usage + b->others.octets + size <= l->facts.limit);
	if (l->claim.number && l->charged)
		l->loan = b->loan;
}

static inline void scripted_say(struct lookup *l, const struct scripted_box *b, bool ledger)
{
	uint64_t size = b->blind ? ASKED_ANY : ledger ? l->claim.size : l->size_with_charges;
	struct facts *f = &l->facts;
	*f = (struct facts){ .state = FACTS_FOUND, .firm = true, .ruled = true, .rule = RULE_ASKED };
	if (b->blind ? b->room > 0 : size <= b->room)
		f->usage = size;
	else
		f->limit = b->blind ? 1 : size;
	f->too_large = f->limit && b->whole && size > b->whole;
	l->charged = ledger && l->claim.deliver && f->usage;
}

static inline void scripted_tell(void *context, unsigned store, const struct news *news)
{
	struct scripted *s = context;
	assert_true(store < SCRIPTED_STORES || store == ROUTE_ALL_STORES);
	assert_true(news->kind == NEWS_WITHDRAWN ? store < SCRIPTED_STORES : store == ROUTE_ALL_STORES);
	if (s->n_news < SCRIPTED_NEWS)
		s->news[s->n_news++] = *news;
}

static inline void scripted_answer(struct scripted *s, struct lookup *l, msec now)
{
	const struct scripted_store *store = &s->stores[l->store];
	struct str name = store->by_local ? l->mailbox.local : l->mailbox.address;
	l->facts = (struct facts){ .state = store->fails ? FACTS_FAILED : FACTS_NO_MAILBOX };
	snprintf(l->note, sizeof(l->note), "%s", store->fails ? "out of order" : "as written");
	for (const struct scripted_box *b = store->boxes; b->name && !store->fails; b++)
		if (str_eq(name, str_of(b->name))) {
			l->facts = l->firm && b->recount.state != FACTS_FAILED ? b->recount : b->facts;
			if (b->asked)
				scripted_say(l, b, store->ledger);
			if (store->ledger && !b->asked && l->facts.state == FACTS_FOUND)
				scripted_book(l, b);
		}
	scripted_drop(s, l);
	lookup_done(l, now);
}

static inline void scripted_start(void *context, struct lookup *l, msec now)
{
	struct scripted *s = context;
	struct scripted_store *store = &s->stores[l->store];
	assert_true(s->n < SCRIPTED_HELD);
	s->held[s->n++] = l;
	store->started++;
	store->claim = l->claim;
	store->size = l->size;
	store->size_with_charges = l->size_with_charges;
	store->firm += l->firm;
	if (store->at_once)
		scripted_answer(s, l, now);
}

static inline void scripted_cancel(void *context, struct lookup *l)
{
	struct scripted *s = context;
	s->stores[l->store].cancelled++;
	scripted_drop(s, l);
}

/* All look-ups that are held now, not those that follow from them. */
static inline void scripted_answer_all(struct scripted *s, msec now)
{
	struct lookup *held[SCRIPTED_HELD];
	size_t n = s->n;
	memcpy(held, s->held, n * sizeof(held[0]));
	for (size_t i = 0; i < n; i++)
		scripted_answer(s, held[i], now);
}

#endif
