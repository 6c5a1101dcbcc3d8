/* What goes between a look-up and the messages of wire/facts_message.h. */
#include "core/asked.h"
#include "store/remote_inside.h"

#include <time.h>

struct facts_request remote_question(const struct lookup *l)
{
	const struct claim *c = &l->claim;
	return (struct facts_request){
		.kind = FACTS_QUESTION,
		.transaction = c->transaction,
		.size = c->size,
		.limit = c->limit.octets,
		.message_limit = c->limit.messages,
		.charge = c->deliver,
		.limit_named = c->limit.named,
		.limit_is_default = c->limit_is_default,
		.end_of_message = c->stage == STAGE_END_OF_MESSAGE,
		.firm = l->firm,
		.spent = c->spent.octets,
		.spent_messages = c->spent.messages,
		.held = c->held,
		.address = l->mailbox.address,
	};
}

void remote_fail(struct lookup *l, struct str why)
{
	l->facts = (struct facts){ .state = FACTS_FAILED };
	l->others = (struct charge){ 0 };
	l->loan = (struct loan){ 0 };
	l->charged = false;
	lookup_note(l, why);
}

msec remote_wall(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return SECONDS(t.tv_sec) + t.tv_nsec / 1000000;
}

/* The codec has seen that it is one of the enum; what is not told is told by another machine. */
static enum facts_source source_of(uint8_t n)
{
	return n == SOURCE_NONE ? SOURCE_PEER : (enum facts_source)n;
}

/* When it became full, on our clock. 0 would mean that it is not. */
static msec full_since(uint64_t full_for, msec now)
{
	msec since = now - (msec)full_for;
	if (full_for == 0)
		return 0;
	return since ? since : -1;
}

static msec older(msec age, uint32_t by)
{
	return age > INT64_MAX - by ? INT64_MAX : age + by;
}

/* The backend gives verdicts: where messages would be counted stands how much older either size is. */
static void take_sizes(struct facts *f)
{
	f->took_at = older(f->taken, f->messages);
	f->refused_at = older(f->taken, f->message_limit);
	f->messages = f->message_limit = 0;
}

static void found(struct lookup *l, const struct facts_reply *p, msec now)
{
	l->facts = (struct facts){
		.state = FACTS_FOUND,
		.source = source_of(p->source),
		.firm = p->firm,
		.ruled = true,
		.rule = (enum store_rule)p->rule,
		.too_large = p->too_large,
		.foreign = p->foreign,
		.messages = p->messages,
		.message_limit = p->message_limit,
		.usage = p->usage,
		.limit = p->limit,
		.taken = (msec)p->age,
		.full_since = full_since(p->full_for, now),
	};
	if (asked_is(&l->facts))
		take_sizes(&l->facts);
	l->others = (struct charge){ .octets = p->charge, .messages = p->charge_messages };
	l->charged = p->charged;
	l->loan = (struct loan){ 0 };
	if (p->loan)
		l->loan = (struct loan){ .number = (uint32_t)p->id,
			.octets = p->loan,
			.messages = p->loan_messages,
			.life = SECONDS(p->loan_life) };
}

static void clocks_differ(struct lookup *l, const struct facts_reply *p, const char *host, msec wall)
{
	char text[LOOKUP_NOTE];
	struct buf note = BUF(text);
	msec behind = wall - p->time;
	buf_printf(&note, "%s: its clock is %lld s %s ours, and questions from another time are refused there", host,
		(long long)((behind < 0 ? -behind : behind) / 1000), behind < 0 ? "ahead of" : "behind");
	remote_fail(l, buf_str(&note));
}

/* The note: the host, and its own note. */
static void note(struct lookup *l, const struct facts_reply *p, const char *host)
{
	char text[LOOKUP_NOTE];
	struct buf out = BUF(text);
	buf_printf(&out, "%s%s%s%s", host, p->stale ? ": stale at the backend" : "", p->note.len ? ": " : "",
		p->state == FACTS_REPLY_FAILED && p->note.len == 0 ? ": it could not tell" : "");
	buf_put(&out, p->note);
	lookup_note(l, buf_str(&out));
}

bool remote_understand(struct lookup *l, const struct facts_reply *p, const char *host, msec now, msec wall)
{
	remote_fail(l, STR(""));
	switch (p->state) {
	case FACTS_REPLY_CLOCK: clocks_differ(l, p, host, wall); return true;
	case FACTS_REPLY_NOTED: return false;
	case FACTS_REPLY_FOUND: found(l, p, now); break;
	case FACTS_REPLY_FAILED: break;
	case FACTS_REPLY_NO_MAILBOX: l->facts.state = FACTS_NO_MAILBOX; break;
	case FACTS_REPLY_NOT_OURS: l->facts.state = FACTS_NOT_OURS; break;
	}
	note(l, p, host);
	return true;
}
