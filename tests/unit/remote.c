/* The store remote and one peer: what is asked, what is understood, what is lost, what is not believed. */
#include "core/asked.h"

#include "remote_peers.h"

/* ---- what is said ---- */

static void test_question(void **state)
{
	const struct facts_request *q = &fx.peers[0].last;
	(void)state;
	open_store();
	fx.transaction = (struct hash){ 7, 8 };
	start();
	run_all();
	assert_int_equal(q->kind, FACTS_QUESTION);
	assert_true(str_eq(q->address, STR("joe@example.org")));
	assert_true(q->charge && !q->firm && !q->end_of_message && !q->limit_named);
	assert_true(hash_eq(q->transaction, fx.transaction));
	assert_int_equal(q->size, 1000);
	assert_in_range(q->time, remote_wall() - 10000, remote_wall());
	assert_true(q->asker != 0 && q->id >> 32 != 0 && (uint32_t)q->id == 0);
	struct lookup all = fx.lookups[0];
	all.firm = true;
	all.mailbox.address = STR("ann@example.org");
	all.claim = (struct claim){ .stage = STAGE_END_OF_MESSAGE,
		.size = 5,
		.limit = { true, 6, 7 },
		.number = 77,
		.held = 8,
		.spent = { .octets = 9, .messages = 10 } };
	fx.lookups[1] = all;
	fx.n++;
	fx.store->type->start(fx.store, &fx.lookups[1]);
	run_all();
	assert_true(str_eq(q->address, STR("ann@example.org")));
	assert_true(!q->charge && q->firm && q->end_of_message && q->limit_named);
	assert_int_equal(q->size + 10 * q->limit + 100 * q->message_limit, 765);
	assert_int_equal((uint32_t)q->id, 77);
	assert_int_equal(q->held, 8);
	assert_int_equal(q->spent + 100 * q->spent_messages, 1009);
}

static void test_answer(void **state)
{
	(void)state;
	open_store();
	fx.peers[0].reply = (struct facts_reply){ .state = FACTS_REPLY_FOUND,
		.source = SOURCE_RECOUNT,
		.rule = RULE_CYRUS,
		.firm = true,
		.foreign = true,
		.charged = true,
		.messages = 1,
		.message_limit = 2,
		.charge_messages = 3,
		.usage = 4,
		.limit = 5,
		.charge = 6,
		.age = 700,
		.full_for = 8,
		.loan = 9,
		.loan_messages = 10,
		.loan_life = 11,
		.note = STR("/var/mail/joe") };
	struct lookup *l = start();
	assert_int_equal(fx.done[0], 0);
	run_all();
	const struct facts *f = &l->facts;
	assert_found(l, 4);
	assert_true(f->source == SOURCE_RECOUNT && f->rule == RULE_CYRUS && f->ruled && f->firm && f->foreign);
	assert_int_equal(f->messages + 10 * f->message_limit + 100 * (int)f->limit, 521);
	assert_int_equal(f->taken, 700);
	assert_int_equal(f->full_since, (msec)uv_now(&fx.loop) - 8);
	assert_int_equal(l->others.octets + 10 * l->others.messages, 36);
	assert_true(l->charged);
	assert_int_equal(l->loan.number, (uint32_t)fx.peers[0].last.id);
	assert_int_equal(l->loan.octets + 100 * l->loan.messages, 1009);
	assert_int_equal(l->loan.life, SECONDS(11));
	assert_string_equal(l->note, "127.0.0.1: /var/mail/joe");
	fx.peers[0].reply = (struct facts_reply){ .state = FACTS_REPLY_FOUND, .stale = true };
	l = start();
	run_all();
	assert_found(l, 0);
	assert_int_equal(l->facts.source, SOURCE_PEER);
	assert_int_equal(l->facts.full_since + l->loan.number + l->charged + l->others.octets, 0);
	assert_string_equal(l->note, "127.0.0.1: stale at the backend");
}

/* Its store gives verdicts. */
static void test_verdicts(void **state)
{
	(void)state;
	open_store();
	fx.peers[0].reply = (struct facts_reply){ .state = FACTS_REPLY_FOUND,
		.rule = RULE_ASKED,
		.too_large = true,
		.messages = 1,
		.message_limit = 2000,
		.usage = 4,
		.limit = 500,
		.age = 700 };
	struct lookup *l = start();
	run_all();
	const struct facts *f = &l->facts;
	assert_found(l, 4);
	assert_true(asked_is(f) && f->too_large && f->limit == 500);
	assert_true(f->taken == 700 && f->took_at == 701 && f->refused_at == 2700);
	assert_int_equal(f->messages + f->message_limit, 0);
	fx.peers[0].reply.age = INT64_MAX;
	l = start();
	run_all();
	assert_true(l->facts.refused_at == INT64_MAX);
}

static void test_states(void **state)
{
	static const struct {
		struct facts_reply reply;
		enum facts_state want;
		const char *note;
	} rows[] = {
		{ { .state = FACTS_REPLY_NO_MAILBOX, .usage = 7 }, FACTS_NO_MAILBOX, "127.0.0.1" },
		{ { .state = FACTS_REPLY_NOT_OURS }, FACTS_NOT_OURS, "127.0.0.1" },
		{ { .state = FACTS_REPLY_FAILED }, FACTS_FAILED, "127.0.0.1: it could not tell" },
		{ { .state = FACTS_REPLY_FAILED, .note = { "no disk\n", 8 } }, FACTS_FAILED, "127.0.0.1: no disk?" },
	};
	(void)state;
	open_store();
	for (size_t i = 0; i < COUNT(rows); i++) {
		fx.peers[0].reply = rows[i].reply;
		struct lookup *l = start();
		run_all();
		assert_int_equal(l->facts.state, rows[i].want);
		assert_int_equal(l->facts.usage, 0);
		assert_string_equal(l->note, rows[i].note);
	}
	assert_int_equal(fx.peers[0].heard, COUNT(rows)); /* "failed" is an answer */
}

static void test_clock(void **state)
{
	(void)state;
	struct remote *r = open_store();
	fx.peers[0].reply = (struct facts_reply){ .state = FACTS_REPLY_CLOCK, .time = remote_wall() + 100500 };
	struct lookup *l = start();
	run_all();
	assert_int_equal(l->facts.state, FACTS_FAILED);
	if (strncmp(l->note, "127.0.0.1: its clock is 100 s ahead of ours", 43) != 0)
		fail_msg("%s", l->note);
	fx.peers[0].reply.time = 0;
	l = start();
	run_all();
	assert_non_null(strstr(l->note, " s behind ours"));
	assert_int_equal(remote_hosts_at(r->hosts, 0)->peer.refused, 2);
}

/* ---- what is lost, and what is not believed ---- */

static void test_lost(void **state)
{
	struct peer *p = &fx.peers[0];
	(void)state;
	fx.conf.timeout = 100;
	open_store();
	p->deeds[0] = p->deeds[1] = SILENT;
	struct lookup *l = start();
	run_all();
	assert_found(l, 1000);
	assert_int_equal(p->heard, 3);
	assert_true(p->ids[0] == p->ids[1] && p->ids[1] == p->ids[2]);
	assert_true(p->sequences[0] < p->sequences[1] && p->sequences[1] < p->sequences[2]);
}

static void test_nobody_there(void **state)
{
	(void)state;
	fx.conf.timeout = SOON;
	struct remote *r = open_store();
	struct peer_stats peer;
	fx.peers[0].mute = true;
	struct lookup *l = start();
	run_all();
	assert_failed(l, "127.0.0.1: no answer to 3 datagrams");
	assert_true(fx.store->type->peer(fx.store, 0, &peer));
	assert_false(fx.store->type->peer(fx.store, 1, &peer));
	assert_int_equal(peer.asked, 1);
	assert_int_equal(peer.timeouts, 3);
	assert_int_equal(peer.answered, 0);
	assert_int_equal(peer.state, PEER_CLOSED);
	assert_true(list_empty(&r->out));
}

static void test_not_believed(void **state)
{
	static const enum deed deeds[] = { WRONG_ID, WRONG_ASKER, WRONG_SEQUENCE, WRONG_SOURCE, WRONG_SEAL, SECOND_KEY,
		UNSEALED, CHANGED, CUT, NOTED };
	(void)state;
	fx.conf.timeout = 100;
	struct remote *r = open_store();
	for (size_t i = 0; i < COUNT(deeds); i++) {
		struct peer *p = &fx.peers[0];
		struct remote_stats before = r->stats;
		p->heard = p->answered = 0;
		p->deeds[0] = deeds[i];
		struct lookup *l = start();
		run_all();
		assert_found(l, 1000);
		assert_int_equal(p->answered, 2);
		assert_int_equal(r->stats.late - before.late, deeds[i] == WRONG_ID);
		assert_int_equal(r->stats.strange - before.strange, deeds[i] != WRONG_ID);
	}
}

static void test_without_a_key(void **state)
{
	(void)state;
	fx.blocking.keys = NULL;
	fx.peers[0].plain = true;
	open_store();
	struct lookup *l = start();
	run_all();
	assert_found(l, 1000);
}

static void test_duplicates(void **state)
{
	(void)state;
	struct remote *r = open_store();
	fx.peers[0].deeds[0] = TWICE;
	struct lookup *l = start();
	run_all();
	run_for(0.05);
	assert_found(l, 1000);
	assert_int_equal(fx.done[0], 1);
	assert_int_equal(r->stats.late, 1);
}

static void test_cancelled(void **state)
{
	(void)state;
	struct remote *r = open_store();
	for (int i = 0; i < 20; i++) {
		struct lookup *l = start();
		if (i % 2 == 0)
			continue;
		fx.store->type->cancel(fx.store, l);
		memset(l, 0xEE, sizeof(*l));
		fx.returned++;
	}
	run_all();
	run_for(0.05);
	for (int i = 0; i < 20; i++)
		assert_int_equal(fx.done[i], i % 2 == 0);
	assert_int_equal(r->stats.late, 10);
}

static void test_closed_while_answers_come(void **state)
{
	(void)state;
	open_store();
	for (int i = 0; i < 20; i++)
		start();
	for (int i = 0; i < 20; i++)
		fx.store->type->cancel(fx.store, &fx.lookups[i]);
	close_store();
	fx.returned = fx.n;
	run_for(0.05);
	assert_int_equal(fx.peers[0].answered, 20);
}

static void test_many(void **state)
{
	(void)state;
	struct remote *r = open_store();
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < MANY / 2; i++)
			start();
		run_all();
	}
	for (int i = 0; i < MANY; i++)
		assert_found(&fx.lookups[i], 1000);
	size_t kept = 0;
	list_each (n, &r->spare)
		kept++;
	assert_int_equal(kept, MANY / 2);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_question),
		TEST(test_answer),
		TEST(test_verdicts),
		TEST(test_states),
		TEST(test_clock),
		TEST(test_lost),
		TEST(test_nobody_there),
		TEST(test_not_believed),
		TEST(test_without_a_key),
		TEST(test_duplicates),
		TEST(test_cancelled),
		TEST(test_closed_while_answers_come),
		TEST(test_many),
	};
	if (!keys_made())
		return 1;
	return cmocka_run_group_tests_name("remote", tests, NULL, NULL);
}
