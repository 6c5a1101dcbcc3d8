/* The pool with real helper processes: they answer, die, hang, are stopped, and lie. */
#include "pool_world.h"

#include <sys/socket.h>

static int run_good(int fd, const void *arg)
{
	(void)arg;
	return pool_serve(fd, do_task, NULL);
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

/* Says that another reply follows in the same message. */
static int run_more(int fd, const void *arg)
{
	char in[128];
	(void)arg;
	while (recv(fd, in, sizeof(in), 0) > 0) {
		in[7] |= 0x40;
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

static size_t do_task_as_shadow(void *state, struct pool_task *tasks, size_t n)
{
	struct told *t = tasks[0].reply;
	n = do_task(state, tasks, n);
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

enum set {
	SET_GOOD,
	SET_STILLBORN,
	SET_LIAR,
	SET_SHORT,
	SET_UNDEAD,
	SET_FEW,
	SET_NONE,
	SET_MORE,
};

static void open_pool(enum set set, unsigned helpers, unsigned outstanding, unsigned queue, msec hang)
{
	struct pool_conf conf = { .name = "test", .set = set, .helpers = helpers, .outstanding = outstanding };
	conf.queue = queue;
	conf.hang = hang;
	open_conf(&conf);
}

static int set_up(void **state)
{
	struct nursery_set sets[] = {
		[SET_GOOD] = { .name = "good", .run = run_good },
		[SET_STILLBORN] = { .name = "stillborn", .run = run_stillborn },
		[SET_LIAR] = { .name = "liar", .run = run_liar },
		[SET_SHORT] = { .name = "short", .run = run_short },
		[SET_UNDEAD] = { .name = "undead", .run = run_undead },
		[SET_FEW] = { .name = "few", .run = run_few },
		[SET_NONE] = { .name = "none", .run = run_none },
		[SET_MORE] = { .name = "more", .run = run_more },
	};
	(void)state;
	return open_world(sets, sizeof(sets) / sizeof(sets[0]));
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
	static const enum set sets[] = { SET_LIAR, SET_SHORT, SET_MORE };
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
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

/* Each end costs one question. */
static void test_storm(void **state)
{
	(void)state;
	open_pool(SET_GOOD, 4, 4, MANY, SECONDS(60));
	storm();
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
