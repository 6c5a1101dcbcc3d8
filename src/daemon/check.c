/*
 * The command check: decides here and now about addresses, with the same gate and the same stores as the daemon, and
 * prints every step. It charges nothing. The report is a list of named values, as text or as JSON. What serve gives up of its
 * rights before it hears a client, this gives up before it asks.
 */
#include "daemon/commands.h"
#include "daemon/engine.h"
#include "daemon/explain.h"
#include "daemon/give_up.h"
#include "daemon/literal.h"
#include "daemon/peek.h"
#include "daemon/report.h"
#include "daemon/unread.h"

#include <signal.h>
#include <stdio.h>

struct check {
	struct safe safe;
	struct engine engine;
	struct report report;
	struct ask ask;
	struct peek_link daemon; /* when the configuration has a control socket */
	size_t steps;
	bool unanswered, refused;
};

static void on_step(struct ask *ask, const struct gate_step *step)
{
	struct check *c = list_of(ask, struct check, ask);
	explain_step(&c->report, step, engine_now(&c->engine));
	c->steps++;
	c->unanswered = c->unanswered || explain_is_unanswered(step);
}

/* What each listener would write. */
static void report_replies(struct check *c)
{
	const struct config *config = c->engine.config;
	report_open(&c->report, "replies");
	for (size_t i = 0; i < config->n_listeners; i++) {
		const struct config_listener *l = &config->listeners[i];
		char text[2048];
		struct buf out = BUF(text);
		/* One that answers with figures has no words for a verdict. */
		if (!l->path_store && !l->front->only_datagrams && literal_put(&out, l, &c->ask.query, &c->ask.answer))
			report_str(&c->report, l->name, buf_str(&out));
	}
	report_close(&c->report);
}

static void on_answer(struct ask *ask, msec now)
{
	struct check *c = list_of(ask, struct check, ask);
	const struct verdict *v = &ask->answer.verdict;
	char text[600];
	struct buf out = BUF(text);
	(void)now;
	if (c->steps == 0 && ask->note)
		report_text(&c->report, "note", ask->note);
	report_text(&c->report, "verdict", explain_action(v->action));
	report_text(&c->report, "reason", reason_name(v->reason));
	if (v->waived != WAIVED_NOT)
		report_text(&c->report, "not refused for", v->waived == WAIVED_BYPASS ? "bypass" : "shadow mode");
	if (v->reply) {
		verdict_print(&out, v, &ask->query);
		report_str(&c->report, "reply", buf_str(&out));
	}
	report_replies(c);
	c->refused = c->refused || (v->action != ACTION_PASS && v->reason != REASON_ERROR);
	uv_stop(&c->engine.loop);
}

static void report_daemon(struct check *c, struct str address)
{
	const struct config *config = c->engine.config;
	struct peek p;
	if (!config->control.name) {
		report_text(
			&c->report, "running daemon", "not asked for charges: the configuration has no control socket");
		return;
	}
	peek_ask(&p, &c->daemon, address);
	c->ask.also = p.charge;
	if (!p.reached) {
		char text[256];
		struct buf out = BUF(text);
		buf_printf(&out, "not reached, its charges are not known: %s", p.why);
		report_str(&c->report, "running daemon", buf_str(&out));
		return;
	}
	report_open(&c->report, "running daemon");
	report_text(&c->report, "knows the mailbox", p.known ? "yes" : "no");
	if (p.known) {
		report_size(&c->report, p.asked ? "cached size taken" : "cached usage", p.usage);
		msec now = engine_now(&c->engine);
		report_number(&c->report, "cached age ms", (uint64_t)(now > p.taken ? now - p.taken : 0));
		report_size(&c->report, "charges", p.charge.octets);
		report_number(&c->report, "charged messages", p.charge.messages);
	}
	report_close(&c->report);
}

static void put_name(struct buf *out, const char *name)
{
	buf_puts(out, out->len ? " " : "");
	buf_puts(out, name);
}

static void report_route(struct check *c, struct str text)
{
	const struct config *config = c->engine.config;
	struct address a;
	bool ours;
	enum address_fault fault = address_parse(&a, text, config->gate.fold);
	if (fault != ADDRESS_OK)
		return;
	const struct route_domain *d = route_find(&config->route, &a, &ours);
	char names[1024];
	struct buf out = BUF(names);
	report_str(&c->report, "parsed", a.whole);
	for (size_t i = 0; i < d->n_directories; i++)
		put_name(&out, config->directories[d->directories[i]].name);
	if (d->n_directories)
		report_str(&c->report, "directories asked", buf_str(&out));
	out.len = 0;
	for (size_t i = 0; i < d->n; i++)
		put_name(&out, config->stores[d->stores[i]].name);
	report_text(&c->report, "domain",
		a.domain.len == 0 ? "none: a bare user name"
		: ours            ? "has a section"
				  : "has no section");
	if (d->n == 0)
		buf_puts(&out, "none: no section `domain` names one for it, and none is told the domain");
	report_str(&c->report, "stores asked", buf_str(&out));
}

static void check_one(struct check *c, const struct command_line *line, const char *address)
{
	c->steps = 0;
	c->ask = (struct ask){ .done = on_answer, .explain = on_step };
	c->ask.query = (struct query){ .kind = QUERY_RECIPIENT,
		.purpose = PURPOSE_REPORT,
		.address = str_of(address),
		.sender = str_of(line->sender ? line->sender : ""),
		.size = line->size };
	uv_update_time(&c->engine.loop);
	report_begin(&c->report);
	report_text(&c->report, "address", address);
	report_number(&c->report, "size", line->size);
	report_route(c, c->ask.query.address);
	report_daemon(c, c->ask.query.address);
	gate_ask(c->engine.gate, &c->ask, engine_now(&c->engine));
	uv_run(&c->engine.loop, UV_RUN_DEFAULT);
	report_end(&c->report);
}

/* In the order of serve: what needs rights, then their end. */
static bool start(struct check *c, struct config *config, struct err *err)
{
	signal(SIGPIPE, SIG_IGN); /* a server may close its connection at any time */
	if (!log_open("stderr", LOG_LEVEL_WARNING, err))
		return false;
	unread_print(config);
	struct nursery *nursery = nursery_open(&config->plan, NULL, NULL, err);
	if (!nursery || !engine_open(&c->engine, config, nursery, err))
		return false;
	c->daemon = (struct peek_link){ .fd = -1 };
	if (config->control.name)
		peek_open(&c->daemon, &config->control.endpoint);
	return give_up_rights(config, err);
}

int command_check(const struct command_line *line)
{
	static struct check check;
	struct check *c = &check;
	struct err err;
	struct config *config = config_read(line->file, config_use_here(), &c->safe);
	if (!config || config_print_errors(config)) {
		config_put(config);
		return EXIT_USAGE;
	}
	if (!start(c, config, &err)) {
		fprintf(stderr, "quotagate: %s\n", err.text);
		return EXIT_USAGE;
	}
	report_start(&c->report, stdout, line->json != NULL);
	for (int i = 0; i < line->n_words; i++)
		check_one(c, line, line->words[i]);
	report_stop(&c->report);
	peek_close(&c->daemon);
	engine_close(&c->engine);
	config_put(config);
	safe_done(&c->safe);
	return c->refused ? EXIT_REFUSED : c->unanswered ? EXIT_UNANSWERED : EXIT_OK;
}
