#include "core/cache.h"

#include "base/pages.h"
#include "core/asked.h"

#include <stdlib.h>
#include <string.h>

/* How many places the hand looks at for one new mailbox: bounds the work of a question, not the cache. */
#define LOOK_AT_MOST 1024

_Static_assert(sizeof(struct entry) == 144, "a mailbox costs 144 octets and 4 of the table by hash");

struct cache {
	struct entry *entries;
	uint32_t *chains; /* by hash: index + 1 of the first entry */
	size_t capacity, count;
	size_t hand;
	uint64_t evicted;
};

struct cache *cache_new(size_t mailboxes)
{
	struct cache *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->capacity = mailboxes;
	c->entries = calloc(mailboxes, sizeof(*c->entries));
	c->chains = calloc(mailboxes, sizeof(*c->chains));
	if (!c->entries || !c->chains) {
		cache_free(c);
		return NULL;
	}
	pages_are_for_look_ups(c->entries, mailboxes * sizeof(*c->entries));
	pages_are_for_look_ups(c->chains, mailboxes * sizeof(*c->chains));
	return c;
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	free(c->entries);
	free(c->chains);
	free(c);
}

static uint32_t *chain_of(struct cache *c, const uint32_t key[3])
{
	return &c->chains[(uint64_t)key[0] * c->capacity >> 32];
}

static void key_of(uint32_t key[3], struct hash h)
{
	key[0] = (uint32_t)h.a;
	key[1] = (uint32_t)(h.a >> 32);
	key[2] = (uint32_t)h.b;
}

static struct entry *find(struct cache *c, const uint32_t key[3])
{
	for (uint32_t i = *chain_of(c, key); i; i = c->entries[i - 1].next)
		if (memcmp(c->entries[i - 1].key, key, sizeof(c->entries[i - 1].key)) == 0)
			return &c->entries[i - 1];
	return NULL;
}

struct entry *cache_find(struct cache *c, struct hash h)
{
	struct entry *e = cache_peek(c, h);
	if (e)
		e->wanted = true;
	return e;
}

struct entry *cache_peek(struct cache *c, struct hash h)
{
	uint32_t key[3];
	key_of(key, h);
	return find(c, key);
}

static void unchain(struct cache *c, const struct entry *e)
{
	uint32_t *at = chain_of(c, e->key);
	while (&c->entries[*at - 1] != e)
		at = &c->entries[*at - 1].next;
	*at = e->next;
}

/* A second chance for those asked for since the hand's last visit; were all of them, the first loses its place. */
static struct entry *evict(struct cache *c, uint32_t before)
{
	struct entry *least = NULL;
	for (int looked = 0; looked < LOOK_AT_MOST; looked++) {
		struct entry *e = &c->entries[c->hand];
		c->hand = (c->hand + 1) % c->capacity;
		if (tally_holds(&e->tally, before))
			continue;
		if (!least || !e->wanted)
			least = e;
		if (!e->wanted)
			break;
		e->wanted = false;
	}
	if (least) {
		unchain(c, least);
		c->evicted++;
	}
	return least;
}

struct entry *cache_make(struct cache *c, struct hash h, uint32_t before)
{
	uint32_t key[3];
	key_of(key, h);
	struct entry *e = find(c, key);
	if (e)
		return e;
	e = c->count < c->capacity ? &c->entries[c->count++] : evict(c, before);
	if (!e)
		return NULL;
	uint16_t epoch = (uint16_t)(e->epoch + 1); /* no record of who had this place before speaks of the new one */
	memset(e, 0, sizeof(*e));
	e->epoch = epoch;
	memcpy(e->key, key, sizeof(key));
	uint32_t *chain = chain_of(c, key);
	e->next = *chain;
	*chain = cache_index(c, e) + 1;
	return e;
}

uint32_t cache_index(const struct cache *c, const struct entry *e)
{
	return (uint32_t)(e - c->entries);
}

struct entry *cache_at(struct cache *c, uint32_t index)
{
	return &c->entries[index];
}

size_t cache_count(const struct cache *c)
{
	return c->count;
}

uint64_t cache_evicted(const struct cache *c)
{
	return c->evicted;
}

void entry_set_loan(struct entry *e, const struct loan *loan, msec until)
{
	uint64_t lent = loan->octets >> 10;
	e->loan = loan->number;
	e->lent = lent < UINT32_MAX ? (uint32_t)lent : UINT32_MAX - 1;
	e->lent_messages = loan->messages < UINT16_MAX ? (uint16_t)loan->messages : UINT16_MAX - 1;
	if (loan->octets == UINT64_MAX)
		e->lent = UINT32_MAX;
	if (loan->messages == UINT32_MAX)
		e->lent_messages = UINT16_MAX;
	e->lent_until = (uint32_t)(until / 1000);
}

bool entry_may_let_in(const struct entry *e, struct charge c, msec now)
{
	return e->loan && now / 1000 < e->lent_until &&
	       (e->lent == UINT32_MAX || c.octets <= (uint64_t)e->lent << 10) &&
	       (e->lent_messages == UINT16_MAX || c.messages <= e->lent_messages);
}

void entry_set_full_since(struct entry *e, msec since)
{
	e->full_since = since >= 1000 ? (uint32_t)(since / 1000) : since != 0;
}

void entry_set_facts(struct entry *e, const struct facts *f)
{
	bool asked = asked_is(f);
	e->state = (unsigned)f->state & 127;
	e->too_large = f->too_large;
	e->source = (uint8_t)f->source;
	e->firm = f->firm;
	e->foreign = f->foreign;
	e->rule = f->ruled ? ((unsigned)f->rule + 1) & 15 : 0;
	e->messages = asked ? asked_apart(f->taken, f->took_at) : f->messages;
	e->message_limit = asked ? asked_apart(f->taken, f->refused_at) : f->message_limit;
	e->usage = f->usage;
	e->limit = f->limit;
	e->taken_low = (uint32_t)f->taken;
	e->taken_high = (uint8_t)(f->taken >> 32);
	entry_set_full_since(e, f->full_since);
}

struct facts entry_facts(const struct entry *e)
{
	struct facts f = {
		.state = (enum facts_state)e->state,
		.source = (enum facts_source)e->source,
		.firm = e->firm,
		.too_large = e->too_large,
		.foreign = e->foreign,
		.ruled = e->rule > 0,
		.rule = (enum store_rule)(e->rule ? e->rule - 1 : 0),
		.messages = e->messages,
		.message_limit = e->message_limit,
		.usage = e->usage,
		.limit = e->limit,
		.taken = (msec)e->taken_high << 32 | e->taken_low,
		.full_since = SECONDS(e->full_since),
	};
	if (asked_is(&f)) {
		f.took_at = f.taken - e->messages;
		f.refused_at = f.taken - e->message_limit;
		f.messages = f.message_limit = 0;
	}
	return f;
}
