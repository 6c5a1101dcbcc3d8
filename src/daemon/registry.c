#include "daemon/registry.h"

#include "daemon/options.h"

#include <string.h>

extern const struct front policy_front, milter_front, socketmap_front, check_quota_front, exim_quotad_front,
	facts_front, http_front;
extern const struct listener_kind web_kind;
extern const struct store_kind maildir_type, mbox_type, path_type, cyrus_type, imap_type, remote_type, dovecot_type,
	sql_type, lmtp_type, socketmap_type, redis_type;
extern const struct directory_type file_directory, ldap_directory, sql_directory;

static const struct registry_front fronts[] = {
	{ .front = &policy_front },
	{ .front = &milter_front },
	{ .front = &socketmap_front },
	{ .front = &check_quota_front },
	{ .front = &exim_quotad_front, .store = &path_type },
	{ .front = &facts_front },
#if HAVE_MICROHTTPD
	{ .front = &http_front, .kind = &web_kind },
#endif
};

static const struct store_kind *const stores[] = {
	&maildir_type,
	&mbox_type,
#if HAVE_CURL
	&cyrus_type,
	&imap_type,
#endif
	&dovecot_type,
#if HAVE_SQL
	&sql_type,
#endif
	&lmtp_type,
	&socketmap_type,
#if HAVE_REDIS
	&redis_type,
#endif
#if HAVE_REMOTE
	&remote_type,
#endif
};

static const struct directory_type *const directories[] = {
	&file_directory,
#if HAVE_LDAP
	&ldap_directory,
#endif
#if HAVE_SQL
	&sql_directory,
#endif
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A variant's tables: its own, and the end. */
static const struct opt *front_tables[COUNT(fronts)][2], *store_tables[COUNT(stores)][2],
	*directory_tables[COUNT(directories)][2];
static struct conf_variant front_variants[COUNT(fronts)], store_variants[COUNT(stores)],
	directory_variants[COUNT(directories)];

static const struct conf_kind kinds[] = {
	{ .name = "", .single = true, .opts = options_top, .size = sizeof(struct options_top) },
	{ .name = "listen",
		.titled = true,
		.choose = "protocol",
		.opts = options_listen,
		.size = sizeof(struct options_listen),
		.variants = front_variants,
		.n_variants = COUNT(fronts),
		.help = "Where questions come in, and in which protocol. At least one is needed to serve." },
	{ .name = "store",
		.titled = true,
		.choose = "type",
		.opts = options_store,
		.size = sizeof(struct options_store),
		.variants = store_variants,
		.n_variants = COUNT(stores),
		.help = "Where usage and limits of mailboxes are known. The order counts: see domain." },
	{ .name = "directory",
		.titled = true,
		.choose = "type",
		.opts = options_directory,
		.size = sizeof(struct options_directory),
		.variants = directory_variants,
		.n_variants = COUNT(directories),
		.help = "Who is behind an address, where, and with which limit. It is asked about the domains whose "
			"sections "
			"name it." },
	{ .name = "domain",
		.titled = true,
		.opts = options_domain,
		.size = sizeof(struct options_domain),
		.help = "A mail domain of ours. Domains need no section: without one, the stores that are told the "
			"domain "
			"are asked in the order written." },
	{ .name = "rules",
		.single = true,
		.opts = options_rules,
		.size = sizeof(struct options_rules),
		.help = "What is answered, and when." },
	{ .name = "bypass",
		.single = true,
		.opts = options_bypass,
		.size = sizeof(struct options_bypass),
		.help = "Who is never refused. A message that passes here is charged as any other." },
	{ .name = "cache",
		.single = true,
		.opts = options_cache,
		.size = sizeof(struct options_cache),
		.help = "How long facts live, and how many." },
	{ .name = "log",
		.single = true,
		.opts = options_log,
		.size = sizeof(struct options_log),
		.help = "Where the log goes." },
	{ .name = "notify",
		.single = true,
		.opts = options_notify,
		.size = sizeof(struct options_notify),
		.help = "A program that is run when a mailbox is nearly full, or full." },
};

const struct registry_front *registry_front(const char *protocol)
{
	for (size_t i = 0; i < COUNT(fronts); i++)
		if (strcmp(fronts[i].front->name, protocol) == 0)
			return &fronts[i];
	return NULL;
}

const struct store_kind *registry_store(const char *type)
{
	for (size_t i = 0; i < COUNT(stores); i++)
		if (strcmp(stores[i]->name, type) == 0)
			return stores[i];
	return NULL;
}

const struct directory_type *registry_directory(const char *type)
{
	for (size_t i = 0; i < COUNT(directories); i++)
		if (strcmp(directories[i]->name, type) == 0)
			return directories[i];
	return NULL;
}

const struct conf_kind *registry_kinds(size_t *n)
{
	for (size_t i = 0; i < COUNT(fronts); i++) {
		const struct registry_front *f = &fronts[i];
		front_tables[i][0] = f->store ? f->store->opts : f->front->opts;
		front_variants[i] = (struct conf_variant){ .name = f->front->name,
			.opts = front_tables[i],
			.size = f->store ? f->store->conf_size : f->front->conf_size };
	}
	for (size_t i = 0; i < COUNT(stores); i++) {
		store_tables[i][0] = stores[i]->opts;
		store_variants[i] = (struct conf_variant){
			.name = stores[i]->name, .opts = store_tables[i], .size = stores[i]->conf_size
		};
	}
	for (size_t i = 0; i < COUNT(directories); i++) {
		directory_tables[i][0] = directories[i]->opts;
		directory_variants[i] = (struct conf_variant){
			.name = directories[i]->name, .opts = directory_tables[i], .size = directories[i]->conf_size
		};
	}
	*n = COUNT(kinds);
	return kinds;
}
