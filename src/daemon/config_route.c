/* Stores, directories, domains and the command of the configuration, made into the gate's routes and the nursery's plan. */
#include "daemon/config_inside.h"

#include "daemon/keyfile.h"
#include "daemon/reader.h"
#include "daemon/settings.h"
#include "store/path.h"

#include <stdlib.h>
#include <string.h>

#define SETTINGS_MAX 65536

static const struct options_store path_options = { .helper = { .helpers = 2, .helper_timeout = SECONDS(60) } };

/* What a section says, in one number. Equal numbers, equal settings; 0 is none. */
static uint64_t digest(struct config *c, const struct conf_section *s, const char *type, const struct opt *opts,
	const char *user, int rule)
{
	static char text[SETTINGS_MAX];
	struct buf b = BUF(text);
	struct hash_key key = { 0, 0 };
	buf_puts(&b, type);
	buf_putc(&b, ' ');
	buf_puts(&b, user ? user : "");
	buf_putc(&b, ' ');
	buf_put_u64(&b, (uint64_t)rule);
	settings_put(&b, opts, s->own);
	if (b.full)
		conf_complain(c->conf, s, NULL, "the settings are longer than %d octets", SETTINGS_MAX);
	return hash_of(&key, b.at, b.len).a | 1;
}

static struct limit limit_of(uint64_t octets, uint64_t messages)
{
	return (struct limit){ .named = octets || messages, .octets = octets, .messages = (uint32_t)messages };
}

static bool is_confined(const struct config *c)
{
	return c->top->confine == CONFINE_AUTO;
}

static struct nursery_set set_of(const struct config *c, const struct config_helper *helper, const char *name,
	int (*run)(int, const void *), const void *arg)
{
	return (struct nursery_set){ .name = name,
		.uid = c->root ? helper->uid : (uid_t)-1,
		.gid = helper->gid,
		.user = c->root ? helper->user : NULL,
		.run = run,
		.arg = arg,
		.confine = is_confined(c) ? CONFINE_HELPER : CONFINE_NOTHING };
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
	r->terms.store = limit_of(o->limit, o->message_limit);
	r->name = str_of(s->title);
	r->canary = read_canary(c, s, &o->canary);
	if ((o->canary.present || o->canary.absent) && i >= ROUTE_CANARIES_MAX)
		conf_complain(c->conf, s, "canary", "only the first %d stores may have one", ROUTE_CANARIES_MAX);
	config_settle_helper(c, s, user, use, &store->helper);
	c->sets[i] = set_of(c, &store->helper, s->title, type->run ? type->run : blocking_run, &store->blocking);
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
static void read_stores(struct config *c, enum config_use use)
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
static void read_directories(struct config *c, enum config_use use)
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
		c->sets[set] = set_of(c, &d->helper, s->title, asking_run, &d->asking);
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
	d->limit = limit_of(o->limit, o->message_limit);
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

/* ---- the command for mailboxes that are nearly full ---- */

static int by_percent(const void *a, const void *b)
{
	return *(const uint8_t *)a - *(const uint8_t *)b;
}

static void read_marks(struct config *c, const struct conf_section *s, const struct opt_list *warn)
{
	struct notice_marks *marks = &c->notify.marks;
	uint64_t percent;
	if (warn->n > NOTICE_MARKS_MAX)
		conf_complain(c->conf, s, "warn", "more than %d percentages", NOTICE_MARKS_MAX);
	for (size_t i = 0; i < warn->n && marks->n < NOTICE_MARKS_MAX; i++)
		if (str_u64(str_of(warn->at[i]), &percent))
			marks->at[marks->n++] = (uint8_t)percent;
	qsort(marks->at, marks->n, sizeof(marks->at[0]), by_percent);
}

/* Its helpers' set stands behind all others. */
static void read_notify(struct config *c, enum config_use use)
{
	const struct conf_section *s = conf_section_get(c->conf, "notify", NULL);
	const struct options_notify *o = s->common;
	struct config_helper helper;
	c->notify = (struct notify_conf){ .command = o->command,
		.state = o->state,
		.period = o->period,
		.timeout = o->timeout,
		.helpers = (unsigned)o->helpers,
		.queue = (unsigned)o->queue,
		.mailboxes = o->mailboxes,
		.set = c->route.n_stores + c->route.n_directories };
	read_marks(c, s, &o->warn);
	if (!o->command)
		return;
	config_settle_helper(c, s, o->user, use, &helper);
	if (c->root && helper.uid == 0)
		conf_complain(c->conf, s, "user", "what strangers cause to be run is not for root: say another user");
	c->sets[c->notify.set] = set_of(c, &helper, "notify", notify_run, &c->notify);
	c->sets[c->notify.set].confine = CONFINE_NOTHING;
}

/* The last set: the daemon's own user without any right, who reads the file that was read here. */
static void add_reader(struct config *c)
{
	const struct config_helper daemon = { c->user, c->uid, c->gid };
	struct nursery_set *set = &c->sets[c->reader];
	*set = set_of(c, &daemon, "config", reader_run, conf_section_get(c->conf, "", NULL)->file);
	set->reach = reader_reach;
	set->bare = true;
}

/* What its helpers depend on. */
static uint64_t notify_salt(const struct config *c)
{
	struct hash_key key = { 0, (uint64_t)c->notify.timeout };
	return hash_of(&key, c->notify.command, strlen(c->notify.command)).a;
}

/* ---- the nursery's plan ---- */

static void put_helper(struct buf *b, const struct nursery_set *set, uint64_t salt, unsigned helpers, msec hang)
{
	buf_puts(b, set->name);
	buf_putc(b, '\n');
	buf_put_u64(b, salt);
	buf_putc(b, ' ');
	buf_put_u64(b, set->uid);
	buf_putc(b, ' ');
	buf_put_u64(b, helpers);
	buf_putc(b, ' ');
	buf_put_u64(b, (uint64_t)hang);
	buf_putc(b, '\n');
}

static void read_plan(struct config *c)
{
	static char text[SETTINGS_MAX];
	struct buf b = BUF(text);
	struct hash_key key = { 0, (uint64_t)c->top->confine };
	size_t n = 0;
	for (size_t i = 0; i < c->route.n_stores; i++, n++)
		put_helper(&b, &c->sets[n], c->route.stores[i].salt, c->stores[i].blocking.helpers,
			c->stores[i].blocking.hang);
	for (size_t i = 0; i < c->route.n_directories; i++, n++)
		put_helper(&b, &c->sets[n], c->route.directories[i].salt, c->directories[i].asking.helpers,
			c->directories[i].asking.hang);
	if (c->notify.command)
		put_helper(&b, &c->sets[n++], notify_salt(c), c->notify.helpers, c->notify.timeout);
	c->reader = n++;
	add_reader(c);
	if (b.full)
		conf_complain(
			c->conf, NULL, NULL, "too many stores: their settings are longer than %d octets", SETTINGS_MAX);
	c->plan = (struct nursery_plan){ .sets = c->sets,
		.n = n,
		.confine = is_confined(c) ? CONFINE_NURSERY : CONFINE_NOTHING,
		.digest = hash_of(&key, b.at, b.len) };
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
	read_stores(c, use);
	read_directories(c, use);
	read_notify(c, use);
	if (!read_default_routes(c) || !read_domains(c))
		return false;
	read_plan(c);
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
