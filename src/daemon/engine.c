#include "daemon/engine.h"

#include "daemon/decision.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

msec engine_now(const struct engine *e)
{
	return (msec)uv_now(&e->loop);
}

msec engine_wall(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return SECONDS(t.tv_sec) + t.tv_nsec / 1000000;
}

void *engine_shared(struct engine *e, const struct front *front)
{
	size_t i = 0;
	while (i < ENGINE_SHARED_MAX && e->shared[i].front && e->shared[i].front != front)
		i++;
	assert(i < ENGINE_SHARED_MAX);
	struct engine_shared *s = &e->shared[i];
	if (!s->block)
		*s = (struct engine_shared){ front, calloc(1, front->shared_size) };
	return s->block;
}

static void on_timer(uv_timer_t *timer)
{
	struct engine *e = timer->data;
	gate_expire(e->gate, engine_now(e));
}

/* Before the loop sleeps: the log goes out, and the timer is set to what the gate waits for. */
static void on_turn(uv_prepare_t *turn)
{
	struct engine *e = turn->data;
	msec now = engine_now(e), due = gate_expiry(e->gate);
	log_flush();
	if (due == MSEC_NEVER)
		uv_timer_stop(&e->timer);
	else if (!uv_is_active((uv_handle_t *)&e->timer) || uv_timer_get_due_in(&e->timer) != (uint64_t)(due - now))
		uv_timer_start(&e->timer, on_timer, due > now ? (uint64_t)(due - now) : 0, 0);
}

static void on_start(void *context, struct lookup *l, msec now)
{
	struct engine *e = context;
	(void)now;
	l->started = uv_hrtime();
	if (l->of_directory)
		e->directories[l->store]->calls->start(e->directories[l->store], l);
	else
		e->stores[l->store]->type->start(e->stores[l->store], l);
}

static void on_cancel(void *context, struct lookup *l)
{
	struct engine *e = context;
	struct store **stores = e->left_stores ? e->left_stores : e->stores;
	struct directory **directories = e->left_directories ? e->left_directories : e->directories;
	if (l->of_directory)
		directories[l->store]->calls->cancel(directories[l->store], l);
	else
		stores[l->store]->type->cancel(stores[l->store], l);
}

static void tell(struct store *s, const struct news *news)
{
	if (s->type->tell)
		s->type->tell(s, news);
}

static void on_tell(void *context, unsigned store, const struct news *news)
{
	struct engine *e = context;
	for (size_t i = 0; store == ROUTE_ALL_STORES && i < e->stores_of->route.n_stores; i++)
		tell(e->stores[i], news);
	if (store != ROUTE_ALL_STORES)
		tell(e->stores[store], news);
}

static void put_source(struct buf *out, const struct engine *e, const struct lookup *l)
{
	const struct config *c = e->config;
	decision_put(out, l->of_directory ? "directory" : "store",
		str_of(l->of_directory ? c->directories[l->store].name : c->stores[l->store].name));
}

/* A store or directory that brings no answers is told of at once, then once a minute; and when it answers again. */
static void log_silence(const struct engine *e, struct counted_source *s, const struct lookup *l, msec now)
{
	char line[LOG_LINE_MAX];
	struct buf out = BUF(line);
	if (!s->silent && !s->silence_told)
		return;
	if (s->silent && s->silence_logged && now - s->silence_logged < SECONDS(60)) {
		s->silence_unlogged++;
		return;
	}
	buf_puts(&out, s->silent ? "event=no-answer" : "event=answers-again");
	put_source(&out, e, l);
	if (s->silent) {
		decision_put(&out, "recipient", l->mailbox.address);
		decision_put(&out, "note", str_of(l->note));
		s->silence_logged = now;
	}
	buf_printf(&out, " unlogged=%llu", (unsigned long long)s->silence_unlogged);
	log_put(s->silent ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, buf_str(&out));
	s->silence_unlogged = 0;
	s->silence_told = s->silent;
}

/* The loop's clock counts whole milliseconds and stands still for a turn: most look-ups take less. Without listeners
   somebody looks on, who is told of each look-up. */
static void on_landed(void *context, const struct lookup *l, msec now)
{
	struct engine *e = context;
	struct counted_source *s = counters_lookup(e->counters, l, uv_hrtime() - l->started, now);
	if (e->listeners)
		log_silence(e, s, l, now);
}

static void on_trust(void *context, bool of_directory, unsigned index, bool good)
{
	struct engine *e = context;
	const struct config *c = e->config;
	counters_trust(e->counters, of_directory, index, good);
	log_line(good ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "event=canary %s=%s well=%s%s",
		of_directory ? "directory" : "store", of_directory ? c->directories[index].name : c->stores[index].name,
		good ? "yes" : "no", good ? "" : " note=\"no such address counts as did not answer until it is well\"");
}

static void on_judged(void *context, const struct judged *j, msec now)
{
	struct engine *e = context;
	if (e->notify.desk)
		notify_see(&e->notify, j, now, engine_wall());
}

/* At most one line a minute and directory. */
static void on_odd(void *context, unsigned directory, const char *note, msec now)
{
	struct engine *e = context;
	char line[1024];
	struct buf out = BUF(line);
	if (e->odd_logged[directory] && now - e->odd_logged[directory] < SECONDS(60)) {
		e->odd_unlogged[directory]++;
		return;
	}
	buf_puts(&out, "event=directory-odd");
	decision_put(&out, "directory", str_of(e->config->directories[directory].name));
	decision_put(&out, "note", str_of(note + sizeof(NOTE_ODD) - 1));
	buf_printf(&out, " unlogged=%llu", (unsigned long long)e->odd_unlogged[directory]);
	log_put(LOG_LEVEL_WARNING, buf_str(&out));
	e->odd_logged[directory] = now;
	e->odd_unlogged[directory] = 0;
}

static void close_stores(struct store **stores, size_t n)
{
	for (size_t i = 0; stores && i < n; i++)
		if (stores[i])
			stores[i]->type->close(stores[i]);
	free(stores);
}

static void close_directories(struct directory **directories, size_t n)
{
	for (size_t i = 0; directories && i < n; i++)
		if (directories[i])
			directories[i]->calls->close(directories[i]);
	free(directories);
}

static struct store **open_stores(struct engine *e, struct config *c, struct nursery *nursery, struct err *err)
{
	struct store **stores = calloc(c->route.n_stores + 1, sizeof(struct store *));
	for (size_t i = 0; stores && i < c->route.n_stores; i++) {
		const struct blocking_conf *conf = &c->stores[i].blocking;
		stores[i] = conf->type->attach ? conf->type->attach(&e->loop, nursery, conf, err)
					       : blocking_open(&e->loop, nursery, conf, err);
		if (!stores[i]) {
			close_stores(stores, i);
			return NULL;
		}
	}
	if (!stores)
		err_set(err, "out of memory");
	return stores;
}

static struct directory **open_directories(struct engine *e, struct config *c, struct nursery *nursery, struct err *err)
{
	struct directory **directories = calloc(c->route.n_directories + 1, sizeof(struct directory *));
	for (size_t i = 0; directories && i < c->route.n_directories; i++) {
		directories[i] = asking_open(&e->loop, nursery, &c->directories[i].asking, err);
		if (!directories[i]) {
			close_directories(directories, i);
			return NULL;
		}
	}
	if (!directories)
		err_set(err, "out of memory");
	return directories;
}

bool engine_open(struct engine *e, struct config *c, struct nursery *nursery, struct err *err)
{
	struct gate_stores reach = {
		.context = e,
		.start = on_start,
		.cancel = on_cancel,
		.trust = on_trust,
		.tell = on_tell,
		.odd = on_odd,
		.landed = on_landed,
		.judged = on_judged,
	};
	struct desk *desk = NULL;
	*e = (struct engine){ .config = config_get(c), .stores_of = config_get(c), .nursery = nursery };
	if (getrandom(&e->key, sizeof(e->key), 0) != sizeof(e->key))
		return err_set(err, "no randomness: %s", strerror(errno));
	notify_init(&e->notify, e->key);
	int n = uv_loop_init(&e->loop);
	if (n < 0)
		return err_set(err, "no event loop: %s", uv_strerror(n));
	e->gate = gate_new(&c->size, &c->gate, &reach, e->key);
	if (!e->gate)
		return err_set(err, "not enough memory for %zu mailboxes", c->size.mailboxes);
	e->counters = counters_new(c);
	if (!e->counters)
		return err_set(err, "out of memory");
	e->counters->started = e->counters->loaded = time(NULL);
	e->stores = open_stores(e, c, nursery, err);
	e->directories = e->stores ? open_directories(e, c, nursery, err) : NULL;
	if (!e->directories || !notify_open(&desk, &e->loop, nursery, &c->notify, &e->notify, err))
		return false;
	notify_use(&e->notify, desk, &c->notify);
	uv_timer_init(&e->loop, &e->timer);
	uv_prepare_init(&e->loop, &e->turn);
	e->timer.data = e->turn.data = e;
	uv_prepare_start(&e->turn, on_turn);
	return true;
}

/* What helpers that are about to be replaced were asked and how often they ended, by their stores and directories. */
static void retire_helpers(struct engine *e)
{
	const struct config *c = e->counters->config;
	for (size_t i = 0; i < c->route.n_stores; i++) {
		const struct store *s = e->stores[i];
		struct pool_stats stats = s->type->helpers ? s->type->helpers(s) : (struct pool_stats){ 0 };
		counters_retire_helpers(&e->counters->stores[i], &stats);
	}
	for (size_t i = 0; i < c->route.n_directories; i++) {
		struct pool_stats stats = asking_stats(e->directories[i]);
		counters_retire_helpers(&e->counters->directories[i], &stats);
	}
}

/* Helpers of the new nursery take over. False: nothing has changed. */
static bool replace_helpers(struct engine *e, struct config *c, struct nursery *renewed, struct err *err)
{
	struct store **stores = open_stores(e, c, renewed, err);
	struct directory **directories = stores ? open_directories(e, c, renewed, err) : NULL;
	struct desk *desk;
	if (!directories || !notify_open(&desk, &e->loop, renewed, &c->notify, &e->notify, err)) {
		close_stores(stores, c->route.n_stores);
		close_directories(directories, c->route.n_directories);
		return false;
	}
	notify_use(&e->notify, desk, &c->notify);
	retire_helpers(e);
	e->left_stores = e->stores;
	e->left_directories = e->directories;
	e->stores = stores;
	e->directories = directories;
	return true;
}

bool engine_configure(struct engine *e, struct config *c, struct nursery *renewed, struct err *err)
{
	struct config *former = e->config;
	struct counters *counters = counters_new(c);
	if (!counters)
		return err_set(err, "out of memory");
	if (renewed && !replace_helpers(e, c, renewed, err)) {
		counters_free(counters);
		return false;
	}
	counters_take_over(counters, e->counters);
	counters_free(e->counters);
	e->counters = counters;
	e->config = config_get(c);
	e->warned = false;
	notify_configure(&e->notify, &c->notify);
	gate_configure(e->gate, &c->gate, engine_now(e));
	if (renewed) {
		close_stores(e->left_stores, e->stores_of->route.n_stores);
		close_directories(e->left_directories, e->stores_of->route.n_directories);
		e->left_stores = NULL;
		e->left_directories = NULL;
		nursery_close(e->nursery);
		config_put(e->stores_of);
		e->nursery = renewed;
		e->stores_of = config_get(c);
	}
	config_put(former);
	return true;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void engine_doubt(const struct engine *e)
{
	const struct route *r = &e->config->route;
	for (size_t i = 0; i < r->n_stores; i++)
		if (r->stores[i].doubt)
			log_line(LOG_LEVEL_WARNING, "event=rule-in-doubt store=%s note=\"%s\"",
				e->config->stores[i].name, r->stores[i].doubt);
}

void engine_see(struct engine *e, const struct ask *a)
{
	if (!a->answer.facts.foreign || e->warned || !a->store || a->store->path)
		return;
	const struct config_store *store = &e->config->stores[a->store - e->config->route.stores];
	if (store->rule_given || a->store->terms.rule != RULE_COURIER)
		return;
	log_line(LOG_LEVEL_WARNING,
		"event=rule-in-doubt store=%s note=\"a maildirsize was not written by Courier's hand, but rule = "
		"courier "
		"is the default: name the rule of the program that delivers, for instance dovecot-2.3\"",
		store->name);
	e->warned = true;
}

void engine_close(struct engine *e)
{
	gate_free(e->gate);
	close_stores(e->stores, e->stores_of->route.n_stores);
	close_directories(e->directories, e->stores_of->route.n_directories);
	notify_done(&e->notify);
	uv_walk(&e->loop, close_handle, NULL);
	uv_run(&e->loop, UV_RUN_DEFAULT);
	uv_loop_close(&e->loop);
	for (size_t i = 0; i < ENGINE_SHARED_MAX; i++)
		free(e->shared[i].block);
	counters_free(e->counters);
	nursery_close(e->nursery);
	config_put(e->stores_of);
	config_put(e->config);
	log_flush();
}
