#include "daemon/metrics.h"

#include "daemon/exposition.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const actions[] = { "pass", "defer", "reject" };
static const char *const waivers[] = { "no", "bypass", "shadow" };

/* The family quotagate_KIND_WHAT. */
static void family(struct exposition *x, const char *kind, const char *what, const char *type, const char *help)
{
	char name[EXPOSITION_NAME_MAX + 1];
	snprintf(name, sizeof(name), "quotagate_%s_%s", kind, what);
	exposition_family(x, name, type, help);
}

/* One value that stands alone. */
static void single(struct exposition *x, const char *name, const char *type, const char *help, uint64_t value)
{
	exposition_family(x, name, type, help);
	exposition_count(x, NO_LABELS, value);
}

/* ---- the daemon ---- */

static void put_daemon(struct exposition *x, const struct engine *e)
{
	const struct counters *c = e->counters;
	exposition_family(x, "quotagate_build_info", "gauge", "What is running.");
	exposition_count(x, LABELS({ "version", VERSION }), 1);
	single(x, "quotagate_start_time_seconds", "gauge", "When the daemon was started, since 1970.",
		(uint64_t)c->started);
	exposition_family(x, "quotagate_config_reloads_total", "counter",
		"Reloads of the configuration, by whether it was taken.");
	exposition_count(x, LABELS({ "result", "ok" }), c->reloads);
	exposition_count(x, LABELS({ "result", "failed" }), c->failed_reloads);
	single(x, "quotagate_config_last_reload_successful", "gauge",
		"1 when the configuration in force is the last that was read, 0 when that one was refused.",
		!c->stands);
	single(x, "quotagate_config_load_time_seconds", "gauge",
		"When the configuration in force was read, since 1970.", (uint64_t)c->loaded);
	single(x, "quotagate_nursery_running", "gauge", "1 while the process that makes the helpers lives.",
		!nursery_gone(e->nursery));
}

/* ---- the gate ---- */

static void put_gate(struct exposition *x, const struct engine *e)
{
	const struct gate_stats s = gate_stats(e->gate);
	const struct gate_size *size = &e->counters->size;
	const struct {
		const char *name, *type, *help;
		uint64_t value;
	} figures[] = {
		{ "quotagate_questions_total", "counter", "Questions put to the gate, those of peek included.",
			s.asked },
		{ "quotagate_questions_waiting", "gauge", "Questions that wait for a look-up.", s.waiting },
		{ "quotagate_questions_late_total", "counter",
			"Questions answered at their deadline without what they waited for.", s.late },
		{ "quotagate_cache_hits_total", "counter", "Questions answered without a look-up.", s.hits },
		{ "quotagate_cache_mailboxes", "gauge", "Mailboxes in the cache.", s.mailboxes },
		{ "quotagate_cache_mailboxes_max", "gauge", "How many have room there.", size->mailboxes },
		{ "quotagate_cache_evictions_total", "counter", "Mailboxes put out of the cache to make room.",
			s.evicted },
		{ "quotagate_book_answers", "gauge", "Answers of directories that are kept.", s.answers },
		{ "quotagate_book_answers_max", "gauge", "How many have room.", size->answers },
		{ "quotagate_ledger_transactions", "gauge", "SMTP transactions that are open.", s.transactions },
		{ "quotagate_ledger_transactions_max", "gauge", "How many have room.", size->transactions },
		{ "quotagate_ledger_uncharged_total", "counter",
			"Messages let in without a charge, because cache or ledger had no room.", s.uncharged },
		{ "quotagate_ledger_loans", "gauge", "Parts of mailboxes that are lent to frontends.", s.loans },
		{ "quotagate_ledger_loans_max", "gauge", "How many may be.", size->loans },
		{ "quotagate_ledger_lent_total", "counter", "Loans given to frontends.", s.lent },
		{ "quotagate_claims_total", "counter", "Look-ups that asked a ledger on another machine for room.",
			s.claims },
		{ "quotagate_lookups_total", "counter", "Look-ups begun, in stores and directories.", s.lookups },
		{ "quotagate_lookups_failed_total", "counter", "Look-ups that brought no answer.", s.failed },
		{ "quotagate_lookups_joined_total", "counter", "Questions that waited for a look-up already begun.",
			s.joined },
		{ "quotagate_lookups_crowded_total", "counter",
			"Questions for which too many look-ups were under way to begin one.", s.crowded },
		{ "quotagate_recounts_total", "counter", "Look-ups for facts fit to refuse on.", s.recounts },
		{ "quotagate_expansions_cut_total", "counter",
			"Aliases, and messages for many, that were not followed to their end.", s.cut },
	};
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		single(x, figures[i].name, figures[i].type, figures[i].help, figures[i].value);
}

/* ---- the command for mailboxes that are nearly full ---- */

static void put_notify(struct exposition *x, const struct notify *n)
{
	if (!n->desk)
		return;
	single(x, "quotagate_notify_told_total", "counter", "Runs of the command of notify that ended well.",
		n->stats.told);
	single(x, "quotagate_notify_failed_total", "counter", "Those that did not.", n->stats.failed);
	single(x, "quotagate_notify_dropped_total", "counter",
		"Those that never were, because too many waited, or were given up at a reload.", n->stats.dropped);
	single(x, "quotagate_notify_waiting", "gauge", "Runs that wait or go on.", n->n_runs);
}

/* ---- listeners ---- */

struct listener_row {
	const struct config_listener *spec;
	const struct counted_listener *counted;
	struct listener_stats stats;
};

/* Those of the configuration, the control socket as the last. What a name had before it was closed counts with it. */
static size_t gather_listeners(const struct engine *e, struct listener_row *rows)
{
	const struct config *config = e->counters->config;
	size_t n = config->n_listeners + (config->control.name != NULL);
	for (size_t i = 0; i < n; i++) {
		rows[i].spec = i < config->n_listeners ? &config->listeners[i] : &config->control;
		rows[i].counted = &e->counters->listeners[i];
		struct counted_listener sum = { .former = rows[i].counted->former };
		if (e->listeners)
			list_each (p, e->listeners) {
				const struct listener *l = list_of(p, struct listener, all);
				struct listener_stats own = l->stats;
				if (counters_listener(e->counters, l->config, l->spec) != rows[i].counted)
					continue;
				sum.former.clients += own.clients;
				counters_retire_listener(&sum, &own);
			}
		rows[i].stats = sum.former;
	}
	return n;
}

static void put_verdicts(struct exposition *x, const struct listener_row *r)
{
	for (int action = 0; action < COUNTED_ACTIONS; action++)
		for (int reason = 0; reason < REASON_COUNT; reason++)
			for (int waived = 0; waived < COUNTED_WAIVERS; waived++)
				if (r->counted->verdicts[action][reason][waived])
					exposition_count(x,
						LABELS({ "listener", r->spec->name },
							{ "protocol", r->spec->front->name },
							{ "action", actions[action] },
							{ "reason", reason_name((enum reason)reason) },
							{ "waived", waivers[waived] }),
						r->counted->verdicts[action][reason][waived]);
}

static void put_listeners(struct exposition *x, const struct listener_row *rows, size_t n)
{
	static const struct {
		const char *name, *type, *help;
	} figures[] = {
		{ "clients", "gauge", "Connections that are open, or datagrams that wait for their answer." },
		{ "clients_max", "gauge", "How many of them there may be: the option max_clients." },
		{ "accepted_total", "counter", "Connections, or datagrams, that were let in." },
		{ "crowded_total", "counter", "Those turned away by max_clients." },
		{ "displaced_total", "counter", "Connections closed to make room for others." },
		{ "refused_total", "counter", "Those turned away by allow." },
		{ "requests_total", "counter", "Requests that were whole." },
		{ "malformed_total", "counter", "Requests that were no good." },
		{ "timed_out_total", "counter", "Connections closed by idle or request_timeout." },
		{ "unsent_total", "counter", "Answers by datagram that could not be sent." },
	};
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		family(x, "listener", figures[i].name, figures[i].type, figures[i].help);
		for (const struct listener_row *r = rows; r < rows + n; r++) {
			const struct listener_stats *s = &r->stats;
			const uint64_t values[] = { s->clients, r->spec->options->max_clients, s->accepted, s->crowded,
				s->displaced, s->refused, s->requests, s->malformed, s->timed_out, s->unsent };
			exposition_count(x, LABELS({ "listener", r->spec->name }, { "protocol", r->spec->front->name }),
				values[i]);
		}
	}
	exposition_family(x, "quotagate_verdicts_total", "counter",
		"Answers, by what was said, why, and by what a message passed that would have been refused. Those "
		"never "
		"given are left out.");
	for (const struct listener_row *r = rows; r < rows + n; r++)
		put_verdicts(x, r);
}

/* ---- domains ---- */

static void put_domains(struct exposition *x, const struct counters *c)
{
	const struct route *route = &c->config->route;
	size_t n = c->others == route->n_domains ? route->n_domains + 1 : route->n_domains;
	char domain[512];
	exposition_family(x, "quotagate_domain_verdicts_total", "counter",
		"Answers, by the domain of the address that decided; all domains without a section are "
		"one: " COUNTED_OTHERS ".");
	for (size_t i = 0; i < n; i++) {
		if (!str_copy_z(domain, sizeof(domain), i == c->others ? STR(COUNTED_OTHERS) : route->domains[i].name))
			continue; /* no domain is that long */
		for (int action = 0; action < COUNTED_ACTIONS; action++)
			exposition_count(
				x, LABELS({ "domain", domain }, { "action", actions[action] }), c->domains[i][action]);
	}
}

/* ---- stores and directories ---- */

struct source_row {
	const char *name, *type;
	const struct counted_source *counted;
	bool has_helpers, has_canary;
	struct pool_stats pool; /* with what was counted of helpers before */
};

/* All stores, or all directories. */
struct sources {
	const char *kind; /* "store" or "directory" */
	struct source_row *rows;
	size_t n;
};

static void add_source(struct sources *s, struct source_row row, const struct route_canary *canary)
{
	const struct pool_stats *former = &row.counted->former;
	row.has_canary = canary->present.len || canary->absent.len;
	row.pool.asked += former->asked;
	row.pool.failed += former->failed;
	row.pool.restarted += former->restarted;
	row.pool.hung += former->hung;
	s->rows[s->n++] = row;
}

static void gather_stores(struct sources *s, const struct engine *e)
{
	const struct config *c = e->counters->config;
	for (size_t i = 0; i < c->route.n_stores; i++) {
		const struct store *store = e->stores[i];
		struct source_row row = { .name = c->stores[i].name,
			.type = c->stores[i].type->name,
			.counted = &e->counters->stores[i],
			.has_helpers = store->type->helpers };
		if (row.has_helpers)
			row.pool = store->type->helpers(store);
		add_source(s, row, &c->route.stores[i].canary);
	}
}

static void gather_directories(struct sources *s, const struct engine *e)
{
	const struct config *c = e->counters->config;
	for (size_t i = 0; i < c->route.n_directories; i++) {
		struct source_row row = { .name = c->directories[i].name,
			.type = c->directories[i].type->name,
			.counted = &e->counters->directories[i],
			.has_helpers = true,
			.pool = asking_stats(e->directories[i]) };
		add_source(s, row, &c->route.directories[i].canary);
	}
}

/* Whether they answer. Of those that nobody has asked yet nothing is known. */
static void put_health(struct exposition *x, const struct sources *s, const struct engine *e)
{
	msec wall = engine_wall(), now = engine_now(e);
	family(x, s->kind, "answering", "gauge",
		"1, or 0 when the last look-up brought no answer. Not there before the first.");
	for (const struct source_row *r = s->rows; r < s->rows + s->n; r++)
		if (r->counted->silent || r->counted->answered)
			exposition_count(x, LABELS({ s->kind, r->name }, { "type", r->type }), !r->counted->silent);
	family(x, s->kind, "last_answer_time_seconds", "gauge", "When it last answered a look-up, since 1970.");
	for (const struct source_row *r = s->rows; r < s->rows + s->n; r++)
		if (r->counted->answered)
			exposition_count(x, LABELS({ s->kind, r->name }, { "type", r->type }),
				(uint64_t)(wall - (now - r->counted->answered)) / SECONDS(1));
}

static void put_lookups(struct exposition *x, const struct sources *s, const struct engine *e)
{
	if (s->n == 0)
		return;
	family(x, s->kind, "lookup_seconds", "histogram", "How long look-ups took that were answered.");
	for (const struct source_row *r = s->rows; r < s->rows + s->n; r++)
		exposition_histogram(x, LABELS({ s->kind, r->name }, { "type", r->type }), &r->counted->lookups);
	family(x, s->kind, "lookup_failures_total", "counter", "Look-ups that brought no answer.");
	for (const struct source_row *r = s->rows; r < s->rows + s->n; r++)
		exposition_count(x, LABELS({ s->kind, r->name }, { "type", r->type }), r->counted->failed);
	family(x, s->kind, "canary_well", "gauge",
		"1, or 0 while the canary says that a \"no\" is not to be believed.");
	for (const struct source_row *r = s->rows; r < s->rows + s->n; r++)
		if (r->has_canary)
			exposition_count(x, LABELS({ s->kind, r->name }, { "type", r->type }), !r->counted->unwell);
	put_health(x, s, e);
}

static void put_helpers(struct exposition *x, const struct sources *s)
{
	const struct {
		const char *what, *type, *help;
	} figures[] = {
		{ "helpers", "gauge", "Helper processes that live, those included that hang." },
		{ "helpers_wanted", "gauge", "How many there are to be." },
		{ "helper_queue", "gauge", "Requests that wait for a helper's turn." },
		{ "helper_requests_total", "counter", "Requests put to helpers." },
		{ "helper_failures_total", "counter", "Requests that no helper answered." },
		{ "helper_restarts_total", "counter", "Helpers that ended, and were replaced." },
		{ "helper_hangs_total", "counter", "Those of them that were ended by helper_timeout." },
	};
	for (size_t i = 0; s->n && i < sizeof(figures) / sizeof(figures[0]); i++) {
		family(x, s->kind, figures[i].what, figures[i].type, figures[i].help);
		for (const struct source_row *r = s->rows; r < s->rows + s->n; r++) {
			const uint64_t values[] = { r->pool.live, r->pool.wanted, r->pool.queued, r->pool.asked,
				r->pool.failed, r->pool.restarted, r->pool.hung };
			if (r->has_helpers)
				exposition_count(x, LABELS({ s->kind, r->name }, { "type", r->type }), values[i]);
		}
	}
}

static void put_store_verdicts(struct exposition *x, const struct sources *s)
{
	family(x, s->kind, "verdicts_total", "counter", "Answers that rest on what this store said.");
	for (const struct source_row *r = s->rows; r < s->rows + s->n; r++)
		for (int action = 0; action < COUNTED_ACTIONS; action++)
			exposition_count(x,
				LABELS({ s->kind, r->name }, { "type", r->type }, { "action", actions[action] }),
				r->counted->verdicts[action]);
}

/* ---- peers ---- */

/* The figure number f: the first is the state, which is one sample for each that there is. */
static void put_peer(struct exposition *x, const char *kind, const char *name, const struct peer_stats *p, size_t f)
{
	static const char *const states[] = { "closed", "open", "half-open" };
	const uint64_t values[] = { p->asked, p->answered, p->timeouts, p->fallbacks, p->refused };
	if (f > 0)
		exposition_count(x, LABELS({ kind, name }, { "peer", p->name }), values[f - 1]);
	for (unsigned state = 0; f == 0 && state <= PEER_HALF_OPEN; state++)
		exposition_count(x, LABELS({ kind, name }, { "peer", p->name }, { "state", states[state] }),
			state == (unsigned)p->state);
}

static void put_peers(struct exposition *x, const struct engine *e)
{
	static const struct {
		const char *name, *type, *help;
	} figures[] = {
		{ "quotagate_peer_state", "gauge",
			"1 for the state that the breaker of this peer is in, 0 for the others." },
		{ "quotagate_peer_asked_total", "counter", "Questions to this peer, and news of transactions." },
		{ "quotagate_peer_answered_total", "counter", "Those that it answered." },
		{ "quotagate_peer_timeouts_total", "counter",
			"Those that it did not answer in time, or, where a helper asks, at all." },
		{ "quotagate_peer_fallbacks_total", "counter",
			"Those asked by the other way, for want of an answer by the first." },
		{ "quotagate_peer_refused_total", "counter", "Those that it would not answer." },
	};
	const struct config *c = e->counters->config;
	struct peer_stats p;
	for (size_t f = 0; f < sizeof(figures) / sizeof(figures[0]); f++) {
		exposition_family(x, figures[f].name, figures[f].type, figures[f].help);
		for (size_t i = 0; i < c->route.n_stores; i++) {
			const struct store *store = e->stores[i];
			for (size_t k = 0; store->type->peer && store->type->peer(store, k, &p); k++)
				put_peer(x, "store", c->stores[i].name, &p, f);
		}
		for (size_t i = 0; i < c->route.n_directories; i++)
			if (asking_peer(e->directories[i], &p))
				put_peer(x, "directory", c->directories[i].name, &p, f);
	}
}

/* ---- messages ---- */

static void put_messages(struct exposition *x, const struct engine *e)
{
	static const struct {
		const char *name, *type, *help;
	} figures[] = {
		{ "quotagate_store_messages_strange_total", "counter",
			"Messages to this store that were malformed, or not sealed with its key, or from elsewhere." },
		{ "quotagate_store_messages_late_total", "counter", "Answers that nobody waited for any more." },
		{ "quotagate_store_news_owed", "gauge",
			"News of transactions that waits until the peer it is for answers." },
		{ "quotagate_store_news_untold_total", "counter",
			"News of transactions that was given up before the peer had it." },
	};
	const struct config *c = e->counters->config;
	for (size_t f = 0; f < sizeof(figures) / sizeof(figures[0]); f++) {
		exposition_family(x, figures[f].name, figures[f].type, figures[f].help);
		for (size_t i = 0; i < c->route.n_stores; i++) {
			const struct store *store = e->stores[i];
			if (!store->type->messages)
				continue;
			const struct store_messages m = store->type->messages(store);
			const uint64_t values[] = { m.strange, m.late, m.owed, m.untold };
			exposition_count(x, LABELS({ "store", c->stores[i].name }, { "type", c->stores[i].type->name }),
				values[f]);
		}
	}
}

/* ---- all of it ---- */

char *metrics_text(const struct engine *e, size_t *len)
{
	const struct config *c = e->counters->config;
	struct exposition x = { 0 };
	struct listener_row *listeners = calloc(c->n_listeners + 1, sizeof(*listeners));
	struct sources stores = { "store", calloc(c->route.n_stores + 1, sizeof(*stores.rows)), 0 };
	struct sources directories = { "directory", calloc(c->route.n_directories + 1, sizeof(*directories.rows)), 0 };
	x.failed = !listeners || !stores.rows || !directories.rows;
	if (!x.failed) {
		size_t n = gather_listeners(e, listeners);
		gather_stores(&stores, e);
		gather_directories(&directories, e);
		put_daemon(&x, e);
		put_listeners(&x, listeners, n);
		put_gate(&x, e);
		put_notify(&x, &e->notify);
		put_store_verdicts(&x, &stores);
		put_lookups(&x, &stores, e);
		put_helpers(&x, &stores);
		put_lookups(&x, &directories, e);
		put_helpers(&x, &directories);
		put_peers(&x, e);
		put_messages(&x, e);
		put_domains(&x, e->counters);
		exposition_end(&x);
	}
	free(listeners);
	free(stores.rows);
	free(directories.rows);
	*len = x.len;
	if (!x.failed)
		return x.at;
	free(x.at);
	return NULL;
}
