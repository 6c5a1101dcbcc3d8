/*
 * The front of other quotagates: those that accept mail ask here about the mailboxes of this one, and say what became of
 * a message. The messages are those of wire/facts_message.h, one a datagram; quotagate-facts(7) is their manual.
 *
 * Looked at in this order, and nothing is done before all of it held: the length, the seal, the format, the clocks, and
 * whether the message was heard before. Only a message of wrong time is answered when it is refused, for its sender has
 * proved who he is and cannot know. No answer is longer than what it answers.
 */
#include "core/asked.h"
#include "front/facts_conf.h"
#include "front/front.h"
#include "wire/facts_message.h"
#include "wire/replay.h"

#include <assert.h>

#define COMPLAINT_MAX 80

static_assert(FACTS_SOURCE_LAST == SOURCE_VERDICT && FACTS_RULE_LAST == RULE_ASKED, "the enums end here");
static_assert((int)FACTS_REPLY_NOT_OURS == (int)FACTS_NOT_OURS, "the first states are those of facts");

struct facts_session {
	const struct facts_conf *conf;
	struct replay *heard; /* of all askers, whatever way they came */
	struct front_peer peer;
	const struct seal_key *key; /* that sealed the request, and will seal the reply; null: not sealed */
	struct facts_reply reply; /* as far as it is known before the answer */
	size_t most; /* octets of the request */
	bool event;
	const char *complaint;
	char complaint_text[COMPLAINT_MAX];
};

static const struct opt facts_opts[] = {
	{ .name = "key_file",
		.type = OPT_STRING,
		.offset = offsetof(struct facts_conf, key_file),
		.check = opt_check_path,
		.help = "The file with the key that the askers have too, one line of 16 octets at least; a second line "
			"is "
			"a second key, for the time in which keys are changed. It belongs to root or the daemon's "
			"user, "
			"and others can neither read nor write it. The daemon reads it when it starts and at a reload. "
			"Without it, whoever can send from an address in `allow` is believed. See "
			"quotagate-facts(7)." },
	{ .name = "window",
		.type = OPT_DURATION,
		.offset = offsetof(struct facts_conf, window),
		.def = "30s",
		.min = 1000,
		.max = 3600000,
		.help = "How far the asker's clock may be from ours. A message from further off is refused, so that "
			"nobody "
			"can send it again later." },
	OPT_END,
};

static const char *facts_key_file(const void *conf)
{
	return ((const struct facts_conf *)conf)->key_file;
}

static void facts_start(void *session, const void *conf, void *shared, const struct front_peer *peer)
{
	struct facts_session *s = session;
	s->conf = conf;
	s->heard = shared;
	s->peer = *peer;
}

/* ---- answers ---- */

static enum front_step send(const struct facts_session *s, struct buf *out)
{
	size_t before = out->len;
	facts_reply_encode(out, &s->reply, s->most);
	if (!out->full)
		seal_put(s->key, out->at + before, out->len - before);
	return FRONT_SEND;
}

static uint64_t since(msec then, msec now)
{
	return now > then ? (uint64_t)(now - then) : 0;
}

/* The limit that is in force, with what the rule lets go over it. */
static uint64_t limit_of(const struct answer *a)
{
	uint64_t grace = a->limit && a->rule == RULE_FITS ? a->grace : 0;
	return a->limit > UINT64_MAX - grace ? UINT64_MAX : a->limit + grace;
}

/* A directory may know of an address what no store was asked: then there are no facts, but they would say this. */
static enum facts_reply_state state_of(const struct answer *a)
{
	if (a->verdict.reason == REASON_NOT_OURS || a->verdict.reason == REASON_ELSEWHERE)
		return FACTS_REPLY_NOT_OURS;
	if (a->verdict.reason == REASON_NO_MAILBOX)
		return FACTS_REPLY_NO_MAILBOX;
	return (enum facts_reply_state)a->facts.state;
}

/* Is it full for nothing but what was let in before (`alone`)? */
static bool is_put_off(const struct answer *a, uint64_t size)
{
	return a->verdict.reason == REASON_FULL &&
	       asked_say(&a->facts, asked_size(size, a->charge, a->grace)) != ASKED_REFUSED;
}

/* In the words that every asker knows: what it asked about, with what was let in before, is refused, and of less nothing is
   said. */
static void put_waiting(struct facts_reply *p, uint64_t size)
{
	p->charge = p->charge ? p->charge : 1;
	p->usage = 0;
	p->limit = octets_sum(size, p->charge);
	p->age = p->messages = p->message_limit = 0;
}

/* Who asks must ask each time: nothing is lent, and what was said of other sizes does not hold for the next. */
static void put_sizes(struct facts_reply *p, const struct answer *a, uint64_t size)
{
	const struct facts *f = &a->facts;
	p->too_large = f->too_large;
	p->limit = f->limit;
	if (a->charge.messages)
		p->charge = octets_sum(a->charge.octets, a->grace); /* so much it was asked about */
	p->messages = asked_apart(f->taken, f->took_at);
	p->message_limit = asked_apart(f->taken, f->refused_at);
	if (is_put_off(a, size))
		put_waiting(p, size);
}

static void put_figures(struct facts_reply *p, const struct answer *a, uint64_t size, msec now)
{
	const struct facts *f = &a->facts;
	p->source = (uint8_t)f->source;
	p->rule = (uint8_t)a->rule;
	p->firm = f->firm;
	p->foreign = f->foreign;
	p->stale = a->verdict.stale;
	p->charged = a->charged;
	p->usage = f->usage;
	p->messages = f->messages;
	p->limit = limit_of(a);
	p->message_limit = a->message_limit;
	p->charge = a->charge.octets;
	p->charge_messages = a->charge.messages;
	p->age = since(f->taken, now);
	p->full_for = f->full_since ? since(f->full_since, now) + 1 : 0;
	if (asked_is(f))
		put_sizes(p, a, size);
	if (!a->loan.number)
		return;
	p->loan = a->loan.octets;
	p->loan_messages = a->loan.messages;
	p->loan_life = (uint32_t)(a->loan.life / 1000);
}

static enum front_step facts_answer(void *session, const struct query *q, const struct answer *a, struct buf *out)
{
	struct facts_session *s = session;
	s->reply.state = s->event ? FACTS_REPLY_NOTED : state_of(a);
	if (s->reply.state == FACTS_REPLY_FOUND)
		put_figures(&s->reply, a, q->size ? q->size : 1, s->peer.now);
	return send(s, out);
}

/* ---- requests ---- */

static struct hash name_of(const struct facts_session *s, char kind, const struct facts_request *r)
{
	char text[1 + 3 * sizeof(uint64_t)] = { kind };
	memcpy(text + 1, &r->asker, sizeof(r->asker));
	memcpy(text + 1 + sizeof(r->asker), &r->transaction, sizeof(r->transaction));
	return hash_of(s->peer.key, text, kind == 'a' ? 1 + sizeof(r->asker) : sizeof(text));
}

/* An asker's transactions have names that no other can utter. A question without one is a transaction of its own, known by
   its id when it comes again. */
static struct hash transaction_of(const struct facts_session *s, const struct facts_request *r)
{
	struct facts_request own = *r;
	if (!hash_is_none(r->transaction))
		return name_of(s, 't', r);
	own.transaction = (struct hash){ r->id, 0 };
	return name_of(s, 'q', &own);
}

static enum front_step ask(struct facts_session *s, const struct facts_request *r, struct query *q)
{
	*q = (struct query){ .kind = QUERY_RECIPIENT,
		.stage = r->end_of_message ? STAGE_END_OF_MESSAGE : STAGE_RCPT,
		.purpose = r->charge ? PURPOSE_DELIVER : PURPOSE_REPORT,
		.address = r->address,
		.size = r->size,
		.limit = { .named = r->limit_named, .octets = r->limit, .messages = r->message_limit },
		.limit_is_default = r->limit_is_default,
		.ends = hash_is_none(r->transaction),
		.transaction = transaction_of(s, r) };
	q->borrower = (struct borrower){ .name = name_of(s, 'a', r),
		.held = r->held,
		.next = (uint32_t)r->id,
		.spent = { .octets = r->spent, .messages = r->spent_messages } };
	return FRONT_ASK;
}

static enum front_step note(struct facts_session *s, const struct facts_request *r, struct query *q, struct buf *out)
{
	*q = (struct query){ .kind = QUERY_RECIPIENT, .purpose = PURPOSE_DELIVER, .transaction = transaction_of(s, r) };
	s->event = true;
	s->reply.state = FACTS_REPLY_NOTED;
	switch (r->event) {
	case FACTS_EVENT_NONE: break;
	case FACTS_EVENT_ARRIVED:
		q->stage = STAGE_END_OF_MESSAGE;
		q->size = r->size;
		return FRONT_ASK;
	case FACTS_EVENT_ENDED: send(s, out); return FRONT_ENDED;
	case FACTS_EVENT_ABANDONED: send(s, out); return FRONT_ABANDONED;
	case FACTS_EVENT_WITHDRAWN:
		q->address = r->address;
		q->purpose = PURPOSE_WITHDRAW;
		return FRONT_ASK;
	}
	return FRONT_CLOSE;
}

/* ---- what is refused ---- */

/* Unanswered: who could be told is not known. */
static bool refuse(struct facts_session *s, const char *complaint)
{
	s->complaint = complaint;
	return false;
}

static bool has_good_seal(struct facts_session *s, struct str in)
{
	bool missing = seal_is_missing(in);
	if (!s->peer.keys)
		return missing || refuse(s, "a sealed message, and there is no key_file");
	if (missing)
		return refuse(s, "a message without a seal");
	s->key = seal_check(s->peer.keys, in);
	return s->key || refuse(s, "a seal by another key, or a forged one");
}

static bool is_near(struct facts_session *s, msec time)
{
	msec difference = s->peer.wall - time;
	struct buf text = BUF(s->complaint_text);
	if (difference <= s->conf->window && -difference <= s->conf->window)
		return true;
	s->reply.state = FACTS_REPLY_CLOCK;
	buf_printf(&text, "the clock of the asker is %lld s %s",
		(long long)(difference < 0 ? -difference : difference) / 1000, difference < 0 ? "ahead" : "behind");
	return refuse(s, buf_z(&text));
}

static bool is_new(struct facts_session *s, const struct facts_request *r)
{
	switch (replay_take(s->heard, r->asker, r->sequence, r->time, s->peer.wall - s->conf->window)) {
	case REPLAY_NEW: return true;
	case REPLAY_HEARD: return refuse(s, "a message that was heard before");
	case REPLAY_CROWDED: return refuse(s, "more askers than can be told apart");
	}
	return false;
}

static bool take(struct facts_session *s, struct str in, struct facts_request *r)
{
	if (in.len < FACTS_REQUEST_MIN)
		return refuse(s, "a message that is too short");
	if (!has_good_seal(s, in))
		return false;
	if (facts_request_decode(r, in) < 0)
		return refuse(s, "no message of format 1");
	s->most = in.len;
	s->reply =
		(struct facts_reply){ .asker = r->asker, .sequence = r->sequence, .id = r->id, .time = s->peer.wall };
	return is_near(s, r->time) && is_new(s, r);
}

/* Where a message ends only its seal tells: all that came is one. */
static enum front_step facts_feed_last(void *session, struct str in, size_t *eaten, struct query *q, struct buf *out)
{
	struct facts_session *s = session;
	struct facts_request r;
	*eaten = in.len;
	s->complaint = NULL;
	s->event = false;
	s->reply.state = FACTS_REPLY_FAILED;
	if (take(s, in, &r))
		return r.kind == FACTS_EVENT ? note(s, &r, q, out) : ask(s, &r, q);
	if (s->reply.state == FACTS_REPLY_CLOCK)
		send(s, out);
	return FRONT_CLOSE;
}

static enum front_step facts_feed(void *session, struct str in, size_t *eaten, struct query *q, struct buf *out)
{
	if (in.len >= FACTS_MESSAGE_MAX)
		return facts_feed_last(session, in, eaten, q, out);
	*eaten = 0;
	return FRONT_MORE;
}

static const char *facts_complaint(const void *session)
{
	return ((const struct facts_session *)session)->complaint;
}

const struct front facts_front = {
	.name = "facts",
	.opts = facts_opts,
	.conf_size = sizeof(struct facts_conf),
	.shared_size = sizeof(struct replay),
	.shared_by_all = true,
	.key_file = facts_key_file,
	.session_size = sizeof(struct facts_session),
	.request_max = FACTS_MESSAGE_MAX,
	.datagrams = true,
	.only_datagrams = true,
	.start = facts_start,
	.feed = facts_feed,
	.feed_last = facts_feed_last,
	.answer = facts_answer,
	.complaint = facts_complaint,
};
