/* The store remote against peers on the loopback interface that do as they are told: what is asked, what is believed. */
#include "store/remote_inside.h"

#include "process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 600
#define SOON 40 /* milliseconds: the timeout where no answer is to come */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

extern const struct store_kind remote_type;

static struct seal_keys keys, others; /* ours: two; and somebody else's */

/* ---- peers ---- */

enum deed {
	ANSWER,
	SILENT,
	TWICE, /* the same answer two times */
	WRONG_ID,
	WRONG_ASKER,
	WRONG_SEQUENCE,
	WRONG_SOURCE,
	WRONG_SEAL,
	SECOND_KEY, /* one of ours, but not the one that it was asked with */
	UNSEALED,
	CHANGED, /* after it was sealed */
	CUT,
	NOTED, /* the event that was none */
};

struct peer {
	struct datagram_socket socket, elsewhere; /* first */
	uint16_t port;
	enum deed deeds[8]; /* to be done with the first ones; those after them are answered */
	unsigned heard, answered;
	struct facts_request last;
	char address[FACTS_ADDRESS_MAX]; /* of the last */
	uint64_t ids[MANY], sequences[MANY];
	struct facts_reply reply; /* what it knows */
	const struct sockaddr *from; /* while it answers */
	bool mute; /* silent, whatever its deeds are */
	bool noting; /* events too are acknowledged */
	bool plain; /* it has no key */
};

static void say(struct peer *p, struct datagram_socket *by, const struct facts_reply *reply, enum deed deed)
{
	char octets[FACTS_MESSAGE_MAX];
	struct buf out = BUF(octets);
	const struct seal_key *key = deed == WRONG_SEAL ? &others.at[0] : &keys.at[deed == SECOND_KEY];
	facts_reply_encode(&out, reply, FACTS_REQUEST_MIN);
	seal_put(deed == UNSEALED || p->plain ? NULL : key, octets, out.len);
	if (deed == CHANGED)
		octets[60] ^= 1;
	assert_true(datagram_send(by, p->from, (struct str){ octets, deed == CUT ? 100 : out.len }));
	p->answered++;
}

static void on_request(struct datagram_socket *socket, struct str in, const struct sockaddr *from)
{
	struct peer *p = list_of(socket, struct peer, socket);
	enum deed deed = p->heard < COUNT(p->deeds) ? p->deeds[p->heard] : ANSWER;
	if (p->plain)
		assert_true(seal_is_missing(in));
	else
		assert_ptr_equal(seal_check(&keys, in), &keys.at[0]);
	assert_true(facts_request_decode(&p->last, in) > 0);
	memcpy(p->address, p->last.address.at, p->last.address.len);
	p->last.address.at = p->address;
	p->ids[p->heard % MANY] = p->last.id;
	p->sequences[p->heard++ % MANY] = p->last.sequence;
	struct facts_reply reply = p->reply;
	reply.asker = p->last.asker + (deed == WRONG_ASKER);
	reply.id = p->last.id + (deed == WRONG_ID);
	reply.sequence = p->last.sequence + (deed == WRONG_SEQUENCE);
	p->from = from;
	if (p->last.kind == FACTS_EVENT || deed == NOTED) {
		reply = (struct facts_reply){ reply.asker, reply.sequence, reply.id, .state = FACTS_REPLY_NOTED };
		if (!p->noting && deed != NOTED)
			return;
	}
	if (deed != SILENT && !p->mute)
		say(p, deed == WRONG_SOURCE ? &p->elsewhere : &p->socket, &reply, deed);
	if (deed == TWICE)
		say(p, &p->socket, &reply, deed);
}

static void on_peer_closed(struct datagram_socket *s)
{
	(void)s;
}

static const struct datagram_calls peer_calls = { .data = on_request, .closed = on_peer_closed };

static void bind_socket(struct datagram_socket *s, uv_loop_t *loop, uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	struct err err;
	int room = 1 << 20, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	*port = ntohs(at.sin_port);
	assert_true(datagram_open(s, loop, fd, &peer_calls, &err));
}

/* ---- the gate's part ---- */

static struct fixture {
	uv_loop_t loop;
	struct nursery *nursery;
	struct store *store;
	struct remote_conf conf;
	struct blocking_conf blocking;
	char text[REMOTE_SERVERS_MAX][80];
	const char *servers[REMOTE_SERVERS_MAX];
	struct peer peers[2];
	struct lookup lookups[MANY];
	int done[MANY];
	int n, returned;
	struct hash transaction;
} fx;

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

static struct lookup *start_at(const char *address, const char *host)
{
	struct lookup *l = &fx.lookups[fx.n];
	size_t at = 0;
	struct hash transaction = fx.transaction;
	memset(l, 0xEE, sizeof(*l)); /* a store must not count on what was there before */
	l->claim = (struct claim){ .deliver = true, .size = 1000, .transaction = transaction };
	l->firm = false;
	l->store_data = NULL;
	l->mailbox = (struct mailbox){ 0 };
	l->mailbox.address = put(l, &at, address);
	l->mailbox.local = l->mailbox.address;
	l->mailbox.host = put(l, &at, host);
	fx.done[fx.n++] = 0;
	fx.store->type->start(fx.store, l);
	return l;
}

static struct lookup *start(void)
{
	return start_at("joe@example.org", "127.0.0.1");
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

/* For what must not happen. */
static void run_for(double seconds)
{
	double until = process_clock() + seconds;
	assert_true(process_run(&fx.loop, is_over, &until));
}

static bool is_heard(void *arg)
{
	return fx.peers[0].heard >= *(unsigned *)arg;
}

static void run_until_heard(unsigned n)
{
	assert_true(process_run(&fx.loop, is_heard, &n));
}

static struct remote *remote_of(struct store *s)
{
	return list_of(s, struct remote, store);
}

static int set_up(void **state)
{
	struct nursery_set set = { .name = "far", .uid = geteuid() == 0 ? 65534 : (uid_t)-1, .gid = 65534 };
	struct nursery_plan plan = { .sets = &set, .n = 1 };
	struct err err;
	(void)state;
	memset(&fx, 0, sizeof(fx));
	fx.conf = (struct remote_conf){
		.server = { fx.servers, 0 },
		.timeout = SECONDS(1), /* for an answer that comes */
		.http_timeout = SECONDS(2),
		.tries = 3,
		.hosts = 10,
		.breaker_failures = 5,
		.breaker_pause = 200,
	};
	fx.blocking = (struct blocking_conf){
		.name = "far", .type = &remote_type, .conf = &fx.conf, .helpers = 1, .hang = SECONDS(60), .keys = &keys
	};
	fx.servers[fx.conf.server.n++] = "udp:%{host}:1"; /* so that the helper knows in which way it is asked */
	set.run = remote_type.run;
	set.arg = &fx.blocking;
	fx.nursery = nursery_open(&plan, NULL, NULL, &err);
	fx.conf.server.n = 0;
	if (!fx.nursery || uv_loop_init(&fx.loop) != 0)
		return -1;
	for (size_t i = 0; i < COUNT(fx.peers); i++) {
		uint16_t unused;
		bind_socket(&fx.peers[i].socket, &fx.loop, &fx.peers[i].port);
		bind_socket(&fx.peers[i].elsewhere, &fx.loop, &unused);
		fx.peers[i].reply = (struct facts_reply){ .state = FACTS_REPLY_FOUND, .usage = 1000 + i };
		fx.peers[i].noting = true;
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (fx.store)
		fx.store->type->close(fx.store);
	for (size_t i = 0; i < COUNT(fx.peers); i++) {
		datagram_close(&fx.peers[i].socket);
		datagram_close(&fx.peers[i].elsewhere);
	}
	uv_run(&fx.loop, UV_RUN_DEFAULT);
	nursery_close(fx.nursery);
	return uv_loop_close(&fx.loop);
}

static void add_server(const char *host, const struct peer *p)
{
	char *text = fx.text[fx.conf.server.n];
	snprintf(text, sizeof(fx.text[0]), "udp:%s:%u", host, p->port);
	fx.servers[fx.conf.server.n++] = text;
}

static struct remote *open_store(void)
{
	struct err err = { "" };
	if (fx.conf.server.n == 0)
		add_server("%{host}", &fx.peers[0]);
	assert_true(remote_type.check(&fx.conf, &err));
	fx.store = remote_type.attach(&fx.loop, fx.nursery, &fx.blocking, &err);
	assert_string_equal(err.text, "");
	assert_non_null(fx.store);
	return remote_of(fx.store);
}

static void close_store(void)
{
	fx.store->type->close(fx.store);
	fx.store = NULL;
}

static void assert_found(const struct lookup *l, uint64_t usage)
{
	if (l->facts.state != FACTS_FOUND)
		fail_msg("not found: %s", l->note);
	assert_int_equal(l->facts.usage, usage);
}

static void assert_failed(const struct lookup *l, const char *note)
{
	assert_int_equal(l->facts.state, FACTS_FAILED);
	assert_string_equal(l->note, note);
	assert_int_equal(l->facts.usage + l->others.octets + l->loan.number + l->charged, 0);
}

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
	assert_true(q->asker != 0 && (uint32_t)q->id != 0);
	struct lookup all = fx.lookups[0];
	all.firm = true;
	all.mailbox.address = STR("ann@example.org");
	all.claim = (struct claim){ .stage = STAGE_END_OF_MESSAGE,
		.size = 5,
		.limit = { true, 6, 7 },
		.held = 8,
		.spent = { .octets = 9, .messages = 10 } };
	fx.lookups[1] = all;
	fx.n++;
	fx.store->type->start(fx.store, &fx.lookups[1]);
	run_all();
	assert_true(str_eq(q->address, STR("ann@example.org")));
	assert_true(!q->charge && q->firm && q->end_of_message && q->limit_named);
	assert_int_equal(q->size + 10 * q->limit + 100 * q->message_limit, 765);
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
	struct store_peer peer;
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
		TEST(test_question),
		TEST(test_answer),
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
	struct err err;
	if (!seal_keys_parse(&keys, STR("the first of our keys\nthe second of our keys\n"), &err) ||
		!seal_keys_parse(&others, STR("a key of somebody else\n"), &err))
		return 1;
	return cmocka_run_group_tests_name("remote", tests, NULL, NULL);
}
