/*
 * /v1/check: may this message go to this recipient? By GET somebody wants to know, and nothing is charged; by POST a
 * message will come. The parameters stand in the query, or in the form that is the body of a POST. The answer explains
 * itself, as the command check does.
 */
#include "base/network.h"
#include "daemon/explain.h"
#include "daemon/web_inside.h"
#include "wire/query_string.h"

#include <stddef.h>

#define STEPS_MAX 64 /* that are told: an alias may have many members */

struct parameters {
	struct str recipient, size, sender, client, transaction, stage, event; /* null `at`: not given */
};

static const struct {
	const char *name;
	size_t offset;
	bool only_post;
} known[] = {
	{ "recipient", offsetof(struct parameters, recipient), false },
	{ "size", offsetof(struct parameters, size), false },
	{ "sender", offsetof(struct parameters, sender), false },
	{ "client", offsetof(struct parameters, client), false },
	{ "transaction", offsetof(struct parameters, transaction), true },
	{ "stage", offsetof(struct parameters, stage), true },
	{ "event", offsetof(struct parameters, event), true },
};

/* ---- parameters ---- */

/* Null, or what is wrong. */
static const char *take_pair(struct parameters *p, struct query_pair *pair, bool post)
{
	if (!web_decode(&pair->name) || !web_decode(&pair->value))
		return "a parameter that is not well encoded";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct str *value = (struct str *)(void *)((char *)p + known[i].offset);
		if (!str_eq(pair->name, str_of(known[i].name)))
			continue;
		if (known[i].only_post && !post)
			return "a parameter that needs a POST";
		if (value->at)
			return "a parameter given twice";
		*value = pair->value;
		return NULL;
	}
	return "an unknown parameter";
}

static const char *take_pairs(struct parameters *p, struct str text, bool post)
{
	struct query_pair pair;
	const char *fault = NULL;
	while (!fault && query_string_next(&text, &pair))
		fault = take_pair(p, &pair, post);
	return fault;
}

static const char *parse_size(struct str text, uint64_t *size)
{
	if (text.at && !str_u64(text, size))
		return "a size that is no number";
	if (*size > INT64_MAX)
		*size = INT64_MAX;
	return NULL;
}

static const char *parse_stage(struct str text, enum query_stage *stage)
{
	bool end = str_eq(text, STR("end-of-message"));
	if (text.at && !end && !str_eq(text, STR("rcpt")))
		return "a stage that is neither rcpt nor end-of-message";
	*stage = end ? STAGE_END_OF_MESSAGE : STAGE_RCPT;
	return NULL;
}

/* Nobody else's can be meant: neither another listener's nor another host's. */
static struct hash transaction_of(const struct web_client *c, struct str name)
{
	const struct listener *l = web_listener(c);
	char space[WEB_FORM_MAX + 128];
	struct buf text = BUF(space);
	if (name.len == 0)
		return (struct hash){ 0, 0 };
	buf_put_u64(&text, l->number);
	buf_putc(&text, ' ');
	buf_puts(&text, c->host);
	buf_putc(&text, ' ');
	buf_put(&text, name);
	return hash_of(&l->engine->key, text.at, text.len);
}

static const char *make_query(const struct web_client *c, const struct parameters *p, struct query *q)
{
	struct network client;
	*q = (struct query){ .kind = QUERY_RECIPIENT,
		.purpose = c->request.method == WEB_POST ? PURPOSE_DELIVER : PURPOSE_REPORT,
		.address = p->recipient,
		.sender = p->sender,
		.client = p->client,
		.transaction = transaction_of(c, p->transaction) };
	if (p->recipient.len == 0)
		return "no recipient";
	if (p->client.len && !network_address(&client, p->client))
		return "a client that is no address";
	const char *fault = parse_size(p->size, &q->size);
	return fault ? fault : parse_stage(p->stage, &q->stage);
}

/* ---- the answer ---- */

static void on_step(struct ask *ask, const struct gate_step *step)
{
	struct web_client *c = list_of(ask, struct web_client, request.ask);
	struct web_request *r = &c->request;
	if (r->steps++ < STEPS_MAX)
		explain_step(&r->report, step, engine_now(web_listener(c)->engine));
}

static void report_verdict(struct report *r, const struct ask *a)
{
	static const char *const waivers[] = { "no", "bypass", "shadow" };
	const struct verdict *v = &a->answer.verdict;
	bool found = a->answer.facts.state == FACTS_FOUND;
	char text[600];
	struct buf reply = BUF(text);
	if (v->reply)
		verdict_print(&reply, v, &a->query);
	report_text(r, "verdict", explain_action(v->action));
	report_text(r, "reason", reason_name(v->reason));
	report_text(r, "waived", waivers[v->waived]);
	report_str(r, "reply", buf_str(&reply));
	report_bool(r, "charged", a->answer.charged);
	report_str(r, "store", a->store ? a->store->name : STR(""));
	report_text(r, "rule", found ? store_rule_names[a->answer.rule] : "");
	report_bool(r, "cached", a->cached);
	report_bool(r, "stale", v->stale);
	report_text(r, "note", a->note ? a->note : "");
}

static void put_verdict(struct web_client *c)
{
	struct web_request *r = &c->request;
	if (r->steps > STEPS_MAX)
		report_number(&r->report, "further steps", r->steps - STEPS_MAX);
	report_verdict(&r->report, &r->ask);
	web_report_facts(&r->report, &r->ask.answer, engine_now(web_listener(c)->engine));
	web_report_end(r, MHD_HTTP_OK);
}

static void ask(struct web_client *c, const struct parameters *p)
{
	struct web_request *r = &c->request;
	const char *fault = make_query(c, p, &r->ask.query);
	if (fault) {
		web_reproach(c, MHD_HTTP_BAD_REQUEST, fault);
		return;
	}
	if (!web_report_begin(r))
		return;
	report_str(&r->report, "address", r->ask.query.address);
	report_number(&r->report, "size", r->ask.query.size);
	r->ask.explain = on_step;
	web_ask(c, put_verdict);
}

/* A transaction is over. */
static void tell(struct web_client *c, const struct parameters *p)
{
	struct web_request *r = &c->request;
	struct listener *l = web_listener(c);
	bool abandoned = str_eq(p->event, STR("abandoned"));
	if (!abandoned && !str_eq(p->event, STR("ended")))
		web_reproach(c, MHD_HTTP_BAD_REQUEST, "an event that is neither ended nor abandoned");
	else if (p->transaction.len == 0 || p->recipient.at || p->size.at || p->stage.at)
		web_reproach(c, MHD_HTTP_BAD_REQUEST, "an event wants a transaction and nothing else");
	if (r->status)
		return;
	gate_end(l->engine->gate, transaction_of(c, p->transaction), abandoned, engine_now(l->engine));
	if (!web_report_begin(r))
		return;
	report_str(&r->report, "transaction", p->transaction);
	report_str(&r->report, "event", p->event);
	web_report_end(r, MHD_HTTP_OK);
}

void web_check(struct web_client *c)
{
	struct web_request *r = &c->request;
	struct parameters p = { .recipient = { NULL, 0 } };
	bool post = r->method == WEB_POST;
	const char *fault = take_pairs(&p, r->query, post);
	if (r->body && !r->is_form) {
		web_reproach(c, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "a body that is no form");
		return;
	}
	if (!fault && r->body)
		fault = take_pairs(&p, (struct str){ r->body, r->body_len }, post);
	if (fault)
		web_reproach(c, MHD_HTTP_BAD_REQUEST, fault);
	else if (p.event.at)
		tell(c, &p);
	else
		ask(c, &p);
}
