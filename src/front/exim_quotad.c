/*
 * The front of exim-quotad, which Exim asks by ${readsocket}: how many octets does this mailbox use?
 *
 *   request = absolute-path LF          reply = octets, decimal LF          and the connection is closed
 *
 * Like the original it answers 0 whenever it cannot tell, so that mail is taken. It never lets a path through that
 * could mean another place than it says.
 */
#include "core/query.h"
#include "front/front.h"

#define REQUEST_MAX 4096
#define PATH_MAX_OCTETS 1023

struct quotad_session {
	const char *complaint;
};

static const struct opt quotad_opts[] = {
	OPT_END,
};

static void quotad_start(void *session, const void *conf, void *shared, const struct front_peer *peer)
{
	struct quotad_session *s = session;
	(void)conf, (void)shared, (void)peer;
	s->complaint = NULL;
}

/* What is wrong with the path, null: nothing. A slash at the end was taken off. */
static const char *path_fault(struct str path)
{
	struct str rest = path;
	if (path.len > PATH_MAX_OCTETS)
		return "path longer than 1023 octets";
	if (str_cut(&rest, '/').len != 0 || !rest.at)
		return "path not absolute";
	if (str_find(path, '\0') < path.len)
		return "path with a NUL in it";
	while (rest.at) {
		struct str name = str_cut(&rest, '/');
		if (name.len == 0 || str_eq(name, STR(".")) || str_eq(name, STR("..")))
			return "path with an empty name, . or .. in it";
	}
	return NULL;
}

static enum front_step give_up(struct quotad_session *s, struct buf *out, const char *complaint)
{
	s->complaint = complaint;
	buf_put(out, STR("0\n"));
	return FRONT_CLOSE;
}

/* A request that comes octet by octet is searched again each time: half of REQUEST_MAX squared, once per connection. */
static enum front_step quotad_feed(void *session, struct str in, size_t *eaten, struct query *q, struct buf *out)
{
	struct quotad_session *s = session;
	struct str path = { in.at, str_find(in, '\n') };
	s->complaint = NULL;
	*eaten = 0;
	if (path.len == in.len && in.len < REQUEST_MAX)
		return FRONT_MORE;
	*eaten = path.len < in.len ? path.len + 1 : in.len;
	if (path.len > 1 && path.at[path.len - 1] == '/' && path.len <= PATH_MAX_OCTETS)
		path.len--;
	const char *fault = path_fault(path);
	if (fault)
		return give_up(s, out, fault);
	q->kind = QUERY_PATH;
	q->stage = STAGE_RCPT;
	q->purpose = PURPOSE_REPORT;
	q->address = path;
	return FRONT_ASK;
}

static enum front_step quotad_answer(void *session, const struct query *q, const struct answer *a, struct buf *out)
{
	(void)session, (void)q;
	buf_put_u64(out, a->facts.state == FACTS_FOUND ? a->facts.usage : 0);
	buf_putc(out, '\n');
	return FRONT_CLOSE;
}

static const char *quotad_complaint(const void *session)
{
	const struct quotad_session *s = session;
	return s->complaint;
}

const struct front exim_quotad_front = {
	.name = "exim-quotad",
	.opts = quotad_opts,
	.session_size = sizeof(struct quotad_session),
	.request_max = REQUEST_MAX,
	.start = quotad_start,
	.feed = quotad_feed,
	.answer = quotad_answer,
	.complaint = quotad_complaint,
};
