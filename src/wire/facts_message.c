#include "wire/facts_message.h"

#include <assert.h>

#define VERSION 1

/* Octets before the address, and before the note. */
#define REQUEST_HEAD 96
#define REPLY_HEAD 113

static_assert(REQUEST_HEAD + FACTS_ADDRESS_MAX + SEAL_OCTETS == FACTS_MESSAGE_MAX, "the longest address fits");
static_assert(
	REPLY_HEAD + FACTS_NOTE_MAX + SEAL_OCTETS == FACTS_REQUEST_MIN, "the shortest request has room for a reply");

enum request_flag {
	REQUEST_CHARGE = 1,
	REQUEST_LIMIT_NAMED = 2,
	REQUEST_END_OF_MESSAGE = 4,
	REQUEST_FIRM = 8,
	REQUEST_LIMIT_IS_DEFAULT = 16,
	REQUEST_FLAGS = 31,
};

enum reply_flag {
	REPLY_FIRM = 1,
	REPLY_FOREIGN = 2,
	REPLY_CHARGED = 4,
	REPLY_STALE = 8,
	REPLY_TOO_LARGE = 16,
	REPLY_FLAGS = 31,
};

/* ---- reading: the caller has looked that the octets are there ---- */

struct reader {
	const unsigned char *at;
	bool bad; /* a number was too high */
};

static uint64_t get(struct reader *r, int octets)
{
	uint64_t n = 0;
	while (octets--)
		n = n << 8 | *r->at++;
	return n;
}

static uint8_t get_u8(struct reader *r)
{
	return (uint8_t)get(r, 1);
}

static uint32_t get_u32(struct reader *r)
{
	return (uint32_t)get(r, 4);
}

static uint64_t get_u64(struct reader *r)
{
	return get(r, 8);
}

/* An amount, which is at most 2^63 - 1. */
static uint64_t get_amount(struct reader *r)
{
	uint64_t n = get_u64(r);
	if (n > INT64_MAX)
		r->bad = true;
	return n;
}

static bool is_zero(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i])
			return false;
	return true;
}

/* ---- writing ---- */

static void put(struct buf *out, uint64_t n, int octets)
{
	while (octets--)
		buf_putc(out, (char)(n >> (8 * octets)));
}

static void put_u32(struct buf *out, uint32_t n)
{
	put(out, n, 4);
}

static void put_u64(struct buf *out, uint64_t n)
{
	put(out, n, 8);
}

static void put_amount(struct buf *out, uint64_t n)
{
	put_u64(out, n > INT64_MAX ? INT64_MAX : n);
}

static void put_zeros(struct buf *out, size_t n)
{
	while (n--)
		buf_putc(out, '\0');
}

static void put_time(struct buf *out, msec t)
{
	put_u64(out, t < 0 ? 0 : (uint64_t)t);
}

/* ---- what both begin with ---- */

struct opening {
	enum facts_message_kind kind;
	uint64_t asker, sequence, id;
	msec time;
};

static bool get_opening(struct opening *o, struct reader *r)
{
	bool good = get_u8(r) == 'Q';
	good = get_u8(r) == 'G' && good;
	good = get_u8(r) == VERSION && good;
	o->kind = (enum facts_message_kind)get_u8(r);
	r->at += 4; /* the key's name */
	o->asker = get_u64(r);
	o->sequence = get_u64(r);
	o->id = get_u64(r);
	o->time = (msec)get_amount(r);
	return good;
}

static void put_opening(struct buf *out, const struct opening *o)
{
	buf_puts(out, "QG");
	put(out, VERSION, 1);
	put(out, o->kind, 1);
	put_zeros(out, 4);
	put_u64(out, o->asker);
	put_u64(out, o->sequence);
	put_u64(out, o->id);
	put_time(out, o->time);
}

/* ---- questions and events ---- */

static size_t request_length(size_t address)
{
	size_t len = REQUEST_HEAD + address + SEAL_OCTETS;
	return len < FACTS_REQUEST_MIN ? FACTS_REQUEST_MIN : len;
}

/* A question is about an address, an event about a transaction; only one event is about both. */
static bool is_sensible(const struct facts_request *q)
{
	bool of_address = q->kind == FACTS_QUESTION || q->event == FACTS_EVENT_WITHDRAWN;
	if ((q->kind == FACTS_EVENT) != (q->event != FACTS_EVENT_NONE))
		return false;
	if (q->kind == FACTS_EVENT && hash_is_none(q->transaction))
		return false;
	return of_address == (q->address.len > 0) &&
	       (q->limit_named || (q->limit == 0 && q->message_limit == 0 && !q->limit_is_default));
}

static bool get_request(struct facts_request *q, struct reader *r, size_t *address)
{
	struct opening o;
	bool good = get_opening(&o, r);
	*q = (struct facts_request){
		.kind = o.kind, .asker = o.asker, .sequence = o.sequence, .id = o.id, .time = o.time
	};
	q->transaction.a = get_u64(r);
	q->transaction.b = get_u64(r);
	q->size = get_amount(r);
	q->limit = get_amount(r);
	q->message_limit = get_u32(r);
	uint8_t flags = get_u8(r), event = get_u8(r);
	q->charge = flags & REQUEST_CHARGE;
	q->limit_named = flags & REQUEST_LIMIT_NAMED;
	q->end_of_message = flags & REQUEST_END_OF_MESSAGE;
	q->firm = flags & REQUEST_FIRM;
	q->limit_is_default = flags & REQUEST_LIMIT_IS_DEFAULT;
	q->event = (enum facts_event)event;
	*address = get(r, 2);
	q->spent = get_amount(r);
	q->spent_messages = get_u32(r);
	q->held = get_u32(r);
	return good && !r->bad && (o.kind == FACTS_QUESTION || o.kind == FACTS_EVENT) && !(flags & ~REQUEST_FLAGS) &&
	       event <= FACTS_EVENT_WITHDRAWN;
}

int facts_request_decode(struct facts_request *q, struct str in)
{
	struct reader r = { (const unsigned char *)in.at, false };
	size_t len;
	if (in.len < FACTS_REQUEST_MIN || in.len > FACTS_MESSAGE_MAX || !get_request(q, &r, &len))
		return -1;
	if (len > FACTS_ADDRESS_MAX || in.len != request_length(len))
		return -1;
	q->address = (struct str){ in.at + REQUEST_HEAD, len };
	struct str padding = str_from(in, REQUEST_HEAD + len);
	padding.len -= SEAL_OCTETS;
	return is_zero(padding) && is_sensible(q) ? (int)in.len : -1;
}

bool facts_request_encode(struct buf *out, const struct facts_request *q)
{
	const struct opening o = { q->kind, q->asker, q->sequence, q->id, q->time };
	if (q->address.len > FACTS_ADDRESS_MAX)
		return false;
	put_opening(out, &o);
	put_u64(out, q->transaction.a);
	put_u64(out, q->transaction.b);
	put_amount(out, q->size);
	put_amount(out, q->limit_named ? q->limit : 0);
	put_u32(out, q->limit_named ? q->message_limit : 0);
	put(out,
		(q->charge ? REQUEST_CHARGE : 0) | (q->limit_named ? REQUEST_LIMIT_NAMED : 0) |
			(q->end_of_message ? REQUEST_END_OF_MESSAGE : 0) | (q->firm ? REQUEST_FIRM : 0) |
			(q->limit_named && q->limit_is_default ? REQUEST_LIMIT_IS_DEFAULT : 0),
		1);
	put(out, q->event, 1);
	put(out, q->address.len, 2);
	put_amount(out, q->spent);
	put_u32(out, q->spent_messages);
	put_u32(out, q->held);
	buf_put(out, q->address);
	put_zeros(out, request_length(q->address.len) - REQUEST_HEAD - q->address.len);
	return true;
}

/* ---- replies ---- */

/* The figures, which stand between the flags and the note. */
static void get_figures(struct facts_reply *p, struct reader *r)
{
	p->messages = get_u32(r);
	p->message_limit = get_u32(r);
	p->charge_messages = get_u32(r);
	p->usage = get_amount(r);
	p->limit = get_amount(r);
	p->charge = get_amount(r);
	p->age = get_amount(r);
	p->full_for = get_amount(r);
	p->loan = get_amount(r);
	p->loan_messages = get_u32(r);
	p->loan_life = get_u32(r);
}

static void put_figures(struct buf *out, const struct facts_reply *p)
{
	put_u32(out, p->messages);
	put_u32(out, p->message_limit);
	put_u32(out, p->charge_messages);
	put_amount(out, p->usage);
	put_amount(out, p->limit);
	put_amount(out, p->charge);
	put_amount(out, p->age);
	put_amount(out, p->full_for);
	put_amount(out, p->loan);
	put_u32(out, p->loan_messages);
	put_u32(out, p->loan_life);
}

int facts_reply_decode(struct facts_reply *p, struct str in)
{
	struct reader r = { (const unsigned char *)in.at, false };
	struct opening o;
	if (in.len < REPLY_HEAD + SEAL_OCTETS || in.len > FACTS_MESSAGE_MAX)
		return -1;
	bool good = get_opening(&o, &r);
	*p = (struct facts_reply){ .asker = o.asker, .sequence = o.sequence, .id = o.id, .time = o.time };
	uint8_t state = get_u8(&r);
	p->state = (enum facts_reply_state)state;
	p->source = get_u8(&r);
	p->rule = get_u8(&r);
	uint8_t flags = get_u8(&r);
	p->firm = flags & REPLY_FIRM;
	p->foreign = flags & REPLY_FOREIGN;
	p->charged = flags & REPLY_CHARGED;
	p->stale = flags & REPLY_STALE;
	p->too_large = flags & REPLY_TOO_LARGE;
	get_figures(p, &r);
	p->note = (struct str){ in.at + REPLY_HEAD, get_u8(&r) };
	if (!good || r.bad || o.kind != FACTS_REPLY || state > FACTS_REPLY_CLOCK || (flags & ~REPLY_FLAGS))
		return -1;
	if (p->source > FACTS_SOURCE_LAST || p->rule > FACTS_RULE_LAST)
		return -1;
	return in.len == REPLY_HEAD + p->note.len + SEAL_OCTETS ? (int)in.len : -1;
}

void facts_reply_encode(struct buf *out, const struct facts_reply *p, size_t most)
{
	const struct opening o = { FACTS_REPLY, p->asker, p->sequence, p->id, p->time };
	size_t room = most - REPLY_HEAD - SEAL_OCTETS;
	assert(most >= FACTS_REQUEST_MIN);
	if (room > UINT8_MAX)
		room = UINT8_MAX;
	struct str note = { p->note.at, p->note.len < room ? p->note.len : room };
	put_opening(out, &o);
	put(out, p->state, 1);
	put(out, p->source, 1);
	put(out, p->rule, 1);
	put(out,
		(p->firm ? REPLY_FIRM : 0) | (p->foreign ? REPLY_FOREIGN : 0) | (p->charged ? REPLY_CHARGED : 0) |
			(p->stale ? REPLY_STALE : 0) | (p->too_large ? REPLY_TOO_LARGE : 0),
		1);
	put_figures(out, p);
	put(out, note.len, 1);
	buf_put(out, note);
	put_zeros(out, SEAL_OCTETS);
}
