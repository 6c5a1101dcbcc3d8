/*
 * The command status: asks the running daemon for its metrics and prints what a postmaster wants to know of them, as text or
 * as JSON. It reads nothing else of the daemon, so whatever is printed can be watched by Prometheus too. The answer is read
 * with the daemon's rights: who took over the daemon gets no others by what it says.
 */
#include "daemon/commands.h"
#include "daemon/fetch.h"
#include "daemon/give_up.h"
#include "daemon/histogram.h"
#include "daemon/samples.h"
#include "daemon/sheet.h"
#include "front/http.h"

#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LABEL_MAX 256
#define BOUNDS_MAX 64

enum part { DAEMON, LISTENERS, STORES, PEERS, MESSAGES, DIRECTORIES, CANARIES, NOTIFY, CACHE, LEDGER, PARTS };

struct status {
	struct samples samples;
	struct sheet sheets[PARTS];
};

static const char *const daemon_titles[] = { "version", "pid", "user", "up since", "up", "configuration read",
	"reloads", "failed reloads", "last reload taken", "nursery running", NULL };
static const char *const listener_titles[] = { "listener", "protocol", "clients", "requests", "pass", "defer", "reject",
	"waived", "refused", "crowded", "displaced", "malformed", "timed out", NULL };
static const char *const source_titles[] = { "name", "type", "lookups", "failed", "answering", "last answer", "median",
	"p99", "helpers", "wanted", "restarts", "hangs", NULL };
static const char *const peer_titles[] = { "store", "directory", "peer", "state", "asked", "answered", "timeouts",
	"fallbacks", "refused", NULL };
static const char *const message_titles[] = { "store", "strange", "late", "news owed", "news untold", NULL };
static const char *const canary_titles[] = { "of", "name", "well", NULL };
static const char *const notify_titles[] = { "told", "failed", "dropped", "waiting", NULL };
static const char *const cache_titles[] = { "mailboxes", "room", "questions", "hit rate", "waiting", "evicted",
	"directory answers", NULL };
static const char *const ledger_titles[] = { "open transactions", "room", "uncharged messages", "loans", "loans given",
	"claims", NULL };

static double sum(const struct status *s, const char *name)
{
	return samples_sum(&s->samples, name, STR(""), NULL);
}

static void count(const struct status *s, struct sheet *to, const char *name)
{
	sheet_value(to, CELL_COUNT, sum(s, name));
}

/* What was never counted is left out of the metrics. */
static double or_zero(double value)
{
	return isnan(value) ? 0 : value;
}

/* NaN stays NaN. */
static double age(double since)
{
	double seconds = (double)time(NULL) - since;
	return seconds < 0 ? 0 : seconds;
}

static void label(struct sheet *to, const struct sample *x, const char *key)
{
	char text[LABEL_MAX];
	sample_label(x, key, text, sizeof(text));
	sheet_text(to, text[0] ? text : NULL);
}

/* ---- the daemon ---- */

static void fill_daemon(struct status *s, const struct fetched *f)
{
	struct sheet *to = &s->sheets[DAEMON];
	double started = sum(s, "quotagate_start_time_seconds");
	const struct passwd *user = f->pid ? getpwuid(f->uid) : NULL;
	char number[24];
	snprintf(number, sizeof(number), "%lu", (unsigned long)f->uid);
	bool versioned = false;
	for (const struct sample *x = s->samples.at; x < s->samples.at + s->samples.n && !versioned; x++) {
		versioned = str_eq(x->name, STR("quotagate_build_info"));
		if (versioned)
			label(to, x, "version");
	}
	if (!versioned)
		sheet_text(to, NULL);
	sheet_value(to, CELL_COUNT, f->pid ? (double)f->pid : NAN);
	sheet_text(to, !f->pid ? NULL : user ? user->pw_name : number);
	sheet_value(to, CELL_TIME, started);
	sheet_value(to, CELL_SECONDS, age(started));
	sheet_value(to, CELL_TIME, sum(s, "quotagate_config_load_time_seconds"));
	sheet_value(
		to, CELL_COUNT, samples_sum(&s->samples, "quotagate_config_reloads_total", STR("result=\"ok\""), NULL));
	sheet_value(to, CELL_COUNT,
		samples_sum(&s->samples, "quotagate_config_reloads_total", STR("result=\"failed\""), NULL));
	sheet_value(to, CELL_BOOL, sum(s, "quotagate_config_last_reload_successful"));
	sheet_value(to, CELL_BOOL, sum(s, "quotagate_nursery_running"));
}

/* ---- listeners ---- */

static void add_listener(struct status *s, const struct sample *x)
{
	static const char *const behind[] = { "refused", "crowded", "displaced", "malformed", "timed_out" };
	static const char verdicts[] = "quotagate_verdicts_total";
	struct sheet *to = &s->sheets[LISTENERS];
	label(to, x, "listener");
	label(to, x, "protocol");
	sheet_value(to, CELL_COUNT, x->value);
	sheet_value(to, CELL_COUNT, samples_sum(&s->samples, "quotagate_listener_requests_total", x->labels, NULL));
	sheet_value(to, CELL_COUNT, or_zero(samples_sum(&s->samples, verdicts, x->labels, "action=\"pass\"")));
	sheet_value(to, CELL_COUNT, or_zero(samples_sum(&s->samples, verdicts, x->labels, "action=\"defer\"")));
	sheet_value(to, CELL_COUNT, or_zero(samples_sum(&s->samples, verdicts, x->labels, "action=\"reject\"")));
	sheet_value(to, CELL_COUNT,
		or_zero(samples_sum(&s->samples, verdicts, x->labels, "waived=\"bypass\"")) +
			or_zero(samples_sum(&s->samples, verdicts, x->labels, "waived=\"shadow\"")));
	for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
		char name[80];
		snprintf(name, sizeof(name), "quotagate_listener_%s_total", behind[i]);
		sheet_value(to, CELL_COUNT, samples_sum(&s->samples, name, x->labels, NULL));
	}
}

/* ---- stores and directories ---- */

/* The steps of the histogram, which stand in a row before its count. */
static double quantile(const struct status *s, const struct sample *last, double q)
{
	double bounds[BOUNDS_MAX], upto[BOUNDS_MAX];
	const struct sample *first = last;
	size_t n = 0;
	while (first > s->samples.at && str_eq(first[-1].name, last->name) &&
		str_starts(first[-1].labels, (struct str){ last->labels.at, str_rfind(last->labels, ',') }))
		first--;
	for (const struct sample *x = first; x < last && n < BOUNDS_MAX; x++, n++) {
		char bound[LABEL_MAX];
		sample_label(x, "le", bound, sizeof(bound));
		bounds[n] = strtod(bound, NULL);
		upto[n] = x->value;
	}
	return histogram_quantile(bounds, upto, n, last->value, q);
}

/* `x` is the last step of its histogram, which counts all. */
static void add_source(struct status *s, const struct sample *x, const char *kind, enum part part)
{
	static const char *const behind[] = { "helpers", "helpers_wanted", "helper_restarts_total",
		"helper_hangs_total" };
	struct sheet *to = &s->sheets[part];
	struct str whose = { x->labels.at, str_rfind(x->labels, ',') };
	char name[80];
	label(to, x, kind);
	label(to, x, "type");
	snprintf(name, sizeof(name), "quotagate_%s_lookup_failures_total", kind);
	double failed = samples_sum(&s->samples, name, whose, NULL);
	sheet_value(to, CELL_COUNT, x->value + or_zero(failed));
	sheet_value(to, CELL_COUNT, failed);
	snprintf(name, sizeof(name), "quotagate_%s_answering", kind);
	sheet_value(to, CELL_BOOL, samples_sum(&s->samples, name, whose, NULL));
	snprintf(name, sizeof(name), "quotagate_%s_last_answer_time_seconds", kind);
	sheet_value(to, CELL_SECONDS, age(samples_sum(&s->samples, name, whose, NULL)));
	sheet_value(to, CELL_SECONDS, quantile(s, x, 0.5));
	sheet_value(to, CELL_SECONDS, quantile(s, x, 0.99));
	for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
		snprintf(name, sizeof(name), "quotagate_%s_%s", kind, behind[i]);
		sheet_value(to, CELL_COUNT, samples_sum(&s->samples, name, whose, NULL));
	}
}

static void add_canary(struct status *s, const struct sample *x, const char *kind)
{
	struct sheet *to = &s->sheets[CANARIES];
	sheet_text(to, kind);
	label(to, x, kind);
	sheet_value(to, CELL_BOOL, x->value);
}

/* `x` is the state that the peer is in. */
static void add_peer(struct status *s, const struct sample *x)
{
	static const char *const behind[] = { "asked", "answered", "timeouts", "fallbacks", "refused" };
	struct sheet *to = &s->sheets[PEERS];
	struct str whose = { x->labels.at, str_rfind(x->labels, ',') };
	label(to, x, "store");
	label(to, x, "directory");
	label(to, x, "peer");
	label(to, x, "state");
	for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
		char name[80];
		snprintf(name, sizeof(name), "quotagate_peer_%s_total", behind[i]);
		sheet_value(to, CELL_COUNT, samples_sum(&s->samples, name, whose, NULL));
	}
}

/* `x` is the news owed. */
static void add_messages(struct status *s, const struct sample *x)
{
	struct sheet *to = &s->sheets[MESSAGES];
	label(to, x, "store");
	sheet_value(
		to, CELL_COUNT, samples_sum(&s->samples, "quotagate_store_messages_strange_total", x->labels, NULL));
	sheet_value(to, CELL_COUNT, samples_sum(&s->samples, "quotagate_store_messages_late_total", x->labels, NULL));
	sheet_value(to, CELL_COUNT, x->value);
	sheet_value(to, CELL_COUNT, samples_sum(&s->samples, "quotagate_store_news_untold_total", x->labels, NULL));
}

/* ---- all of it ---- */

static bool is_last_step(const struct sample *x)
{
	char bound[8];
	sample_label(x, "le", bound, sizeof(bound));
	return strcmp(bound, "+Inf") == 0;
}

static void add(struct status *s, const struct sample *x)
{
	if (str_eq(x->name, STR("quotagate_listener_clients")))
		add_listener(s, x);
	else if (str_eq(x->name, STR("quotagate_store_lookup_seconds_bucket")) && is_last_step(x))
		add_source(s, x, "store", STORES);
	else if (str_eq(x->name, STR("quotagate_directory_lookup_seconds_bucket")) && is_last_step(x))
		add_source(s, x, "directory", DIRECTORIES);
	else if (str_eq(x->name, STR("quotagate_store_canary_well")))
		add_canary(s, x, "store");
	else if (str_eq(x->name, STR("quotagate_directory_canary_well")))
		add_canary(s, x, "directory");
	else if (str_eq(x->name, STR("quotagate_peer_state")) && x->value > 0)
		add_peer(s, x);
	else if (str_eq(x->name, STR("quotagate_store_news_owed")))
		add_messages(s, x);
}

static void fill_notify(struct status *s)
{
	struct sheet *to = &s->sheets[NOTIFY];
	count(s, to, "quotagate_notify_told_total");
	count(s, to, "quotagate_notify_failed_total");
	count(s, to, "quotagate_notify_dropped_total");
	count(s, to, "quotagate_notify_waiting");
}

static void fill(struct status *s, const struct fetched *f)
{
	struct sheet *cache = &s->sheets[CACHE], *ledger = &s->sheets[LEDGER];
	double questions = sum(s, "quotagate_questions_total");
	fill_daemon(s, f);
	for (size_t i = 0; i < s->samples.n; i++)
		add(s, &s->samples.at[i]);
	if (!isnan(sum(s, "quotagate_notify_told_total")))
		fill_notify(s);
	count(s, cache, "quotagate_cache_mailboxes");
	count(s, cache, "quotagate_cache_mailboxes_max");
	sheet_value(cache, CELL_COUNT, questions);
	sheet_value(cache, CELL_SHARE, questions > 0 ? sum(s, "quotagate_cache_hits_total") / questions : NAN);
	count(s, cache, "quotagate_questions_waiting");
	count(s, cache, "quotagate_cache_evictions_total");
	count(s, cache, "quotagate_book_answers");
	count(s, ledger, "quotagate_ledger_transactions");
	count(s, ledger, "quotagate_ledger_transactions_max");
	count(s, ledger, "quotagate_ledger_uncharged_total");
	count(s, ledger, "quotagate_ledger_loans");
	count(s, ledger, "quotagate_ledger_lent_total");
	count(s, ledger, "quotagate_claims_total");
}

static int report(const struct fetched *f, bool json)
{
	struct status s = { 0 };
	struct err err;
	bool failed = false;
	if (!samples_read(&s.samples, (struct str){ f->text, f->len }, &err)) {
		fprintf(stderr, "quotagate: the daemon's answer: %s\n", err.text);
		samples_free(&s.samples);
		return EXIT_FAILED;
	}
	sheet_init(&s.sheets[DAEMON], "daemon", daemon_titles, true);
	sheet_init(&s.sheets[LISTENERS], "listeners", listener_titles, false);
	sheet_init(&s.sheets[STORES], "stores", source_titles, false);
	sheet_init(&s.sheets[PEERS], "peers", peer_titles, false);
	sheet_init(&s.sheets[MESSAGES], "messages", message_titles, false);
	sheet_init(&s.sheets[DIRECTORIES], "directories", source_titles, false);
	sheet_init(&s.sheets[CANARIES], "canaries", canary_titles, false);
	sheet_init(&s.sheets[NOTIFY], "notify", notify_titles, true);
	sheet_init(&s.sheets[CACHE], "cache", cache_titles, true);
	sheet_init(&s.sheets[LEDGER], "ledger", ledger_titles, true);
	fill(&s, f);
	for (size_t i = 0; i < PARTS; i++)
		failed = failed || s.sheets[i].failed;
	if (failed)
		fputs("quotagate: out of memory\n", stderr);
	else
		sheets_print(s.sheets, PARTS, stdout, json);
	for (size_t i = 0; i < PARTS; i++)
		sheet_free(&s.sheets[i]);
	samples_free(&s.samples);
	return failed ? EXIT_FAILED : EXIT_OK;
}

/* ---- asking ---- */

/* Null: there is none. By TLS nobody is asked: what of the certificate would have to be believed is not known here. */
static const struct config_listener *find_http(const struct config *c)
{
	for (size_t i = 0; i < c->n_listeners; i++) {
		const struct config_listener *l = &c->listeners[i];
		if (strcmp(l->front->name, "http") == 0 && !((const struct http_conf *)l->own)->certificate)
			return l;
	}
	return NULL;
}

static int ask(const struct config *c, const struct command_line *line)
{
	const struct config_listener *http = c->control.name ? NULL : find_http(c);
	const char *where = c->control.name ? c->top->control : http ? http->options->address : NULL;
	struct fetched f = { 0 };
	struct err err;
	if (!where) {
		fprintf(stderr,
			"quotagate: %s: neither `control` nor a listener of protocol http is there to ask the daemon "
			"by\n",
			line->file);
		return EXIT_USAGE;
	}
	bool ok = http ? fetch_http(&f, &http->endpoint, ((const struct http_conf *)http->own)->token_file, &err)
		       : fetch_control(&f, &c->control.endpoint, &err);
	if (ok && !give_up_rights(c, &err)) {
		fprintf(stderr, "quotagate: %s\n", err.text);
		return EXIT_FAILED;
	}
	if (!ok || !fetch_take(&f, &err)) {
		fprintf(stderr, "quotagate: no daemon answers at %s: %s\n", where, err.text);
		return EXIT_FAILED;
	}
	int status = report(&f, line->json);
	free(f.text);
	return status;
}

int command_status(const struct command_line *line)
{
	enum config_use use = config_use_here() == CONFIG_RUN_AS_ROOT ? CONFIG_RUN_AS_ROOT : CONFIG_LOOK;
	struct config *c = config_read(line->file, use, NULL);
	if (!c) {
		fputs("quotagate: out of memory\n", stderr);
		return EXIT_USAGE;
	}
	int status = config_print_errors(c) ? EXIT_USAGE : ask(c, line);
	config_put(c);
	return status;
}
