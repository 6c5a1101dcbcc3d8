#include "daemon/decision.h"

#include "core/asked.h"
#include "io/log.h"

static const char *const actions[] = { "pass", "defer", "reject" };

static bool needs_quotes(struct str s)
{
	if (s.len == 0)
		return true;
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] == ' ' || s.at[i] == '"' || s.at[i] == '\\' || s.at[i] == '=')
			return true;
	return false;
}

static void put_key(struct buf *out, const char *key)
{
	buf_putc(out, ' ');
	buf_puts(out, key);
	buf_putc(out, '=');
}

void decision_put(struct buf *out, const char *key, struct str value)
{
	put_key(out, key);
	if (!needs_quotes(value)) {
		buf_put_clean(out, value);
		return;
	}
	buf_putc(out, '"');
	for (size_t i = 0; i < value.len;) {
		struct str run = str_from(value, i);
		run.len = 0;
		while (i + run.len < value.len && run.at[run.len] != '"' && run.at[run.len] != '\\')
			run.len++;
		buf_put_clean(out, run);
		i += run.len;
		if (i < value.len) {
			buf_putc(out, '\\');
			buf_putc(out, value.at[i++]);
		}
	}
	buf_putc(out, '"');
}

static void put_number(struct buf *out, const char *key, uint64_t n)
{
	put_key(out, key);
	buf_put_u64(out, n);
}

static void put_facts(struct buf *out, const struct ask *a, msec now)
{
	const struct facts *f = &a->answer.facts;
	if (asked_is(f) && f->usage == ASKED_ANY)
		decision_put(out, "took", STR("any"));
	else
		put_number(out, asked_is(f) ? "took" : "usage", f->usage);
	put_number(out, asked_is(f) ? "refused" : "limit", asked_is(f) ? f->limit : a->limit.octets);
	if (f->messages || a->limit.messages) {
		put_number(out, "messages", f->messages);
		put_number(out, "message_limit", a->limit.messages);
	}
	put_number(out, "charge", a->answer.charge.octets);
	put_number(out, "age_ms", (uint64_t)(now > f->taken ? now - f->taken : 0));
	decision_put(out, "source", str_of(facts_source_name(f->source)));
}

void decision_log(const struct ask *a, const char *listener, msec now)
{
	const struct verdict *v = &a->answer.verdict;
	char line[2048];
	struct buf out = BUF(line);
	if (!log_wants(LOG_LEVEL_INFO))
		return;
	buf_puts(&out, "event=decision verdict=");
	buf_puts(&out, actions[v->action]);
	decision_put(&out, "reason", str_of(reason_name(v->reason)));
	if (v->reply)
		put_number(&out, "code", v->reply->code);
	if (v->waived != WAIVED_NOT)
		decision_put(&out, "waived", str_of(v->waived == WAIVED_BYPASS ? "bypass" : "shadow"));
	decision_put(&out, "listener", str_of(listener));
	if (a->query.kind != QUERY_SENDER)
		decision_put(&out, a->query.kind == QUERY_PATH ? "path" : "recipient", a->query.address);
	put_number(&out, "size", a->query.size);
	if (a->query.sender.len)
		decision_put(&out, "sender", a->query.sender);
	if (a->query.client.len)
		decision_put(&out, "client", a->query.client);
	if (a->store)
		decision_put(&out, "store", a->store->name);
	if (a->answer.facts.state == FACTS_FOUND)
		put_facts(&out, a, now);
	buf_puts(&out, a->cached ? " cached=yes" : " cached=no");
	if (v->stale)
		buf_puts(&out, " stale=yes");
	bool told = a->answer.facts.state == FACTS_FOUND && !asked_is(&a->answer.facts); /* by the figures */
	if (a->note && (a->cut || !told || v->stale))
		decision_put(&out, "note", str_of(a->note));
	log_put(LOG_LEVEL_INFO, buf_str(&out));
}
