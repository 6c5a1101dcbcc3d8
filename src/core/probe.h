/*
 * One address on its way to a verdict: first through the directories of its domain, which may turn it into several, then
 * through the stores. The first probe of a question lives in its ask; those of an alias's members are lent by the gate.
 * Inside of the gate only (gate_inside.h).
 */
#ifndef CORE_PROBE_H
#define CORE_PROBE_H

#include "base/hash.h"
#include "base/list.h"
#include "core/route.h"
#include "core/verdict.h"

#define PROBE_HINTS 512 /* octets of host and home together */

enum probe_phase {
	PROBE_DIRECTORY, /* a directory is asked about the address */
	PROBE_CANARY, /* it said "no such address"; is it to be believed? */
	PROBE_STORE,
	PROBE_STORE_CANARY, /* it said "no such mailbox"; is it to be believed? */
	PROBE_EXPANDED, /* it was an alias: others stand for it */
	PROBE_DONE,
};

/* In which form the address is looked for in directories, in this order. */
enum probe_form {
	FORM_WHOLE,
	FORM_BASE, /* without the recipient extension */
	FORM_DOMAIN, /* @domain: the catch-all */
	FORM_END,
};

struct entry;

struct probe {
	struct ask *ask;
	struct list siblings; /* all probes of one ask */
	struct list waiting; /* for a look-up, or to be lent */
	const struct probe *parent; /* the alias that named it, null: the question itself */
	size_t recipient; /* of a message for several, which one: from 1. 0: the question has one, or none */
	struct hash origin; /* of the address it began with */
	enum probe_phase phase;
	enum probe_form form;
	bool of_sender; /* exists the envelope sender? No store is asked */
	bool exact; /* a directory named the mailbox: no form without extension is tried in the stores */
	bool listed; /* a directory that lists all addresses does not list this one */
	bool unlisted; /* a directory does not know it, but does not list all */
	bool firm_asked;
	bool wants_claim; /* no look-up of others will do */
	unsigned look_ups; /* of this store, that it began itself */
	uint64_t claim; /* serial of the look-up by which it asked a store's own ledger, 0: none */
	bool claimed; /* that ledger's answer is p->answer */
	bool charged; /* and the message was charged there */
	unsigned
		canary; /* PROBE_CANARY, PROBE_STORE_CANARY: 0: the one that must exist is asked about, 1: the one that must not */
	size_t candidate; /* next directory or store to be tried */
	msec negative_taken, doubted; /* likewise: when the answer in doubt was asked for, and when it came */
	const struct route_domain *route;
	const struct route_directory *directory;
	const struct route_store *store;
	struct hash key; /* of the mailbox in the store */
	struct entry *entry; /* in the cache, when the probe was judged; null: it has no place */

	/* what a directory said of the mailbox; the slices look into `text` */
	const struct route_store *only;
	struct limit limit;
	struct str host, home;
	char text[PROBE_HINTS];

	struct answer answer; /* with phase PROBE_DONE */
	bool cached;
	struct address address;
};

#endif
