/*
 * The end of a message for several recipients: what each mailbox was charged at RCPT has its true size now, and each is
 * judged with it. The MTA has one answer for all of them, so the first that has no room refuses the message.
 */
#include "core/gate_inside.h"
#include "core/recipients.h"

void several_begin(struct gate *g, struct ask *a, msec now)
{
	struct str rest = a->query.recipients, address;
	while (a->query.size > 0 && recipients_next(&address, &rest)) {
		struct probe *p = probe_lend_for(g, a, a->recipients + 1);
		if (!p) {
			a->cut = "the message has too many recipients";
			g->stats.cut++;
			return;
		}
		a->recipients++;
		probe_begin_recipient(g, p, address, now);
	}
}

/* Whoever bypasses a refusal has the message all the same, and its charge. */
static void waive(struct ask *a, size_t recipient)
{
	list_each (n, &a->probes) {
		struct probe *p = list_of(n, struct probe, siblings);
		struct verdict *v = &p->answer.verdict;
		if (p->recipient == recipient && v->action != ACTION_PASS) {
			v->action = ACTION_PASS;
			v->waived = WAIVED_BYPASS;
		}
	}
}

struct probe *several_choose(const struct gate *g, struct ask *a)
{
	for (size_t i = 1; i <= a->recipients; i++) {
		struct probe *p = conclude_choose(g, a, i);
		if (!p || p->answer.verdict.action == ACTION_PASS)
			continue;
		a->query.address = recipients_at(a->query.recipients, i);
		if (!bypass_has(&g->conf.bypass, &a->query))
			return p;
		waive(a, i);
	}
	a->query.address = STR("");
	return NULL;
}
