/*
 * The configuration as the daemon works with it: what conf/ read, checked across sections, with users and addresses
 * resolved and the gate's routes built. Read-only once made; connections hold it while they live.
 */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include "conf/conf.h"
#include "core/gate.h"
#include "daemon/notify.h"
#include "daemon/options.h"
#include "daemon/registry.h"
#include "directory/asking.h"
#include "io/endpoint.h"
#include "io/log.h"
#include "io/nursery.h"
#include "io/safe.h"
#include "store/blocking.h"

/* What the configuration is read for. */
enum config_use {
	CONFIG_LOOK, /* to be shown: rights do not matter */
	CONFIG_RUN, /* to be worked with by an ordinary user: no store may be another user's */
	CONFIG_RUN_AS_ROOT, /* started as root: the daemon becomes its user, helpers become theirs */
};

/* Whom the helper processes of a store or directory become. */
struct config_helper {
	const char *user; /* null: the daemon's */
	uid_t uid;
	gid_t gid;
};

struct config_store {
	const char *name;
	const struct store_kind *type;
	const struct options_store *options;
	struct blocking_conf blocking;
	struct seal_keys *keys; /* of the type's key_file, null: none */
	bool rule_given; /* else the rule is the type's default */
	struct config_helper helper;
};

struct config_directory {
	const char *name;
	const struct directory_type *type;
	struct asking_conf asking;
	struct config_helper helper;
};

struct config_listener {
	const char *name;
	const struct front *front;
	const struct listener_kind *kind; /* null: as its endpoint says */
	const void *own;
	const struct options_listen *options;
	struct endpoint endpoint;
	struct endpoint_access access;
	struct network *allow; /* who is served, but for unix sockets */
	size_t n_allow;
	struct seal_keys *keys; /* of the front's key_file, null: none */
	uint64_t path_store; /* salt of the store that answers paths, 0: none */
};

struct config {
	unsigned references;
	struct conf *conf;
	struct safe *safe; /* of the reader; may be null */
	const struct options_top *top;
	const struct options_rules *rules;
	const struct options_cache *cache;
	const struct options_log *log;

	struct config_store *stores; /* as many as route.n_stores */
	struct config_directory *directories; /* as many as route.n_directories */
	struct config_listener *listeners;
	size_t n_listeners;
	struct route route;
	struct gate_conf gate;
	struct gate_size size;

	bool root; /* read for CONFIG_RUN_AS_ROOT */
	const char *user; /* whom the daemon becomes; null when not root */
	uid_t uid;
	gid_t gid;
	struct notify_conf notify;
	struct config_listener control; /* name null: none */
	struct options_listen control_options;

	struct nursery_set *sets;
	size_t reader; /* the set that reads the configuration for the daemon, see reader.h */
	struct nursery_plan plan;

	/* what `route` points to */
	struct route_store *route_stores;
	struct route_directory *route_directories;
	struct route_domain *route_domains;
	unsigned **domain_numbers; /* of directories and stores; by domain, before they were sorted */
	unsigned *any, *bare;
	struct network *clients; /* of the bypass */
};

/* Reads and checks. Null only when out of memory; conf_errors(c->conf) tells whether it may be used. Key files are read by
   way of `safe`, which outlives the config; null: they are not, for nobody here has use for a key. */
struct config *config_read(const char *file, enum config_use, struct safe *safe);

/* The same of what was read already, which it takes over; null: there was no memory for it. */
struct config *config_make(struct conf *, enum config_use, struct safe *safe);

struct config *config_get(struct config *);
void config_put(struct config *);

/* Whether the stores, which are the same in both, have the same keys. */
bool config_keeps_keys(const struct config *was, const struct config *is);

/* Whether clients of other machines are served. */
bool config_serves_others(const struct config_listener *);

/* For this process as it is now. */
enum config_use config_use_here(void);

/* Prints every error on stderr as "quotagate: file:line: ..."; true when there was one. */
bool config_print_errors(const struct config *);

#endif
