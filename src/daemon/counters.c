#include "daemon/counters.h"

#include <stdlib.h>

struct counters *counters_new(const struct config *config)
{
	struct counters *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->config = config;
	c->size = config->size;
	c->listeners = calloc(config->n_listeners + 1, sizeof(*c->listeners));
	c->stores = calloc(config->route.n_stores + 1, sizeof(*c->stores));
	c->directories = calloc(config->route.n_directories + 1, sizeof(*c->directories));
	c->domains = calloc(config->route.n_domains + 1, sizeof(*c->domains));
	for (c->others = 0; c->others < config->route.n_domains; c->others++)
		if (str_eq(config->route.domains[c->others].name, STR(COUNTED_OTHERS)))
			break;
	if (c->listeners && c->stores && c->directories && c->domains)
		return c;
	counters_free(c);
	return NULL;
}

void counters_free(struct counters *c)
{
	if (!c)
		return;
	free(c->listeners);
	free(c->stores);
	free(c->directories);
	free(c->domains);
	free(c);
}

/* ---- from one configuration to the next ---- */

struct counted_listener *counters_listener(
	struct counters *c, const struct config *of, const struct config_listener *spec)
{
	const struct config *is = c->config;
	if (spec == &of->control)
		return &c->listeners[is->n_listeners];
	if (of == is)
		return &c->listeners[spec - is->listeners];
	for (size_t i = 0; i < is->n_listeners; i++)
		if (is->listeners[i].front == spec->front && strcmp(is->listeners[i].name, spec->name) == 0)
			return &c->listeners[i];
	return NULL;
}

/* A store of a listener may have the name of another store. */
static const struct counted_source *former_store(const struct counters *former, const struct route_store *store)
{
	const struct route *route = &former->config->route;
	for (size_t i = 0; i < route->n_stores; i++)
		if (route->stores[i].path == store->path && str_eq(route->stores[i].name, store->name))
			return &former->stores[i];
	return NULL;
}

static const struct counted_source *former_directory(const struct counters *former, struct str name)
{
	const struct route *route = &former->config->route;
	for (size_t i = 0; i < route->n_directories; i++)
		if (str_eq(route->directories[i].name, name))
			return &former->directories[i];
	return NULL;
}

static void take_over(struct counted_source *s, const struct counted_source *former)
{
	if (!former)
		return;
	*s = *former;
	s->unwell = false;
}

/* Both are sorted. */
static void take_over_domains(struct counters *c, const struct counters *former)
{
	const struct route *is = &c->config->route, *was = &former->config->route;
	for (size_t i = 0, k = 0; i < is->n_domains && k < was->n_domains;) {
		int order = route_compare(is->domains[i].name, was->domains[k].name);
		if (order == 0)
			memcpy(c->domains[i], former->domains[k], sizeof(c->domains[i]));
		i += order <= 0;
		k += order >= 0;
	}
	memcpy(c->domains[c->others], former->domains[former->others], sizeof(c->domains[0]));
}

void counters_take_over(struct counters *c, const struct counters *former)
{
	const struct config *was = former->config;
	c->size = former->size;
	c->started = former->started;
	c->loaded = former->loaded;
	c->reloads = former->reloads;
	c->failed_reloads = former->failed_reloads;
	c->stands = former->stands;
	for (size_t i = 0; i < was->n_listeners; i++) {
		struct counted_listener *l = counters_listener(c, was, &was->listeners[i]);
		if (l)
			*l = former->listeners[i];
	}
	c->listeners[c->config->n_listeners] = former->listeners[was->n_listeners];
	for (size_t i = 0; i < c->config->route.n_stores; i++)
		take_over(&c->stores[i], former_store(former, &c->config->route.stores[i]));
	for (size_t i = 0; i < c->config->route.n_directories; i++)
		take_over(&c->directories[i], former_directory(former, c->config->route.directories[i].name));
	take_over_domains(c, former);
}

void counters_retire_listener(struct counted_listener *to, struct listener_stats *s)
{
	if (to) {
		to->former.accepted += s->accepted;
		to->former.crowded += s->crowded;
		to->former.displaced += s->displaced;
		to->former.refused += s->refused;
		to->former.requests += s->requests;
		to->former.malformed += s->malformed;
		to->former.timed_out += s->timed_out;
		to->former.unsent += s->unsent;
	}
	*s = (struct listener_stats){ .clients = s->clients };
}

void counters_retire_helpers(struct counted_source *to, const struct pool_stats *s)
{
	to->former.asked += s->asked;
	to->former.failed += s->failed;
	to->former.restarted += s->restarted;
	to->former.hung += s->hung;
}

/* ---- counting ---- */

void counters_verdict(struct counters *c, struct counted_listener *l, const struct ask *a)
{
	const struct verdict *v = &a->answer.verdict;
	const struct route *route = &c->config->route;
	if (l)
		l->verdicts[v->action][v->reason][v->waived]++;
	if (a->store)
		c->stores[a->store - route->stores].verdicts[v->action]++;
	if (!a->route)
		return;
	bool other = a->route == &route->any || a->route == &route->bare;
	c->domains[other ? c->others : (size_t)(a->route - route->domains)][v->action]++;
}

struct counted_source *counters_lookup(struct counters *c, const struct lookup *l, uint64_t took, msec now)
{
	struct counted_source *s = l->of_directory ? &c->directories[l->store] : &c->stores[l->store];
	s->silent = l->of_directory ? l->listing == LISTING_FAILED : l->facts.state == FACTS_FAILED;
	if (s->silent) {
		s->failed++;
		return s;
	}
	s->answered = now;
	histogram_add(&s->lookups, took);
	return s;
}

void counters_trust(struct counters *c, bool of_directory, unsigned index, bool good)
{
	struct counted_source *s = of_directory ? &c->directories[index] : &c->stores[index];
	s->unwell = !good;
}
