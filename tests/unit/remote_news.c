/* The store remote and what it tells hosts of transactions: at once, or when they answer again, or never. */
#include "core/ledger.h"

#include "remote_peers.h"

static const struct hash one = { 1, 2 };

static void tell(enum news_kind kind, struct hash transaction, const char *address)
{
	struct news news = { .kind = kind, .transaction = transaction, .size = kind == NEWS_ARRIVED ? 77 : 0 };
	news.mailbox.address = str_of(address);
	news.mailbox.host = STR("127.0.0.1");
	fx.store->type->tell(fx.store, &news);
}

static bool no_events(void *arg)
{
	(void)arg;
	return remote_of(fx.store)->events == 0;
}

static bool is_noted(void *arg)
{
	return fx.peers[0].noted >= *(unsigned *)arg;
}

static void run_until_noted(unsigned n)
{
	assert_true(process_run(&fx.loop, is_noted, &n));
}

static void run_events(void)
{
	assert_true(process_run(&fx.loop, no_events, NULL));
}

/* Opens so many transactions: 1, 2, ..., each charged at the peer. */
static void charge(unsigned n)
{
	for (unsigned i = 1; i <= n; i++) {
		fx.transaction = (struct hash){ i, 2 };
		start();
	}
	run_all();
}

static void end(unsigned n)
{
	for (unsigned i = 1; i <= n; i++)
		tell(NEWS_ENDED, (struct hash){ i, 2 }, "");
}

/* ---- at once ---- */

static void test_news(void **state)
{
	static const struct {
		enum news_kind kind;
		enum facts_event event;
	} rows[] = {
		{ NEWS_WITHDRAWN, FACTS_EVENT_WITHDRAWN },
		{ NEWS_ARRIVED, FACTS_EVENT_ARRIVED },
		{ NEWS_ENDED, FACTS_EVENT_ENDED },
	};
	const struct facts_request *q = &fx.peers[0].last;
	(void)state;
	struct remote *r = open_store();
	charge(1);
	for (unsigned i = 0; i < COUNT(rows); i++) {
		tell(rows[i].kind, one, rows[i].kind == NEWS_WITHDRAWN ? "joe@example.org" : "");
		run_until_heard(2 + i);
		assert_int_equal(q->kind, FACTS_EVENT);
		assert_int_equal(q->event, rows[i].event);
		assert_true(hash_eq(q->transaction, one));
		assert_int_equal(q->size, rows[i].kind == NEWS_ARRIVED ? 77 : 0);
		assert_true(str_eq(q->address, str_of(i == 0 ? "joe@example.org" : "")));
		run_events();
		assert_int_equal(fx.peers[0].heard, 2 + i);
	}
	tell(NEWS_ENDED, one, ""); /* it is over */
	tell(NEWS_ENDED, (struct hash){ 3, 4 }, "");
	tell(NEWS_ENDED, (struct hash){ 0, 0 }, "");
	assert_int_equal(r->events, 0);
	assert_true(list_empty(&r->out));
	assert_int_equal(r->stats.untold, 0);
}

static void test_nothing_to_tell(void **state)
{
	(void)state;
	struct remote *r = open_store();
	start(); /* of no transaction */
	run_all();
	tell(NEWS_ENDED, (struct hash){ 0, 0 }, "");
	struct lookup *l = &fx.lookups[fx.n++];
	*l = fx.lookups[0];
	l->claim = (struct claim){ .transaction = one }; /* a question that charges nothing */
	fx.store->type->start(fx.store, l);
	run_all();
	tell(NEWS_ENDED, one, "");
	assert_int_equal(r->events, 0);
}

static void test_a_transaction_that_begins_anew(void **state)
{
	(void)state;
	open_store();
	for (unsigned i = 1; i <= 2; i++) {
		charge(1);
		end(1);
		run_events();
		assert_int_equal(fx.peers[0].noted, i);
	}
}

static void test_some_at_a_time(void **state)
{
	const unsigned many = 4 * REMOTE_TELLING_MAX;
	(void)state;
	struct remote *r = open_store();
	charge(many);
	end(many);
	assert_int_equal(r->events, REMOTE_TELLING_MAX);
	assert_int_equal(remote_news_owed(r), many);
	run_events();
	assert_int_equal(fx.peers[0].noted, many);
	for (unsigned i = 0; i < many; i++)
		assert_int_equal(fx.peers[0].notes[i], i + 1);
	assert_int_equal(remote_news_owed(r), 0);
}

/* ---- when it answers again ---- */

static void test_a_host_that_is_silent_for_a_while(void **state)
{
	const unsigned many = 2 * REMOTE_TELLING_MAX;
	struct peer *p = &fx.peers[0];
	(void)state;
	fx.conf.timeout = SOON;
	struct remote *r = open_store();
	charge(many);
	unsigned asked = p->heard; /* some twice, where answers were not heard soon enough */
	p->mute = true;
	end(many);
	run_for(0.6); /* given up, and now and then one is told anew */
	assert_int_equal(remote_news_owed(r), many);
	assert_in_range(p->heard, asked + 3 * REMOTE_TELLING_MAX + 1, asked + 3 * REMOTE_TELLING_MAX + 12);
	assert_int_equal(remote_hosts_at(r->hosts, 0)->breaker.silent, 0); /* questions count, news do not */
	p->mute = false;
	run_until_noted(many); /* though nobody asks it */
	run_events();
	for (unsigned i = 0; i < many; i++)
		assert_int_equal(p->notes[i], i + 1);
	assert_int_equal(p->noted, many);
	assert_int_equal(remote_news_owed(r) + r->stats.untold, 0);
}

static void test_an_answer_to_a_question_will_do(void **state)
{
	(void)state;
	fx.conf.timeout = SOON;
	fx.conf.breaker_pause = SECONDS(60);
	struct remote *r = open_store();
	charge(3);
	fx.peers[0].mute = true;
	end(3);
	run_events();
	fx.peers[0].mute = false;
	run_for(0.1);
	assert_int_equal(fx.peers[0].noted, 0);
	fx.transaction = (struct hash){ 0, 0 };
	start();
	run_until_noted(3);
	run_events();
	assert_int_equal(remote_news_owed(r), 0);
}

static void test_a_host_that_is_left_alone(void **state)
{
	struct peer *p = &fx.peers[0];
	struct peer_stats peer;
	(void)state;
	fx.conf.timeout = SOON;
	fx.conf.breaker_failures = 2;
	fx.conf.breaker_pause = 500;
	struct remote *r = open_store();
	charge(10);
	p->mute = true;
	fx.transaction = (struct hash){ 0, 0 };
	start();
	start();
	run_all();
	unsigned heard = p->heard;
	end(10);
	tell(NEWS_ENDED, one, "");
	assert_int_equal(r->events, 0);
	assert_int_equal(remote_news_owed(r), 10);
	assert_int_equal(r->stats.untold, 0);
	p->mute = false;
	run_until_noted(10);
	run_events();
	assert_int_equal(p->heard, heard + 10);
	assert_true(fx.store->type->peer(fx.store, 0, &peer) && peer.state == PEER_CLOSED);
}

static void test_a_host_that_refuses_us(void **state)
{
	(void)state;
	struct remote *r = open_store();
	charge(3);
	fx.peers[0].clock_is_wrong = true;
	end(3);
	run_events();
	run_for(0.05);
	assert_int_equal(fx.peers[0].heard, 6); /* and not over and over */
	assert_int_equal(remote_news_owed(r), 3);
	fx.peers[0].clock_is_wrong = false;
	run_until_noted(3);
}

static void test_the_end_replaces_the_arrival(void **state)
{
	(void)state;
	fx.conf.timeout = SOON;
	struct remote *r = open_store();
	charge(1);
	fx.peers[0].mute = true;
	tell(NEWS_ARRIVED, one, "");
	run_events();
	assert_int_equal(remote_news_owed(r), 1);
	tell(NEWS_ABANDONED, one, "");
	assert_int_equal(remote_news_owed(r), 1);
	fx.peers[0].mute = false;
	run_until_noted(1);
	assert_int_equal(fx.peers[0].last.event, FACTS_EVENT_ABANDONED);
	run_for(0.3);
	assert_int_equal(fx.peers[0].noted, 1);
	assert_int_equal(remote_news_owed(r) + r->stats.untold, 0);
}

/* The answer to the arrival is nobody's answer to the end. */
static void test_the_end_overtakes_the_arrival(void **state)
{
	(void)state;
	fx.conf.timeout = 200;
	struct remote *r = open_store();
	charge(1);
	fx.peers[0].deeds[2] = SILENT;
	tell(NEWS_ARRIVED, one, "");
	tell(NEWS_ENDED, one, "");
	run_until_heard(3);
	run_for(0.05);
	assert_int_equal(remote_news_owed(r), 1);
	run_events();
	assert_int_equal(fx.peers[0].last.event, FACTS_EVENT_ENDED);
	assert_int_equal(remote_news_owed(r), 0);
}

static void test_two_hosts(void **state)
{
	(void)state;
	fx.conf.timeout = SOON;
	add_server("127.0.0.1", &fx.peers[0]);
	add_server("127.0.0.1", &fx.peers[1]);
	struct remote *r = open_store();
	fx.peers[0].deeds[0] = SILENT;
	charge(1);
	assert_int_equal(fx.peers[1].heard, 1);
	fx.peers[1].mute = true;
	end(1);
	run_until_noted(1);
	run_events();
	assert_int_equal(remote_news_owed(r), 1);
	fx.peers[1].mute = false;
	run_for(0.5);
	assert_int_equal(fx.peers[1].noted, 1);
	assert_int_equal(remote_news_owed(r), 0);
}

/* ---- once more ---- */

static void test_a_question_that_is_answered_after_the_end(void **state)
{
	(void)state;
	fx.conf.timeout = 100;
	struct remote *r = open_store();
	fx.transaction = one;
	fx.peers[0].deeds[0] = SILENT;
	start();
	run_until_heard(1);
	tell(NEWS_ABANDONED, one, "");
	run_until_noted(1);
	assert_int_equal(fx.returned, 0);
	run_until_noted(2);
	assert_int_equal(fx.returned, 1);
	run_events();
	run_for(0.3);
	assert_int_equal(fx.peers[0].noted, 2);
	assert_true(list_empty(&r->later));
}

static void test_a_question_that_is_not_answered(void **state)
{
	(void)state;
	fx.conf.timeout = SOON;
	struct remote *r = open_store();
	fx.transaction = one;
	fx.peers[0].deeds[0] = fx.peers[0].deeds[1] = fx.peers[0].deeds[2] = SILENT;
	start();
	run_all();
	end(1);
	run_until_noted(1);
	run_events();
	assert_false(list_empty(&r->later));
	struct remote_debt *d = list_of(r->later.next, struct remote_debt, link);
	assert_in_range(d->due - (msec)uv_now(&fx.loop), SECONDS(9), SECONDS(10));
	d->due = 0;
	run_until_noted(2);
	run_events();
	assert_true(list_empty(&r->later));
}

static void test_a_question_that_is_cancelled(void **state)
{
	(void)state;
	struct remote *r = open_store();
	fx.transaction = one;
	fx.store->type->cancel(fx.store, start());
	fx.returned++;
	tell(NEWS_ABANDONED, one, "");
	run_until_noted(1);
	run_events();
	assert_false(list_empty(&r->later));
	fx.transaction = one; /* which begins anew: its next end is told in any case */
	start();
	run_all();
	assert_true(list_empty(&r->later));
}

/* ---- never ---- */

static void test_what_the_host_has_forgotten(void **state)
{
	(void)state;
	fx.conf.timeout = SOON;
	struct remote *r = open_store();
	charge(2);
	fx.peers[0].mute = true;
	end(2);
	run_events();
	remote_trails_find(r->trails, one)->marked -= LEDGER_OPEN_MOST;
	fx.peers[0].mute = false;
	run_until_noted(1);
	run_events();
	assert_int_equal(fx.peers[0].notes[0], 2);
	assert_int_equal(r->stats.untold, 1);
	assert_int_equal(remote_news_owed(r), 0);
}

static void test_a_host_that_makes_room(void **state)
{
	(void)state;
	fx.conf.timeout = SOON;
	fx.conf.hosts = 1;
	struct remote *r = open_store();
	charge(2);
	fx.peers[0].mute = true;
	end(2);
	run_events();
	assert_int_equal(remote_news_owed(r), 2);
	fx.transaction = (struct hash){ 0, 0 };
	start_at("joe@example.org", "127.0.0.2");
	assert_int_equal(r->stats.untold, 2);
	assert_int_equal(remote_news_owed(r), 0);
	assert_true(list_empty(&r->creditors));
	run_all();
}

static void test_withdrawals_are_told_once(void **state)
{
	(void)state;
	fx.conf.timeout = SOON;
	struct remote *r = open_store();
	charge(1);
	fx.peers[0].mute = true;
	tell(NEWS_WITHDRAWN, one, "joe@example.org");
	tell(NEWS_WITHDRAWN, one, "");
	run_events();
	assert_int_equal(fx.peers[0].heard, 4);
	assert_int_equal(r->stats.untold, 1);
	tell(NEWS_WITHDRAWN, one, "joe@example.org"); /* it is known to be silent */
	assert_int_equal(r->events, 0);
	assert_int_equal(r->stats.untold, 2);
}

static void test_closed_while_all_is_owed(void **state)
{
	(void)state;
	fx.conf.timeout = SOON;
	struct remote *r = open_store();
	charge(REMOTE_TELLING_MAX + 10);
	fx.peers[0].mute = true;
	end(REMOTE_TELLING_MAX + 5);
	run_for(0.02);
	assert_int_equal(r->events, REMOTE_TELLING_MAX);
	close_store();
}

/* ---- trails ---- */

static struct remote_trail *mark(struct remote_trails *t, struct hash transaction, uint64_t host)
{
	struct remote_trail *trail = remote_trails_open(t, transaction);
	remote_trails_mark(t, trail, (struct hash){ host, 0 }, 5);
	return trail;
}

static void test_trails(void **state)
{
	uint64_t lost = 0;
	struct remote_trails *t = remote_trails_new(&lost);
	struct hash first = { 1, 1 };
	(void)state;
	assert_null(remote_trails_find(t, first));
	for (uint64_t host = 1; host < 20; host++) {
		mark(t, first, host);
		mark(t, first, 1);
	}
	assert_int_equal(remote_trails_find(t, first)->n, REMOTE_TRAIL_HOSTS);
	assert_null(remote_trail_at(remote_trails_find(t, first), (struct hash){ 19, 0 }));
	for (uint64_t i = 2; i <= REMOTE_TRAILS; i++)
		mark(t, (struct hash){ i, i }, i);
	assert_int_equal(remote_trails_find(t, first)->n, REMOTE_TRAIL_HOSTS);
	mark(t, first, 1);
	mark(t, (struct hash){ 0, 5 }, 1);
	assert_non_null(remote_trails_find(t, first));
	assert_null(remote_trails_find(t, (struct hash){ 2, 2 })); /* the oldest */
	assert_int_equal(lost, 0);
	remote_trails_free(t);
}

static void test_trails_that_are_over(void **state)
{
	uint64_t lost = 0;
	struct remote_trails *t = remote_trails_new(&lost);
	struct list owed;
	(void)state;
	list_init(&owed);
	for (uint64_t i = 1; i <= REMOTE_TRAILS; i++)
		mark(t, (struct hash){ i, i }, 1);
	for (uint64_t i = 1; i <= 3; i++) {
		struct remote_trail *trail = remote_trails_find(t, (struct hash){ i, i });
		trail->event = FACTS_EVENT_ENDED;
		if (i != 2)
			list_insert(&owed, &trail->at[0].link);
		remote_trails_settle(t, trail);
	}
	mark(t, (struct hash){ 0, 1 }, 1); /* in the place of the only one of which nothing is to be told */
	assert_null(remote_trails_find(t, (struct hash){ 2, 2 }));
	assert_int_equal(lost, 0);
	mark(t, (struct hash){ 0, 2 }, 1);
	assert_null(remote_trails_find(t, (struct hash){ 1, 1 }));
	assert_int_equal(lost, 1);
	struct remote_trail *third = mark(t, (struct hash){ 3, 3 }, 1); /* it begins anew */
	assert_true(list_empty(&owed));
	assert_false(remote_trail_is_over(third));
	mark(t, (struct hash){ 0, 3 }, 1);
	assert_null(remote_trails_find(t, (struct hash){ 4, 4 }));
	assert_int_equal(lost, 1);
	remote_trails_free(t);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_news),
		TEST(test_nothing_to_tell),
		TEST(test_a_transaction_that_begins_anew),
		TEST(test_some_at_a_time),
		TEST(test_a_host_that_is_silent_for_a_while),
		TEST(test_an_answer_to_a_question_will_do),
		TEST(test_a_host_that_is_left_alone),
		TEST(test_a_host_that_refuses_us),
		TEST(test_the_end_replaces_the_arrival),
		TEST(test_the_end_overtakes_the_arrival),
		TEST(test_two_hosts),
		TEST(test_a_question_that_is_answered_after_the_end),
		TEST(test_a_question_that_is_not_answered),
		TEST(test_a_question_that_is_cancelled),
		TEST(test_what_the_host_has_forgotten),
		TEST(test_a_host_that_makes_room),
		TEST(test_withdrawals_are_told_once),
		TEST(test_closed_while_all_is_owed),
		cmocka_unit_test(test_trails),
		cmocka_unit_test(test_trails_that_are_over),
	};
	if (!keys_made())
		return 1;
	return cmocka_run_group_tests_name("remote_news", tests, NULL, NULL);
}
