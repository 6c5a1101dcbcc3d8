/*
 * The front of the control socket, for root and the daemon's user: what does the running daemon know?
 *
 *   request   peek ADDRESS LF
 *   reply     state=found usage=N limit=N messages=N message_limit=N firm=0|1 source=WORD taken=MS charge=N
 *             charge_messages=N LF        or   state=unknown LF
 *             (a store of rule `asked`: took=N refused=N in place of usage and limit)
 *
 *   request   metrics LF
 *   reply     the daemon's metrics (daemon/metrics.h), then the connection is closed
 *
 * `taken` is the time of the look-up in milliseconds of the machine's monotonic clock. Nothing is asked of a store and
 * nothing is charged.
 */
#include "core/asked.h"
#include "front/front.h"

#define REQUEST_MAX 1024

struct control_session {
	const char *complaint;
};

static const struct opt control_opts[] = { OPT_END };

static void control_start(void *session, const void *conf, void *shared, const struct front_peer *peer)
{
	(void)session;
	(void)conf;
	(void)shared;
	(void)peer;
}

static enum front_step control_feed(void *session, struct str in, size_t *eaten, struct query *q, struct buf *out)
{
	struct control_session *s = session;
	size_t end = str_find(in, '\n');
	struct str line = { in.at, end };
	(void)out;
	s->complaint = NULL;
	if (end == in.len)
		return FRONT_MORE;
	*eaten = end + 1;
	if (str_eq(line, STR("metrics")))
		return FRONT_METRICS;
	if (!str_starts(line, STR("peek "))) {
		s->complaint = "the control socket knows only peek and metrics";
		return FRONT_CLOSE;
	}
	*q = (struct query){ .kind = QUERY_RECIPIENT, .purpose = PURPOSE_PEEK, .address = str_from(line, 5) };
	return FRONT_ASK;
}

static enum front_step control_answer(void *session, const struct query *q, const struct answer *a, struct buf *out)
{
	const struct facts *f = &a->facts;
	(void)session;
	(void)q;
	if (f->state == FACTS_FOUND)
		buf_printf(out,
			"state=found %s=%llu %s=%llu messages=%u message_limit=%u firm=%d source=%s taken=%lld "
			"charge=%llu charge_messages=%u\n",
			asked_is(f) ? "took" : "usage", (unsigned long long)f->usage, asked_is(f) ? "refused" : "limit",
			(unsigned long long)f->limit, f->messages, f->message_limit, f->firm,
			facts_source_name(f->source), (long long)f->taken, (unsigned long long)a->charge.octets,
			a->charge.messages);
	else
		buf_puts(out, "state=unknown\n");
	return FRONT_SEND;
}

static const char *control_complaint(const void *session)
{
	return ((const struct control_session *)session)->complaint;
}

const struct front control_front = {
	.name = "control",
	.opts = control_opts,
	.session_size = sizeof(struct control_session),
	.request_max = REQUEST_MAX,
	.start = control_start,
	.feed = control_feed,
	.answer = control_answer,
	.complaint = control_complaint,
};
