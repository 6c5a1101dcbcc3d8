/* See serve_inside.h: the daemon's listeners, and as many descriptors as their clients may take. */
#include "daemon/serve_inside.h"

#include "daemon/pidfile.h"
#include "io/loop.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- descriptors ---- */

/* For what is open besides clients: sockets that listen, helpers, the log. */
#define DESCRIPTORS_OF_OURS 512

static rlim_t wanted_descriptors(const struct config *c)
{
	rlim_t wanted = DESCRIPTORS_OF_OURS;
	for (size_t i = 0; i < c->n_listeners; i++)
		if (c->listeners[i].endpoint.family != ENDPOINT_UDP)
			wanted += c->listeners[i].options->max_clients;
	return wanted;
}

/* Each client takes one. A process has 1024 unless it asks for more, and past that libuv closes clients silently. */
void serve_raise_descriptors(const struct config *c)
{
	const rlim_t wanted = wanted_descriptors(c);
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
		log_line(LOG_LEVEL_WARNING,
			"event=few-descriptors limit=%llu wanted=%llu note=\"not all listeners can "
			"have max_clients at once: raise the limit of open files (ulimit -n), or lower these\"",
			(unsigned long long)limit.rlim_cur, (unsigned long long)wanted);
}

/* The loop's part: later there may be no memory for it, and libuv would end the process. */
bool serve_reserve_descriptors(struct serve *s, const struct config *c)
{
	struct rlimit limit;
	rlim_t wanted = wanted_descriptors(c);
	s->engine.places = SIZE_MAX; /* the listeners have fewer */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
		wanted = limit.rlim_cur;
		s->engine.places = wanted > (rlim_t)2 * DESCRIPTORS_OF_OURS ? wanted - DESCRIPTORS_OF_OURS : wanted / 2;
	}
	return loop_reserve(&s->engine.loop, wanted < INT_MAX ? (int)wanted : INT_MAX);
}

/* ---- listeners ---- */

static struct listener *find_listener(struct serve *s, const struct config_listener *spec)
{
	list_each (n, &s->listeners) {
		struct listener *l = list_of(n, struct listener, all);
		if (!l->closing && l->spec->front == spec->front && endpoint_eq(&l->endpoint, &spec->endpoint))
			return l;
	}
	return NULL;
}

static const struct config_listener *spec_at(const struct config *c, size_t i)
{
	return i < c->n_listeners ? &c->listeners[i] : c->control.name ? &c->control : NULL;
}

/* With the socket that the service manager bound for it, if there is one. */
static struct listener *bind_listener(
	struct serve *s, struct config *c, const struct config_listener *spec, struct err *err)
{
	int fd = inherited_take(&s->inherited, spec->name, &spec->endpoint);
	if (fd < 0 && errno) {
		err_set(err, "listen %s: %s", spec->name, strerror(errno));
		return NULL;
	}
	if (fd < 0 && c->root && spec->endpoint.family == ENDPOINT_UNIX && geteuid() == 0)
		pidfile_make_folder(endpoint_path(&spec->endpoint), c->uid, c->gid);
	return listener_new(&s->engine, c, spec, s->next_number++, fd, err);
}

/* Binds those that are not there yet; `fresh` gets them. False: none was added. */
bool serve_bind(struct serve *s, struct config *c, struct list *fresh, struct err *err)
{
	const struct config_listener *spec;
	list_init(fresh);
	for (size_t i = 0; i <= c->n_listeners && (spec = spec_at(c, i)); i++) {
		if (find_listener(s, spec))
			continue;
		struct listener *l = bind_listener(s, c, spec, err);
		if (l) {
			list_insert(fresh, &l->all);
			continue;
		}
		list_each_safe (n, fresh)
			listener_free(list_of(n, struct listener, all));
		return false;
	}
	return true;
}

/* All of them are the daemon's then, but for those that could not be opened and end by themselves. */
bool serve_open(struct serve *s, struct list *fresh, struct err *err)
{
	bool ok = true;
	list_each_safe (n, fresh) {
		list_remove(n);
		list_insert(&s->listeners, n);
		ok = listener_open(list_of(n, struct listener, all), err) && ok;
	}
	return ok;
}

/* Its clients would connect and wait for ever. */
void serve_warn_unused(const struct serve *s)
{
	const struct inherited_socket *unused = inherited_unused(&s->inherited);
	if (unused)
		log_line(LOG_LEVEL_WARNING,
			"event=unused-socket descriptor=%d name=%s note=\"the service manager listens there for us, "
			"but no listen section has its address or its name\"",
			unused->fd, unused->name[0] ? unused->name : "-");
}

/* What the configuration says of this listener; null: nothing. */
static const struct config_listener *find_spec(const struct config *c, const struct listener *l)
{
	const struct config_listener *spec;
	for (size_t i = 0; i <= c->n_listeners && (spec = spec_at(c, i)); i++)
		if (spec->front == l->spec->front && endpoint_eq(&l->endpoint, &spec->endpoint))
			return spec;
	return NULL;
}

/* Secrets are read before anything has changed. */
bool serve_prepare_listeners(struct serve *s, const struct config *c, struct err *err)
{
	list_each (n, &s->listeners) {
		struct listener *l = list_of(n, struct listener, all);
		const struct config_listener *spec = l->closing ? NULL : find_spec(c, l);
		if (spec && !listener_prepare(l, spec, err))
			return false;
	}
	return true;
}

/* Those that the new configuration has no more are closed, the others take their new settings. */
void serve_change_listeners(struct serve *s, struct config *c)
{
	list_each_safe (n, &s->listeners) {
		struct listener *l = list_of(n, struct listener, all);
		const struct config_listener *spec = l->closing ? NULL : find_spec(c, l);
		if (spec)
			listener_configure(l, c, spec);
		else if (!l->closing)
			listener_close(l);
	}
}

/* The new configuration is not to be: its listeners go before the loop turns, so nobody has been let in. */
void serve_drop_listeners(struct serve *s, const struct config *c)
{
	list_each_safe (n, &s->listeners) {
		struct listener *l = list_of(n, struct listener, all);
		if (l->config == c)
			listener_close(l);
	}
}
