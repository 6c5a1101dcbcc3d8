/*
 * Which stores are asked about an address, in which order, and whose limits hold: the `store` and `domain` sections as
 * the gate reads them. Built from the configuration, read-only, belongs to the daemon.
 */
#ifndef CORE_ROUTE_H
#define CORE_ROUTE_H

#include "core/address.h"
#include "core/decide.h"

#include <limits.h>

/* Addresses that must, and must not, exist; empty: none. */
struct route_canary {
	struct str present, absent;
};

struct route_store {
	struct str name;
	uint64_t salt; /* tells this store's mailboxes from others'; changes when its settings do */
	bool told_domain; /* asked about any domain; else its mailboxes are known by the local part alone */
	bool ledger; /* it keeps a ledger of its own: a message is let in without asking only within what it lent */
	bool path; /* answers for paths only (QUERY_PATH) */
	struct route_canary canary;
	const char *
		doubt; /* why its rule may not be that of the program that delivers, in one sentence; null: no reason */
	struct terms terms; /* `domain` and `directory` are filled in per question */
};

#define ROUTE_ALL_STORES UINT_MAX
#define ROUTE_DIRECTORIES_MAX 64 /* in one configuration */
#define ROUTE_CANARIES_MAX 64 /* only so many of the first stores may have a canary */

struct route_directory {
	struct str name;
	uint64_t salt; /* tells its answers from others'; changes when its settings do */
	msec ttl, ttl_none; /* lifetime of targets, and of "no such address" */
	struct route_canary canary;
};

struct route_domain {
	struct str name;
	const unsigned *stores; /* indices, in the order asked */
	size_t n;
	struct limit limit;
	const unsigned *directories; /* asked before the stores, likewise */
	size_t n_directories;
	bool check_sender;
};

struct route {
	const struct route_store *stores;
	size_t n_stores;
	const struct route_directory *directories;
	size_t n_directories;
	bool has_ledgers; /* some store keeps one of its own */
	bool checks_senders; /* some domain does */
	const struct route_domain *domains; /* sorted by route_compare() */
	size_t n_domains;
	struct route_domain any; /* domains without a section: the stores that are told the domain */
	struct route_domain bare; /* user names without a domain: all stores */
};

/* Orders domain names without regard to case. */
int route_compare(struct str a, struct str b);

/* Never null. *ours is true when the domain has a section: then an address that no store knows has no mailbox, else its
   domain is not ours. */
const struct route_domain *route_find(const struct route *, const struct address *, bool *ours);

/* The store of this name, null when there is none. */
const struct route_store *route_store_named(const struct route *, struct str name);

/* The store for paths with this salt, null when the configuration has none (any more). */
const struct route_store *route_path_store(const struct route *, uint64_t salt);

#endif
