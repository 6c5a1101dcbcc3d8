/* Pools whose helpers are told many requests at once, with real helper processes. */
#include "pool_world.h"

#include <sys/socket.h>

/* Answers as many of them as *state in one go. */
static size_t do_together(void *state, struct pool_task *tasks, size_t n)
{
	const size_t *most = state;
	size_t done;
	for (done = 0; done < n && done < *most; done++) {
		struct told *r = tasks[done].reply;
		tasks[done].reply_len = carry_out(&tasks[done]);
		r->before = done;
		r->together = n;
	}
	return done;
}

static int run_all_together(int fd, const void *arg)
{
	size_t most = POOL_OUTSTANDING_MAX;
	(void)arg;
	return pool_serve(fd, do_together, &most);
}

static int run_three_together(int fd, const void *arg)
{
	size_t most = 3;
	(void)arg;
	return pool_serve(fd, do_together, &most);
}

static int run_few(int fd, const void *arg)
{
	int left = 5;
	(void)arg;
	return pool_serve(fd, do_few, &left);
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

enum set { SET_ALL, SET_THREE, SET_FEW, SET_LIAR };

static int set_up(void **state)
{
	struct nursery_set sets[] = {
		[SET_ALL] = { .name = "all", .run = run_all_together },
		[SET_THREE] = { .name = "three", .run = run_three_together },
		[SET_FEW] = { .name = "few", .run = run_few },
		[SET_LIAR] = { .name = "liar", .run = run_liar },
	};
	(void)state;
	return open_world(sets, sizeof(sets) / sizeof(sets[0]));
}

/* Its helpers are told up to 32 at once. */
static void open_together(enum set set, unsigned helpers, msec hang)
{
	struct pool_conf conf = { .name = "test", .set = set, .helpers = helpers, .outstanding = 32, .together = true };
	conf.queue = MANY;
	conf.hang = hang;
	open_conf(&conf);
}

/* The first goes to the helper that has nothing to do; what comes while it works goes together. */
static void test_together(void **state)
{
	(void)state;
	open_together(SET_ALL, 1, SECONDS(60));
	for (int i = 0; i < 1 + 32 + 32 + 7; i++)
		ask('e');
	assert_int_equal(pool_stats(fx.pool).queued, 71);
	run_all();
	assert_int_equal(failures(), 0);
	for (int i = 0; i < fx.n; i++) {
		assert_int_equal(fx.asked[i].together, i < 1 ? 1 : i < 65 ? 32 : 7);
		assert_int_equal(fx.asked[i].before, i < 1 ? 0 : (i - 1) % 32);
	}
	struct pool_stats stats = pool_stats(fx.pool);
	assert_int_equal(stats.asked, fx.n);
	assert_int_equal(stats.queued + stats.restarted + stats.failed, 0);
}

/* A helper may answer what it was told in several goes. */
static void test_some_together(void **state)
{
	(void)state;
	open_together(SET_THREE, 1, SECONDS(60));
	for (int i = 0; i < 1 + 8; i++)
		ask('e');
	run_all();
	assert_int_equal(failures(), 0);
	for (int i = 1; i < fx.n; i++) {
		assert_int_equal(fx.asked[i].before, (i - 1) % 3);
		assert_int_equal(fx.asked[i].together, 8 - (i - 1) / 3 * 3);
	}
}

/* One helper does not take what another could begin with. */
static void test_share(void **state)
{
	(void)state;
	open_together(SET_ALL, 2, SECONDS(60));
	for (uint32_t i = 0; i < 2 + 20; i++)
		ask_as('e', i);
	run_all();
	assert_int_equal(fx.asked[2].together, 10);
	for (int i = 12; i < fx.n; i++)
		assert_in_range(fx.asked[i].together, 1, 5);
}

/* Records of any length, and no more of them in a message than there is room for. */
static void test_lengths(void **state)
{
	static union {
		struct task task;
		char octets[POOL_RECORD_MAX];
	} records[64];
	(void)state;
	open_together(SET_ALL, 1, SECONDS(60));
	for (int i = 0; i < 64; i++) {
		struct asked *a = &fx.asked[fx.n];
		*a = (struct asked){ .task = { 'e', fx.n } };
		records[i].task = a->task;
		a->request = (struct pool_request){ .record = &records[i], .done = on_done };
		a->request.len = i < 32 ? sizeof(a->task) + (size_t)i : (size_t)(i == 40 ? POOL_RECORD_MAX : 20000 + i);
		fx.n++;
		pool_submit(fx.pool, &a->request);
	}
	run_all();
	assert_int_equal(failures(), 0);
	assert_int_equal(fx.asked[1].together, 32);
	assert_int_equal(fx.asked[33].together, 3);
	assert_int_equal(fx.asked[40].together, 1);
}

/* Nobody knows which of them ended the helper: each is asked again, and only that one fails. */
static void test_dies_together(void **state)
{
	(void)state;
	static const char ways[] = { 'k', 'x', 's' };
	for (size_t w = 0; w < sizeof(ways); w++) {
		open_together(SET_ALL, 1, ways[w] == 's' ? 100 : SECONDS(60));
		for (int i = 0; i < 40; i++)
			ask(i == 20 ? ways[w] : 'e');
		run_all();
		assert_int_equal(failures(), 1);
		assert_int_equal(fx.asked[20].failed, 1);
		assert_string_equal(fx.asked[20].why, ways[w] == 's' ? "the helper took too long" : "the helper died");
		assert_int_equal(fx.asked[19].together, 1);
		assert_int_equal(fx.asked[33].together, 7); /* those that were not told with it */
		struct pool_stats stats = pool_stats(fx.pool);
		assert_int_equal(stats.restarted, 2);
		assert_int_equal(stats.hung, ways[w] == 's' ? 2 : 0);
		assert_int_equal(stats.failed, 1);
		pool_close(fx.pool);
		fx.pool = NULL;
	}
}

/* What was answered before the end is answered; of the rest only the last is known to be the end. */
static void test_dies_in_between(void **state)
{
	(void)state;
	open_together(SET_THREE, 1, SECONDS(60));
	for (int i = 0; i < 1 + 7; i++)
		ask(i == 7 ? 'k' : 'e');
	run_all();
	assert_int_equal(failures(), 1);
	assert_int_equal(fx.asked[7].failed, 1);
	assert_int_equal(fx.asked[6].together, 4);
	assert_int_equal(pool_stats(fx.pool).restarted, 1);
}

/* Told and forgotten, then the helper dies: the forgotten are not asked again. */
static void test_forget_together(void **state)
{
	(void)state;
	open_together(SET_ALL, 1, SECONDS(60));
	ask('e');
	for (int i = 1; i < 10; i++)
		ask(i == 5 ? 'k' : 'e');
	while (!fx.asked[0].done)
		uv_run(&fx.loop, UV_RUN_ONCE);
	assert_int_equal(pool_stats(fx.pool).queued, 0);
	for (int i = 1; i < 10; i += 2) {
		pool_forget(fx.pool, &fx.asked[i].request);
		memset(&fx.asked[i].request, 0xEE, sizeof(fx.asked[i].request));
		fx.asked[i].done = 1;
	}
	run_all();
	assert_int_equal(failures(), 0);
	assert_int_equal(pool_stats(fx.pool).restarted, 1);
	assert_int_equal(pool_stats(fx.pool).queued, 0);
}

static void test_retires_together(void **state)
{
	(void)state;
	open_together(SET_FEW, 2, SECONDS(60));
	for (int i = 0; i < 60; i++)
		ask_as('e', (uint32_t)i);
	run_all();
	assert_int_equal(failures(), 0);
	assert_in_range(pool_stats(fx.pool).restarted, 60 / 5 - 2, 60);
}

/* Each fails once, whatever they were told with. */
static void test_nonsense_together(void **state)
{
	(void)state;
	open_together(SET_LIAR, 1, SECONDS(60));
	for (int i = 0; i < 6; i++)
		ask('e');
	run_all();
	assert_int_equal(failures(), 6);
}

/* What no pool sends ends a helper; nothing behind the message is looked at. */
static void test_no_message(void **state)
{
	static const struct {
		uint64_t words[4];
		size_t len;
	} messages[] = {
		{ { 1 }, 7 }, /* less than a head */
		{ { 1ULL << 62 | 1 }, 8 }, /* no length */
		{ { 1ULL << 62 | 1, 0 }, 16 }, /* no other request */
		{ { 1ULL << 62 | 1, 9, 0, 0 }, 24 }, /* a length beyond the end */
		{ { 1ULL << 62 | 1, 8, 0, 0 }, 31 }, /* less than another head */
		{ { 1ULL << 62 | 1, UINT64_MAX, 0, 2 }, 32 },
		{ { 1ULL << 62 | 1, UINT64_MAX - 7, 0, 2 }, 32 },
	};
	static uint64_t many[2 * (POOL_OUTSTANDING_MAX + 1)];
	(void)state;
	for (size_t i = 0; i <= sizeof(messages) / sizeof(messages[0]); i++) {
		bool last = i == sizeof(messages) / sizeof(messages[0]);
		int pair[2];
		for (size_t k = 0; k < POOL_OUTSTANDING_MAX; k++)
			many[2 * k] = 1ULL << 62; /* one too many, all empty */
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
		send(pair[0], last ? many : messages[i].words, last ? sizeof(many) - 8 : messages[i].len, 0);
		shutdown(pair[0], SHUT_WR);
		assert_int_equal(pool_serve(pair[1], do_task, NULL), 1);
		close(pair[0]);
		close(pair[1]);
	}
}

/* Each end costs one question, though many are told at once. */
static void test_storm_together(void **state)
{
	(void)state;
	open_together(SET_ALL, 4, SECONDS(60));
	storm();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_storm_together),
		TEST(test_together),
		TEST(test_some_together),
		TEST(test_share),
		TEST(test_lengths),
		TEST(test_dies_together),
		TEST(test_dies_in_between),
		TEST(test_forget_together),
		TEST(test_retires_together),
		TEST(test_nonsense_together),
		TEST(test_no_message),
	};
	return cmocka_run_group_tests_name("pool_together", tests, NULL, NULL);
}
