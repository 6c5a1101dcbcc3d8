/* Questions to a store that keeps a ledger of its own, such as another quotagate: rule 10 of the ledger, the asker's side. */
#include "core/gate_inside.h"

bool claim_is_needless(struct gate *g, const struct probe *p, const struct entry *e, msec now)
{
	const struct query *q = &p->ask->query;
	struct charge all = { decide_size(&g->conf.rules, q), 1 };
	bool arrived = q->stage == STAGE_END_OF_MESSAGE;
	if (!e)
		return false;
	if (arrived && ledger_has_come(g->ledger, e, q->transaction))
		return true; /* it is charged already, and nothing more will be */
	if (arrived ? !ledger_has(g->ledger, e, q->transaction) : !q->size && !hash_is_none(q->transaction))
		return false;
	all = charge_sum(all, ledger_others(g->ledger, e, q->transaction));
	return entry_may_let_in(e, all, now);
}

bool claim_is_answered(const struct gate *g, const struct lookup *l)
{
	return g->conf.route->stores[l->store].ledger && l->facts.state == FACTS_FOUND && l->facts.ruled;
}

/* A directory's limit is the limit; those of the domain and of the store's section are for mailboxes without one. */
static void name_limit(const struct probe *p, struct claim *c)
{
	const struct query *q = &p->ask->query;
	const struct terms *terms = &p->store->terms;
	struct limit rest = p->route && p->route->limit.named ? p->route->limit : terms->store;
	c->limit = q->limit.named ? q->limit : p->limit.named ? p->limit : rest;
	c->limit_is_default = q->limit.named ? q->limit_is_default : !p->limit.named && !terms->ignore_store_limit;
	if (!c->limit.named)
		c->limit_is_default = false;
}

/* One look-up at a time tells what was let in, so that nothing is told twice, and a loan has one successor. The store takes the
   loan back when it hears: from now on nothing more is let in on it, even if the answer should get lost. */
static void tell(struct gate *g, struct claim *c, struct entry *e, msec now)
{
	if (e && (e->telling || (e->state == FACTS_FOUND && !e->rule)))
		return;
	c->number = (uint32_t)c->serial ? (uint32_t)c->serial : 1;
	if (!e)
		return;
	e->telling = true;
	e->lent_until = 0;
	c->held = e->loan;
	c->spent = ledger_seal(g->ledger, e, c->transaction, now);
}

void claim_make(struct gate *g, struct probe *p, struct lookup *l)
{
	const struct query *q = &p->ask->query;
	struct entry *e = cache_peek(g->cache, l->key);
	bool has_come = e && ledger_has_come(g->ledger, e, q->transaction);
	l->claim = (struct claim){ .deliver = q->purpose == PURPOSE_DELIVER && !has_come,
		/* Of several, the first to be let in would be the end of the transaction there. */
		.stage = q->recipients.len ? STAGE_RCPT : q->stage,
		.size = q->size ? decide_size(&g->conf.rules, q) : 0,
		.transaction = q->transaction,
		.serial = ++g->last_claim };
	name_limit(p, &l->claim);
	p->claim = l->claim.serial;
	g->stats.claims++;
	if (l->claim.deliver)
		tell(g, &l->claim, e, l->begun);
}

void claim_end(struct gate *g, const struct lookup *l)
{
	struct entry *e = l->claim.number ? cache_peek(g->cache, l->key) : NULL;
	if (e)
		e->telling = false;
}

void claim_learn(struct gate *g, struct entry *e, const struct lookup *l, msec now)
{
	if (l->charged)
		ledger_refund(g->ledger, e, l->claim.transaction);
	if (l->claim.number == 0)
		return;
	struct loan loan = l->loan;
	loan.number = l->claim.number; /* with or without a loan: he has heard what was told */
	ledger_hand_over(g->ledger, e, l->claim.spent, now);
	entry_set_loan(e, &loan, l->begun + loan.life);
}
