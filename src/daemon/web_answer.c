/* What is asked by HTTP: the paths, who may ask, and the short answers. */
#include "core/asked.h"
#include "daemon/explain.h"
#include "daemon/metrics.h"
#include "daemon/web_inside.h"
#include "wire/facts_message.h"
#include "wire/query_string.h"

#include <stdlib.h>

#define TEXT "text/plain"
#define JSON "application/json"
#define METRICS "text/plain; version=0.0.4"

/* A path, or with a slash at its end all that begin so. */
struct web_route {
	const char *path;
	bool open; /* to those without a token: messages between quotagates are sealed */
	bool for_programs; /* what goes wrong is told as JSON */
	bool posts, gets;
	bool questions; /* it has parameters */
	size_t body_max;
	void (*serve)(struct web_client *);
};

/* ---- answers ---- */

void web_say(struct web_request *r, unsigned status, const char *type, struct str text)
{
	r->status = status;
	r->type = type;
	free(r->answer);
	r->answer_len = text.len;
	r->answer = malloc(text.len + 1);
	if (r->answer && text.len)
		memcpy(r->answer, text.at, text.len);
}

bool web_report_begin(struct web_request *r)
{
	r->out = open_memstream(&r->answer, &r->answer_len);
	if (!r->out)
		return false;
	report_start_alone(&r->report, r->out);
	report_begin(&r->report);
	return true;
}

void web_report_end(struct web_request *r, unsigned status)
{
	report_end(&r->report);
	bool whole = !ferror(r->out);
	whole = fclose(r->out) == 0 && whole;
	r->out = NULL;
	r->status = status;
	r->type = JSON;
	if (whole)
		return;
	free(r->answer);
	r->answer = NULL;
}

void web_refuse(struct web_request *r, unsigned status, const char *why)
{
	char text[256];
	struct buf out = BUF(text);
	r->status = status;
	if (r->route && r->route->for_programs) {
		if (web_report_begin(r)) {
			report_text(&r->report, "error", why);
			web_report_end(r, status);
		}
		return;
	}
	buf_puts(&out, why);
	buf_putc(&out, '\n');
	web_say(r, status, TEXT, buf_str(&out));
}

void web_reproach(struct web_client *c, unsigned status, const char *why)
{
	listener_complain(web_listener(c), c->host, why);
	web_refuse(&c->request, status, why);
}

bool web_decode(struct str *text)
{
	struct buf out = { .at = (char *)(uintptr_t)text->at, .cap = text->len };
	bool good = percent_decode(&out, *text);
	*text = buf_str(&out);
	return good;
}

/* ---- the line of the quota scripts ---- */

static void put_line(struct web_client *c)
{
	struct web_request *r = &c->request;
	char text[WEB_TARGET_MAX + 128];
	struct buf out = BUF(text);
	if (http_put_line(&out, &r->ask.query, &r->ask.answer))
		web_say(r, MHD_HTTP_OK, TEXT, buf_str(&out));
	else
		web_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "could not tell");
}

static void serve_line(struct web_client *c)
{
	struct web_request *r = &c->request;
	struct query_pair pair = { { NULL, 0 }, { NULL, 0 } }, more;
	struct str rest = r->query;
	if (!query_string_next(&rest, &pair) || query_string_next(&rest, &more) || !str_eq(pair.name, STR("u")))
		web_reproach(c, MHD_HTTP_BAD_REQUEST, "expected one parameter: u=ADDRESS");
	else if (!web_decode(&pair.value))
		web_reproach(c, MHD_HTTP_BAD_REQUEST, "an address that is not well encoded");
	if (r->status)
		return;
	r->ask.query = (struct query){ .kind = QUERY_RECIPIENT, .purpose = PURPOSE_REPORT, .address = pair.value };
	web_ask(c, put_line);
}

/* ---- one mailbox ---- */

void web_report_facts(struct report *r, const struct answer *a, msec now)
{
	const struct facts *f = &a->facts;
	report_open(r, "facts");
	report_text(r, "state", explain_state(f->state));
	report_number(r, "usage", asked_is(f) ? 0 : f->usage);
	report_number(r, "limit", a->limit);
	report_number(r, "messages", f->messages);
	report_number(r, "message limit", a->message_limit);
	report_number(r, "charge", a->charge.octets);
	report_number(r, "charge messages", a->charge.messages);
	report_text(r, "source", facts_source_name(f->source));
	report_bool(r, "firm", f->firm);
	if (asked_is(f)) {
		report_number(r, "largest size taken", f->usage);
		report_number(r, "smallest size refused", f->limit);
	}
	report_number(r, "age ms", (uint64_t)(f->state == FACTS_FOUND && now > f->taken ? now - f->taken : 0));
	report_close(r);
}

static void put_mailbox(struct web_client *c)
{
	struct web_request *r = &c->request;
	const struct answer *a = &r->ask.answer;
	if (a->verdict.reason == REASON_ERROR) {
		web_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "could not tell");
		return;
	}
	if (a->facts.state != FACTS_FOUND) {
		web_refuse(r, MHD_HTTP_NOT_FOUND, explain_state(FACTS_NO_MAILBOX));
		return;
	}
	if (!web_report_begin(r))
		return;
	report_str(&r->report, "address", r->ask.query.address);
	report_str(&r->report, "store", r->ask.store->name);
	report_text(&r->report, "rule", store_rule_names[a->rule]);
	web_report_facts(&r->report, a, engine_now(web_listener(c)->engine));
	web_report_end(r, MHD_HTTP_OK);
}

static void serve_mailbox(struct web_client *c)
{
	struct web_request *r = &c->request;
	struct str address = str_from(r->path, strlen(r->route->path));
	if (!web_decode(&address) || address.len == 0) {
		web_reproach(c, MHD_HTTP_BAD_REQUEST, "an address that is not well encoded, or none");
		return;
	}
	r->ask.query = (struct query){ .kind = QUERY_RECIPIENT, .purpose = PURPOSE_REPORT, .address = address };
	web_ask(c, put_mailbox);
}

/* ---- for those who watch over the daemon ---- */

static void serve_health(struct web_client *c)
{
	bool closing = web_listener(c)->closing;
	web_say(&c->request, closing ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK, TEXT,
		closing ? STR("stopping\n") : STR("ok\n"));
}

static void serve_metrics(struct web_client *c)
{
	struct web_request *r = &c->request;
	r->answer = metrics_text(web_listener(c)->engine, &r->answer_len);
	r->status = MHD_HTTP_OK;
	r->type = METRICS;
}

/* ---- the paths ---- */

static const struct web_route routes[] = {
	{ "/cgi-bin/quota.cgi", .gets = true, .questions = true, .serve = serve_line },
	{ "/quota", .gets = true, .questions = true, .serve = serve_line },
	{ "/v1/check", .for_programs = true, .gets = true, .posts = true, .questions = true, .body_max = WEB_FORM_MAX,
		.serve = web_check },
	{ "/v1/mailbox/", .for_programs = true, .gets = true, .serve = serve_mailbox },
	{ "/v1/facts", .open = true, .posts = true, .body_max = FACTS_MESSAGE_MAX, .serve = web_facts },
	{ "/healthz", .open = true, .gets = true, .serve = serve_health },
	{ "/metrics", .gets = true, .serve = serve_metrics },
};

static const struct web_route *find_route(struct str path)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		struct str known = str_of(routes[i].path);
		bool begins = known.at[known.len - 1] == '/';
		if (begins ? str_starts(path, known) : str_eq(path, known))
			return &routes[i];
	}
	return NULL;
}

static bool is_allowed(const struct web_route *route, enum web_method method)
{
	switch (method) {
	case WEB_OTHER: return false;
	case WEB_GET:
	case WEB_HEAD: return route->gets;
	case WEB_POST: return route->posts;
	}
	return false;
}

static void refuse_method(struct web_request *r)
{
	r->allow = r->route->gets && r->route->posts ? "GET, HEAD, POST" : r->route->posts ? "POST" : "GET, HEAD";
	web_refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, "this path is not asked so");
}

void web_route(struct web_client *c, const struct web_head *head)
{
	struct web_request *r = &c->request;
	struct listener *l = web_listener(c);
	struct http_target target;
	if (!http_target_parse(&target, (struct str){ r->target, r->sent_len })) {
		r->last = true;
		web_reproach(c, MHD_HTTP_BAD_REQUEST, "no path, or one that is not well encoded");
		return;
	}
	r->path = target.path;
	r->query = target.query;
	r->route = find_route(r->path);
	if (!(r->route && r->route->open) &&
		!web_secrets_admit(&c->web->secrets, head->authorization, &l->engine->key)) {
		l->stats.refused++;
		web_refuse(r, MHD_HTTP_UNAUTHORIZED, "a token is wanted");
	} else if (!r->route) {
		web_refuse(r, MHD_HTTP_NOT_FOUND, "no such path");
	} else if (!is_allowed(r->route, r->method)) {
		refuse_method(r);
	} else if (r->query.len && !r->route->questions) {
		web_reproach(c, MHD_HTTP_BAD_REQUEST, "this path has no parameters");
	} else {
		r->body_max = r->method == WEB_POST ? r->route->body_max : 0;
	}
}

void web_serve(struct web_client *c)
{
	web_listener(c)->stats.requests++;
	c->request.route->serve(c);
}
