/*
 * Mailboxes on other machines. Quotagates are asked by datagrams, sealed with a key that all of them know, and by HTTP
 * when no datagram is answered; they keep the ledger of their mailboxes, and hear what becomes of each transaction. Web
 * servers with a quota.cgi are asked by HTTP alone, as any store that blocks.
 */
#include "store/remote_cgi.h"
#include "store/remote_http.h"
#include "store/remote_inside.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

/* A burst of answers waits here while the loop is busy. */
#define RECEIVE_BUFFER (1 << 20)

/* ---- sockets ---- */

static void on_data(struct datagram_socket *socket, struct str in, const struct sockaddr *from)
{
	const struct remote_socket *s = list_of(socket, struct remote_socket, socket);
	if (s->open)
		remote_hear(s->of, in, from);
}

static void on_socket_closed(struct datagram_socket *socket)
{
	struct remote_socket *s = list_of(socket, struct remote_socket, socket);
	s->open = false;
	remote_handle_closed(s->of);
}

static const struct datagram_calls socket_calls = { .data = on_data, .closed = on_socket_closed };

/* A family that this machine does not have is no error: its addresses are just silent. */
static bool open_socket(struct remote *r, struct remote_socket *s, int family, struct err *err)
{
	int one = 1, room = RECEIVE_BUFFER;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno == EAFNOSUPPORT || err_set(err, "%s: no socket: %s", r->name, strerror(errno));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	s->of = r;
	r->handles++;
	s->open = datagram_open(&s->socket, r->loop, fd, &socket_calls, err);
	return s->open;
}

/* ---- the store ---- */

void remote_handle_closed(struct remote *r)
{
	assert(r->handles > 0);
	if (--r->handles == 0)
		free(r);
}

static void remote_start(struct store *s, struct lookup *l)
{
	remote_ask(list_of(s, struct remote, store), l);
}

static void remote_cancel(struct store *s, struct lookup *l)
{
	remote_forget(list_of(s, struct remote, store), l);
}

static void remote_tell(struct store *s, const struct news *news)
{
	remote_hear_news(list_of(s, struct remote, store), news);
}

static struct pool_stats remote_helpers(const struct store *s)
{
	return desk_stats(((const struct remote *)(const void *)s)->desk);
}

static bool remote_peer(const struct store *s, size_t i, struct peer_stats *out)
{
	const struct remote_host *h = remote_hosts_at(((const struct remote *)(const void *)s)->hosts, i);
	if (!h)
		return false;
	*out = h->peer;
	out->state = peer_state_of(h->breaker.state);
	return true;
}

static struct store_messages remote_messages(const struct store *s)
{
	const struct remote *r = (const void *)s;
	return (struct store_messages){ r->stats.strange, r->stats.late, r->stats.untold, remote_news_owed(r) };
}

static void on_tick_closed(uv_handle_t *tick)
{
	remote_handle_closed(list_of(tick, struct remote, tick));
}

/* What the loop still holds is freed after this turn. */
static void remote_close(struct store *s)
{
	struct remote *r = list_of(s, struct remote, store);
	remote_requests_close(r, &r->out);
	remote_requests_close(r, &r->spare);
	uv_close((uv_handle_t *)&r->tick, on_tick_closed);
	for (size_t i = 0; i < REMOTE_SOCKETS; i++) {
		if (r->sockets[i].open)
			datagram_close(&r->sockets[i].socket);
		r->sockets[i].open = false;
	}
	if (r->hosts)
		remote_hosts_free(r->hosts);
	remote_trails_free(r->trails);
	if (r->desk)
		desk_close(r->desk);
	remote_handle_closed(r);
}

static const struct store_type remote_store = {
	.name = "remote",
	.tell = remote_tell,
	.helpers = remote_helpers,
	.peer = remote_peer,
	.messages = remote_messages,
	.start = remote_start,
	.cancel = remote_cancel,
	.close = remote_close,
};

/* ---- opening ---- */

static void set_up(struct remote *r, uv_loop_t *loop, const struct blocking_conf *conf)
{
	r->store.type = &remote_store;
	r->handles = 2; /* the store, and the timer */
	r->loop = loop;
	uv_timer_init(loop, &r->tick);
	r->name = conf->name;
	r->conf = conf->conf;
	r->keys = conf->keys;
	r->breaker = (struct breaker_conf){ (unsigned)r->conf->breaker_failures, r->conf->breaker_pause };
	for (; r->n_servers < r->conf->server.n; r->n_servers++)
		r->servers[r->n_servers] = remote_conf_server(r->conf, r->n_servers);
	list_init(&r->creditors);
	list_init(&r->later);
	list_init(&r->out);
	list_init(&r->spare);
	for (size_t i = 0; i < REMOTE_SLOTS; i++)
		list_init(&r->slots[i]);
}

static bool open_parts(struct remote *r, struct nursery *nursery, const struct blocking_conf *conf, struct err *err)
{
	struct hash_key names;
	if (r->conf->key_file && !r->keys) /* or it would ask without a seal */
		return err_set(err, "%s: the key of its key_file cannot be had", r->name);
	if (getrandom(&r->key, sizeof(r->key), 0) != sizeof(r->key) ||
		getrandom(&names, sizeof(names), 0) != sizeof(names) ||
		getrandom(&r->asker, sizeof(r->asker), 0) != sizeof(r->asker))
		return err_set(err, "%s: no randomness: %s", r->name, strerror(errno));
	r->desk = remote_errand_desk(r->loop, nursery, conf, err);
	if (!r->desk)
		return false;
	const struct remote_hosts_conf hosts = {
		.most = r->conf->hosts,
		.key = names,
		.desk = r->desk,
		.settled = remote_settled,
		.leaves = remote_news_leaves,
		.context = r,
	};
	r->hosts = remote_hosts_new(&hosts);
	r->trails = remote_trails_new(&r->stats.untold);
	if (!r->hosts || !r->trails)
		return err_set(err, "%s: no memory", r->name);
	return open_socket(r, &r->sockets[REMOTE_V4], AF_INET, err) &&
	       open_socket(r, &r->sockets[REMOTE_V6], AF_INET6, err);
}

static struct store *remote_attach(
	struct uv_loop_s *loop, struct nursery *nursery, const struct blocking_conf *conf, struct err *err)
{
	if (!remote_conf_is_datagram(conf->conf))
		return blocking_open(loop, nursery, conf, err);
	struct remote *r = calloc(1, sizeof(*r));
	if (!r) {
		err_set(err, "%s: no memory", conf->name);
		return NULL;
	}
	set_up(r, loop, conf);
	if (open_parts(r, nursery, conf, err))
		return &r->store;
	remote_close(&r->store);
	return NULL;
}

static int remote_run(int fd, const void *arg)
{
	const struct blocking_conf *conf = arg;
	return remote_conf_is_datagram(conf->conf) ? remote_errand_run(fd, arg) : blocking_run(fd, arg);
}

static bool remote_check(const void *conf, struct err *err)
{
	const struct remote_conf *c = conf;
	if (!remote_conf_check(c, err))
		return false;
	if ((c->http.n || !remote_conf_is_datagram(c)) && !remote_http_is_there)
		return err_set(err, "this quotagate is built without libcurl, and cannot ask by HTTP");
	return true;
}

static bool remote_told_domain(const void *conf)
{
	(void)conf;
	return true;
}

static bool remote_keeps_ledger(const void *conf)
{
	return remote_conf_is_datagram(conf);
}

static const char *remote_key_file(const void *conf)
{
	return ((const struct remote_conf *)conf)->key_file;
}

const struct store_kind remote_type = {
	.name = "remote",
	.opts = remote_opts,
	.conf_size = sizeof(struct remote_conf),
	.rule = RULE_FITS,
	.check = remote_check,
	.told_domain = remote_told_domain,
	.keeps_ledger = remote_keeps_ledger,
	.key_file = remote_key_file,
	.attach = remote_attach,
	.run = remote_run,
	.open = remote_cgi_open,
	.ask = remote_cgi_ask,
	.close = remote_cgi_close,
};
