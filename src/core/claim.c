/* Questions to a store that keeps a ledger of its own, such as another quotagate: rule 10 of the ledger, the asker's side. */
#include "core/gate_inside.h"

bool claim_is_needless(struct gate *g, const struct probe *p, const struct entry *e, msec now)
{
	const struct query *q = &p->ask->query;
	struct charge all = { decide_size(&g->conf.rules, q), 1 };
	if (!e || (q->stage == STAGE_END_OF_MESSAGE && !ledger_has(g->ledger, e, q->transaction)))
		return false;
	all = charge_sum(all, ledger_others(g->ledger, e, q->transaction));
	return entry_may_let_in(e, all, now);
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

void claim_make(struct gate *g, struct probe *p, struct lookup *l)
{
	const struct query *q = &p->ask->query;
	struct entry *e = cache_peek(g->cache, l->key);
	l->claim = (struct claim){ .deliver = q->purpose == PURPOSE_DELIVER,
		.stage = q->stage,
		.size = q->size ? decide_size(&g->conf.rules, q) : 0,
		.transaction = q->transaction,
		.serial = ++g->last_claim };
	name_limit(p, &l->claim);
	p->claim = l->claim.serial;
	g->stats.claims++;
	if (e && l->claim.deliver) {
		l->claim.held = e->loan;
		l->claim.spent = ledger_others(g->ledger, e, q->transaction);
	}
}

void claim_learn(struct gate *g, struct entry *e, const struct lookup *l, msec now)
{
	if (!l->claim.deliver) /* nothing was handed over or lent */
		return;
	ledger_hand_over(g->ledger, e, l->claim.spent, now);
	entry_set_loan(e, &l->loan, l->begun + l->loan.life);
}
