/*
 * Where a server is that a store on the loop connects to: a unix socket, an address, or a name, whose addresses a helper
 * finds (nobody else waits). They are looked for again after a minute, while the former ones serve, and after five
 * seconds when there are none.
 */
#ifndef STORE_SERVER_ADDRESS_H
#define STORE_SERVER_ADDRESS_H

#include "store/blocking.h"

struct server_address;
struct sockaddr;

/* For the check of an option row: unix:/path, inet:HOST:PORT, inet:[v6]:PORT. */
bool server_address_check(struct str text, struct err *);

/* `text` was checked. settled() is called when somebody waits and there are addresses now, or there will be none. Null with
   the reason. */
struct server_address *server_address_open(uv_loop_t *, struct nursery *, const struct blocking_conf *,
	const char *text, void (*settled)(void *context, msec now), void *context, struct err *);

enum server_state {
	SERVER_KNOWN,
	SERVER_SOUGHT, /* settled() will tell */
	SERVER_NAMELESS, /* it has no address, *why says why */
};

/* Where to connect to; of several addresses the one that did not fail lately. Valid until the next call. */
enum server_state server_address_get(struct server_address *, const struct sockaddr **to, const char **why, msec now);

/* It could not be reached where server_address_get() said: the next one is another, if there are several. */
void server_address_failed(struct server_address *);

struct pool_stats server_address_helpers(const struct server_address *);

void server_address_close(struct server_address *);

/* nursery_set.run of its helper; `arg` is a const struct blocking_conf. */
int server_address_run(int fd, const void *arg);

#endif
