/* What config.c, config_sources.c, config_route.c and config_plan.c share. Nobody else includes it. */
#ifndef DAEMON_CONFIG_INSIDE_H
#define DAEMON_CONFIG_INSIDE_H

#include "daemon/config.h"

struct user {
	uid_t uid;
	gid_t gid;
};

/* ---- config.c ---- */

bool config_find_user(const char *name, struct user *);
bool config_is_kind(const struct conf_section *, const char *kind);

/* Whom the helpers of this section become; `name` is what it says, null: nothing. */
void config_settle_helper(
	struct config *, const struct conf_section *, const char *name, enum config_use, struct config_helper *);

/* The keys of a section's key_file, null: it names none, or they are not wanted, or they cannot be had, which was complained
   of. */
struct seal_keys *config_read_keys(struct config *, const struct conf_section *, const char *path, enum config_use);

#define CONFIG_SETTINGS_MAX 65536 /* octets of all settings whose digest is taken at once */

static inline struct limit config_limit(uint64_t octets, uint64_t messages)
{
	return (struct limit){ .named = octets || messages, .octets = octets, .messages = (uint32_t)messages };
}

/* ---- config_sources.c ---- */

void config_read_stores(struct config *, enum config_use);
/* Their helpers' sets stand behind those of the stores. */
void config_read_directories(struct config *, enum config_use);

/* ---- config_plan.c ---- */

/* The helpers of one section; `arg` is for `run`, see nursery.h. */
struct nursery_set config_set(const struct config *, const struct config_helper *, const char *name,
	int (*run)(int, const void *), const void *arg);

/* Its helpers' set stands behind those of stores and directories. */
void config_read_notify(struct config *, enum config_use);
/* When all sets but the reader's, the last one, are there. */
void config_read_plan(struct config *);

/* ---- config_route.c ---- */

/* All of them. False: out of memory. */
bool config_read_routes(struct config *, enum config_use);
void config_free_routes(struct config *);

#endif
