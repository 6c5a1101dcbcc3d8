/* The store remote and its hosts: several servers, names, bounds, one that is silent. */
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
	struct peer_stats peer;
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
	};
	if (!keys_made())
		return 1;
	return cmocka_run_group_tests_name("remote_hosts", tests, NULL, NULL);
}
