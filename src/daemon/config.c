#include "daemon/config_inside.h"

#include "daemon/keyfile.h"
#include "daemon/listener.h"
#include "io/rights.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct front control_front;

/* ---- users ---- */

bool config_find_user(const char *name, struct user *out)
{
	const struct passwd *pw = getpwnam(name);
	if (pw)
		*out = (struct user){ pw->pw_uid, pw->pw_gid };
	return pw != NULL;
}

/* Whom the daemon becomes. */
static void settle_user(struct config *c, enum config_use use)
{
	const struct conf_section *top = conf_section_get(c->conf, "", NULL);
	struct user u = { geteuid(), getegid() };
	const char *name = c->top->user;
	c->root = use == CONFIG_RUN_AS_ROOT;
	/* root looks at it as if it were to start the daemon: secrets are to be that user's. */
	if (!name && (c->root || (use == CONFIG_LOOK && rights_may_switch())))
		name = config_find_user("quotagate", &u) ? "quotagate" : "nobody";
	if (name && !config_find_user(name, &u))
		conf_complain(c->conf, top, "user", "there is no user `%s`", name);
	else if (use == CONFIG_RUN && u.uid != geteuid())
		conf_complain(c->conf, top, "user", "only root can become `%s`", name);
	c->user = c->root ? name : NULL;
	c->uid = u.uid;
	c->gid = u.gid;
}

void config_settle_helper(struct config *c, const struct conf_section *s, const char *name, enum config_use use,
	struct config_helper *helper)
{
	struct user u = { c->uid, c->gid };
	helper->user = name ? name : c->user;
	if (name && !config_find_user(name, &u))
		conf_complain(c->conf, s, "user", "there is no user `%s`", name);
	else if (name && use == CONFIG_RUN && u.uid != geteuid())
		conf_complain(c->conf, s, "user", "only root can read as `%s`", name);
	helper->uid = u.uid;
	helper->gid = u.gid;
}

bool config_is_kind(const struct conf_section *s, const char *kind)
{
	return strcmp(s->kind->name, kind) == 0;
}

/* ---- files with secrets ---- */

/* Whether the daemon may read a file need not be true here, where the configuration is only shown. */
static bool is_unfit(enum secret_state state, enum config_use use)
{
	return state == SECRET_BAD || (state == SECRET_FORBIDDEN && use != CONFIG_LOOK);
}

struct seal_keys *config_read_keys(
	struct config *c, const struct conf_section *s, const char *path, enum config_use use)
{
	struct err err;
	struct seal_keys *keys = NULL;
	if (!path || !c->safe)
		return NULL;
	enum secret_state state = keyfile_read(&keys, c->safe, path, c->uid, &err);
	if (is_unfit(state, use))
		conf_complain(c->conf, s, "key_file", "%s", err.text);
	return keys;
}

static void look_at_secrets(
	struct config *c, const struct conf_section *s, const struct config_listener *l, enum config_use use)
{
	struct err err;
	if (l->kind && l->kind->look && c->safe && is_unfit(l->kind->look(l->own, c->safe, c->uid, &err), use))
		conf_complain(c->conf, s, NULL, "%s", err.text);
}

/* ---- listeners ---- */

static void settle_access(struct config *c, const struct conf_section *s, struct config_listener *l)
{
	const struct options_listen *o = l->options;
	struct user u;
	l->access = (struct endpoint_access){
		.mode = o->mode, .owner = c->root ? c->uid : (uid_t)-1, .group = c->root ? c->gid : (gid_t)-1
	};
	if (o->owner && config_find_user(o->owner, &u))
		l->access.owner = u.uid;
	else if (o->owner)
		conf_complain(c->conf, s, "owner", "there is no user `%s`", o->owner);
	const struct group *gr = o->group ? getgrnam(o->group) : NULL;
	if (gr)
		l->access.group = gr->gr_gid;
	else if (o->group)
		conf_complain(c->conf, s, "group", "there is no group `%s`", o->group);
}

static void check_addresses(struct config *c, const struct conf_section *s, const struct config_listener *l)
{
	for (const struct config_listener *other = c->listeners; other < l; other++)
		if (endpoint_eq(&other->endpoint, &l->endpoint))
			conf_complain(c->conf, s, "address", "listen %s has this address already", other->name);
	if (c->control.name && endpoint_eq(&c->control.endpoint, &l->endpoint))
		conf_complain(c->conf, s, "address", "this is the address of the control socket");
}

/* Whether the protocol can be spoken over such a socket. */
static void check_transport(struct config *c, const struct conf_section *s, const struct config_listener *l)
{
	bool datagrams = l->endpoint.family == ENDPOINT_UDP;
	if (datagrams && !l->front->datagrams)
		conf_complain(c->conf, s, "address", "protocol %s is not spoken over UDP", l->front->name);
	if (!datagrams && l->front->only_datagrams)
		conf_complain(
			c->conf, s, "address", "protocol %s is spoken over UDP only: udp:host:port", l->front->name);
}

static bool is_loopback(const struct network *n)
{
	struct network v4, v6;
	return network_parse(&v4, STR("127.0.0.0/8"), NULL) && network_parse(&v6, STR("::1"), NULL) &&
	       ((n->bits >= v4.bits && network_has(&v4, n)) || (n->bits >= v6.bits && network_has(&v6, n)));
}

bool config_serves_others(const struct config_listener *l)
{
	bool others = false;
	for (size_t i = 0; l->endpoint.family != ENDPOINT_UNIX && i < l->n_allow; i++)
		others = others || !is_loopback(&l->allow[i]);
	return others;
}

/* Who comes over a unix socket is on this machine. That the default is written out, as `config` does, is no mistake. */
static void check_allow(struct config *c, const struct conf_section *s, const struct config_listener *l)
{
	for (size_t i = 0; l->endpoint.family == ENDPOINT_UNIX && i < l->n_allow; i++)
		if (!is_loopback(&l->allow[i])) {
			conf_complain(
				c->conf, s, "allow", "a unix socket has mode, owner and group to say who may use it");
			return;
		}
}

/* False: out of memory. */
static bool read_allow(struct config_listener *l)
{
	const struct opt_list *list = &l->options->allow;
	l->allow = calloc(list->n + 1, sizeof(*l->allow));
	for (size_t i = 0; l->allow && i < list->n; i++)
		if (network_parse(&l->allow[l->n_allow], str_of(list->at[i]), NULL))
			l->n_allow++;
	return l->allow != NULL;
}

static bool read_listeners(struct config *c, enum config_use use)
{
	size_t path = 0;
	while (path < c->route.n_stores && !c->route.stores[path].path)
		path++;
	for (const struct conf_section *s = NULL; (s = conf_next(c->conf, s));) {
		if (!config_is_kind(s, "listen") || !s->variant)
			continue;
		struct config_listener *l = &c->listeners[c->n_listeners++];
		const struct registry_front *f = registry_front(s->variant->name);
		struct err err;
		*l = (struct config_listener){
			.name = s->title, .front = f->front, .kind = f->kind, .own = s->own, .options = s->common
		};
		if (!read_allow(l))
			return false;
		if (f->store)
			l->path_store = c->route.stores[path++].salt;
		if (!l->options->address || !endpoint_parse(&l->endpoint, str_of(l->options->address), &err))
			continue; /* told when the option was read */
		settle_access(c, s, l);
		check_addresses(c, s, l);
		check_transport(c, s, l);
		check_allow(c, s, l);
		if (f->front->check && !f->front->check(s->own, &err))
			conf_complain(c->conf, s, NULL, "%s", err.text);
		if (f->front->key_file)
			l->keys = config_read_keys(c, s, f->front->key_file(s->own), use);
		look_at_secrets(c, s, l, use);
	}
	return true;
}

/* ---- the single sections ---- */

static const void *single(const struct config *c, const char *kind)
{
	return conf_section_get(c->conf, kind, NULL)->common;
}

static void reply(struct reply *out, const char *text)
{
	struct err err;
	if (text)
		reply_parse(out, str_of(text), &err); /* checked when the option was read */
}

/* The same words, for now. */
static struct reply for_now(struct reply r)
{
	if (r.code >= 500)
		r.code = 452;
	return r;
}

static void read_rules(struct config *c)
{
	const struct options_rules *o = c->rules;
	struct rules *r = &c->gate.rules;
	r->unknown = (enum on_unknown)o->unknown;
	r->error = (enum on_error)o->error;
	r->full_for = o->full_for;
	r->added = o->added;
	reply(&r->full, o->full);
	r->put_off = for_now(r->full);
	reply(&r->full_long, o->full_long);
	reply(&r->too_large, o->too_large);
	reply(&r->unknown_reject, o->unknown_reject);
	reply(&r->unknown_defer, o->unknown_defer);
	reply(&r->error_defer, o->error_defer);
	reply(&r->forged, o->forged);
	c->gate.fold = (enum fold)o->fold;
	c->gate.delimiters = str_of(o->recipient_delimiter);
	c->gate.timeout = o->timeout;
	c->gate.shadow = o->shadow;
	c->gate.alias = (enum alias_rule)o->alias;
}

static bool read_bypass(struct config *c)
{
	const struct options_bypass *o = single(c, "bypass");
	struct bypass *b = &c->gate.bypass;
	*b = (struct bypass){ .senders = o->senders.at,
		.n_senders = o->senders.n,
		.recipients = o->recipients.at,
		.n_recipients = o->recipients.n };
	c->clients = calloc(o->clients.n + 1, sizeof(*c->clients));
	if (!c->clients)
		return false;
	for (size_t i = 0; i < o->clients.n; i++)
		if (network_parse(&c->clients[b->n_clients], str_of(o->clients.at[i]), NULL))
			b->n_clients++;
	b->clients = c->clients;
	return true;
}

static void read_cache(struct config *c)
{
	const struct options_cache *o = c->cache;
	struct gate_conf *g = &c->gate;
	g->soft = (unsigned)o->soft;
	g->hard = (unsigned)o->hard;
	g->ttl_low = o->ttl_low;
	g->ttl_mid = o->ttl_mid;
	g->ttl_high = o->ttl_high;
	g->ttl_none = o->ttl_none;
	g->stale = o->stale;
	g->settle = o->settle;
	c->size = (struct gate_size){ .mailboxes = o->mailboxes,
		.lookups = o->lookups,
		.transactions = o->transactions,
		.charges = 4 * o->transactions,
		.loans = o->loans,
		.probes = o->members,
		.answers = o->answers,
		.answer_octets = o->answers * 512 };
	/* Else an older look-up could live longer than a newer one that came nearer to the limit. */
	if (o->ttl_high > o->ttl_mid || o->ttl_mid > o->ttl_low)
		conf_complain(c->conf, conf_section_get(c->conf, "cache", NULL),
			o->ttl_high > o->ttl_mid ? "ttl_mid" : "ttl_low",
			"expected ttl_high <= ttl_mid <= ttl_low: the nearer the limit, the younger the facts");
	if (o->soft > o->hard)
		conf_complain(c->conf, conf_section_get(c->conf, "cache", NULL), "soft",
			"soft (%u) must not be above hard (%u)", g->soft, g->hard);
}

static void read_control(struct config *c)
{
	struct config_listener *l = &c->control;
	struct err err;
	char text[4096];
	struct buf b = BUF(text);
	if (!c->top->control)
		return;
	buf_printf(&b, "unix:%s", c->top->control);
	if (!endpoint_parse(&l->endpoint, buf_str(&b), &err)) {
		conf_complain(c->conf, conf_section_get(c->conf, "", NULL), "control", "%s", err.text);
		return;
	}
	c->control_options = (struct options_listen){
		.mode = 0600, .max_clients = 64, .idle = SECONDS(60), .request_timeout = SECONDS(10)
	};
	l->name = "control";
	l->front = &control_front;
	l->options = &c->control_options;
	l->access = (struct endpoint_access){ .mode = 0600, .owner = c->root ? c->uid : (uid_t)-1, .group = (gid_t)-1 };
}

/* ---- all of it ---- */

static bool reserve(struct config *c)
{
	size_t listeners = 1;
	for (const struct conf_section *s = NULL; (s = conf_next(c->conf, s));)
		listeners += config_is_kind(s, "listen");
	c->listeners = calloc(listeners, sizeof(*c->listeners));
	return c->listeners != NULL;
}

struct config *config_read(const char *file, enum config_use use, struct safe *safe)
{
	size_t n;
	const struct conf_kind *kinds = registry_kinds(&n);
	return config_make(conf_read(file, kinds, n), use, safe);
}

struct config *config_make(struct conf *conf, enum config_use use, struct safe *safe)
{
	struct config *c = conf ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		conf_free(conf);
		return NULL;
	}
	c->references = 1;
	c->safe = safe;
	c->conf = conf;
	if (!reserve(c)) {
		config_put(c);
		return NULL;
	}
	c->top = single(c, "");
	c->rules = single(c, "rules");
	c->cache = single(c, "cache");
	c->log = single(c, "log");
	settle_user(c, use);
	read_control(c);
	if (!config_read_routes(c, use) || !read_bypass(c) || !read_listeners(c, use)) {
		config_put(c);
		return NULL;
	}
	read_rules(c);
	read_cache(c);
	c->gate.route = &c->route;
	return c;
}

enum config_use config_use_here(void)
{
	return rights_may_switch() ? CONFIG_RUN_AS_ROOT : CONFIG_RUN;
}

struct config *config_get(struct config *c)
{
	c->references++;
	return c;
}

void config_put(struct config *c)
{
	if (!c || --c->references)
		return;
	for (size_t i = 0; i < c->n_listeners; i++) {
		free(c->listeners[i].allow);
		keyfile_free(c->listeners[i].keys);
	}
	config_free_routes(c);
	free(c->clients);
	free(c->listeners);
	conf_free(c->conf);
	free(c);
}

bool config_print_errors(const struct config *c)
{
	for (size_t i = 0; i < conf_errors(c->conf); i++)
		fprintf(stderr, "quotagate: %s\n", conf_error(c->conf, i));
	return conf_errors(c->conf) > 0;
}
