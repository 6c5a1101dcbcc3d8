/*
 * For the tests of the store remote: peers on the loopback interface that do as they are told, and the gate's part. A test
 * program calls keys_made() first.
 */
#ifndef TESTS_REMOTE_PEERS_H
#define TESTS_REMOTE_PEERS_H

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
	bool clock_is_wrong; /* they are refused */
	unsigned noted;
	uint64_t notes[MANY]; /* of the transactions of events that were noted, as they came */
	bool plain; /* it has no key */
};

static inline void say(struct peer *p, struct datagram_socket *by, const struct facts_reply *reply, enum deed deed)
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

static inline void on_request(struct datagram_socket *socket, struct str in, const struct sockaddr *from)
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
		if (p->clock_is_wrong)
			reply.state = FACTS_REPLY_CLOCK;
		else if (deed != NOTED && p->noting && !p->mute)
			p->notes[p->noted++ % MANY] = p->last.transaction.a;
		if (!p->noting && deed != NOTED)
			return;
	}
	if (deed != SILENT && !p->mute)
		say(p, deed == WRONG_SOURCE ? &p->elsewhere : &p->socket, &reply, deed);
	if (deed == TWICE)
		say(p, &p->socket, &reply, deed);
}

static inline void on_peer_closed(struct datagram_socket *s)
{
	(void)s;
}

static const struct datagram_calls peer_calls = { .data = on_request, .closed = on_peer_closed };

static inline void bind_socket(struct datagram_socket *s, uv_loop_t *loop, uint16_t *port)
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

static inline struct str put(struct lookup *l, size_t *at, const char *z)
{
	struct str s = { l->text + *at, strlen(z) };
	memcpy(l->text + *at, z, s.len);
	*at += s.len;
	return s;
}

static inline struct lookup *start_at(const char *address, const char *host)
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

static inline struct lookup *start(void)
{
	return start_at("joe@example.org", "127.0.0.1");
}

static inline bool all_back(void *arg)
{
	(void)arg;
	return fx.returned == fx.n;
}

static inline void run_all(void)
{
	assert_true(process_run(&fx.loop, all_back, NULL));
}

static inline bool is_over(void *arg)
{
	return process_clock() >= *(double *)arg;
}

/* For what must not happen. */
static inline void run_for(double seconds)
{
	double until = process_clock() + seconds;
	assert_true(process_run(&fx.loop, is_over, &until));
}

static inline bool is_heard(void *arg)
{
	return fx.peers[0].heard >= *(unsigned *)arg;
}

static inline void run_until_heard(unsigned n)
{
	assert_true(process_run(&fx.loop, is_heard, &n));
}

static inline struct remote *remote_of(struct store *s)
{
	return list_of(s, struct remote, store);
}

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
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

static inline void add_server(const char *host, const struct peer *p)
{
	char *text = fx.text[fx.conf.server.n];
	snprintf(text, sizeof(fx.text[0]), "udp:%s:%u", host, p->port);
	fx.servers[fx.conf.server.n++] = text;
}

static inline struct remote *open_store(void)
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

static inline void close_store(void)
{
	fx.store->type->close(fx.store);
	fx.store = NULL;
}

static inline void assert_found(const struct lookup *l, uint64_t usage)
{
	if (l->facts.state != FACTS_FOUND)
		fail_msg("not found: %s", l->note);
	assert_int_equal(l->facts.usage, usage);
}

static inline void assert_failed(const struct lookup *l, const char *note)
{
	assert_int_equal(l->facts.state, FACTS_FAILED);
	assert_string_equal(l->note, note);
	assert_int_equal(l->facts.usage + l->others.octets + l->loan.number + l->charged, 0);
}

static inline bool keys_made(void)
{
	struct err err;
	return seal_keys_parse(&keys, STR("the first of our keys\nthe second of our keys\n"), &err) &&
	       seal_keys_parse(&others, STR("a key of somebody else\n"), &err);
}

#endif
