/*
 * The hosts that a store remote asks: their addresses, and whether they are worth asking (core/breaker.h). As many are
 * remembered as the option `hosts` allows; who was not asked for longest makes room. Names are resolved by a helper;
 * addresses are renewed after a minute while the old ones serve, and a name that was not found is looked for again after
 * five seconds.
 */
#ifndef STORE_REMOTE_HOST_H
#define STORE_REMOTE_HOST_H

#include "base/hash.h"
#include "base/list.h"
#include "core/breaker.h"
#include "store/remote_conf.h"
#include "store/remote_errand.h"
#include "store/store.h"

struct remote_hosts;

struct remote_host {
	struct peer_stats peer; /* its name with the port, and counts; not the state */
	struct breaker breaker;
	char name[256]; /* without the port */
	char why[64]; /* no address was found, NUL-terminated */
	union remote_address at[REMOTE_ADDRESSES_MAX]; /* with port */
	size_t n;
	size_t first; /* who answered last, and is asked first */
	struct list waiting; /* for addresses; the askers' own */
	struct hash key; /* of name and port */
	msec clock_logged; /* the askers' own; 0: never */
	char url[REMOTE_URL_MAX + 1]; /* where it was asked by HTTP last, NUL-terminated */
	bool by_http; /* it was answered from there, and no datagram was since */

	/* of who tells it what became of transactions, see store/remote_news.c */
	struct list owed; /* remote_debt.link, oldest first */
	struct list creditor; /* in a list: something was owed lately */
	unsigned telling; /* events that are on their way to it */
	bool silent; /* it did not note the latest event */

	/* the table's own */
	struct remote_hosts *of;
	struct list same_slot, by_age;
	struct remote_errand errand;
	unsigned holders;
	uint16_t port;
	msec stale_at, again_at;
};

struct remote_hosts_conf {
	size_t most; /* at least 1 */
	struct hash_key key;
	struct desk *desk; /* outlives the table */
	/* The addresses of a host on which somebody waits are there, or cannot be had. */
	void (*settled)(void *context, struct remote_host *, msec now);
	/* Its place is needed for another. */
	void (*leaves)(void *context, struct remote_host *);
	void *context;
};

/* Null: no memory. */
struct remote_hosts *remote_hosts_new(const struct remote_hosts_conf *);

/* Nobody holds a host any more. */
void remote_hosts_free(struct remote_hosts *);

/* The host of this name or address (at most 255 octets, case does not count), held until remote_hosts_put(). Null: no
   memory, or all that may be remembered are held. */
struct remote_host *remote_hosts_get(struct remote_hosts *, struct str name, uint16_t port);
struct remote_host *remote_hosts_hold(struct remote_host *); /* once more */
void remote_hosts_put(struct remote_host *);

/* The same for one that is remembered; null: it is not. */
struct remote_host *remote_hosts_find(struct remote_hosts *, struct hash key);

/* Number i, from 0 on; null: there are no more. */
struct remote_host *remote_hosts_at(const struct remote_hosts *, size_t i);

enum remote_ready {
	REMOTE_READY, /* it has addresses */
	REMOTE_WAIT, /* a helper looks for them; settled() will tell */
	REMOTE_NAMELESS, /* there are none, and `why` says why */
};

/* Begins to look for addresses if need be. */
enum remote_ready remote_host_ready(struct remote_host *, msec now);

/* A datagram came from there. */
void remote_host_heard(struct remote_host *, const struct sockaddr *from);

#endif
