/*
 * The table "The decision" of quotagate.conf(5), row by row. All figures may be up to UINT64_MAX (a store's file is
 * written by others), so sums stop there and never wrap.
 */
#include "core/decide.h"

#include "core/asked.h"

const char *const store_rule_names[] = {
	[RULE_FITS] = "fits",
	[RULE_COURIER] = "courier",
	[RULE_EXIM] = "exim",
	[RULE_EXIM_EXCLUSIVE] = "exim-exclusive",
	[RULE_DOVECOT_2_3] = "dovecot-2.3",
	[RULE_DOVECOT_2_4] = "dovecot-2.4",
	[RULE_CYRUS] = "cyrus",
	[RULE_CYRUS_STRICT] = "cyrus-strict",
	[RULE_ASKED] = "asked",
	NULL,
};

#define DOVECOT_2_4_GRACE (UINT64_C(10) << 20)

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint32_t sum32(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

/* u + size > limit, for any three numbers. */
static bool exceeds(uint64_t u, uint64_t size, uint64_t limit)
{
	return u > limit || size > limit - u;
}

uint64_t decide_size(const struct rules *rules, const struct query *q)
{
	uint64_t added = hash_is_none(q->borrower.name) ? rules->added : 0; /* a frontend has told what its MTA adds */
	uint64_t size = sum(q->size, added);
	if (q->size == 0)
		return 1; /* not declared: what the MTA adds to it says nothing */
	return size > INT64_MAX ? INT64_MAX : size;
}

/*
 * What the configuration or a directory names is one word about both resources: "named" ends the search for octets and
 * messages alike, and a 0 in it is unlimited. What the store itself names is searched for each resource alone, for a
 * store that limits octets says nothing about messages: its 0 leaves the question to the next in the order. A store that
 * names its rule was told what is named here, and says what is in force there, with its grace; one that gives verdicts
 * says nothing of limits.
 */
struct limit decide_limit(const struct terms *terms, const struct facts *facts)
{
	struct limit own = { 0 }, rest;
	if (asked_is(facts))
		return own;
	if (facts->ruled) {
		own = (struct limit){ .octets = facts->limit, .messages = facts->message_limit };
		own.named = own.octets || own.messages;
		return own;
	}
	if (terms->directory.named)
		return terms->directory;
	if (!terms->ignore_store_limit) {
		own.octets = facts->limit;
		own.messages = facts->message_limit;
		own.named = own.octets || own.messages;
	}
	rest = terms->domain.named ? terms->domain : terms->store;
	if (!rest.named)
		return own;
	return (struct limit){
		.named = true,
		.octets = own.octets ? own.octets : rest.octets,
		.messages = own.messages ? own.messages : rest.messages,
	};
}

static bool octets_are_full(const struct terms *terms, uint64_t limit, uint64_t u, uint64_t size)
{
	if (limit == 0)
		return false;
	switch (terms->rule) {
	case RULE_FITS: return exceeds(u, size, sum(limit, terms->grace));
	case RULE_COURIER:
	case RULE_EXIM:
	case RULE_CYRUS_STRICT: return exceeds(u, size, limit);
	case RULE_EXIM_EXCLUSIVE:
	case RULE_CYRUS: return u > limit;
	case RULE_DOVECOT_2_3: return u >= limit || exceeds(u, size, sum(limit, limit / 10));
	case RULE_DOVECOT_2_4: return u >= limit || exceeds(u, size, sum(limit, DOVECOT_2_4_GRACE));
	case RULE_ASKED: return false; /* the store alone knows */
	}
	return false;
}

static bool messages_are_full(const struct terms *terms, uint32_t limit, uint32_t m)
{
	if (limit == 0)
		return false;
	switch (terms->rule) {
	case RULE_EXIM_EXCLUSIVE:
	case RULE_CYRUS: return m > limit;
	case RULE_FITS:
	case RULE_COURIER:
	case RULE_EXIM:
	case RULE_DOVECOT_2_3:
	case RULE_DOVECOT_2_4:
	case RULE_CYRUS_STRICT: return m >= limit; /* m + 1 > M */
	case RULE_ASKED: return false;
	}
	return false;
}

bool decide_is_full(const struct terms *terms, struct limit limit, uint64_t u, uint32_t m, uint64_t size)
{
	return octets_are_full(terms, limit.octets, u, size) || messages_are_full(terms, limit.messages, m);
}

static struct verdict pass(enum reason reason)
{
	return (struct verdict){ .action = ACTION_PASS, .reason = reason };
}

/* Defer or reject: the postmaster's code says which. */
static struct verdict refuse(enum reason reason, const struct reply *reply)
{
	return (struct verdict){
		.action = reply->code >= 500 ? ACTION_REJECT : ACTION_DEFER,
		.reason = reason,
		.reply = reply,
	};
}

static struct verdict decide_unknown(const struct rules *rules)
{
	switch (rules->unknown) {
	case UNKNOWN_PASS: break;
	case UNKNOWN_REJECT: return refuse(REASON_NO_MAILBOX, &rules->unknown_reject);
	case UNKNOWN_DEFER: return refuse(REASON_NO_MAILBOX, &rules->unknown_defer);
	}
	return pass(REASON_NO_MAILBOX);
}

static struct verdict decide_error(const struct rules *rules)
{
	switch (rules->error) {
	case ERROR_PASS: break;
	case ERROR_DEFER: return refuse(REASON_ERROR, &rules->error_defer);
	}
	return pass(REASON_ERROR);
}

static bool is_full_for_long(const struct rules *rules, const struct facts *facts, msec now)
{
	return rules->full_for > 0 && facts->full_since != 0 && now - facts->full_since > rules->full_for;
}

/*
 * Rules that let the last message pass the limit are sure of it only while nothing else is on its way: what was let in
 * before may come to the store after this message, and finds the mailbox full.
 */
static bool could_be_overtaken(const struct terms *terms, struct limit limit, uint64_t u, uint32_t m, uint64_t size)
{
	switch (terms->rule) {
	case RULE_FITS:
	case RULE_COURIER:
	case RULE_EXIM:
	case RULE_CYRUS_STRICT: return false; /* the order does not matter */
	case RULE_ASKED: return false; /* it is asked about all of them together */
	case RULE_EXIM_EXCLUSIVE:
	case RULE_CYRUS:
	case RULE_DOVECOT_2_3:
	case RULE_DOVECOT_2_4: break;
	}
	return (limit.octets && exceeds(u, size, limit.octets)) || (limit.messages && m >= limit.messages);
}

/* Dovecot tells its limit in KiB, rounded up, and its stores took it for the smallest that this can mean. What is refused
   for good must not fit into the largest either. */
static struct limit largest_limit(const struct terms *terms, const struct facts *facts, struct limit limit)
{
	bool dovecot = terms->rule == RULE_DOVECOT_2_3 || terms->rule == RULE_DOVECOT_2_4;
	if (dovecot && facts->source == SOURCE_SERVER && limit.octets && limit.octets == facts->limit)
		limit.octets = sum(limit.octets, 1023);
	return limit;
}

static struct verdict decide_room(const struct rules *rules, const struct terms *terms, uint64_t size,
	const struct facts *facts, struct charge charge, msec now)
{
	struct limit limit = decide_limit(terms, facts);
	uint64_t u = sum(facts->usage, charge.octets);
	uint32_t m = sum32(facts->messages, charge.messages);
	if (limit.octets == 0 && limit.messages == 0)
		return pass(REASON_NO_LIMIT);
	if (!decide_is_full(terms, limit, u, m, size) &&
		!(charge.messages && could_be_overtaken(terms, limit, u, m, size)))
		return pass(REASON_ROOM);
	if (decide_is_full(terms, largest_limit(terms, facts, limit), 0, 0, size))
		return refuse(REASON_TOO_LARGE, &rules->too_large);
	/* Room that only charges take may be free again in a moment: it is no sign of a mailbox nobody empties. */
	if (!decide_is_full(terms, limit, facts->usage, facts->messages, size))
		return refuse(REASON_FULL, &rules->put_off);
	if (is_full_for_long(rules, facts, now))
		return refuse(REASON_FULL_LONG, &rules->full_long);
	return refuse(REASON_FULL, &rules->full);
}

bool decide_puts_off(const struct terms *terms, const struct facts *facts, struct charge charge, uint64_t size)
{
	return terms->alone && charge.messages && asked_is(facts) &&
	       asked_say(facts, asked_size(size, charge, terms->grace)) != ASKED_REFUSED;
}

/* Rule `asked`: what the store said of this message and all before it. A size of which it said nothing is as good as no
   answer: who can will ask. What only charges make too large, or keep waiting, is full for now. */
static struct verdict decide_asked(const struct rules *rules, const struct terms *terms, uint64_t size,
	const struct facts *facts, struct charge charge, msec now)
{
	if (decide_puts_off(terms, facts, charge, size))
		return refuse(REASON_FULL, &rules->put_off);
	switch (asked_say(facts, asked_size(size, charge, terms->grace))) {
	case ASKED_TAKEN: return pass(REASON_ROOM);
	case ASKED_UNKNOWN: return decide_error(rules);
	case ASKED_REFUSED: break;
	}
	if (size < facts->limit)
		return refuse(REASON_FULL, &rules->put_off);
	if (facts->too_large)
		return refuse(REASON_TOO_LARGE, &rules->too_large);
	if (is_full_for_long(rules, facts, now))
		return refuse(REASON_FULL_LONG, &rules->full_long);
	return refuse(REASON_FULL, &rules->full);
}

struct verdict decide(const struct rules *rules, const struct terms *terms, const struct query *q,
	const struct facts *facts, struct charge charge, msec now)
{
	switch (facts->state) {
	case FACTS_FAILED: return decide_error(rules);
	case FACTS_NOT_OURS: return pass(REASON_NOT_OURS);
	case FACTS_NO_MAILBOX: return decide_unknown(rules);
	case FACTS_FOUND: break;
	}
	if (asked_is(facts))
		return decide_asked(rules, terms, decide_size(rules, q), facts, charge, now);
	return decide_room(rules, terms, decide_size(rules, q), facts, charge, now);
}

void verdict_print(struct buf *out, const struct verdict *v, const struct query *q)
{
	reply_print(out, v->reply, v->of_sender ? q->sender : q->address);
}
