#include "daemon/explain.h"

#include "core/asked.h"

const char *explain_state(enum facts_state state)
{
	static const char *const states[] = { "did not answer", "found", "no such mailbox", "domain not known" };
	return states[state];
}

const char *explain_action(enum action action)
{
	static const char *const actions[] = { "pass", "defer", "reject" };
	return actions[action];
}

bool explain_is_unanswered(const struct gate_step *step)
{
	return (step->directory && step->listing == LISTING_FAILED) ||
	       (step->store && step->facts.state == FACTS_FAILED);
}

static const char *limit_from(const struct gate_step *step)
{
	const struct terms *t = &step->terms;
	if (!step->limit.named)
		return "nobody: there is none";
	if (step->facts.ruled)
		return "the store itself";
	if (t->directory.named)
		return "the directory";
	if (!t->ignore_store_limit && (step->facts.limit || step->facts.message_limit))
		return "the store itself";
	return t->domain.named ? "the section domain" : "the section store";
}

static void report_age(struct report *r, const char *name, msec then, msec now)
{
	report_number(r, name, (uint64_t)(now > then ? now - then : 0));
}

/* What a store that gives verdicts said. */
static void report_words(struct report *r, const struct facts *f, msec now)
{
	if (f->usage == ASKED_ANY)
		report_text(r, "largest size taken", "any: it is not told sizes");
	else
		report_size(r, "largest size taken", f->usage);
	if (f->usage)
		report_age(r, "taken age ms", f->took_at, now);
	report_size(r, "smallest size refused", f->limit);
	if (!f->limit)
		return;
	report_age(r, "refused age ms", f->refused_at, now);
	report_text(r, "refused as", f->too_large ? "too large, were the mailbox empty" : "full");
}

static void report_figures(struct report *r, const struct gate_step *step, msec now)
{
	const struct facts *f = &step->facts;
	report_size(r, "usage", f->usage);
	report_size(r, "limit", step->limit.octets);
	if (f->messages || step->limit.messages) {
		report_number(r, "messages", f->messages);
		report_number(r, "message limit", step->limit.messages);
	}
	report_text(r, "limit from", limit_from(step));
	report_text(r, "source", facts_source_name(f->source));
	report_age(r, "age ms", f->taken, now);
	report_text(r, "firm", f->firm ? "yes" : step->firm_wanted ? "no: counted again before refusing" : "no");
}

static void report_facts(struct report *r, const struct gate_step *step, msec now)
{
	const struct facts *f = &step->facts;
	if (asked_is(f))
		report_words(r, f, now);
	else
		report_figures(r, step, now);
	report_size(r, "charges", step->charge.octets);
	report_number(r, "charged messages", step->charge.messages);
	report_text(r, "rule", store_rule_names[step->terms.rule]);
	if (step->terms.alone)
		report_text(r, "alone",
			step->charge.messages ? "what is charged may not have come yet" : "nothing else is on its way");
	if (step->store->doubt)
		report_text(r, "warning", step->store->doubt);
	if (step->terms.rule == RULE_COURIER && f->foreign)
		report_text(
			r, "warning", "maildirsize was not written by Courier's hand; is rule = dovecot-2.3 meant?");
}

static void put_target(struct buf *out, const struct target *t)
{
	static const char *const kinds[] = { "mailbox", "", "elsewhere" };
	buf_puts(out, kinds[t->kind]);
	buf_puts(out, t->kind == TARGET_ADDRESS || t->address.len == 0 ? "" : " ");
	buf_put(out, t->address);
	if (t->limit.named && t->limit.octets)
		buf_printf(out, " limit=%llu", (unsigned long long)t->limit.octets);
	else if (t->limit.named)
		buf_puts(out, " limit=none");
	if (t->limit.messages)
		buf_printf(out, " messages=%u", t->limit.messages);
	buf_puts(out, t->store.len ? " store=" : "");
	buf_put(out, t->store);
	buf_puts(out, t->host.len ? " host=" : "");
	buf_put(out, t->host);
	buf_puts(out, t->home.len ? " home=" : "");
	buf_put(out, t->home);
}

/* As many as fit. */
static void report_targets(struct report *r, struct str targets)
{
	char text[2048];
	struct buf out = BUF(text);
	struct target t;
	for (bool first = true; target_get(&t, &targets); first = false) {
		buf_puts(&out, first ? "" : ", ");
		put_target(&out, &t);
	}
	report_str(r, "targets", buf_str(&out));
}

static const char *answer_of(const struct gate_step *step)
{
	static const char *const listings[] = { "did not answer", "domain not known", "no such address",
		"not listed here", "listed" };
	return step->directory ? listings[step->listing] : explain_state(step->facts.state);
}

void explain_step(struct report *r, const struct gate_step *step, msec now)
{
	report_open(r, "step");
	report_str(r, step->of_sender ? "sender tried as" : "tried as", step->address->whole);
	if (step->depth)
		report_number(r, "alias depth", step->depth);
	if (step->directory)
		report_str(r, "directory", step->directory->name);
	else if (step->store)
		report_str(r, "store", step->store->name);
	if (step->directory || step->store)
		report_text(r, "answer", answer_of(step));
	if (step->directory && step->listing == LISTING_TARGETS)
		report_targets(r, step->targets);
	if (step->note && step->note[0])
		report_text(r, "note", step->note);
	if (step->store && step->facts.state == FACTS_FOUND)
		report_facts(r, step, now);
	report_close(r);
}
