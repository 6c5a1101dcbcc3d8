/* The command config: checks the configuration and prints it with its defaults, or the reference of all options. */
#include "daemon/as_helper.h"
#include "daemon/commands.h"
#include "daemon/unread.h"
#include "io/rights.h"

#include <stdio.h>

static bool is_named(const struct route *r, unsigned store)
{
	for (size_t i = 0; i < r->n_domains; i++)
		for (size_t k = 0; k < r->domains[i].n; k++)
			if (r->domains[i].stores[k] == store)
				return true;
	return false;
}

/* A directory may name any store. */
static bool is_for_bare_names(const struct route *r, unsigned store)
{
	const struct route_store *s = &r->stores[store];
	return !s->told_domain && !s->path && r->n_directories == 0 && !is_named(r, store);
}

/* It reads what users wrote, and so is done as who reads it later; what that one may not read is passed over. */
static int survey(const void *arg)
{
	const struct config_store *store = arg;
	char text[800];
	struct buf warning = BUF(text);
	if (store->type->survey(store->blocking.conf, &warning))
		fprintf(stderr, "quotagate: warning: store %s: %s\n", store->name, buf_z(&warning));
	return 0;
}

/* Things that are no mistakes but look like one. */
static void warn(const struct config *c)
{
	for (size_t i = 0; i < c->n_listeners; i++) {
		const struct config_listener *l = &c->listeners[i];
		if (l->front->shared_by_all && !l->front->key_file(l->own) && config_serves_others(l))
			fprintf(stderr,
				"quotagate: warning: listen %s: other machines are served, and without a key_file "
				"whoever "
				"can send from an address in `allow` is believed\n",
				l->name);
	}
	for (size_t i = 0; i < c->route.n_stores; i++) {
		const struct config_store *store = &c->stores[i];
		if (is_for_bare_names(&c->route, (unsigned)i))
			fprintf(stderr,
				"quotagate: warning: store %s: it is asked about user names alone, and about no "
				"address: "
				"it is not told the domain, and no section `domain` names it\n",
				store->name);
		if (c->route.stores[i].doubt)
			fprintf(stderr, "quotagate: warning: store %s: %s\n", store->name, c->route.stores[i].doubt);
		if (!store->rule_given && store->type->survey)
			as_helper(c, &store->helper, survey, store);
	}
	if (rights_may_switch()) /* an ordinary user who looks at it need not be the one who runs it */
		unread_print(c);
}

int command_config(const struct command_line *line)
{
	size_t n;
	const struct conf_kind *kinds = registry_kinds(&n);
	if (line->options) {
		conf_print_options(kinds, n, stdout, *line->options ? CONF_MAN : CONF_TEXT);
		return EXIT_OK;
	}
	struct safe safe = { .swept = false };
	struct config *c = config_read(line->file, CONFIG_LOOK, &safe);
	if (!c) {
		fputs("quotagate: out of memory\n", stderr);
		return EXIT_USAGE;
	}
	bool wrong = config_print_errors(c);
	if (!wrong) {
		conf_print(c->conf, stdout);
		warn(c);
	}
	config_put(c);
	safe_done(&safe);
	return wrong ? EXIT_USAGE : EXIT_OK;
}
