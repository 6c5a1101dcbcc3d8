/*
 * For the tests of pools: what helpers are asked to do, and what became of each request. Helpers are real processes, made
 * by a nursery; each test opens one pool.
 */
#ifndef TESTS_POOL_WORLD_H
#define TESTS_POOL_WORLD_H

#include "io/pool.h"

#include "process.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 5000

/* What a helper is asked to do; it answers with who it is. */
struct task {
	char what; /* 'e' answer, 'k' be killed, 's' be stopped, 'x' exit, 'l' answer with 60,000 octets */
	int n;
};

struct told {
	pid_t pid;
	int n;
	size_t len, before, together; /* of the record; answered with it before it; shown with it, itself included */
	char rest[60000];
};

static inline size_t carry_out(const struct pool_task *of)
{
	const struct task *t = of->record;
	struct told *r = of->reply;
	if (of->len < sizeof(*t))
		return 0;
	if (t->what == 'k')
		raise(SIGKILL);
	if (t->what == 's')
		raise(SIGSTOP);
	if (t->what == 'x')
		_exit(3);
	r->pid = getpid();
	r->n = t->n;
	r->len = of->len;
	r->before = 0;
	r->together = 1;
	memset(r->rest, 'r', t->what == 'l' ? sizeof(r->rest) : 0);
	return t->what == 'l' ? sizeof(*r) : offsetof(struct told, rest);
}

static inline size_t do_task(void *state, struct pool_task *tasks, size_t n)
{
	(void)state, (void)n;
	tasks[0].reply_len = carry_out(&tasks[0]);
	return 1;
}

/* *state answers, then it retires. */
static inline size_t do_few(void *state, struct pool_task *tasks, size_t n)
{
	int *left = state;
	return (*left)-- > 0 ? do_task(NULL, tasks, n) : 0;
}

struct asked {
	struct pool_request request;
	struct task task;
	int done, failed; /* calls of done() */
	bool submitting;
	pid_t by;
	const char *why;
	size_t len, before, together; /* of the reply; as in it */
};

struct fixture {
	uv_loop_t loop;
	struct nursery *nursery;
	struct pool *pool;
	struct asked asked[MANY];
	int n;
	pid_t last_by;
};

static struct fixture fx;

static inline void on_done(struct pool_request *r, const void *reply, size_t len, const char *why)
{
	struct asked *a = list_of(r, struct asked, request);
	const struct told *t = reply;
	assert_false(a->submitting);
	a->done++;
	a->len = len;
	if (!reply) {
		assert_non_null(why);
		a->failed++;
		a->why = why;
		return;
	}
	assert_int_equal(t->n, a->task.n);
	assert_int_equal(t->len, r->len);
	a->by = fx.last_by = t->pid;
	a->before = t->before;
	a->together = t->together;
}

static inline struct asked *ask_as(char what, uint32_t affinity)
{
	struct asked *a = &fx.asked[fx.n];
	*a = (struct asked){ .task = { what, fx.n } };
	a->request = (struct pool_request){ .record = &a->task, .len = sizeof(a->task), .done = on_done };
	a->request.affinity = affinity;
	fx.n++;
	a->submitting = true;
	pool_submit(fx.pool, &a->request);
	a->submitting = false;
	return a;
}

static inline struct asked *ask(char what)
{
	return ask_as(what, 0);
}

static inline bool all_done(void *arg)
{
	(void)arg;
	for (int i = 0; i < fx.n; i++)
		if (!fx.asked[i].done)
			return false;
	return true;
}

static inline int failures(void)
{
	int n = 0;
	for (int i = 0; i < fx.n; i++)
		n += fx.asked[i].failed;
	return n;
}

static inline void run_all(void)
{
	assert_true(process_run(&fx.loop, all_done, NULL));
	for (int i = 0; i < fx.n; i++)
		assert_int_equal(fx.asked[i].done, 1);
}

static inline void open_conf(const struct pool_conf *conf)
{
	struct err err;
	fx.n = 0;
	fx.pool = pool_open(&fx.loop, fx.nursery, conf, &err);
	assert_non_null(fx.pool);
}

/* The nursery that can make these helpers, and a loop. */
static inline int open_world(struct nursery_set *sets, size_t n)
{
	struct nursery_plan plan = { .sets = sets, .n = n };
	struct err err;
	for (size_t i = 0; i < n; i++) {
		sets[i].uid = geteuid() == 0 ? 65534 : (uid_t)-1;
		sets[i].gid = 65534;
	}
	fx.nursery = nursery_open(&plan, NULL, NULL, &err);
	if (!fx.nursery)
		print_error("%s\n", err.text);
	return fx.nursery && uv_loop_init(&fx.loop) == 0 ? 0 : -1;
}

static inline int tear_down(void **state)
{
	(void)state;
	if (fx.pool)
		pool_close(fx.pool);
	fx.pool = NULL;
	uv_run(&fx.loop, UV_RUN_DEFAULT);
	nursery_close(fx.nursery);
	return uv_loop_close(&fx.loop);
}

/* Helpers killed from outside again and again under load, some questions forgotten: each end costs one question. */
static inline void storm(void)
{
	int killed = 0, forgotten = 0;
	for (int i = 0; i < MANY; i++)
		ask_as('e', (uint32_t)i * 7);
	for (int i = 0; !all_done(NULL); i++) {
		struct asked *a = &fx.asked[(i * 37) % MANY];
		if (i % 3 == 2) {
			nursery_end(fx.nursery, fx.last_by); /* perhaps gone already */
			killed++;
		}
		if (i % 5 == 0 && !a->done) {
			pool_forget(fx.pool, &a->request);
			a->done = 1;
			forgotten++;
		}
		uv_run(&fx.loop, UV_RUN_ONCE);
	}
	run_all();
	assert_true(forgotten > 0);
	assert_true(failures() <= (int)pool_stats(fx.pool).restarted);
	assert_true((int)pool_stats(fx.pool).restarted <= killed);
	assert_int_equal(pool_stats(fx.pool).queued, 0);
}

#endif
