/* Into the cache with what stores say. */
#include "core/asked.h"
#include "core/gate_inside.h"

bool probe_is_doubtful(const struct gate *g, const struct lookup *l)
{
	const struct route_store *s = &g->conf.route->stores[l->store];
	return l->facts.state == FACTS_NO_MAILBOX && canary_guards(&s->canary) &&
	       !canary_is(&s->canary, l->mailbox.address);
}

static msec time_of(msec begun, msec age)
{
	return begun - (age < begun ? age : begun);
}

void learn_facts(struct gate *g, struct entry *e, struct facts *is, bool ledger, msec begun)
{
	struct facts was = entry_facts(e);
	is->taken = time_of(begun, is->taken);
	is->took_at = time_of(begun, is->took_at);
	is->refused_at = time_of(begun, is->refused_at);
	if (was.state != FACTS_FAILED && was.taken > is->taken)
		return;
	if (!ledger) {
		is->full_since = was.full_since;
		ledger_settle(g->ledger, e, &was, is, begun);
		/* What was taken serves only as long as the charges do that stand for what has come since. */
		msec took = g->conf.ttl_mid < g->conf.settle ? g->conf.ttl_mid : g->conf.settle;
		asked_merge(is, &was, took, g->conf.ttl_high);
	}
	entry_set_facts(e, is);
}

void probe_learn(struct gate *g, struct lookup *l, msec now)
{
	bool ledger = claim_is_answered(g, l);
	claim_end(g, l);
	if (l->facts.state == FACTS_FAILED) {
		g->stats.failed++;
		return;
	}
	if (probe_is_doubtful(g, l))
		return;
	struct entry *e = cache_make(g->cache, l->key, ledger_before(g->ledger, now));
	if (!e) {
		l->facts.taken = l->begun;
		return;
	}
	if (ledger)
		claim_learn(g, e, l, now);
	learn_facts(g, e, &l->facts, ledger, l->begun);
}
