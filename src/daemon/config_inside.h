/* What config.c and config_route.c share. Nobody else includes it. */
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

/* ---- config_route.c: stores, directories and domains, and the plan of the nursery ---- */

/* False: out of memory. */
bool config_read_routes(struct config *, enum config_use);
void config_free_routes(struct config *);

#endif
