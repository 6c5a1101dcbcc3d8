/* Domains of the configuration, and with its stores and directories all of the gate's routes. */
#include "daemon/config_inside.h"

#include "daemon/keyfile.h"

#include <stdlib.h>
#include <string.h>

/* ---- domains ---- */

static int by_name(const void *a, const void *b)
{
	return route_compare(((const struct route_domain *)a)->name, ((const struct route_domain *)b)->name);
}

static bool find_store(const struct config *c, const char *name, unsigned *index)
{
	for (*index = 0; *index < c->route.n_stores; ++*index)
		if (!c->route.stores[*index].path && strcmp(c->stores[*index].name, name) == 0)
			return true;
	return false;
}

static bool find_directory(const struct config *c, const char *name, unsigned *index)
{
	for (*index = 0; *index < c->route.n_directories; ++*index)
		if (strcmp(c->directories[*index].name, name) == 0)
			return true;
	return false;
}

/* The numbers of the stores or directories that a domain's section names, *n of them, in `at`. */
static void read_names(struct config *c, const struct conf_section *s, const char *option, const struct opt_list *names,
	bool (*find)(const struct config *, const char *, unsigned *), unsigned *at, size_t *n)
{
	for (size_t i = 0; i < names->n; i++) {
		if (find(c, names->at[i], &at[*n]))
			++*n;
		else
			conf_complain(c->conf, s, option, "there is no section %s %s", option, names->at[i]);
	}
}

/* False: out of memory. */
static bool read_domain(struct config *c, const struct conf_section *s, struct route_domain *d)
{
	const struct options_domain *o = s->common;
	unsigned *numbers = calloc(o->store.n + o->directory.n + 1, sizeof(*numbers));
	if (!numbers)
		return false;
	c->domain_numbers[d - c->route_domains] = numbers;
	d->name = str_of(s->title);
	d->limit = config_limit(o->limit, o->message_limit);
	d->check_sender = o->check_sender;
	d->directories = numbers;
	read_names(c, s, "directory", &o->directory, find_directory, numbers, &d->n_directories);
	if (d->check_sender && d->n_directories == 0)
		conf_complain(
			c->conf, s, "check_sender", "only a directory can tell which senders exist, and none is named");
	c->route.checks_senders = c->route.checks_senders || d->check_sender;
	d->stores = numbers + o->directory.n;
	read_names(c, s, "store", &o->store, find_store, numbers + o->directory.n, &d->n);
	if (!conf_given(s, "store")) {
		d->stores = c->route.any.stores;
		d->n = c->route.any.n;
	}
	return true;
}

static bool read_domains(struct config *c)
{
	struct route_domain *domains = c->route_domains;
	size_t n = 0;
	for (const struct conf_section *s = NULL; (s = conf_next(c->conf, s));) {
		if (!config_is_kind(s, "domain"))
			continue;
		if (!read_domain(c, s, &domains[n]))
			return false;
		c->route.n_domains = ++n;
	}
	qsort(domains, n, sizeof(*domains), by_name);
	for (size_t i = 1; i < n; i++)
		if (by_name(&domains[i - 1], &domains[i]) == 0)
			conf_complain(c->conf, conf_section_get(c->conf, "domain", domains[i].name.at), NULL,
				"domain %s has two sections: the case of letters does not count", domains[i].name.at);
	return true;
}

/* Domains without a section, and bare user names. */
static bool read_default_routes(struct config *c)
{
	size_t n = c->route.n_stores;
	c->route.any.stores = c->any = calloc(n + 1, sizeof(*c->any));
	c->route.bare.stores = c->bare = calloc(n + 1, sizeof(*c->bare));
	if (!c->any || !c->bare)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (c->route.stores[i].path)
			continue;
		c->bare[c->route.bare.n++] = i;
		if (c->route.stores[i].told_domain)
			c->any[c->route.any.n++] = i;
	}
	return true;
}

/* ---- all of it ---- */

static bool reserve(struct config *c)
{
	size_t stores = 1, directories = 1, domains = 1;
	for (const struct conf_section *s = NULL; (s = conf_next(c->conf, s));) {
		stores += config_is_kind(s, "store") || config_is_kind(s, "listen");
		directories += config_is_kind(s, "directory");
		domains += config_is_kind(s, "domain");
	}
	c->stores = calloc(stores, sizeof(*c->stores));
	c->directories = calloc(directories, sizeof(*c->directories));
	c->sets = calloc(stores + directories + 2, sizeof(*c->sets));
	c->route.stores = c->route_stores = calloc(stores, sizeof(*c->route_stores));
	c->route.directories = c->route_directories = calloc(directories, sizeof(*c->route_directories));
	c->route.domains = c->route_domains = calloc(domains, sizeof(*c->route_domains));
	c->domain_numbers = calloc(domains, sizeof(*c->domain_numbers));
	return c->stores && c->directories && c->sets && c->route_stores && c->route_directories && c->route_domains &&
	       c->domain_numbers;
}

bool config_read_routes(struct config *c, enum config_use use)
{
	if (!reserve(c))
		return false;
	config_read_stores(c, use);
	config_read_directories(c, use);
	config_read_notify(c, use);
	if (!read_default_routes(c) || !read_domains(c))
		return false;
	config_read_plan(c);
	return true;
}

bool config_keeps_keys(const struct config *was, const struct config *is)
{
	for (size_t i = 0; i < is->route.n_stores; i++) {
		const struct seal_keys *a = was->stores[i].keys, *b = is->stores[i].keys;
		if (a && b ? memcmp(a, b, sizeof(*a)) != 0 : a != b)
			return false;
	}
	return true;
}

void config_free_routes(struct config *c)
{
	for (size_t i = 0; i < c->route.n_domains; i++)
		free(c->domain_numbers[i]);
	free(c->domain_numbers);
	free(c->any);
	free(c->bare);
	free(c->route_domains);
	free(c->route_directories);
	free(c->route_stores);
	free(c->sets);
	for (size_t i = 0; i < c->route.n_stores; i++)
		keyfile_free(c->stores[i].keys);
	free(c->directories);
	free(c->stores);
}
