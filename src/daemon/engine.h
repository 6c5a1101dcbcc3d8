/*
 * The engine: loop, helpers, stores and gate put together. `serve` asks it for its connections, `check` for itself.
 */
#ifndef DAEMON_ENGINE_H
#define DAEMON_ENGINE_H

#include "daemon/counters.h"
#include "daemon/notify.h"

#include <uv.h>

#define ENGINE_SHARED_MAX 4 /* fronts with `shared_by_all` */

/* What all listeners of one protocol share. */
struct engine_shared {
	const struct front *front;
	void *block;
};

struct engine {
	uv_loop_t loop;
	uv_timer_t timer; /* the gate's */
	uv_prepare_t turn; /* end of each turn of the loop: log and timer */
	struct config *config;
	struct config *stores_of; /* the one that the stores were opened by: they look into it */
	struct nursery *nursery;
	struct store **stores;
	struct directory **directories;
	struct store **left_stores; /* while a reload cancels their look-ups, else null */
	struct directory **left_directories;
	struct gate *gate;
	struct notify notify;
	struct counters *counters;
	const struct list *listeners; /* listener.all; null: there are none */
	struct hash_key key;
	uint64_t connections; /* so many there were: each has its number */
	size_t places; /* for connections of all listeners: as many as there are descriptors for */
	msec odd_logged[ROUTE_DIRECTORIES_MAX]; /* when a note of each directory was last logged */
	uint64_t odd_unlogged[ROUTE_DIRECTORIES_MAX];
	struct engine_shared shared[ENGINE_SHARED_MAX]; /* front null: none from here on */
	bool warned; /* that a maildirsize is of another hand than the rule's; once per configuration */
};

/* Takes over the nursery and holds the config. */
bool engine_open(struct engine *, struct config *, struct nursery *, struct err *);

/* A new configuration; `renewed` replaces the nursery when helpers work differently by it, else null. On failure nothing
   has changed and `renewed` is still the caller's. */
bool engine_configure(struct engine *, struct config *, struct nursery *renewed, struct err *);

/* No question may be waiting. */
void engine_close(struct engine *);

/* Warns of stores whose rule, by the configuration alone, is hardly that of the program that delivers. */
void engine_doubt(const struct engine *);

/* An answer rests on these facts: warns when the store's rule seems not to be that of the program that delivers. */
void engine_see(struct engine *, const struct ask *);

msec engine_now(const struct engine *);

/* The time of day, since 1970. It may be set back. */
msec engine_wall(void);

/* The block that all listeners of this front share; it lasts as long as the engine. Null: out of memory. */
void *engine_shared(struct engine *, const struct front *);

#endif
