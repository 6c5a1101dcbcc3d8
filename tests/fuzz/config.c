/*
 * The whole configuration, by the tables of the program, and what the daemon makes of it: routes, stores, listeners. It is
 * only looked at, and nothing of this machine counts: its users are the target's own. A text without errors prints as one
 * without errors, and everything in it is what it must be. Texts that include files are left out.
 */
#include "daemon/config.h"
#include "daemon/listener.h"
#include "daemon/registry.h"
#include "fuzz.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

/* HTTP is not spoken here. */
extern const struct listener_kind web_kind;
const struct listener_kind web_kind = { .open = NULL };

static struct str text;

struct conf *__wrap_conf_read(const char *file, const struct conf_kind *kinds, size_t n);

struct conf *__wrap_conf_read(const char *file, const struct conf_kind *kinds, size_t n)
{
	return conf_parse(file, text, kinds, n);
}

/* ---- users ---- */

struct passwd *__wrap_getpwnam(const char *name);
struct group *__wrap_getgrnam(const char *name);

static bool is_known(const char *name)
{
	return strcmp(name, "mail") == 0 || strcmp(name, "nobody") == 0 || strcmp(name, "root") == 0;
}

struct passwd *__wrap_getpwnam(const char *name)
{
	static struct passwd user;
	user.pw_uid = user.pw_gid = 8;
	return is_known(name) ? &user : NULL;
}

struct group *__wrap_getgrnam(const char *name)
{
	static struct group group;
	group.gr_gid = 8;
	return is_known(name) ? &group : NULL;
}

/* ---- what must hold ---- */

static void check_errors(const struct conf *c)
{
	fuzz_require(conf_errors(c) <= CONF_ERRORS_MAX, "a bounded number of errors");
	for (size_t i = 0; i < conf_errors(c); i++) {
		fuzz_require(strncmp(conf_error(c, i), "t:", 2) == 0, "an error begins with the file");
		fuzz_require(fuzz_is_clean(str_of(conf_error(c, i))), "and is one clean line");
	}
}

static void check_reply(const struct reply *r)
{
	fuzz_require(r->code == 0 || (r->code >= 400 && r->code <= 599), "a reply refuses");
}

static void check_domain(const struct route *r, const struct route_domain *d)
{
	for (size_t i = 0; i < d->n; i++)
		fuzz_require(d->stores[i] < r->n_stores, "a domain's stores are there");
	for (size_t i = 0; i < d->n_directories; i++)
		fuzz_require(d->directories[i] < r->n_directories, "so are its directories");
}

static void check_config(const struct config *c)
{
	const struct gate_conf *g = &c->gate;
	const struct rules *rules = &g->rules;
	check_reply(&rules->full);
	check_reply(&rules->too_large);
	check_reply(&rules->unknown_reject);
	check_reply(&rules->error_defer);
	check_reply(&rules->forged);
	fuzz_require(g->soft <= g->hard && g->ttl_high <= g->ttl_mid && g->ttl_mid <= g->ttl_low, "bounds in order");
	fuzz_require(g->timeout > 0 && g->settle >= 0, "times are positive");
	for (size_t i = 0; i < c->route.n_domains; i++)
		check_domain(&c->route, &c->route.domains[i]);
	check_domain(&c->route, &c->route.any);
	check_domain(&c->route, &c->route.bare);
	for (size_t i = 0; i < c->n_listeners; i++) {
		const struct config_listener *l = &c->listeners[i];
		fuzz_require(l->name && l->front && l->options && l->endpoint.len, "a listener is whole");
		for (size_t k = 0; k < i; k++)
			fuzz_require(!endpoint_eq(&l->endpoint, &c->listeners[k].endpoint), "addresses differ");
	}
	for (size_t i = 0; i < c->plan.n; i++)
		fuzz_require(c->plan.sets[i].run && c->plan.sets[i].name, "helpers have something to do");
}

static char *printed(const struct config *c, size_t *len)
{
	char *at = NULL;
	FILE *out = open_memstream(&at, len);
	fuzz_require(out != NULL, "memory");
	conf_print(c->conf, out);
	fclose(out);
	return at;
}

static void read_again(const struct config *c)
{
	size_t len;
	char *at = printed(c, &len);
	text = (struct str){ at, len };
	struct config *again = config_read("t", CONFIG_LOOK, NULL);
	fuzz_require(again != NULL, "memory");
	fuzz_require(conf_errors(again->conf) == 0, "what is printed is without errors");
	check_config(again);
	config_put(again);
	free(at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && memmem(data, size, "include", 7))
		return 0;
	text = (struct str){ (const char *)data, size };
	struct config *c = config_read("t", CONFIG_LOOK, NULL);
	fuzz_require(c != NULL, "memory");
	check_errors(c->conf);
	if (conf_errors(c->conf) == 0) {
		check_config(c);
		read_again(c);
	}
	config_put(c);
	return 0;
}
