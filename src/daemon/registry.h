/*
 * The plug-ins: every front and every store, each named once here, and what sections a configuration may have.
 */
#ifndef DAEMON_REGISTRY_H
#define DAEMON_REGISTRY_H

#include "conf/conf.h"
#include "directory/directory.h"
#include "front/front.h"
#include "store/store.h"

/* A protocol of `listen`. Some bring the store that answers their questions; its options then stand in `listen`. */
struct registry_front {
	const struct front *front;
	const struct listener_kind *kind; /* how it is spoken; null: by the front's own functions */
	const struct store_kind *store; /* null: questions go to the stores of the recipient's domain */
};

/* Null when there is none of that name. */
const struct registry_front *registry_front(const char *protocol);
const struct store_kind *registry_store(const char *type);
const struct directory_type *registry_directory(const char *type);

/* Every kind of section. */
const struct conf_kind *registry_kinds(size_t *n);

#endif
