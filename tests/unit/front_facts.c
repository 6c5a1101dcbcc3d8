/*
 * The front of other quotagates, called directly: what a question becomes, what an answer becomes, what is refused.
 * Where there is no libsodium, messages are not sealed and the tests of seals are skipped.
 */
#include "front/front.h"
#include "wire/facts_message.h"
#include "wire/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

extern const struct front facts_front;

#define WALL 1800000000000
#define NOW 500000
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The conf, as the option table fills it. */
static struct {
	const char *key_file;
	msec window;
} conf = { NULL, SECONDS(30) };

static struct {
	void *session;
	struct replay *heard;
	struct seal_keys keys;
	bool sealed;
	char in[FACTS_MESSAGE_MAX + 1], out[FRONT_DATAGRAM_MAX];
	struct buf sent;
	struct query query;
} t;

static struct facts_request question(void)
{
	static uint64_t sequence;
	return (struct facts_request){ .kind = FACTS_QUESTION,
		.asker = 1,
		.sequence = ++sequence,
		.id = 0x100000007,
		.time = WALL,
		.address = STR("joe@example.org") };
}

static struct facts_request event(enum facts_event event)
{
	struct facts_request r = question();
	r.kind = FACTS_EVENT;
	r.event = event;
	r.transaction = (struct hash){ 3, 4 };
	r.size = 77;
	if (event != FACTS_EVENT_WITHDRAWN)
		r.address = (struct str){ NULL, 0 };
	return r;
}

static int open_front(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.session = calloc(1, facts_front.session_size);
	t.heard = calloc(1, facts_front.shared_size);
	return t.session && t.heard ? 0 : -1;
}

static int close_front(void **state)
{
	(void)state;
	free(t.session);
	free(t.heard);
	return 0;
}

static bool use_keys(const char *text)
{
	t.sealed = seal_keys_parse(&t.keys, str_of(text), NULL);
	return t.sealed;
}

/* A datagram comes: a connection of its own. */
static enum front_step hear(size_t len)
{
	static const struct hash_key key = { 1, 2 };
	const struct front_peer peer = { .host = STR("192.0.2.1"),
		.key = &key,
		.keys = t.sealed ? &t.keys : NULL,
		.now = NOW,
		.wall = WALL,
		.listener = 1 };
	struct str in = { t.in, len };
	size_t eaten;
	memset(t.session, 0, facts_front.session_size);
	facts_front.start(t.session, &conf, t.heard, &peer);
	t.sent = BUF(t.out);
	t.query = (struct query){ 0 };
	enum front_step step = facts_front.feed(t.session, in, &eaten, &t.query, &t.sent);
	if (step == FRONT_MORE) {
		assert_int_equal(eaten, 0);
		step = facts_front.feed_last(t.session, in, &eaten, &t.query, &t.sent);
	}
	assert_int_equal(eaten, len);
	return step;
}

static size_t write_down(const struct facts_request *r)
{
	struct buf b = { .at = t.in, .cap = FACTS_MESSAGE_MAX };
	assert_true(facts_request_encode(&b, r));
	seal_put(t.sealed ? &t.keys.at[0] : NULL, b.at, b.len);
	return b.len;
}

static enum front_step say(const struct facts_request *r)
{
	return hear(write_down(r));
}

static struct facts_reply reply(void)
{
	struct facts_reply p;
	assert_true(facts_reply_decode(&p, buf_str(&t.sent)) > 0);
	assert_true(t.sealed ? seal_check(&t.keys, buf_str(&t.sent)) != NULL : seal_is_missing(buf_str(&t.sent)));
	return p;
}

static struct facts_reply answer(const struct answer *a)
{
	t.sent.len = 0;
	assert_int_equal(facts_front.answer(t.session, &t.query, a, &t.sent), FRONT_SEND);
	assert_false(t.sent.full);
	return reply();
}

static void refused(enum front_step step, const char *why)
{
	const char *complaint = facts_front.complaint(t.session);
	assert_int_equal(step, FRONT_CLOSE);
	assert_non_null(complaint);
	assert_string_equal(complaint, why);
}

/* ---- questions ---- */

static void test_questions(void **state)
{
	struct facts_request r = question();
	(void)state;
	assert_int_equal(say(&r), FRONT_ASK);
	assert_null(facts_front.complaint(t.session));
	assert_true(str_eq(t.query.address, r.address));
	assert_int_equal(t.query.kind, QUERY_RECIPIENT);
	assert_int_equal(t.query.purpose, PURPOSE_REPORT);
	assert_int_equal(t.query.stage, STAGE_RCPT);
	assert_true(t.query.ends && !hash_is_none(t.query.transaction) && !t.query.limit.named);
	assert_false(hash_is_none(t.query.borrower.name));
	assert_int_equal(t.query.borrower.held, 0);
	assert_int_equal(t.query.borrower.next, 7);

	r = question();
	r.charge = r.end_of_message = r.limit_named = r.limit_is_default = true;
	r.size = 5000;
	r.limit = 10000;
	r.message_limit = 3;
	r.transaction = (struct hash){ 3, 4 };
	r.id = 0x10000000A;
	r.held = 9;
	r.spent = 800;
	r.spent_messages = 2;
	assert_int_equal(say(&r), FRONT_ASK);
	assert_int_equal(t.query.purpose, PURPOSE_DELIVER);
	assert_int_equal(t.query.stage, STAGE_END_OF_MESSAGE);
	assert_int_equal(t.query.size, 5000);
	assert_true(t.query.limit_is_default && t.query.limit.octets == 10000 && t.query.limit.messages == 3);
	assert_false(hash_is_none(t.query.transaction) || t.query.ends);
	assert_int_equal(t.query.borrower.held, 9);
	assert_int_equal(t.query.borrower.next, 10);
	assert_true(t.query.borrower.spent.octets == 800 && t.query.borrower.spent.messages == 2);
}

/* The same number of two askers is two transactions, and none is the name of an asker. */
static void test_names(void **state)
{
	struct query one, other;
	struct facts_request r = question();
	(void)state;
	r.transaction = (struct hash){ 3, 4 };
	assert_int_equal(say(&r), FRONT_ASK);
	one = t.query;
	r.sequence++;
	assert_int_equal(say(&r), FRONT_ASK);
	assert_true(hash_eq(one.transaction, t.query.transaction) && hash_eq(one.borrower.name, t.query.borrower.name));
	r.asker = 2;
	assert_int_equal(say(&r), FRONT_ASK);
	other = t.query;
	assert_false(hash_eq(one.transaction, other.transaction));
	assert_false(hash_eq(one.borrower.name, other.borrower.name));
	assert_false(hash_eq(one.borrower.name, one.transaction));
}

static void test_events(void **state)
{
	struct facts_request r = question();
	struct hash transaction;
	(void)state;
	r.transaction = (struct hash){ 3, 4 };
	assert_int_equal(say(&r), FRONT_ASK);
	transaction = t.query.transaction;

	r = event(FACTS_EVENT_ARRIVED);
	assert_int_equal(say(&r), FRONT_ASK);
	assert_int_equal(t.query.stage, STAGE_END_OF_MESSAGE);
	assert_int_equal(t.query.purpose, PURPOSE_DELIVER);
	assert_true(t.query.address.len == 0 && t.query.size == 77 && hash_eq(t.query.transaction, transaction));
	assert_true(hash_is_none(t.query.borrower.name));
	assert_int_equal(answer(&(struct answer){ .facts = { .state = FACTS_FOUND } }).state, FACTS_REPLY_NOTED);

	r = event(FACTS_EVENT_WITHDRAWN);
	assert_int_equal(say(&r), FRONT_ASK);
	assert_true(t.query.purpose == PURPOSE_WITHDRAW && t.query.kind == QUERY_RECIPIENT);
	assert_true(str_eq(t.query.address, r.address) && hash_eq(t.query.transaction, transaction));
	assert_int_equal(answer(&(struct answer){ 0 }).state, FACTS_REPLY_NOTED);

	r = event(FACTS_EVENT_ENDED);
	assert_int_equal(say(&r), FRONT_ENDED);
	assert_true(hash_eq(t.query.transaction, transaction));
	assert_int_equal(reply().state, FACTS_REPLY_NOTED);
	assert_true(reply().sequence == r.sequence && reply().id == r.id && reply().asker == r.asker);

	r = event(FACTS_EVENT_ABANDONED);
	assert_int_equal(say(&r), FRONT_ABANDONED);
	assert_true(hash_eq(t.query.transaction, transaction));
	assert_int_equal(reply().state, FACTS_REPLY_NOTED);
}

/* ---- answers ---- */

static void test_figures(void **state)
{
	struct facts_request r = question();
	const struct answer a = { .verdict = { .reason = REASON_ROOM, .stale = true },
		.facts = { .state = FACTS_FOUND,
			.source = SOURCE_RECOUNT,
			.firm = true,
			.foreign = true,
			.usage = 100,
			.messages = 2,
			.limit = 1,
			.taken = NOW - 1500,
			.full_since = NOW - 3000 },
		.charge = { 30, 4 },
		.limit = 1000,
		.message_limit = 50,
		.rule = RULE_CYRUS,
		.grace = 7,
		.charged = true,
		.loan = { .number = 7, .octets = 60, .messages = 5, .life = 9900 } };
	(void)state;
	assert_int_equal(say(&r), FRONT_ASK);
	struct facts_reply p = answer(&a);
	assert_true(p.asker == r.asker && p.sequence == r.sequence && p.id == r.id && p.time == WALL);
	assert_int_equal(p.state, FACTS_REPLY_FOUND);
	assert_int_equal(p.source, SOURCE_RECOUNT);
	assert_int_equal(p.rule, RULE_CYRUS);
	assert_true(p.firm && p.foreign && p.charged && p.stale);
	assert_true(p.usage == 100 && p.messages == 2 && p.limit == 1000 && p.message_limit == 50);
	assert_true(p.charge == 30 && p.charge_messages == 4);
	assert_true(p.age == 1500 && p.full_for == 3001);
	assert_true(p.loan == 60 && p.loan_messages == 5 && p.loan_life == 9);
	assert_int_equal(p.note.len, 0);
}

static void test_edges_of_figures(void **state)
{
	struct facts_request r = question();
	struct answer a = { .facts = { .state = FACTS_FOUND, .taken = NOW + 5, .full_since = NOW + 5 },
		.limit = 1000,
		.rule = RULE_FITS,
		.grace = 7,
		.loan = { .octets = 60, .messages = 5, .life = 9000 } };
	(void)state;
	assert_int_equal(say(&r), FRONT_ASK);
	struct facts_reply p = answer(&a);
	assert_true(p.age == 0 && p.full_for == 1 && p.limit == 1007);
	assert_true(p.loan == 0 && p.loan_messages == 0 && p.loan_life == 0);
	a.limit = UINT64_MAX - 3;
	assert_true(answer(&a).limit == INT64_MAX);
	a.limit = 0;
	assert_true(answer(&a).limit == 0);
	a.facts.full_since = 0;
	assert_true(answer(&a).full_for == 0);
}

/* The store gives verdicts: two sizes, each with its age, and what was let in as it was asked about. */
static void test_verdicts(void **state)
{
	struct facts_request r = question();
	struct answer a = { .facts = { .state = FACTS_FOUND,
				    .source = SOURCE_VERDICT,
				    .ruled = true,
				    .rule = RULE_ASKED,
				    .too_large = true,
				    .usage = 100,
				    .limit = 500,
				    .taken = NOW - 10,
				    .took_at = NOW - 10,
				    .refused_at = NOW - 2000 },
		.charge = { 30, 4 },
		.rule = RULE_ASKED,
		.grace = 7 };
	(void)state;
	assert_int_equal(say(&r), FRONT_ASK);
	struct facts_reply p = answer(&a);
	assert_true(p.rule == RULE_ASKED && p.source == SOURCE_VERDICT && p.too_large);
	assert_true(p.usage == 100 && p.limit == 500 && p.age == 10);
	assert_true(p.messages == 0 && p.message_limit == 1990);
	assert_true(p.charge == 37 && p.charge_messages == 4 && p.loan == 0);
	a.charge = (struct charge){ 0 };
	a.facts.too_large = false;
	p = answer(&a);
	assert_true(p.charge == 0 && !p.too_large);
}

/* One that waits for others to come is told as refused: only what is in the words of the store is known to every asker. */
static void test_who_waits(void **state)
{
	struct facts_request r = question();
	struct answer a = { .verdict = { .action = ACTION_DEFER, .reason = REASON_FULL },
		.facts = { .state = FACTS_FOUND,
			.source = SOURCE_VERDICT,
			.ruled = true,
			.rule = RULE_ASKED,
			.usage = INT64_MAX,
			.taken = NOW - 5000,
			.took_at = NOW - 5000 },
		.charge = { 30, 4 },
		.rule = RULE_ASKED };
	(void)state;
	r.size = 1000;
	assert_int_equal(say(&r), FRONT_ASK);
	struct facts_reply p = answer(&a);
	assert_true(p.rule == RULE_ASKED && !p.too_large && !p.charged);
	assert_true(p.usage == 0 && p.limit == 1030 && p.charge == 30 && p.charge_messages == 4);
	assert_true(p.age == 0 && p.messages == 0 && p.message_limit == 0);
	a.verdict = (struct verdict){ .reason = REASON_ROOM };
	p = answer(&a);
	assert_true(p.usage == INT64_MAX && p.limit == 0 && p.age == 5000);
	/* What the store itself refused is told as it was. */
	a.verdict = (struct verdict){ .action = ACTION_DEFER, .reason = REASON_FULL };
	a.facts.usage = 100;
	a.facts.limit = 1030;
	a.facts.refused_at = NOW - 6000;
	p = answer(&a);
	assert_true(p.usage == 100 && p.limit == 1030 && p.age == 5000 && p.message_limit == 1000);
	a.facts.limit = 1031;
	assert_true(answer(&a).limit == 1030);
	r.size = 0;
	r.sequence++;
	assert_int_equal(say(&r), FRONT_ASK);
	assert_true(answer(&a).limit == 31);
}

/* A directory decides some without facts. */
static void test_states(void **state)
{
	static const struct {
		enum facts_state facts;
		enum reason reason;
		enum facts_reply_state state;
	} cases[] = {
		{ FACTS_FOUND, REASON_ROOM, FACTS_REPLY_FOUND },
		{ FACTS_FOUND, REASON_TOO_LARGE, FACTS_REPLY_FOUND },
		{ FACTS_FAILED, REASON_ERROR, FACTS_REPLY_FAILED },
		{ FACTS_FAILED, REASON_BAD_ADDRESS, FACTS_REPLY_FAILED },
		{ FACTS_NO_MAILBOX, REASON_NO_MAILBOX, FACTS_REPLY_NO_MAILBOX },
		{ FACTS_FAILED, REASON_NO_MAILBOX, FACTS_REPLY_NO_MAILBOX },
		{ FACTS_NOT_OURS, REASON_NOT_OURS, FACTS_REPLY_NOT_OURS },
		{ FACTS_FAILED, REASON_NOT_OURS, FACTS_REPLY_NOT_OURS },
		{ FACTS_FAILED, REASON_ELSEWHERE, FACTS_REPLY_NOT_OURS },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct facts_request r = question();
		struct answer a = { .verdict = { .reason = cases[i].reason },
			.facts = { .state = cases[i].facts, .usage = 5 } };
		assert_int_equal(say(&r), FRONT_ASK);
		struct facts_reply p = answer(&a);
		assert_int_equal(p.state, cases[i].state);
		assert_int_equal(p.usage, p.state == FACTS_REPLY_FOUND ? 5 : 0);
	}
}

/* ---- what is refused ---- */

static void test_clocks(void **state)
{
	static const struct {
		msec time;
		const char *complaint;
	} cases[] = {
		{ WALL - SECONDS(30), NULL },
		{ WALL + SECONDS(30), NULL },
		{ WALL - SECONDS(30) - 1, "the clock of the asker is 30 s behind" },
		{ WALL + SECONDS(30) + 1, "the clock of the asker is 30 s ahead" },
		{ WALL - SECONDS(3600), "the clock of the asker is 3600 s behind" },
		{ 0, "the clock of the asker is 1800000000 s behind" },
		{ INT64_MAX, "the clock of the asker is 9223370236854775 s ahead" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct facts_request r = question();
		r.time = cases[i].time;
		enum front_step step = say(&r);
		if (!cases[i].complaint) {
			assert_int_equal(step, FRONT_ASK);
			continue;
		}
		refused(step, cases[i].complaint);
		assert_int_equal(reply().state, FACTS_REPLY_CLOCK);
		assert_true(reply().time == WALL && reply().sequence == r.sequence);
	}
}

static void test_repeated(void **state)
{
	struct facts_request r = question();
	(void)state;
	assert_int_equal(say(&r), FRONT_ASK);
	refused(say(&r), "a message that was heard before");
	assert_int_equal(t.sent.len, 0);
	struct facts_request late = question();
	late.time = WALL - SECONDS(31);
	refused(say(&late), "the clock of the asker is 31 s behind");
	late.time = WALL;
	assert_int_equal(say(&late), FRONT_ASK); /* one that was refused for its time was not noted */
	for (uint64_t asker = 10; asker < 10 + REPLAY_ASKERS - 1; asker++) {
		r.asker = asker;
		assert_int_equal(say(&r), FRONT_ASK);
	}
	r.asker = 1000;
	refused(say(&r), "more askers than can be told apart");
}

static void test_lengths(void **state)
{
	struct facts_request r = question();
	size_t len = write_down(&r);
	(void)state;
	for (size_t n = 1; n < len; n++) {
		refused(hear(n), "a message that is too short");
		assert_int_equal(t.sent.len, 0);
	}
	memset(t.in + len, 0, sizeof(t.in) - len);
	for (size_t n = len + 1; n <= FACTS_MESSAGE_MAX; n++) {
		refused(hear(n), "no message of format 1");
		assert_int_equal(t.sent.len, 0);
	}
	assert_int_equal(hear(len), FRONT_ASK);
}

static void test_longest(void **state)
{
	char address[FACTS_ADDRESS_MAX];
	struct facts_request r = question();
	(void)state;
	memset(address, 'a', sizeof(address));
	r.address = (struct str){ address, sizeof(address) };
	assert_int_equal(say(&r), FRONT_ASK);
	assert_true(str_eq(t.query.address, r.address));
}

static void test_seals(void **state)
{
	struct facts_request r = question();
	(void)state;
	if (!use_keys("the first key, which seals\nthe second key, heard too"))
		skip();
	const struct seal_key first = t.keys.at[0];
	assert_int_equal(say(&r), FRONT_ASK);
	answer(&(struct answer){ 0 });
	r = question();
	t.keys.at[0] = t.keys.at[1];
	size_t len = write_down(&r);
	t.keys.at[0] = first;
	assert_int_equal(hear(len), FRONT_ASK);
	answer(&(struct answer){ 0 });
	assert_ptr_equal(seal_check(&t.keys, buf_str(&t.sent)), &t.keys.at[1]);

	r = question();
	len = write_down(&r);
	t.keys.n = 0;
	refused(hear(len), "a seal by another key, or a forged one");
	t.keys.n = 1;
	t.in[60] ^= 1;
	refused(hear(len), "a seal by another key, or a forged one");
	t.in[60] ^= 1;
	seal_put(NULL, t.in, len);
	refused(hear(len), "a message without a seal");
	assert_int_equal(t.sent.len, 0);
	seal_put(&first, t.in, len);
	t.sealed = false;
	refused(hear(len), "a sealed message, and there is no key_file");
	t.sealed = true;
	assert_int_equal(hear(len), FRONT_ASK); /* nothing of it was noted */
}

static void test_a_clock_is_told_only_to_who_has_the_key(void **state)
{
	struct facts_request r = question();
	(void)state;
	if (!use_keys("the first key, which seals"))
		skip();
	r.time = 0;
	size_t len = write_down(&r);
	hear(len);
	assert_int_equal(reply().state, FACTS_REPLY_CLOCK);
	t.in[len - 1] ^= 1;
	refused(hear(len), "a seal by another key, or a forged one");
	assert_int_equal(t.sent.len, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_front, close_front)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_questions),
		TEST(test_names),
		TEST(test_events),
		TEST(test_figures),
		TEST(test_edges_of_figures),
		TEST(test_verdicts),
		TEST(test_who_waits),
		TEST(test_states),
		TEST(test_clocks),
		TEST(test_repeated),
		TEST(test_lengths),
		TEST(test_longest),
		TEST(test_seals),
		TEST(test_a_clock_is_told_only_to_who_has_the_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
