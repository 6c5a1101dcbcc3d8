/* A blocking store in real helpers behind the store interface: what is packed, what comes back, what is refused. */
#include "store/blocking.h"

#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 300

/* ---- a store of which the local part tells what it does ---- */

struct conf {
	const char *marker; /* open() fails while this file does not exist; null: never */
};

static void *fake_open(const void *conf, struct err *err)
{
	const struct conf *c = conf;
	if (c->marker && access(c->marker, F_OK) != 0) {
		err_set(err, "no %s yet", c->marker);
		return NULL;
	}
	return malloc(1);
}

static enum heard heard; /* in the helper */

static void fake_ask(void *state, const struct mailbox *m, bool firm, struct facts *f, struct buf *note)
{
	(void)state;
	heard = HEARD_ANSWER;
	if (str_eq(m->local, STR("fault"))) {
		heard = HEARD_FAULT;
		buf_puts(note, "no answer in time");
		return;
	}
	if (str_eq(m->local, STR("kill")))
		raise(SIGKILL);
	if (str_eq(m->local, STR("stop")))
		raise(SIGSTOP);
	if (str_eq(m->local, STR("nobody"))) {
		*f = (struct facts){ .state = FACTS_NO_MAILBOX, .usage = 7, .limit = 8 };
		return;
	}
	*f = (struct facts){ .state = FACTS_FOUND, .source = SOURCE_RECOUNT, .firm = firm, .foreign = true };
	f->usage = m->local.len;
	f->limit = UINT64_MAX;
	f->messages = 3;
	f->message_limit = 4;
	buf_printf(note, "%.*s|%.*s|%.*s|%.*s|%.*s|\n", (int)m->address.len, m->address.at, (int)m->local.len,
		m->local.at, (int)m->domain.len, m->domain.at, (int)m->home.len, m->home.at, (int)m->host.len,
		m->host.at);
	if (str_eq(m->local, STR("long")))
		while (!note->full)
			buf_puts(note, "long");
}

static void fake_close(void *state)
{
	free(state);
}

static const struct store_kind fake = {
	.name = "fake",
	.open = fake_open,
	.ask = fake_ask,
	.close = fake_close,
};

/* At most twenty in one go; the number of messages is how many. */
static size_t fake_ask_many(void *state, struct store_question *many, size_t n)
{
	size_t asked = n < 20 ? n : 20;
	for (size_t i = 0; i < asked; i++) {
		fake_ask(state, &many[i].mailbox, many[i].firm, &many[i].facts, &many[i].note);
		many[i].facts.messages = (uint32_t)asked;
	}
	return asked;
}

static const struct store_kind fake_many = {
	.name = "fake",
	.open = fake_open,
	.ask = fake_ask,
	.ask_many = fake_ask_many,
	.close = fake_close,
};

static void fake_server(const void *conf, struct buf *out)
{
	(void)conf;
	buf_puts(out, "inet:127.0.0.1:1");
}

static enum heard fake_heard(void *state)
{
	(void)state;
	return heard;
}

static const struct store_kind server = {
	.name = "server",
	.open = fake_open,
	.server = fake_server,
	.heard = fake_heard,
	.ask = fake_ask,
	.close = fake_close,
};

/* Helpers that were taken over: reply `arg` octets by number after the sequence number. */
struct forged {
	const char *name;
	struct {
		uint64_t seq, usage, limit;
		uint32_t messages, message_limit, state, source;
		uint8_t firm, foreign, heard;
		char note[300];
	} reply;
	size_t note_len;
	bool good;
};

static struct forged forgeries[] = {
	{ .name = "good",
		.reply = { .state = FACTS_FOUND, .usage = UINT64_MAX, .note = "a\nb\033\xff" },
		.note_len = 5,
		.good = true },
	{ .name = "state", .reply = { .state = 4 } },
	{ .name = "huge state", .reply = { .state = 0x80000001 } },
	{ .name = "source", .reply = { .state = FACTS_FOUND, .source = 200 } },
	{ .name = "firm", .reply = { .state = FACTS_FOUND, .firm = 2 } },
	{ .name = "foreign", .reply = { .state = FACTS_FOUND, .foreign = 255 } },
	{ .name = "heard", .reply = { .state = FACTS_FOUND, .heard = 3 } },
	{ .name = "long note", .reply = { .state = FACTS_FOUND }, .note_len = 290 },
	{ .name = "short", .reply = { .state = FACTS_FOUND }, .note_len = (size_t)-1 },
};

static int run_forged(int fd, const void *arg)
{
	const struct forged *f = arg;
	char in[8192];
	while (recv(fd, in, sizeof(in), 0) > 0) {
		struct forged now = *f;
		memcpy(&now.reply.seq, in, sizeof(now.reply.seq));
		send(fd, &now.reply, offsetof(struct forged, reply.note) - offsetof(struct forged, reply) + f->note_len,
			0);
	}
	return 0;
}

/* ---- the gate's part ---- */

struct fixture {
	uv_loop_t loop;
	struct nursery *nursery;
	struct store *store;
	struct lookup lookups[MANY];
	int done[MANY];
	int n, returned;
	char marker[64];
};

static struct fixture fx;

void lookup_done(struct lookup *l, msec now)
{
	assert_true(now == (msec)uv_now(&fx.loop));
	assert_null(l->store_data);
	fx.done[l - fx.lookups]++;
	fx.returned++;
}

static struct str put(struct lookup *l, size_t *at, const char *z)
{
	struct str s = { l->text + *at, strlen(z) };
	memcpy(l->text + *at, z, s.len);
	*at += s.len;
	return s;
}

static struct lookup *start(const char *local, bool firm)
{
	struct lookup *l = &fx.lookups[fx.n];
	char address[300];
	size_t at = 0;
	memset(l, 0, sizeof(*l));
	fx.done[fx.n++] = 0;
	snprintf(address, sizeof(address), "%s@example.org", local);
	l->mailbox.address = put(l, &at, address);
	l->mailbox.local = (struct str){ l->mailbox.address.at, strlen(local) };
	l->mailbox.domain = str_from(l->mailbox.address, strlen(local) + 1);
	l->mailbox.home = put(l, &at, "/home/x");
	l->key.a = (uint64_t)fx.n;
	l->firm = firm;
	fx.store->type->start(fx.store, l);
	return l;
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

enum set { SET_FAKE, SET_LATE, SET_MANY, SET_LATE_MANY, SET_SERVER, SET_FORGED };

static struct conf confs[] = { { NULL }, { fx.marker } };
static struct blocking_conf stores[] = {
	[SET_FAKE] = { "fake", &fake, &confs[0], 2, SECONDS(60), SET_FAKE },
	[SET_LATE] = { "late", &fake, &confs[1], 1, SECONDS(60), SET_LATE },
	[SET_MANY] = { "many", &fake_many, &confs[0], 2, SECONDS(60), SET_MANY },
	[SET_LATE_MANY] = { "late", &fake_many, &confs[1], 1, SECONDS(60), SET_LATE_MANY },
	[SET_SERVER] = { "server", &server, &confs[0], 1, SECONDS(60), SET_SERVER },
};

static int set_up(void **state)
{
	enum { FORGED = sizeof(forgeries) / sizeof(forgeries[0]) };
	uid_t uid = geteuid() == 0 ? 65534 : (uid_t)-1;
	struct nursery_set sets[SET_FORGED + FORGED];
	struct nursery_plan plan = { .sets = sets, .n = SET_FORGED + FORGED };
	struct err err;
	(void)state;
	memset(&fx, 0, sizeof(fx));
	snprintf(fx.marker, sizeof(fx.marker), "/tmp/quotagate-blocking-%ld", (long)getpid());
	for (size_t i = 0; i < plan.n; i++) {
		sets[i] = (struct nursery_set){ .name = "test", .uid = uid, .gid = 65534 };
		sets[i].run = i < SET_FORGED ? blocking_run : run_forged;
		sets[i].arg = i < SET_FORGED ? (const void *)&stores[i] : (const void *)&forgeries[i - SET_FORGED];
	}
	fx.nursery = nursery_open(&plan, NULL, NULL, &err);
	return fx.nursery && uv_loop_init(&fx.loop) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	if (fx.store)
		fx.store->type->close(fx.store);
	uv_run(&fx.loop, UV_RUN_DEFAULT);
	nursery_close(fx.nursery);
	unlink(fx.marker);
	return uv_loop_close(&fx.loop);
}

static void open_store(const struct blocking_conf *conf)
{
	struct err err;
	fx.store = blocking_open(&fx.loop, fx.nursery, conf, &err);
	assert_non_null(fx.store);
}

static void test_found(void **state)
{
	(void)state;
	open_store(&stores[SET_FAKE]);
	for (int firm = 0; firm < 2; firm++) {
		struct lookup *l = start("joe", firm);
		assert_int_equal(fx.done[fx.n - 1], 0);
		run_all();
		assert_int_equal(l->facts.state, FACTS_FOUND);
		assert_int_equal(l->facts.source, SOURCE_RECOUNT);
		assert_int_equal(l->facts.firm, firm);
		assert_true(l->facts.foreign);
		assert_int_equal(l->facts.usage, 3);
		assert_true(l->facts.limit == INT64_MAX);
		assert_int_equal(l->facts.messages, 3);
		assert_int_equal(l->facts.message_limit, 4);
		assert_string_equal(l->note, "joe@example.org|joe|example.org|/home/x||?");
	}
	struct lookup *l = start("nobody", false);
	run_all();
	assert_int_equal(l->facts.state, FACTS_NO_MAILBOX);
	assert_int_equal(l->facts.usage + l->facts.limit, 0);
	assert_string_equal(l->note, "");
	l = start("long", false);
	run_all();
	assert_int_equal(strlen(l->note), LOOKUP_NOTE - 1);
}

static void test_many_and_death(void **state)
{
	(void)state;
	open_store(&stores[SET_FAKE]);
	for (int i = 0; i < MANY; i++)
		start(i == 100 ? "kill" : "joe", false);
	run_all();
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(fx.done[i], 1);
		assert_int_equal(fx.lookups[i].facts.state, i == 100 ? FACTS_FAILED : FACTS_FOUND);
	}
	assert_string_equal(fx.lookups[100].note, "the helper died");
	assert_int_equal(blocking_stats(fx.store).restarted, 1);
	assert_int_equal(blocking_stats(fx.store).asked, MANY);
}

/* Each gets its own figures, whoever is asked with it; one that ends the helper fails alone. */
static void test_many_together(void **state)
{
	uint32_t most = 0;
	(void)state;
	open_store(&stores[SET_MANY]);
	for (int i = 0; i < MANY; i++) {
		char local[16];
		snprintf(local, sizeof(local), "%.*s%d", i % 7, "xxxxxxx", i);
		start(i == 100 ? "kill" : i == 105 ? "nobody" : local, i & 1);
	}
	run_all();
	for (int i = 0; i < MANY; i++) {
		const struct lookup *l = &fx.lookups[i];
		assert_int_equal(fx.done[i], 1);
		assert_int_equal(l->facts.state, i == 100 ? FACTS_FAILED : i == 105 ? FACTS_NO_MAILBOX : FACTS_FOUND);
		if (l->facts.state != FACTS_FOUND)
			continue;
		assert_int_equal(l->facts.usage, l->mailbox.local.len);
		assert_int_equal(l->facts.firm, i & 1);
		assert_memory_equal(l->note, l->mailbox.address.at, l->mailbox.address.len);
		most = l->facts.messages > most ? l->facts.messages : most;
	}
	assert_string_equal(fx.lookups[100].note, "the helper died");
	assert_int_equal(most, 20);
	assert_int_equal(blocking_stats(fx.store).asked, MANY);
	assert_int_equal(blocking_stats(fx.store).restarted, 2);
}

static void cancel_every_other(const struct blocking_conf *conf)
{
	open_store(conf);
	for (int i = 0; i < MANY; i++)
		start("joe", false);
	for (int i = 0; i < MANY; i += 2) {
		fx.store->type->cancel(fx.store, &fx.lookups[i]);
		memset(&fx.lookups[i], 0xEE, sizeof(fx.lookups[i]));
		fx.returned++;
	}
	run_all();
	for (int i = 0; i < MANY; i++)
		assert_int_equal(fx.done[i], i % 2);
}

static void test_cancel(void **state)
{
	(void)state;
	cancel_every_other(&stores[SET_FAKE]);
}

static void test_cancel_together(void **state)
{
	(void)state;
	cancel_every_other(&stores[SET_MANY]);
}

static void test_hang(void **state)
{
	struct blocking_conf conf = stores[SET_FAKE];
	(void)state;
	conf.helpers = 1;
	conf.hang = 100;
	open_store(&conf);
	struct lookup *stopped = start("stop", false), *behind = start("joe", false);
	run_all();
	assert_int_equal(stopped->facts.state, FACTS_FAILED);
	assert_string_equal(stopped->note, "the helper took too long");
	assert_int_equal(behind->facts.state, FACTS_FOUND);
}

/* A store that cannot be opened is tried again at every question. */
static void open_late(const struct blocking_conf *conf)
{
	open_store(conf);
	for (int i = 0; i < 5; i++)
		start("joe", false);
	run_all();
	for (int i = 0; i < 5; i++) {
		const struct lookup *early = &fx.lookups[i];
		assert_int_equal(early->facts.state, FACTS_FAILED);
		assert_string_equal(early->note + strlen(early->note) - 4, " yet");
	}
	close(open(fx.marker, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	for (int i = 0; i < 5; i++)
		start("joe", false);
	run_all();
	for (int i = 5; i < 10; i++)
		assert_int_equal(fx.lookups[i].facts.state, FACTS_FOUND);
}

static void test_opens_late(void **state)
{
	(void)state;
	open_late(&stores[SET_LATE]);
}

static void test_opens_late_together(void **state)
{
	(void)state;
	open_late(&stores[SET_LATE_MANY]);
}

static void test_forged(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++) {
		struct blocking_conf conf = { "forged", &fake, NULL, 1, SECONDS(60), SET_FORGED + i };
		open_store(&conf);
		struct lookup *l = start("joe", false);
		run_all();
		if (forgeries[i].good) {
			assert_int_equal(l->facts.state, FACTS_FOUND);
			assert_true(l->facts.usage == INT64_MAX);
			assert_string_equal(l->note, "a?b??");
		} else {
			assert_int_equal(l->facts.state, FACTS_FAILED);
			assert_string_equal(l->note, "the helper's answer makes no sense");
		}
		fx.store->type->close(fx.store);
		fx.store = NULL;
	}
}

/* ---- the breaker ---- */

#define LEFT_ALONE "left alone "
#define LAST " s after 3 without an answer, last: "

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

static enum peer_state peer_state(void)
{
	struct peer_stats p;
	assert_true(fx.store->type->peer(fx.store, 0, &p));
	assert_false(fx.store->type->peer(fx.store, 1, &p));
	assert_string_equal(p.name, "inet:127.0.0.1:1");
	return p.state;
}

/* Without asking a helper. */
static void is_refused(const char *last)
{
	uint64_t asked = blocking_stats(fx.store).asked;
	struct lookup *l = start("joe", false);
	assert_int_equal(fx.done[fx.n - 1], 1);
	assert_int_equal(l->facts.state, FACTS_FAILED);
	assert_true(begins(l->note, LEFT_ALONE));
	assert_non_null(strstr(l->note, last));
	assert_int_equal(blocking_stats(fx.store).asked, asked);
}

static void test_left_alone(void **state)
{
	(void)state;
	open_store(&stores[SET_SERVER]);
	start("fault", false);
	start("joe", false);
	run_all();
	start("fault", false);
	start("fault", false);
	run_all();
	assert_int_equal(peer_state(), PEER_CLOSED);
	assert_string_equal(fx.lookups[3].note, "no answer in time");
	start("fault", false);
	struct lookup *behind = start("stop", false);
	for (int i = 0; i < 20; i++)
		start("joe", false);
	run_all();
	assert_int_equal(peer_state(), PEER_OPEN);
	assert_string_equal(fx.lookups[4].note, "no answer in time");
	for (int i = 5; i < fx.n; i++) {
		assert_int_equal(fx.done[i], 1);
		assert_true(begins(fx.lookups[i].note, LEFT_ALONE));
	}
	assert_int_equal(behind->facts.state, FACTS_FAILED);
	is_refused(LAST "no answer in time");
}

/* The time of the loop goes by faster than that of the clock on the wall. */
static void leap(msec by)
{
	fx.loop.time += (uint64_t)by;
}

static void test_tried_again(void **state)
{
	struct peer_stats p;
	(void)state;
	open_store(&stores[SET_SERVER]);
	for (int i = 0; i < 3; i++)
		start("fault", false);
	run_all();
	leap(SECONDS(7));
	struct lookup *probe = start("joe", false);
	assert_int_equal(peer_state(), PEER_HALF_OPEN);
	is_refused("no answer in time");
	run_all();
	assert_int_equal(probe->facts.state, FACTS_FOUND);
	assert_int_equal(peer_state(), PEER_CLOSED);
	struct lookup *next = start("joe", false);
	run_all();
	assert_int_equal(next->facts.state, FACTS_FOUND);
	assert_true(fx.store->type->peer(fx.store, 0, &p));
	assert_int_equal(p.asked, 5);
	assert_int_equal(p.answered, 2);
	assert_int_equal(p.timeouts, 3);
}

/* Nobody waits for the probe any more: the next question is one. */
static void test_a_probe_that_is_cancelled(void **state)
{
	(void)state;
	open_store(&stores[SET_SERVER]);
	for (int i = 0; i < 3; i++)
		start("fault", false);
	run_all();
	leap(SECONDS(7));
	struct lookup *l = start("joe", false);
	fx.store->type->cancel(fx.store, l);
	fx.returned++;
	assert_int_equal(peer_state(), PEER_OPEN);
	l = start("joe", false);
	run_all();
	assert_int_equal(l->facts.state, FACTS_FOUND);
}

static void test_helpers_that_hang_are_a_fault(void **state)
{
	struct blocking_conf conf = stores[SET_SERVER];
	(void)state;
	conf.helpers = 3;
	conf.hang = 50;
	open_store(&conf);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(peer_state(), PEER_CLOSED);
		start("stop", false);
		run_all();
	}
	assert_int_equal(peer_state(), PEER_OPEN);
	is_refused(LAST "the helper took too long");
}

/* Of a helper that dies, or a store of files, the others are none the worse. */
static void test_what_is_no_fault_of_a_server(void **state)
{
	struct peer_stats p;
	(void)state;
	open_store(&stores[SET_SERVER]);
	for (int i = 0; i < 4; i++) {
		start("kill", false);
		start("joe", false);
		run_all();
	}
	assert_int_equal(peer_state(), PEER_CLOSED);
	fx.store->type->close(fx.store);
	open_store(&stores[SET_FAKE]);
	for (int i = 0; i < 10; i++)
		start("fault", false);
	run_all();
	assert_false(fx.store->type->peer(fx.store, 0, &p));
	struct lookup *l = start("joe", false);
	run_all();
	assert_int_equal(l->facts.state, FACTS_FOUND);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_found),
		TEST(test_many_and_death),
		TEST(test_many_together),
		TEST(test_cancel),
		TEST(test_cancel_together),
		TEST(test_hang),
		TEST(test_opens_late),
		TEST(test_opens_late_together),
		TEST(test_forged),
		TEST(test_left_alone),
		TEST(test_tried_again),
		TEST(test_a_probe_that_is_cancelled),
		TEST(test_helpers_that_hang_are_a_fault),
		TEST(test_what_is_no_fault_of_a_server),
	};
	return cmocka_run_group_tests_name("blocking", tests, NULL, NULL);
}
