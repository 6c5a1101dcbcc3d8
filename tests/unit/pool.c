/* The pool with real helper processes: they answer, die, hang, are stopped, and lie. */
#include "io/pool.h"

#include "process.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
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
	char rest[60000];
};

static size_t do_task(void *state, const void *record, size_t len, void *reply)
{
	const struct task *t = record;
	struct told *r = reply;
	(void)state;
	if (len < sizeof(*t))
		return 0;
	if (t->what == 'k')
		raise(SIGKILL);
	if (t->what == 's')
		raise(SIGSTOP);
	if (t->what == 'x')
		_exit(3);
	r->pid = getpid();
	r->n = t->n;
	memset(r->rest, 'r', t->what == 'l' ? sizeof(r->rest) : 0);
	return t->what == 'l' ? sizeof(*r) : offsetof(struct told, rest);
}

static int run_good(int fd, const void *arg)
{
	(void)arg;
	return pool_serve(fd, do_task, NULL);
}

/* *state answers, then it retires. */
static size_t do_few(void *state, const void *record, size_t len, void *reply)
{
	int *left = state;
	return (*left)-- > 0 ? do_task(NULL, record, len, reply) : POOL_RETIRED;
}

static int run_few(int fd, const void *arg)
{
	int left = 5;
	(void)arg;
	return pool_serve(fd, do_few, &left);
}

static int run_none(int fd, const void *arg)
{
	int left = 0;
	(void)arg;
	return pool_serve(fd, do_few, &left);
}

static int run_stillborn(int fd, const void *arg)
{
	(void)fd, (void)arg;
	return 1;
}

/* Swaps the sequence numbers: an answer to nothing that was asked. */
static int run_liar(int fd, const void *arg)
{
	char in[128];
	(void)arg;
	while (recv(fd, in, sizeof(in), 0) > 0) {
		in[0] ^= 0x55;
		send(fd, in, 16, 0);
	}
	return 0;
}

static int run_short(int fd, const void *arg)
{
	char in[128];
	(void)arg;
	while (recv(fd, in, sizeof(in), 0) > 0)
		send(fd, "xyz", 3, 0);
	return 0;
}

static pid_t shadow;

static size_t do_task_as_shadow(void *state, const void *record, size_t len, void *reply)
{
	struct told *t = reply;
	size_t n = do_task(state, record, len, reply);
	t->pid = shadow;
	return n;
}

/* Its child keeps the socket open when it is killed, as if it were stuck in the kernel and died late. */
static int run_undead(int fd, const void *arg)
{
	(void)arg;
	shadow = _Fork(); /* without the handlers of the loop, which was never here */
	if (shadow == 0) {
		alarm(60); /* should the test fail */
		for (;;)
			pause();
	}
	return pool_serve(fd, do_task_as_shadow, NULL);
}

enum set { SET_GOOD, SET_STILLBORN, SET_LIAR, SET_SHORT, SET_UNDEAD, SET_FEW, SET_NONE };

struct asked {
	struct pool_request request;
	struct task task;
	int done, failed; /* calls of done() */
	bool submitting;
	pid_t by;
	const char *why;
	size_t len;
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

static void on_done(struct pool_request *r, const void *reply, size_t len, const char *why)
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
	a->by = fx.last_by = t->pid;
}

static struct asked *ask_as(char what, uint32_t affinity)
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

static struct asked *ask(char what)
{
	return ask_as(what, 0);
}

static bool all_done(void *arg)
{
	(void)arg;
	for (int i = 0; i < fx.n; i++)
		if (!fx.asked[i].done)
			return false;
	return true;
}

static int failures(void)
{
	int n = 0;
	for (int i = 0; i < fx.n; i++)
		n += fx.asked[i].failed;
	return n;
}

static void run_all(void)
{
	assert_true(process_run(&fx.loop, all_done, NULL));
	for (int i = 0; i < fx.n; i++)
		assert_int_equal(fx.asked[i].done, 1);
}

static void open_pool(enum set set, unsigned helpers, unsigned outstanding, unsigned queue, msec hang)
{
	struct pool_conf conf = { .name = "test", .set = set, .helpers = helpers, .outstanding = outstanding };
	struct err err;
	conf.queue = queue;
	conf.hang = hang;
	fx.n = 0;
	fx.pool = pool_open(&fx.loop, fx.nursery, &conf, &err);
	assert_non_null(fx.pool);
}

static int set_up(void **state)
{
	uid_t uid = geteuid() == 0 ? 65534 : (uid_t)-1;
	struct nursery_set sets[] = {
		[SET_GOOD] = { .name = "good", .uid = uid, .gid = 65534, .run = run_good },
		[SET_STILLBORN] = { .name = "stillborn", .uid = uid, .gid = 65534, .run = run_stillborn },
		[SET_LIAR] = { .name = "liar", .uid = uid, .gid = 65534, .run = run_liar },
		[SET_SHORT] = { .name = "short", .uid = uid, .gid = 65534, .run = run_short },
		[SET_UNDEAD] = { .name = "undead", .uid = uid, .gid = 65534, .run = run_undead },
		[SET_FEW] = { .name = "few", .uid = uid, .gid = 65534, .run = run_few },
		[SET_NONE] = { .name = "none", .uid = uid, .gid = 65534, .run = run_none },
	};
	struct nursery_plan plan = { .sets = sets, .n = sizeof(sets) / sizeof(sets[0]) };
	struct err err;
	(void)state;
	fx.nursery = nursery_open(&plan, NULL, NULL, &err);
	if (!fx.nursery)
		print_error("%s\n", err.text);
	return fx.nursery && uv_loop_init(&fx.loop) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	if (fx.pool)
		pool_close(fx.pool);
	fx.pool = NULL;
	uv_run(&fx.loop, UV_RUN_DEFAULT);
	nursery_close(fx.nursery);
	return uv_loop_close(&fx.loop);
}

static void test_many(void **state)
{
	(void)state;
	open_pool(SET_GOOD, 2, 4, MANY, SECONDS(60));
	for (int i = 0; i < MANY; i++)
		ask_as('e', (uint32_t)i);
	run_all();
	assert_int_equal(failures(), 0);
	struct pool_stats s = pool_stats(fx.pool);
	assert_int_equal(s.asked, MANY);
	assert_int_equal(s.failed, 0);
	assert_int_equal(s.restarted, 0);
	assert_int_equal(s.live, 2);
	assert_int_equal(s.queued, 0);
}

static void test_affinity(void **state)
{
	(void)state;
	open_pool(SET_GOOD, 3, 4, 8, SECONDS(60));
	for (uint32_t i = 0; i < 12; i++)
		ask_as('e', i);
	run_all();
	for (int i = 3; i < 12; i++)
		assert_int_equal(fx.asked[i].by, fx.asked[i - 3].by);
	assert_int_not_equal(fx.asked[0].by, fx.asked[1].by);
	assert_int_not_equal(fx.asked[1].by, fx.asked[2].by);
}

/* More octets under way than the sockets hold. */
static void test_large(void **state)
{
	(void)state;
	open_pool(SET_GOOD, 1, 16, 200, SECONDS(60));
	for (int i = 0; i < 100; i++)
		ask('l');
	run_all();
	assert_int_equal(failures(), 0);
	assert_true(fx.asked[99].len == sizeof(struct told));
	static char huge[POOL_RECORD_MAX + 1];
	struct asked *a = &fx.asked[fx.n++];
	for (size_t len = POOL_RECORD_MAX; len <= sizeof(huge); len++) {
		*a = (struct asked){ .task = { 'e', 0 } };
		memcpy(huge, &a->task, sizeof(a->task));
		a->request = (struct pool_request){ .record = huge, .len = len, .done = on_done };
		pool_submit(fx.pool, &a->request);
		assert_int_equal(a->done, 0);
		run_all();
		assert_int_equal(a->failed, len > POOL_RECORD_MAX);
	}
}

/* The one that had begun fails, those behind it are asked elsewhere. */
static void test_dies(void **state)
{
	(void)state;
	static const char ways[] = { 'k', 'x' };
	for (size_t w = 0; w < sizeof(ways); w++) {
		open_pool(SET_GOOD, 2, 4, 100, SECONDS(60));
		for (int i = 0; i < 60; i++)
			ask(i == 20 ? ways[w] : 'e');
		run_all();
		assert_int_equal(failures(), 1);
		assert_int_equal(fx.asked[20].failed, 1);
		assert_string_equal(fx.asked[20].why, "the helper died");
		assert_int_equal(pool_stats(fx.pool).restarted, 1);
		fx.n = 0;
		ask('e');
		run_all();
		assert_int_equal(failures(), 0);
		pool_close(fx.pool);
		fx.pool = NULL;
	}
}

/* Nothing is lost with a helper that retires. */
static void test_retires(void **state)
{
	(void)state;
	open_pool(SET_FEW, 2, 4, 100, SECONDS(60));
	for (int i = 0; i < 60; i++)
		ask_as('e', (uint32_t)i);
	run_all();
	assert_int_equal(failures(), 0);
	assert_in_range(pool_stats(fx.pool).restarted, 60 / 5 - 2, 60);
}

/* Helpers that do nothing else are no helpers. */
static void test_all_retire(void **state)
{
	(void)state;
	open_pool(SET_NONE, 2, 4, 100, SECONDS(60));
	for (int i = 0; i < 3; i++)
		ask('e');
	run_all();
	assert_int_equal(failures(), 3);
	assert_string_equal(fx.asked[0].why, "the helpers retire as soon as they are asked");
}

/* From outside, while idle and while busy; a helper's end is at most one question's loss. */
static void test_killed(void **state)
{
	(void)state;
	open_pool(SET_GOOD, 1, 8, 100, SECONDS(60));
	struct asked *first = ask('e');
	run_all();
	pid_t pid = first->by;
	for (int i = 0; i < 50; i++)
		ask('e');
	nursery_end(fx.nursery, pid);
	assert_true(process_await_end(pid));
	run_all();
	assert_true(failures() <= 1);
	ask('e');
	run_all();
	assert_int_not_equal(fx.asked[fx.n - 1].by, pid);
	assert_int_equal(pool_stats(fx.pool).restarted, 1);
}

static void test_hangs(void **state)
{
	(void)state;
	open_pool(SET_GOOD, 1, 4, 100, 100);
	struct asked *stopped = ask('s');
	for (int i = 0; i < 10; i++)
		ask('e');
	run_all();
	assert_int_equal(failures(), 1);
	assert_int_equal(stopped->failed, 1);
	assert_string_equal(stopped->why, "the helper took too long");
	assert_int_equal(pool_stats(fx.pool).restarted, 1);
}

static void test_queue_full(void **state)
{
	(void)state;
	open_pool(SET_GOOD, 1, 1, 2, 100);
	ask('s');
	ask('e');
	ask('e');
	struct asked *refused = ask('e');
	assert_int_equal(refused->done, 0);
	assert_int_equal(pool_stats(fx.pool).queued, 2);
	run_all();
	assert_int_equal(refused->failed, 1);
	assert_string_equal(refused->why, "queue is full");
	assert_int_equal(failures(), 2);
}

static void test_forget(void **state)
{
	(void)state;
	open_pool(SET_GOOD, 1, 2, 2, SECONDS(60));
	struct asked *told = ask('e'), *told_too = ask('e'), *waits = ask('e'), *kept = ask('e'), *refused = ask('e');
	pool_forget(fx.pool, &told->request);
	pool_forget(fx.pool, &waits->request);
	pool_forget(fx.pool, &refused->request);
	assert_int_equal(pool_stats(fx.pool).queued, 1);
	memset(&told->request, 0xEE, sizeof(told->request));
	memset(&waits->request, 0xEE, sizeof(waits->request));
	memset(&refused->request, 0xEE, sizeof(refused->request));
	fx.n = 0;
	fx.n = 10;
	struct asked *again = ask('e');
	fx.n = 0;
	while (!told_too->done || !kept->done || !again->done)
		uv_run(&fx.loop, UV_RUN_ONCE);
	assert_int_equal(told->done + waits->done + refused->done, 0);
	assert_int_equal(told_too->failed + kept->failed + again->failed, 0);
	assert_int_equal(pool_stats(fx.pool).queued, 0);
}

static void test_nonsense(void **state)
{
	(void)state;
	static const enum set sets[] = { SET_LIAR, SET_SHORT };
	for (size_t i = 0; i < 2; i++) {
		open_pool(sets[i], 1, 4, 10, SECONDS(60));
		struct asked *a = ask('e');
		run_all();
		assert_int_equal(a->failed, 1);
		assert_string_equal(a->why, "the helper answered nonsense");
		pool_close(fx.pool);
		fx.pool = NULL;
	}
}

static bool deserted(void *arg)
{
	(void)arg;
	return pool_stats(fx.pool).restarted >= 2;
}

/* Helpers that die at birth are replaced with pauses, and nobody waits for them. */
static void test_stillborn(void **state)
{
	(void)state;
	open_pool(SET_STILLBORN, 1, 4, 10, SECONDS(60));
	ask('e');
	ask('e');
	run_all();
	assert_int_equal(failures(), 2);
	assert_true(process_run(&fx.loop, deserted, NULL));
	assert_true(pool_stats(fx.pool).restarted <= 4);
}

static bool first_answered(void *arg)
{
	struct asked *a = &fx.asked[0];
	(void)arg;
	if (a->done && a->failed) {
		fx.n = 0;
		ask('e');
	}
	return a->done && !a->failed;
}

/* Helpers that cannot be ended: twice the number and no more, then questions fail at once until one has died. */
static void test_undead(void **state)
{
	pid_t shadows[2];
	(void)state;
	open_pool(SET_UNDEAD, 1, 4, 10, 100);
	for (int i = 0; i < 2; i++) {
		fx.n = 0;
		ask('e');
		ask('s');
		run_all();
		assert_int_equal(fx.asked[0].failed, 0);
		assert_int_equal(fx.asked[1].failed, 1);
		shadows[i] = fx.asked[0].by;
	}
	fx.n = 0;
	ask('e');
	run_all();
	assert_int_equal(failures(), 1);
	assert_string_equal(fx.asked[0].why, "the helper took too long");
	assert_int_equal(pool_stats(fx.pool).live, 2);
	kill(shadows[0], SIGKILL);
	assert_true(process_run(&fx.loop, first_answered, NULL));
	assert_int_equal(pool_stats(fx.pool).live, 2);
	kill(shadows[1], SIGKILL);
	kill(fx.asked[0].by, SIGKILL);
}

/* Helpers killed from outside again and again under load, some questions forgotten: each end costs one question. */
static void test_storm(void **state)
{
	int killed = 0, forgotten = 0;
	(void)state;
	open_pool(SET_GOOD, 4, 4, MANY, SECONDS(60));
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

/* Closing in the last answer, and with a forgotten question under way. */
static void on_done_close(struct pool_request *r, const void *reply, size_t len, const char *why)
{
	on_done(r, reply, len, why);
	pool_close(fx.pool);
	fx.pool = NULL;
}

static void test_close_inside(void **state)
{
	(void)state;
	static const char tasks[] = { 'e', 'k', 's' };
	for (size_t i = 0; i < sizeof(tasks); i++) {
		open_pool(SET_GOOD, 2, 2, 10, 100);
		struct asked *a = ask(tasks[i]);
		a->request.done = on_done_close;
		run_all();
		assert_int_equal(a->done, 1);
	}
	open_pool(SET_GOOD, 1, 1, 10, SECONDS(60));
	pool_forget(fx.pool, &ask('s')->request);
}

static void test_nursery_gone(void **state)
{
	(void)state;
	open_pool(SET_GOOD, 1, 4, 10, SECONDS(60));
	kill(nursery_pid(fx.nursery), SIGKILL);
	assert_true(process_await_end(nursery_pid(fx.nursery)));
	ask('e');
	run_all();
	ask('e');
	run_all();
	assert_int_equal(fx.asked[1].failed, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_many),
		TEST(test_affinity),
		TEST(test_large),
		TEST(test_dies),
		TEST(test_retires),
		TEST(test_all_retire),
		TEST(test_killed),
		TEST(test_hangs),
		TEST(test_queue_full),
		TEST(test_forget),
		TEST(test_nonsense),
		TEST(test_stillborn),
		TEST(test_undead),
		TEST(test_storm),
		TEST(test_close_inside),
		TEST(test_nursery_gone),
	};
	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
