/* The end of a question: which of its probes decides, what is waived, what is charged. */
#include "core/gate_inside.h"

/* Does this verdict outweigh the other? */
static bool decides(const struct gate *g, const struct probe *p, const struct probe *other)
{
	bool refuses = p->answer.verdict.action != ACTION_PASS, would = other->answer.verdict.action != ACTION_PASS;
	if (p->of_sender != other->of_sender)
		return p->of_sender ? refuses : !would; /* a forged sender outweighs everything, a good one nothing */
	if (refuses != would)
		return g->conf.alias == ALIAS_ANY_FULL ? refuses : !refuses;
	/* of two refusals the one that the sender may try again; else the first named */
	return refuses && p->answer.verdict.action == ACTION_DEFER && other->answer.verdict.action == ACTION_REJECT;
}

struct probe *conclude_choose(const struct gate *g, struct ask *a, size_t recipient)
{
	struct probe *best = NULL;
	list_each (n, &a->probes) {
		struct probe *p = list_of(n, struct probe, siblings);
		bool counts = p->recipient == recipient &&
			      (p->phase == PROBE_DONE || p->answer.verdict.reason == REASON_ELSEWHERE);
		if (counts && (!best || decides(g, p, best)))
			best = p;
	}
	return best;
}

/* The one whose verdict is the answer. */
static struct probe *choose(const struct gate *g, struct ask *a)
{
	struct probe *best = a->recipients ? several_choose(g, a) : NULL;
	best = best ? best : conclude_choose(g, a, 0);
	return best ? best : &a->first;
}

/* A refusal that is not to be. */
static void waive(const struct gate *g, const struct ask *a, struct verdict *v)
{
	if (v->action == ACTION_PASS)
		return;
	if (bypass_has(&g->conf.bypass, &a->query))
		v->waived = WAIVED_BYPASS;
	else if (g->conf.shadow)
		v->waived = WAIVED_SHADOW;
	if (v->waived != WAIVED_NOT)
		v->action = ACTION_PASS;
}

/* Does the message go into this probe's mailbox? One that bypasses a refusal comes all the same; one that shadow mode lets
   through is not charged, for then the next verdict would not be what it would have been. */
static bool is_charged(const struct ask *a, const struct probe *p)
{
	const struct verdict *v = &a->answer.verdict, *own = &p->answer.verdict;
	return p->answer.facts.state == FACTS_FOUND && a->query.purpose == PURPOSE_DELIVER &&
	       v->action == ACTION_PASS && v->waived != WAIVED_SHADOW &&
	       (own->reason == REASON_ROOM ||
		       ((v->waived == WAIVED_BYPASS || own->waived == WAIVED_BYPASS) && own->reply));
}

/* Two members may lead to one mailbox: the message is one there. */
static bool is_charged_already(const struct ask *a, const struct probe *p)
{
	list_each (n, &a->probes) {
		const struct probe *before = list_of(n, struct probe, siblings);
		if (before == p)
			break;
		if (hash_eq(before->key, p->key) && is_charged(a, before))
			return true;
	}
	return false;
}

/* The message will not come to a mailbox at whose store it was charged, or may have been. */
static void withdraw(struct gate *g, const struct ask *a, const struct probe *p)
{
	const struct news news = { .kind = NEWS_WITHDRAWN,
		.transaction = a->query.transaction,
		.mailbox = { .address = p->address.whole,
			.local = p->address.local,
			.domain = p->address.domain,
			.home = p->home,
			.host = p->host } };
	if (g->stores.tell && !hash_is_none(news.transaction))
		g->stores.tell(g->stores.context, (unsigned)(p->store - g->conf.route->stores), &news);
}

/* A sixteenth of what is left below `soft` percent of the limit; no limit, no end. */
static uint64_t share(uint64_t limit, unsigned soft, uint64_t used, uint64_t no_end)
{
	uint64_t point = limit / 100 * soft + limit % 100 * soft / 100;
	if (limit == 0)
		return no_end;
	return used < point ? (point - used) / 16 : 0;
}

/* Rule 10: the message was charged; what may its asker let in without asking? */
static void lend(struct gate *g, const struct ask *a, struct probe *p, struct entry *e, msec now)
{
	const struct borrower *b = &a->query.borrower;
	const struct answer *is = &p->answer;
	struct charge all = tally_sum(&e->tally);
	struct loan loan = { .number = b->next,
		.octets = share(is->limit, g->conf.soft, octets_sum(is->facts.usage, all.octets), UINT64_MAX),
		.messages = (uint32_t)share(
			is->message_limit, g->conf.soft, (uint64_t)is->facts.messages + all.messages, UINT32_MAX),
		.life = g->conf.ttl_low };
	if (loan.octets != UINT64_MAX)
		loan.octets &= ~UINT64_C(1023); /* a cache keeps whole KiB */
	/* Of an alias, and of a mailbox whose ledger is elsewhere, nothing is ours to be lent; and who gives verdicts does not
	   say how much room there is. */
	if (!b->next || a->members || p->store->ledger || is->verdict.stale || is->rule == RULE_ASKED)
		return;
	if (!loans_lend(g->loans, e, b, &loan, now))
		return;
	g->stats.lent++;
	p->answer.loan = loan;
}

/* Writes the ledger for one mailbox: rules 1, 3 and 10. */
static void book(struct gate *g, const struct ask *a, struct probe *p, msec now)
{
	const struct query *q = &a->query;
	struct entry *e = a->members ? cache_peek(g->cache, p->key) : p->entry; /* others may have put it out */
	bool borrower = !hash_is_none(q->borrower.name);
	if (is_charged_already(a, p))
		return;
	if (e && borrower && q->purpose == PURPOSE_DELIVER)
		loans_settle(g->loans, e, &q->borrower, now);
	p->answer.charged = is_charged(a, p) && (p->charged || e);
	if (!is_charged(a, p)) {
		if (e)
			ledger_refund(g->ledger, e, q->transaction);
		if (p->charged || (q->purpose == PURPOSE_WITHDRAW && p->store->ledger))
			withdraw(g, a, p);
	} else if (p->charged) {
		return; /* where the mailbox is */
	} else if (e) {
		ledger_charge(g->ledger, e, q->transaction, decide_size(&g->conf.rules, q), now);
		if (borrower && p->answer.verdict.reason == REASON_ROOM)
			lend(g, a, p, e, now);
	} else {
		g->stats.uncharged++;
	}
}

/* A message that is too large for any mailbox tells nothing of this one, nor does one that is put off for what others let
   in, which may not come. */
static bool is_full(const struct gate *g, const struct verdict *v)
{
	return (v->reason == REASON_FULL || v->reason == REASON_FULL_LONG) && v->reply != &g->conf.rules.put_off;
}

static void tell_judged(const struct gate *g, const struct ask *a, const struct probe *p, msec now)
{
	if (!g->stores.judged || a->query.kind != QUERY_RECIPIENT || a->query.purpose != PURPOSE_DELIVER)
		return;
	const struct judged j = { .store = p->store,
		.name = probe_name(p, &p->address),
		.place = { p->text, p->host.len + p->home.len },
		.address = &p->address,
		.answer = &p->answer,
		.full = is_full(g, &p->answer.verdict) && a->answer.verdict.waived == WAIVED_NOT &&
			p->answer.verdict.waived == WAIVED_NOT };
	g->stores.judged(g->stores.context, &j, now);
}

/* The message is here and was let in. */
static void arrive(struct gate *g, const struct ask *a, msec now)
{
	const struct query *q = &a->query;
	ledger_arrive(g->ledger, q->transaction, now);
	if (a->members || !a->first.claimed) /* else its store knows */
		gate_tell(g, NEWS_ARRIVED, q->transaction, q->size ? decide_size(&g->conf.rules, q) : 0);
}

/* While the last probe was waited for, other questions may have charged the mailboxes of those before it. False: one of them
   must be waited for again, and the end comes another time. */
static bool are_still_right(struct gate *g, struct ask *a, const struct probe *last, msec now)
{
	list_each (n, &a->probes) {
		struct probe *p = list_of(n, struct probe, siblings);
		if (p != last && p->answer.facts.state == FACTS_FOUND && !probe_is_still_right(g, p, now))
			return false;
	}
	return true;
}

/* The look-up whose note it is goes before the ask is read. */
static void keep_note(struct ask *a, const char *note)
{
	struct buf b = BUF(a->note_text);
	if (note)
		buf_puts(&b, note);
	a->note = note ? buf_z(&b) : NULL;
}

/* Every probe has come to its end. The one place where a question is answered. */
void conclude(struct gate *g, struct ask *a, const struct probe *last, const char *note, msec now)
{
	if (!are_still_right(g, a, last, now))
		return;
	const struct probe *chosen = choose(g, a);
	bool writes = a->query.purpose == PURPOSE_DELIVER || a->query.purpose == PURPOSE_WITHDRAW;
	a->answer = chosen->answer;
	a->store = chosen->store;
	a->route = chosen->route;
	a->limit = (struct limit){ .octets = chosen->answer.limit, .messages = chosen->answer.message_limit };
	keep_note(a, a->cut ? a->cut : chosen == last ? note : NULL);
	a->cached = true;
	waive(g, a, &a->answer.verdict);
	list_each (n, &a->probes) {
		struct probe *p = list_of(n, struct probe, siblings);
		a->cached = a->cached && p->cached;
		if (!writes || p->answer.facts.state != FACTS_FOUND)
			continue;
		book(g, a, p, now);
		tell_judged(g, a, p, now);
	}
	a->answer.charged = chosen->answer.charged;
	a->answer.loan = chosen->answer.loan;
	if (a->query.stage == STAGE_END_OF_MESSAGE && a->query.purpose == PURPOSE_DELIVER &&
		a->answer.verdict.action == ACTION_PASS)
		arrive(g, a, now);
	if (a->query.unbound && writes)
		ledger_unbind(g->ledger, a->query.transaction, now);
	if (a->query.ends && writes)
		ledger_linger(g->ledger, a->query.transaction, now);
	probes_release(g, a);
	list_remove(&a->by_deadline);
	a->active = false;
	g->stats.hits += a->cached;
	a->done(a, now); /* which may ask the next question with the same struct */
}
