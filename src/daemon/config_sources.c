/* Stores and directories of the configuration, and the sets of helpers that belong to them. */
#include "daemon/config_inside.h"

#include "daemon/settings.h"
#include "store/path.h"

static const struct options_store path_options = { .helper = { .helpers = 2, .helper_timeout = SECONDS(60) } };

/* What a section says, in one number. Equal numbers, equal settings; 0 is none. */
static uint64_t digest(struct config *c, const struct conf_section *s, const char *type, const struct opt *opts,
	const char *user, int rule)
{
	static char text[CONFIG_SETTINGS_MAX];
	struct buf b = BUF(text);
	struct hash_key key = { 0, 0 };
	buf_puts(&b, type);
	buf_putc(&b, ' ');
	buf_puts(&b, user ? user : "");
	buf_putc(&b, ' ');
	buf_put_u64(&b, (uint64_t)rule);
	settings_put(&b, opts, s->own);
	if (b.full)
		conf_complain(c->conf, s, NULL, "the settings are longer than %d octets", CONFIG_SETTINGS_MAX);
	return hash_of(&key, b.at, b.len).a | 1;
}

static void check_canary(struct config *c, const struct conf_section *s, const char *option, const char *address)
{
	struct address a;
	enum address_fault fault = address ? address_parse(&a, str_of(address), FOLD_ALL) : ADDRESS_OK;
	if (fault != ADDRESS_OK)
		conf_complain(c->conf, s, option, "this is no address: it %s", address_fault_text(fault));
}

static struct route_canary read_canary(struct config *c, const struct conf_section *s, const struct options_canary *o)
{
	check_canary(c, s, "canary", o->present);
	check_canary(c, s, "canary_absent", o->absent);
	return (struct route_canary){ str_of(o->present), str_of(o->absent) };
}

/* ---- stores ---- */

/* Where the store gives verdicts there is nothing to calculate with, and elsewhere nobody to be asked. */
static enum store_rule settle_rule(struct config *c, const struct conf_section *s, const struct store_kind *type,
	const struct options_store *o, bool given)
{
	bool asked = type->gives_verdicts && type->gives_verdicts(s->own);
	if (given && asked != (o->rule == RULE_ASKED))
		conf_complain(c->conf, s, "rule", "%s",
			asked ? "this store gives verdicts, no figures: its rule is asked"
			      : "this store tells figures and gives no verdicts");
	if (asked && (o->limit || o->message_limit))
		conf_complain(c->conf, s, o->limit ? "limit" : "message_limit",
			"this store gives verdicts, no figures: it alone knows the limit");
	if (!asked && o->alone)
		conf_complain(c->conf, s, "alone",
			"this store tells figures: what is on its way is counted, and nothing need wait for it");
	return asked ? RULE_ASKED : given ? (enum store_rule)o->rule : type->rule;
}

/* Fills store number i, which `s` describes, of a type that is known. */
static void add_store(struct config *c, size_t i, const struct conf_section *s, const struct store_kind *type,
	const struct options_store *o, const char *user, enum config_use use)
{
	struct config_store *store = &c->stores[i];
	struct route_store *r = &c->route_stores[i];
	struct err err;
	*store = (struct config_store){ .name = s->title, .type = type, .options = o };
	store->blocking = (struct blocking_conf){ .name = s->title,
		.type = type,
		.conf = s->own,
		.helpers = (unsigned)o->helper.helpers,
		.hang = o->helper.helper_timeout,
		.set = i };
	store->rule_given = conf_given(s, "rule");
	r->terms.rule = settle_rule(c, s, type, o, store->rule_given);
	r->terms.grace = r->terms.rule == RULE_ASKED && !conf_given(s, "grace") ? type->grace : o->grace;
	r->terms.alone = o->alone;
	r->terms.ignore_store_limit = o->limit_from == LIMIT_FROM_CONFIG;
	r->terms.store = config_limit(o->limit, o->message_limit);
	r->name = str_of(s->title);
	r->canary = read_canary(c, s, &o->canary);
	if ((o->canary.present || o->canary.absent) && i >= ROUTE_CANARIES_MAX)
		conf_complain(c->conf, s, "canary", "only the first %d stores may have one", ROUTE_CANARIES_MAX);
	config_settle_helper(c, s, user, use, &store->helper);
	c->sets[i] = config_set(c, &store->helper, s->title, type->run ? type->run : blocking_run, &store->blocking);
	c->sets[i].reach = blocking_reach;
	if (type->check && !type->check(s->own, &err)) {
		conf_complain(c->conf, s, NULL, "%s", err.text);
		return;
	}
	if (type->key_file)
		store->blocking.keys = store->keys = config_read_keys(c, s, type->key_file(s->own), use);
	if (type->prepare)
		type->prepare(s->own, r->terms.rule);
	r->ledger = type->keeps_ledger && type->keeps_ledger(s->own);
	c->route.has_ledgers = c->route.has_ledgers || r->ledger;
	r->told_domain = type->told_domain && type->told_domain(s->own);
	r->salt = digest(c, s, type->name, type->opts, store->helper.user, r->terms.rule);
}

/* A rule that nobody wrote is shown, and perhaps doubted. The options of a listener's store have none. */
static void settle_default(struct config *c, size_t i, const struct conf_section *s, const struct store_kind *type)
{
	struct route_store *r = &c->route_stores[i];
	if (c->stores[i].rule_given)
		return;
	conf_settle(c->conf, s, "rule", (int)r->terms.rule);
	r->doubt = type->doubt ? type->doubt(s->own) : NULL;
}

/* The stores of `store` sections first, so that a domain's list can name them by number, then those of listeners. */
void config_read_stores(struct config *c, enum config_use use)
{
	size_t n = 0;
	for (const struct conf_section *s = NULL; (s = conf_next(c->conf, s));)
		if (config_is_kind(s, "store") && s->variant) {
			const struct options_store *o = s->common;
			const struct store_kind *type = registry_store(s->variant->name);
			add_store(c, n, s, type, o, o->helper.user, use);
			settle_default(c, n++, s, type);
		}
	for (const struct conf_section *s = NULL; (s = conf_next(c->conf, s));) {
		const struct registry_front *f =
			config_is_kind(s, "listen") && s->variant ? registry_front(s->variant->name) : NULL;
		if (!f || !f->store)
			continue;
		const struct path_conf *path = s->own;
		struct route_store *r = &c->route_stores[n];
		add_store(c, n, s, f->store, &path_options, path->user, use);
		c->stores[n].blocking.helpers = (unsigned)path->helpers;
		r->path = true;
		r->terms.ignore_store_limit = true;
		n++;
	}
	c->route.n_stores = n;
}

/* ---- directories ---- */

/* Their helpers' sets stand behind those of the stores. */
void config_read_directories(struct config *c, enum config_use use)
{
	size_t n = 0;
	for (const struct conf_section *s = NULL; (s = conf_next(c->conf, s));) {
		if (!config_is_kind(s, "directory") || !s->variant)
			continue;
		if (n == ROUTE_DIRECTORIES_MAX) {
			conf_complain(c->conf, s, NULL, "there are more than %d directories", ROUTE_DIRECTORIES_MAX);
			break;
		}
		const struct options_directory *o = s->common;
		const struct directory_type *type = registry_directory(s->variant->name);
		struct config_directory *d = &c->directories[n];
		size_t set = c->route.n_stores + n;
		struct err err;
		*d = (struct config_directory){ .name = s->title, .type = type };
		d->asking = (struct asking_conf){ .name = s->title,
			.type = type,
			.conf = s->own,
			.helpers = (unsigned)o->helper.helpers,
			.hang = o->helper.helper_timeout,
			.set = set };
		config_settle_helper(c, s, o->helper.user, use, &d->helper);
		c->sets[set] = config_set(c, &d->helper, s->title, asking_run, &d->asking);
		c->sets[set].reach = asking_reach;
		if (type->check && !type->check(s->own, &err))
			conf_complain(c->conf, s, NULL, "%s", err.text);
		c->route_directories[n++] = (struct route_directory){ .name = str_of(s->title),
			.salt = digest(c, s, type->name, type->opts, d->helper.user, 0),
			.ttl = o->ttl,
			.ttl_none = o->ttl_none,
			.canary = read_canary(c, s, &o->canary) };
	}
	c->route.n_directories = n;
}
