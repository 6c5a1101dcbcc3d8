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

/* The one whose verdict is the answer. An alias itself has none; its members have. */
static struct probe *choose(const struct gate *g, struct ask *a)
{
	struct probe *best = NULL;
	list_each (n, &a->probes) {
		struct probe *p = list_of(n, struct probe, siblings);
		bool counts = p->phase == PROBE_DONE || p->answer.verdict.reason == REASON_ELSEWHERE;
		if (counts && (!best || decides(g, p, best)))
			best = p;
	}
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
	return p->answer.facts.state == FACTS_FOUND && v->action == ACTION_PASS && v->waived != WAIVED_SHADOW &&
	       (own->reason == REASON_ROOM || (v->waived == WAIVED_BYPASS && own->reply));
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

/* Writes the ledger for one mailbox: rules 1 and 3. */
static void book(struct gate *g, const struct ask *a, const struct probe *p, msec now)
{
	struct entry *e = a->members ? cache_peek(g->cache, p->key) : p->entry; /* others may have put it out */
	if (is_charged_already(a, p))
		return;
	if (!is_charged(a, p)) {
		if (e)
			ledger_refund(g->ledger, e, a->query.transaction);
	} else if (e) {
		ledger_charge(g->ledger, e, a->query.transaction, decide_size(&g->conf.rules, &a->query), now);
	} else {
		g->stats.uncharged++;
	}
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
	a->answer = chosen->answer;
	a->store = chosen->store;
	a->limit = (struct limit){ .octets = chosen->answer.limit, .messages = chosen->answer.message_limit };
	keep_note(a, a->cut ? a->cut : chosen == last ? note : NULL);
	a->cached = true;
	waive(g, a, &a->answer.verdict);
	list_each (n, &a->probes) {
		const struct probe *p = list_of(n, struct probe, siblings);
		a->cached = a->cached && p->cached;
		if (a->query.purpose == PURPOSE_DELIVER && p->answer.facts.state == FACTS_FOUND)
			book(g, a, p, now);
	}
	if (a->query.stage == STAGE_END_OF_MESSAGE && a->query.purpose == PURPOSE_DELIVER &&
		a->answer.verdict.action == ACTION_PASS)
		ledger_arrive(g->ledger, a->query.transaction, now);
	probes_release(g, a);
	list_remove(&a->by_deadline);
	a->active = false;
	g->stats.hits += a->cached;
	a->done(a, now); /* which may ask the next question with the same struct */
}
