/* The store remote and its hosts: several servers, names, bounds, one that is silent, and the news that they are told. */
#include "remote_peers.h"

/* ---- several servers, names, bounds ---- */

static void test_alternatives(void **state)
{
	(void)state;
	fx.conf.timeout = SOON;
	add_server("127.0.0.1", &fx.peers[0]);
	add_server("127.0.0.1", &fx.peers[1]);
	fx.conf.breaker_failures = 2;
	fx.conf.breaker_pause = SECONDS(60);
	fx.peers[0].mute = true;
	struct remote *r = open_store();
	for (int i = 0; i < 2; i++) {
		struct lookup *l = start();
		run_all();
		assert_found(l, 1001);
	}
	assert_int_equal(fx.peers[0].heard, 2);
	assert_int_equal(remote_hosts_at(r->hosts, 0)->breaker.state, BREAKER_OPEN);
	assert_int_equal(remote_hosts_at(r->hosts, 1)->breaker.state, BREAKER_CLOSED);
	start();
	run_all();
	assert_int_equal(fx.peers[0].heard, 2); /* it is not asked first any more */
	fx.peers[1].mute = true;
	struct lookup *l = start();
	run_all();
	assert_failed(l, "127.0.0.1: no answer to 3 datagrams");
}

static void test_next_alternative_with_each_try(void **state)
{
	(void)state;
	fx.conf.timeout = 100;
	add_server("127.0.0.1", &fx.peers[0]);
	add_server("127.0.0.1", &fx.peers[1]);
	open_store();
	fx.peers[1].deeds[0] = SILENT;
	fx.peers[0].deeds[0] = SILENT;
	struct lookup *l = start();
	run_all();
	assert_found(l, 1000);
	assert_int_equal(fx.peers[0].heard * 10 + fx.peers[1].heard, 21);
}

static void test_no_host(void **state)
{
	(void)state;
	open_store();
	assert_failed(start_at("joe@example.org", ""), "the directory names no host");
	assert_failed(start_at("joe@example.org", "a host"), "what the directory names as host is none");
	assert_failed(start_at("joe@example.org", "../x"), "what the directory names as host is none");
	char address[FACTS_ADDRESS_MAX + 2];
	memset(address, 'a', sizeof(address) - 1);
	address[sizeof(address) - 1] = '\0';
	assert_failed(start_at(address, "127.0.0.1"), "the address is too long to be asked about");
	address[sizeof(address) - 2] = '\0';
	struct lookup *l = start_at(address, "127.0.0.1");
	run_all();
	assert_found(l, 1000);
}

static void test_names(void **state)
{
	(void)state;
	struct remote *r = open_store();
	struct lookup *l = start_at("joe@example.org", "localhost"), *other = start_at("ann@example.org", "LocalHost");
	assert_int_equal(fx.returned, 0);
	run_all();
	assert_found(l, 1000);
	assert_found(other, 1000);
	assert_null(remote_hosts_at(r->hosts, 1));
	struct lookup *at_once = start_at("joe@example.org", "localhost");
	assert_int_equal(desk_stats(r->desk).asked, 1);
	run_all();
	assert_found(at_once, 1000);
}

static void test_names_that_are_none(void **state)
{
	(void)state;
	fx.conf.breaker_failures = 2;
	struct remote *r = open_store();
	struct lookup *l = start_at("joe@example.org", "x.invalid");
	run_all();
	assert_int_equal(l->facts.state, FACTS_FAILED);
	assert_int_equal(strncmp(l->note, "x.invalid: ", 11), 0);
	assert_true(l->note[11] != '\0');
	struct lookup *again = start_at("joe@example.org", "x.invalid");
	run_all();
	assert_string_equal(again->note, l->note);
	assert_int_equal(desk_stats(r->desk).asked, 1);
	assert_failed(start_at("joe@example.org", "x.invalid"), "host x.invalid: not asked, it did not answer lately");
}

static void test_hosts_are_bounded(void **state)
{
	(void)state;
	fx.conf.timeout = 100;
	fx.conf.hosts = 2;
	struct remote *r = open_store();
	static const char *const hosts[] = { "127.0.0.1", "127.0.0.2", "127.0.0.3" };
	struct lookup *first = start_at("joe@example.org", hosts[0]), *second = start_at("joe@example.org", hosts[1]);
	assert_failed(start_at("joe@example.org", hosts[2]), "host 127.0.0.3: too many hosts are asked at once");
	run_all();
	assert_found(first, 1000);
	assert_int_equal(second->facts.state, FACTS_FAILED);
	start_at("joe@example.org", hosts[0]);
	start_at("joe@example.org", hosts[2]); /* in the place of the second, which was not asked for longest */
	run_all();
	assert_string_equal(remote_hosts_at(r->hosts, 0)->name, hosts[0]);
	assert_string_equal(remote_hosts_at(r->hosts, 1)->name, hosts[2]);
	assert_null(remote_hosts_at(r->hosts, 2));
}

/* ---- a host that is silent ---- */

static void test_breaker(void **state)
{
	struct peer *p = &fx.peers[0];
	struct store_peer peer;
	(void)state;
	fx.conf.timeout = SOON;
	fx.conf.tries = 1;
	fx.conf.breaker_failures = 3;
	p->mute = true;
	open_store();
	for (int i = 0; i < 3; i++)
		start();
	run_all();
	assert_int_equal(p->heard, 3);
	assert_failed(start(), "host 127.0.0.1: not asked, it did not answer lately");
	assert_true(fx.store->type->peer(fx.store, 0, &peer) && peer.state == PEER_OPEN);
	run_for(0.3);
	struct lookup *probe = start();
	assert_true(fx.store->type->peer(fx.store, 0, &peer) && peer.state == PEER_HALF_OPEN);
	assert_failed(start(), "host 127.0.0.1: not asked, it did not answer lately");
	run_all();
	assert_failed(probe, "127.0.0.1: no answer to 1 datagram");
	assert_int_equal(p->heard, 4);
	assert_failed(start(), "host 127.0.0.1: not asked, it did not answer lately");
	run_for(0.5); /* twice the pause */
	p->mute = false;
	probe = start();
	fx.store->type->cancel(fx.store, probe); /* says nothing about the host */
	fx.returned++;
	probe = start();
	run_all();
	assert_found(probe, 1000);
	assert_true(fx.store->type->peer(fx.store, 0, &peer) && peer.state == PEER_CLOSED);
	start();
	run_all();
	assert_int_equal(p->heard, 7);
}

/* ---- what becomes of a transaction ---- */

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
	fx.transaction = (struct hash){ 1, 2 };
	start();
	run_all();
	for (unsigned i = 0; i < COUNT(rows); i++) {
		tell(rows[i].kind, fx.transaction, rows[i].kind == NEWS_WITHDRAWN ? "joe@example.org" : "");
		run_until_heard(2 + i);
		assert_int_equal(q->kind, FACTS_EVENT);
		assert_int_equal(q->event, rows[i].event);
		assert_true(hash_eq(q->transaction, fx.transaction));
		assert_int_equal(q->size, rows[i].kind == NEWS_ARRIVED ? 77 : 0);
		assert_true(str_eq(q->address, str_of(i == 0 ? "joe@example.org" : "")));
		assert_true(process_run(&fx.loop, no_events, NULL));
		assert_int_equal(fx.peers[0].heard, 2 + i);
	}
	tell(NEWS_ENDED, fx.transaction, ""); /* it is not known any more */
	tell(NEWS_ENDED, (struct hash){ 3, 4 }, "");
	tell(NEWS_ENDED, (struct hash){ 0, 0 }, "");
	assert_int_equal(r->events, 0);
	assert_true(list_empty(&r->out));
}

static void test_news_that_nobody_acknowledges(void **state)
{
	(void)state;
	fx.conf.timeout = SOON;
	struct remote *r = open_store();
	fx.transaction = (struct hash){ 1, 2 };
	fx.peers[0].noting = false;
	start();
	run_all();
	for (int i = 0; i < REMOTE_EVENTS_MAX + 5 && i < MANY / 4; i++)
		tell(NEWS_ARRIVED, fx.transaction, "");
	assert_int_equal(r->events, MANY / 4);
	assert_true(process_run(&fx.loop, no_events, NULL));
	assert_int_equal(fx.peers[0].heard, 1 + 3 * MANY / 4);
	assert_int_equal(remote_hosts_at(r->hosts, 0)->breaker.silent, 0); /* questions count, news do not */
	tell(NEWS_ABANDONED, fx.transaction, "");
	close_store(); /* with one on its way */
}

static void test_news_are_bounded(void **state)
{
	(void)state;
	fx.conf.timeout = SOON;
	struct remote *r = open_store();
	fx.transaction = (struct hash){ 1, 2 };
	start();
	run_all();
	datagram_deafen(&fx.peers[0].socket);
	for (int i = 0; i < REMOTE_EVENTS_MAX + 5; i++)
		tell(NEWS_ARRIVED, fx.transaction, "");
	assert_int_equal(r->events, REMOTE_EVENTS_MAX);
	assert_int_equal(r->stats.untold, 5);
	assert_true(process_run(&fx.loop, no_events, NULL));
}

static void test_nothing_to_tell(void **state)
{
	(void)state;
	struct remote *r = open_store();
	start(); /* of no transaction */
	fx.transaction = (struct hash){ 1, 2 };
	run_all();
	tell(NEWS_ENDED, (struct hash){ 0, 0 }, "");
	struct lookup *l = &fx.lookups[fx.n++];
	*l = fx.lookups[0];
	l->claim = (struct claim){ .transaction = fx.transaction }; /* a question that charges nothing */
	fx.store->type->start(fx.store, l);
	run_all();
	tell(NEWS_ENDED, fx.transaction, "");
	assert_int_equal(r->events, 0);
}

static void test_trails(void **state)
{
	struct remote_trails *t = remote_trails_new();
	struct hash first = { 1, 1 };
	(void)state;
	assert_null(remote_trails_find(t, first));
	for (uint64_t host = 1; host < 20; host++) {
		remote_trails_mark(t, first, (struct hash){ host, 0 });
		remote_trails_mark(t, first, (struct hash){ 1, 0 });
	}
	assert_int_equal(remote_trails_find(t, first)->n, REMOTE_TRAIL_HOSTS);
	for (uint64_t i = 2; i <= REMOTE_TRAILS; i++)
		remote_trails_mark(t, (struct hash){ i, i }, (struct hash){ i, 0 });
	assert_int_equal(remote_trails_find(t, first)->n, REMOTE_TRAIL_HOSTS);
	remote_trails_mark(t, first, (struct hash){ 1, 0 });
	remote_trails_mark(t, (struct hash){ 0, 5 }, (struct hash){ 1, 0 });
	assert_non_null(remote_trails_find(t, first));
	assert_null(remote_trails_find(t, (struct hash){ 2, 2 })); /* the oldest */
	remote_trails_drop(t, first);
	assert_null(remote_trails_find(t, first));
	remote_trails_drop(t, first);
	remote_trails_mark(t, (struct hash){ 0, 6 }, (struct hash){ 1, 0 });
	assert_non_null(remote_trails_find(t, (struct hash){ 3, 3 })); /* the dropped one's place was free */
	remote_trails_free(t);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_alternatives),
		TEST(test_next_alternative_with_each_try),
		TEST(test_no_host),
		TEST(test_names),
		TEST(test_names_that_are_none),
		TEST(test_hosts_are_bounded),
		TEST(test_breaker),
		TEST(test_news),
		TEST(test_news_that_nobody_acknowledges),
		TEST(test_news_are_bounded),
		TEST(test_nothing_to_tell),
		cmocka_unit_test(test_trails),
	};
	if (!keys_made())
		return 1;
	return cmocka_run_group_tests_name("remote_hosts", tests, NULL, NULL);
}
