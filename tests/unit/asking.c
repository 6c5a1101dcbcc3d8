/* A directory in real helpers, behind the interface that the gate uses: what is asked, what comes back, what is refused. */
#include "directory/asking.h"

#include "process.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 300

/* ---- a directory of which the local part tells what it does ---- */

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

/* "7" names seven members. */
static enum listing fake_ask(void *state, const struct mailbox *m, struct buf *targets, struct buf *note)
{
	static const char *const names[] = { "failed", "not-ours", "no-address", "unlisted" };
	uint64_t n = 0;
	(void)state;
	heard = str_eq(m->local, STR("failed")) ? HEARD_FAULT : HEARD_ANSWER;
	if (str_eq(m->local, STR("kill")))
		raise(SIGKILL);
	if (str_eq(m->local, STR("stop")))
		raise(SIGSTOP);
	if (str_eq(m->local, STR("long")))
		while (!note->full)
			buf_puts(note, "long");
	for (size_t i = 0; i < 4; i++)
		if (str_eq(m->local, str_of(names[i]))) {
			target_put(targets, &(struct target){ .address = STR("left over") });
			return (enum listing)i;
		}
	str_u64(m->local, &n);
	for (uint64_t i = 0; i <= n; i++)
		target_put(targets, &(struct target){ .kind = TARGET_ADDRESS, .address = m->address });
	if (n == 0)
		buf_printf(note, "%.*s|%.*s|%.*s|\n", (int)m->address.len, m->address.at, (int)m->local.len,
			m->local.at, (int)m->domain.len, m->domain.at);
	return LISTING_TARGETS;
}

static void fake_close(void *state)
{
	free(state);
}

static const struct directory_type fake = {
	.name = "fake",
	.open = fake_open,
	.ask = fake_ask,
	.close = fake_close,
};

static void fake_server(const void *conf, struct buf *out)
{
	(void)conf;
	buf_puts(out, "ldap://127.0.0.1:1");
}

static enum heard fake_heard(void *state)
{
	(void)state;
	return heard;
}

static const struct directory_type server = {
	.name = "server",
	.open = fake_open,
	.server = fake_server,
	.heard = fake_heard,
	.ask = fake_ask,
	.close = fake_close,
};

/* Helpers that were taken over. */
static struct forged {
	const char *name;
	struct {
		uint64_t seq;
		uint32_t listing, note_len, heard;
		char rest[66000];
	} reply;
	size_t len; /* octets of rest that are sent */
	const char *note; /* null: it makes no sense */
} forgeries[] = {
	{ .name = "good",
		.reply = { .listing = LISTING_TARGETS, .note_len = 3, .rest = "a\n\033x" },
		.len = 4,
		.note = "a??" },
	{ .name = "nothing", .reply = { .listing = LISTING_NOT_OURS }, .note = "" },
	{ .name = "listing", .reply = { .listing = 5 } },
	{ .name = "huge listing", .reply = { .listing = 0x80000001 } },
	{ .name = "heard", .reply = { .listing = LISTING_NOT_OURS, .heard = 3 } },
	{ .name = "targets of none", .reply = { .listing = LISTING_NO_ADDRESS }, .len = 4 },
	{ .name = "none of targets", .reply = { .listing = LISTING_TARGETS, .note_len = 4 }, .len = 4 },
	{ .name = "note behind the end", .reply = { .listing = LISTING_TARGETS, .note_len = 5 }, .len = 4 },
	{ .name = "long note", .reply = { .listing = LISTING_FAILED, .note_len = LOOKUP_NOTE }, .len = LOOKUP_NOTE },
	{ .name = "endless note", .reply = { .listing = LISTING_FAILED, .note_len = UINT32_MAX }, .len = 4 },
	{ .name = "long targets", .reply = { .listing = LISTING_TARGETS }, .len = TARGETS_MAX + 1 },
	{ .name = "short", .len = (size_t)-1 },
};

static int run_forged(int fd, const void *arg)
{
	static struct forged now;
	char in[8192];
	now = *(const struct forged *)arg;
	while (recv(fd, in, sizeof(in), 0) > 0) {
		memcpy(&now.reply.seq, in, sizeof(now.reply.seq));
		send(fd, &now.reply, offsetof(struct forged, reply.rest) - offsetof(struct forged, reply) + now.len, 0);
	}
	return 0;
}

/* ---- the gate's part ---- */

static struct {
	uv_loop_t loop;
	struct nursery *nursery;
	struct directory *directory;
	struct lookup lookups[MANY];
	int done[MANY];
	size_t members[MANY];
	int n, returned;
	bool again; /* the first that is done asks the next from within */
	char marker[64];
} fx;

static struct lookup *start(const char *local);

void lookup_done(struct lookup *l, msec now)
{
	struct str rest = l->targets;
	struct target t;
	assert_true(now == (msec)uv_now(&fx.loop));
	assert_null(l->store_data);
	if (fx.again) {
		fx.again = false;
		start("2");
	}
	while (target_get(&t, &rest)) {
		assert_true(str_eq(t.address, l->mailbox.address));
		fx.members[l - fx.lookups]++;
	}
	fx.done[l - fx.lookups]++;
	fx.returned++;
}

static struct lookup *start(const char *local)
{
	struct lookup *l = &fx.lookups[fx.n];
	struct buf text = BUF(l->text);
	memset(l, 0xEE, sizeof(*l));
	fx.members[fx.n] = 0;
	fx.done[fx.n++] = 0;
	l->mailbox = (struct mailbox){ 0 };
	buf_printf(&text, "%s@example.org", local);
	l->mailbox.address = buf_str(&text);
	l->mailbox.local = (struct str){ l->text, strlen(local) };
	l->mailbox.domain = str_from(l->mailbox.address, strlen(local) + 1);
	l->store_data = NULL;
	l->of_directory = true;
	l->key.a = (uint64_t)fx.n;
	fx.directory->calls->start(fx.directory, l);
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

enum set { SET_FAKE, SET_LATE, SET_SERVER, SET_FORGED };

static struct conf confs[] = { { NULL }, { fx.marker } };
static struct asking_conf directories[] = {
	[SET_FAKE] = { "fake", &fake, &confs[0], 2, SECONDS(60), SET_FAKE },
	[SET_LATE] = { "late", &fake, &confs[1], 1, SECONDS(60), SET_LATE },
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
	snprintf(fx.marker, sizeof(fx.marker), "/tmp/quotagate-asking-%ld", (long)getpid());
	for (size_t i = 0; i < plan.n; i++) {
		sets[i] = (struct nursery_set){ .name = "test", .uid = uid, .gid = 65534 };
		sets[i].run = i < SET_FORGED ? asking_run : run_forged;
		sets[i].arg = i < SET_FORGED ? (const void *)&directories[i] : (const void *)&forgeries[i - SET_FORGED];
	}
	fx.nursery = nursery_open(&plan, NULL, NULL, &err);
	return fx.nursery && uv_loop_init(&fx.loop) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	if (fx.directory)
		fx.directory->calls->close(fx.directory);
	uv_run(&fx.loop, UV_RUN_DEFAULT);
	nursery_close(fx.nursery);
	unlink(fx.marker);
	return uv_loop_close(&fx.loop);
}

static void open_directory(const struct asking_conf *conf)
{
	struct err err;
	fx.directory = asking_open(&fx.loop, fx.nursery, conf, &err);
	assert_non_null(fx.directory);
}

static void test_listings(void **state)
{
	static const char *const names[] = { "failed", "not-ours", "no-address", "unlisted" };
	(void)state;
	open_directory(&directories[SET_FAKE]);
	for (int i = 0; i < 4; i++) {
		struct lookup *l = start(names[i]);
		assert_int_equal(fx.done[i], 0);
		run_all();
		assert_int_equal(l->listing, i);
		assert_int_equal(l->targets.len, 0);
		assert_string_equal(l->note, "");
	}
	struct lookup *l = start("0");
	run_all();
	assert_int_equal(l->listing, LISTING_TARGETS);
	assert_int_equal(fx.members[4], 1);
	assert_string_equal(l->note, "0@example.org|0|example.org|?");
	l = start("");
	run_all();
	assert_string_equal(l->note, "@example.org||example.org|?");
	l = start("long");
	run_all();
	assert_int_equal(strlen(l->note), LOOKUP_NOTE - 1);
	assert_int_equal(fx.members[6], 1);
}

static void test_large(void **state)
{
	(void)state;
	open_directory(&directories[SET_FAKE]);
	struct lookup *most = start("1100"), *more = start("2000"), *one = start("0");
	fx.again = true;
	run_all();
	assert_int_equal(most->listing, LISTING_TARGETS);
	assert_int_equal(fx.members[0], 1101);
	assert_int_equal(more->listing, LISTING_FAILED);
	assert_string_equal(more->note, "the entry of 2000@example.org has more targets than fit into 65000 octets");
	assert_int_equal(more->targets.len, 0);
	assert_int_equal(one->listing, LISTING_TARGETS);
	assert_int_equal(fx.n, 4);
	assert_int_equal(fx.members[3], 3);
}

static void test_many_and_death(void **state)
{
	(void)state;
	open_directory(&directories[SET_FAKE]);
	for (int i = 0; i < MANY; i++)
		start(i == 100 ? "kill" : "0");
	run_all();
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(fx.done[i], 1);
		assert_int_equal(fx.lookups[i].listing, i == 100 ? LISTING_FAILED : LISTING_TARGETS);
	}
	assert_string_equal(fx.lookups[100].note, "the helper died");
	assert_int_equal(asking_stats(fx.directory).restarted, 1);
	assert_int_equal(asking_stats(fx.directory).asked, MANY);
}

static void test_cancel(void **state)
{
	(void)state;
	open_directory(&directories[SET_FAKE]);
	for (int i = 0; i < MANY; i++)
		start("0");
	for (int i = 0; i < MANY; i += 2) {
		fx.directory->calls->cancel(fx.directory, &fx.lookups[i]);
		memset(&fx.lookups[i], 0xEE, sizeof(fx.lookups[i]));
		fx.returned++;
	}
	run_all();
	for (int i = 0; i < MANY; i++)
		assert_int_equal(fx.done[i], i % 2);
}

static void test_hang(void **state)
{
	struct asking_conf conf = directories[SET_FAKE];
	(void)state;
	conf.helpers = 1;
	conf.hang = 100;
	open_directory(&conf);
	struct lookup *stopped = start("stop"), *behind = start("0");
	run_all();
	assert_int_equal(stopped->listing, LISTING_FAILED);
	assert_string_equal(stopped->note, "the helper took too long");
	assert_int_equal(behind->listing, LISTING_TARGETS);
}

/* One that cannot be opened is tried again at every question. */
static void test_opens_late(void **state)
{
	(void)state;
	open_directory(&directories[SET_LATE]);
	struct lookup *early = start("0");
	run_all();
	assert_int_equal(early->listing, LISTING_FAILED);
	assert_string_equal(early->note + strlen(early->note) - 4, " yet");
	close(open(fx.marker, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	struct lookup *late = start("0");
	run_all();
	assert_int_equal(late->listing, LISTING_TARGETS);
}

static void test_forged(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++) {
		const struct forged *f = &forgeries[i];
		struct asking_conf conf = { "forged", &fake, NULL, 1, SECONDS(60), SET_FORGED + i };
		open_directory(&conf);
		struct lookup *l = start("0");
		run_all();
		assert_int_equal(l->listing, f->note ? f->reply.listing : (uint32_t)LISTING_FAILED);
		assert_string_equal(l->note, f->note ? f->note : "the helper's answer makes no sense");
		if (!f->note)
			assert_int_equal(l->targets.len, 0);
		fx.directory->calls->close(fx.directory);
		fx.directory = NULL;
	}
}

/* Faults in a row: who waits and who comes is told at once, until one question is answered again. */
static void test_left_alone(void **state)
{
	struct peer_stats p;
	(void)state;
	open_directory(&directories[SET_SERVER]);
	for (int i = 0; i < 3; i++)
		start("failed");
	struct lookup *behind = start("stop"), *last = start("0");
	run_all();
	assert_int_equal(behind->listing, LISTING_FAILED);
	assert_int_equal(last->listing, LISTING_FAILED);
	assert_non_null(strstr(last->note, " after 3 without an answer, last: "));
	uint64_t asked = asking_stats(fx.directory).asked;
	struct lookup *refused = start("0");
	assert_int_equal(fx.done[fx.n - 1], 1);
	assert_int_equal(refused->listing, LISTING_FAILED);
	assert_null(refused->targets.at);
	assert_int_equal(asking_stats(fx.directory).asked, asked);
	assert_true(asking_peer(fx.directory, &p));
	assert_string_equal(p.name, "ldap://127.0.0.1:1");
	assert_int_equal(p.state, PEER_OPEN);
}

static void test_tried_again(void **state)
{
	struct peer_stats p;
	(void)state;
	open_directory(&directories[SET_SERVER]);
	for (int i = 0; i < 3; i++)
		start("failed");
	run_all();
	fx.loop.time += (uint64_t)SECONDS(7);
	struct lookup *probe = start("no-address");
	run_all();
	assert_int_equal(probe->listing, LISTING_NO_ADDRESS);
	assert_true(asking_peer(fx.directory, &p) && p.state == PEER_CLOSED);
	struct lookup *next = start("0");
	run_all();
	assert_int_equal(next->listing, LISTING_TARGETS);
}

static void test_one_of_files_is_asked_always(void **state)
{
	struct peer_stats p;
	(void)state;
	open_directory(&directories[SET_FAKE]);
	for (int i = 0; i < 10; i++)
		start("failed");
	run_all();
	assert_false(asking_peer(fx.directory, &p));
	struct lookup *l = start("0");
	run_all();
	assert_int_equal(l->listing, LISTING_TARGETS);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_listings),
		TEST(test_large),
		TEST(test_many_and_death),
		TEST(test_cancel),
		TEST(test_hang),
		TEST(test_opens_late),
		TEST(test_forged),
		TEST(test_left_alone),
		TEST(test_tried_again),
		TEST(test_one_of_files_is_asked_always),
	};
	return cmocka_run_group_tests_name("asking", tests, NULL, NULL);
}
