/*
 * The cache: what is known of mailboxes, and what was let into them, in one table of fixed size. Cache and ledger are one
 * idea: a question is judged with usage + charges. It holds facts, never verdicts.
 *
 * At most 148 octets a mailbox, the table by hash included. When it is full, the least useful mailbox goes: one that
 * nobody asked for since the clock's hand came by, and that has no charges which a look-up now would keep (ledger
 * rule 5). A mailbox is known by 96 bits of a keyed hash of its name.
 */
#ifndef CORE_CACHE_H
#define CORE_CACHE_H

#include "base/hash.h"
#include "core/facts.h"
#include "core/tally.h"

struct entry {
	uint64_t usage, limit;
	struct tally tally;
	uint32_t key[3];
	uint32_t messages, message_limit; /* RULE_ASKED: how much older than `taken` either size is, milliseconds */
	uint32_t taken_low; /* 40 bits of milliseconds */
	uint8_t taken_high;
	uint8_t state : 7; /* enum facts_state; FACTS_FAILED: nothing is known but charges */
	uint8_t too_large : 1;
	uint8_t source;
	uint8_t firm : 1, foreign : 1, wanted : 1;
	uint8_t telling : 1; /* a look-up in flight tells the store's own ledger what was let in here */
	uint8_t rule : 4; /* enum store_rule + 1, as the store names it; 0: it names none */
	uint32_t full_since; /* seconds, 0: not full */
	uint32_t loan; /* number of what the store lent (core/facts.h), 0: nothing */
	uint32_t lent, lent_until; /* KiB, and seconds */
	uint16_t lent_messages; /* of both, the greatest number stands for any */
	uint16_t epoch; /* charges of a former one were sealed, see ledger.h */
	uint32_t next; /* in the chain of its hash, index + 1 */
};

struct cache;

/* Room for `mailboxes` (1 to 2^31). Memory is touched as it is used. Null when there is none. */
struct cache *cache_new(size_t mailboxes);
void cache_free(struct cache *);

/* Null when the mailbox is not in the cache. */
struct entry *cache_find(struct cache *, struct hash key);

/* The same, but it does not count as being asked for. */
struct entry *cache_peek(struct cache *, struct hash key);

/* Finds it, or makes an empty one in the place of the least useful. `before` (seconds) tells which ended charges a
   look-up now would drop. Null when the next thousand places all hold charges. */
struct entry *cache_make(struct cache *, struct hash key, uint32_t before);

/* An entry's number stays the same as long as it is in the cache. */
uint32_t cache_index(const struct cache *, const struct entry *);
struct entry *cache_at(struct cache *, uint32_t index);

size_t cache_count(const struct cache *);
uint64_t cache_evicted(const struct cache *); /* mailboxes put out for others since the start */

/* What the store lent; its life ends at `until`. Of the octets whole KiB count. */
void entry_set_loan(struct entry *, const struct loan *, msec until);

/* True when so much, all in all, may be let in without asking the store. */
bool entry_may_let_in(const struct entry *, struct charge, msec now);

/* 0: it is not full. What lies before the clock's first second is that. */
void entry_set_full_since(struct entry *, msec since);

void entry_set_facts(struct entry *, const struct facts *);
struct facts entry_facts(const struct entry *);

#endif
