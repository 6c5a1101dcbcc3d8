/*
 * The caller: connections, questions on them, and what becomes of these when a server does anything but answer. The server
 * lives on the same loop and does as it is told. The protocol: a greeting "+\n", a question "SIZE\n", an answer "=SIZE\n".
 */
#include "store/caller.h"
#include "io/endpoint.h"
#include "io/stream.h"

#include "process.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 200
#define GUESTS 512

/* ---- the protocol ---- */

static unsigned depth;

static bool plain_open(void *session, const void *conf)
{
	(void)session;
	return conf != NULL; /* without a greeting */
}

static unsigned plain_depth(const void *session)
{
	(void)session;
	return depth;
}

static bool plain_ask(
	void *session, const struct lookup *l, struct caller_question *q, struct buf *out, struct buf *why)
{
	(void)session;
	if (l->mailbox.address.len == 0) {
		buf_puts(why, "nobody is meant");
		return false;
	}
	q->told = true;
	buf_printf(out, "%llu\n", (unsigned long long)q->size_with_charges);
	return true;
}

static enum caller_step plain_feed(void *session, struct str in, size_t *eaten, const struct caller_question *oldest,
	struct caller_answer *a, struct buf *out)
{
	size_t lf = str_find(in, '\n');
	uint64_t n;
	(void)session;
	(void)out;
	if (lf == in.len)
		return CALLER_MORE;
	*eaten = lf + 1;
	struct str line = { in.at, lf };
	if (str_eq(line, STR("+")))
		return CALLER_READY;
	buf_put(&a->note, line);
	if (!oldest || !str_starts(line, STR("=")) || !str_u64(str_from(line, 1), &n))
		return CALLER_OVER;
	assert_int_equal(n, oldest->size_with_charges); /* else it is the answer to another question */
	caller_took(a, oldest);
	return CALLER_ANSWERED;
}

static const struct caller_protocol plain = {
	.session_size = 1,
	.open = plain_open,
	.depth = plain_depth,
	.ask = plain_ask,
	.feed = plain_feed,
};

/* ---- the server ---- */

struct guest {
	struct stream stream; /* first */
	unsigned asked;
};

static struct fixture {
	uv_loop_t loop;
	struct server server;
	struct store *store;
	struct caller_conf conf;
	struct blocking_conf blocking;
	struct guest guests[GUESTS];
	unsigned n_guests; /* so many there were */
	unsigned open;
	unsigned answers; /* on each connection; then it is silent */
	bool closes; /* or closes it */
	bool greets, at_once, mute, floods;
	unsigned most; /* questions that were out at once on one connection */
	char path[64], address[128];
	struct lookup lookups[MANY];
	bool done[MANY];
	int n, returned;
} fx;

static void on_data(struct stream *s, struct str in)
{
	struct guest *g = (struct guest *)(void *)s;
	unsigned questions = 0;
	while (in.len) {
		char text[64];
		struct buf out = BUF(text);
		struct str line = str_cut(&in, '\n');
		questions++;
		if (fx.mute || g->asked++ >= fx.answers)
			continue;
		buf_printf(&out, "=%.*s\n", (int)line.len, line.at);
		stream_send(s, buf_str(&out));
	}
	fx.most = questions > fx.most ? questions : fx.most;
	if (fx.closes && g->asked >= fx.answers)
		stream_finish(s);
}

static void on_eof(struct stream *s)
{
	stream_close(s);
}

static void on_drained(struct stream *s)
{
	(void)s;
}

static void on_closed(struct stream *s)
{
	(void)s;
	fx.open--;
}

static const struct stream_calls guest_calls = { on_data, on_eof, on_drained, on_closed };

static struct stream *on_accept(struct server *server)
{
	(void)server;
	assert_true(fx.n_guests < GUESTS);
	struct guest *g = &fx.guests[fx.n_guests++];
	g->stream.calls = &guest_calls;
	fx.open++;
	return &g->stream;
}

static void on_connected(struct server *server, struct stream *s, bool ok)
{
	(void)server;
	assert_true(ok);
	if (fx.floods)
		for (int i = 0; i < 1000; i++)
			stream_send(
				s, STR("never the end of a line; never the end of a line; never the end of a line"));
	if (fx.greets)
		stream_send(s, STR("+\n"));
	if (fx.at_once)
		stream_finish(s);
}

static void on_server_closed(struct server *server)
{
	(void)server;
}

static const struct server_calls server_calls = { on_accept, on_connected, on_server_closed };

static void listen_there(void)
{
	struct endpoint e;
	struct err err;
	const struct endpoint_access access = { .mode = 0600, .owner = (uid_t)-1, .group = (gid_t)-1 };
	assert_true(endpoint_parse(&e, str_of(fx.address), &err));
	int fd = endpoint_listen(&e, &access, &err);
	assert_true(fd >= 0);
	assert_true(server_open(&fx.server, &fx.loop, fd, true, &server_calls, &err));
}

/* ---- the gate's part ---- */

void lookup_done(struct lookup *l, msec now)
{
	assert_true(now == (msec)uv_now(&fx.loop));
	assert_null(l->store_data);
	assert_false(fx.done[l - fx.lookups]);
	fx.done[l - fx.lookups] = true;
	fx.returned++;
}

static struct lookup *start_for(const char *address)
{
	struct lookup *l = &fx.lookups[fx.n];
	memset(l, 0xEE, sizeof(*l)); /* a store must not count on what was there before */
	l->store_data = NULL;
	l->size = l->size_with_charges = 1000 + (uint64_t)fx.n;
	l->mailbox = (struct mailbox){ .address = str_of(address) };
	fx.done[fx.n++] = false;
	fx.store->type->start(fx.store, l);
	return l;
}

static struct lookup *start(void)
{
	return start_for("joe@example.org");
}

static bool all_back(void *arg)
{
	(void)arg;
	return fx.returned == fx.n;
}

static void run_all(void)
{
	assert_true(process_run(&fx.loop, all_back, NULL));
}

static bool is_over(void *arg)
{
	return process_clock() >= *(double *)arg;
}

static void run_for(double seconds)
{
	double until = process_clock() + seconds;
	assert_true(process_run(&fx.loop, is_over, &until));
}

static void assert_taken(const struct lookup *l)
{
	if (l->facts.state != FACTS_FOUND)
		fail_msg("no verdict: %s", l->note);
	assert_true(asked_is(&l->facts) && l->facts.firm);
	assert_int_equal(l->facts.usage, l->size);
	assert_int_equal(l->facts.limit, 0);
}

static void assert_failed(const struct lookup *l, const char *why)
{
	assert_int_equal(l->facts.state, FACTS_FAILED);
	if (!strstr(l->note, why) || !strstr(l->note, fx.address))
		fail_msg("\"%s\", expected \"%s\"", l->note, why);
}

static int set_up(void **state)
{
	(void)state;
	memset(&fx, 0, sizeof(fx));
	depth = 4;
	fx.answers = MANY;
	fx.greets = true;
	snprintf(fx.path, sizeof(fx.path), "/tmp/qg-caller-%d", (int)getpid());
	snprintf(fx.address, sizeof(fx.address), "unix:%s", fx.path);
	fx.conf = (struct caller_conf){ .address = fx.address,
		.timeout = SECONDS(5),
		.idle = SECONDS(60),
		.connections = 2,
		.breaker_failures = MANY,
		.breaker_pause = 100 };
	fx.blocking = (struct blocking_conf){ .name = "asked" };
	if (uv_loop_init(&fx.loop) != 0)
		return -1;
	listen_there();
	return 0;
}

static void open_store(void)
{
	struct err err = { "" };
	fx.store = caller_open(&fx.loop, NULL, &fx.blocking, &plain, &fx.conf, fx.greets ? NULL : "at once", &err);
	assert_non_null(fx.store);
}

static void close_store(void)
{
	fx.store->type->close(fx.store);
	fx.store = NULL;
}

static int tear_down(void **state)
{
	(void)state;
	if (fx.store)
		close_store();
	server_close(&fx.server);
	for (unsigned i = 0; i < fx.n_guests; i++)
		if (fx.guests[i].stream.uv.handle.loop)
			stream_close(&fx.guests[i].stream);
	uv_run(&fx.loop, UV_RUN_DEFAULT);
	unlink(fx.path);
	return uv_loop_close(&fx.loop);
}

/* ---- tests ---- */

static void test_answers(void **state)
{
	(void)state;
	open_store();
	struct peer_stats peer;
	for (int i = 0; i < 100; i++)
		start();
	run_all();
	for (int i = 0; i < 100; i++)
		assert_taken(&fx.lookups[i]);
	assert_true(strstr(fx.lookups[0].note, ": =1000") != NULL);
	assert_int_equal(fx.n_guests, 2);
	assert_in_range(fx.most, 2, depth);
	assert_true(fx.store->type->peer(fx.store, 0, &peer));
	assert_int_equal(peer.answered, 100);
	assert_int_equal(peer.state, PEER_CLOSED);
	assert_false(fx.store->type->peer(fx.store, 1, &peer));
}

static void test_one_at_a_time(void **state)
{
	(void)state;
	depth = 1;
	fx.greets = false;
	open_store();
	for (int i = 0; i < 20; i++)
		start();
	run_all();
	assert_int_equal(fx.most, 1);
	assert_int_equal(fx.n_guests, 2);
	for (int i = 0; i < 20; i++)
		assert_taken(&fx.lookups[i]);
}

/* It closes after each third answer: the others are asked again, and nobody notices. */
static void test_closed_under_questions(void **state)
{
	(void)state;
	fx.answers = 3;
	fx.closes = true;
	open_store();
	for (int i = 0; i < 60; i++)
		start();
	run_all();
	for (int i = 0; i < 60; i++)
		assert_taken(&fx.lookups[i]);
	assert_in_range(fx.n_guests, 20, 60);
}

/* Never an answer: whoever was out twice is told so; the others are not kept waiting for ever either. */
static void test_closed_without_an_answer(void **state)
{
	(void)state;
	fx.answers = 0;
	fx.closes = true;
	open_store();
	for (int i = 0; i < 10; i++)
		start();
	run_all();
	for (int i = 0; i < 10; i++)
		assert_failed(&fx.lookups[i], "it closed the connection");
	assert_in_range(fx.n_guests, 2, 12);
}

static void test_closed_at_once(void **state)
{
	(void)state;
	fx.greets = false;
	fx.at_once = true;
	open_store();
	for (int i = 0; i < 5; i++)
		start();
	run_all();
	for (int i = 0; i < 5; i++)
		assert_failed(&fx.lookups[i], "connection"); /* it closed it, or it broke, as one happens to look */
}

static void test_nobody_listens(void **state)
{
	(void)state;
	unlink(fx.path);
	open_store();
	start();
	start();
	run_all();
	assert_failed(&fx.lookups[0], "no such file");
	assert_failed(&fx.lookups[1], "no such file");
}

static void test_silence(void **state)
{
	(void)state;
	fx.conf.timeout = 60;
	fx.answers = 1;
	fx.conf.connections = 1;
	open_store();
	for (int i = 0; i < 4; i++)
		start();
	run_all();
	assert_taken(&fx.lookups[0]);
	for (int i = 1; i < 4; i++)
		assert_failed(&fx.lookups[i], "no answer in 60 ms");
	/* A late answer would have been that of another question: its connection is gone. */
	fx.answers = MANY;
	struct lookup *l = start();
	run_all();
	assert_taken(l);
	assert_int_equal(fx.n_guests, 2);
}

static void test_no_greeting(void **state)
{
	(void)state;
	fx.conf.timeout = 60;
	open_store();
	fx.greets = false;
	struct lookup *l = start();
	run_all();
	assert_failed(l, "no answer in 60 ms");
}

static void test_flood(void **state)
{
	(void)state;
	fx.floods = true;
	open_store();
	struct lookup *l = start();
	run_all();
	assert_failed(l, "longer than any");
}

static void test_breaker(void **state)
{
	(void)state;
	struct peer_stats peer;
	fx.conf.timeout = 50;
	fx.conf.breaker_failures = 2;
	fx.mute = true;
	open_store();
	start();
	start();
	run_all();
	struct lookup *l = start();
	assert_true(fx.done[2]);
	assert_failed(l, "not asked, it did not answer lately");
	assert_true(fx.store->type->peer(fx.store, 0, &peer) && peer.state == PEER_OPEN);
	run_for(0.15);
	fx.mute = false;
	l = start();
	assert_failed(start(), "not asked");
	run_all();
	assert_taken(l);
	assert_true(fx.store->type->peer(fx.store, 0, &peer) && peer.state == PEER_CLOSED);
}

/* Who is no longer waited for is not told, and his answer is nobody else's. */
static void test_cancel(void **state)
{
	(void)state;
	fx.conf.connections = 1;
	open_store();
	start();
	run_all();
	for (int i = 0; i < 20; i++)
		start();
	for (int i = 1; i < 20; i += 2) {
		fx.store->type->cancel(fx.store, &fx.lookups[i]);
		fx.returned++;
	}
	run_all();
	for (int i = 1; i < 20; i++)
		assert_int_equal(fx.done[i], i % 2 == 0);
	struct lookup *l = start();
	run_all();
	assert_taken(l);
}

static void test_cancelled_probe(void **state)
{
	(void)state;
	fx.conf.timeout = 50;
	fx.conf.breaker_failures = 1;
	fx.mute = true;
	open_store();
	start();
	run_all();
	run_for(0.15);
	struct lookup *l = start();
	fx.store->type->cancel(fx.store, l);
	fx.returned++;
	fx.mute = false;
	l = start(); /* it is the probe now */
	run_all();
	assert_taken(l);
}

static void test_closed_with_questions_out(void **state)
{
	(void)state;
	fx.mute = true;
	open_store();
	for (int i = 0; i < 12; i++)
		start();
	run_for(0.05);
	for (int i = 0; i < 12; i++)
		fx.store->type->cancel(fx.store, &fx.lookups[i]);
	close_store();
	run_for(0.05);
	assert_int_equal(fx.open, 0);
}

static void test_closed_while_connecting(void **state)
{
	(void)state;
	open_store();
	struct lookup *l = start();
	fx.store->type->cancel(fx.store, l);
	close_store();
	run_for(0.02);
	assert_int_equal(fx.open, 0);
}

static void test_idle(void **state)
{
	(void)state;
	fx.conf.idle = 40;
	open_store();
	start();
	run_all();
	assert_int_equal(fx.open, 1);
	run_for(0.15);
	assert_int_equal(fx.open, 0);
	struct lookup *l = start();
	run_all();
	assert_taken(l);
}

static void test_what_cannot_be_asked(void **state)
{
	(void)state;
	open_store();
	struct lookup *l = start_for(""), *other = start();
	run_all();
	assert_failed(l, "nobody is meant");
	assert_taken(other);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_answers),
		CASE(test_one_at_a_time),
		CASE(test_closed_under_questions),
		CASE(test_closed_without_an_answer),
		CASE(test_closed_at_once),
		CASE(test_nobody_listens),
		CASE(test_silence),
		CASE(test_no_greeting),
		CASE(test_flood),
		CASE(test_breaker),
		CASE(test_cancel),
		CASE(test_cancelled_probe),
		CASE(test_closed_with_questions_out),
		CASE(test_closed_while_connecting),
		CASE(test_idle),
		CASE(test_what_cannot_be_asked),
	};
	signal(SIGPIPE, SIG_IGN); /* as the program does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
