/*
 * The front for socketmap (Postfix socketmap_table(5), Sendmail's map type "socket", Cyrus smmapd(8)): netstrings both
 * ways, one reply to each request, in order.
 *
 *   request = map-name SP key          reply = "OK " data / "NOTFOUND " [text] / "TEMP " text / "PERM " text
 *
 * In style `access` the data is an action of access(5), for check_recipient_access. In style `smmapd` the map tells
 * whether the mailbox is there and has room, as that of Cyrus does, and code and text of a refusal are the MTA's. The name
 * of the map must be there and does not matter. No request belongs to a transaction.
 *
 * Never sends "OK" without data (Sendmail crashes on it), and nothing at all to what is no netstring: it closes.
 */
#include "core/decide.h"
#include "core/query.h"
#include "front/front.h"
#include "wire/netstring.h"

#define PAYLOAD_MAX 10000 /* Postfix sends no more */
#define REQUEST_MAX (PAYLOAD_MAX + 7) /* "10000:" and "," */
#define REPLY_MAX 1024

enum style { STYLE_ACCESS, STYLE_SMMAPD };

static const char *const style_names[] = { "access", "smmapd", NULL };

struct socketmap_conf {
	int style; /* enum style */
};

struct socketmap_session {
	const struct socketmap_conf *conf;
	const char *complaint;
};

static const struct opt socketmap_opts[] = {
	{ .name = "style",
		.type = OPT_CHOICE,
		.offset = offsetof(struct socketmap_conf, style),
		.choices = style_names,
		.def = "access",
		.help = "access: a refusal is found as an action such as 452 4.2.2 and a text, for Postfix' "
			"check_recipient_access; what may pass is not found. smmapd: in place of Cyrus' smmapd, a "
			"mailbox "
			"with room is found, one that is full is a temporary error, and an unknown one is not found, "
			"whatever `unknown` says." },
	OPT_END,
};

static void socketmap_start(void *session, const void *conf, void *shared, const struct front_peer *peer)
{
	struct socketmap_session *s = session;
	(void)shared, (void)peer;
	s->conf = conf;
}

static enum front_step close_with(struct socketmap_session *s, const char *complaint)
{
	s->complaint = complaint;
	return FRONT_CLOSE;
}

/* Half a netstring must never go out. */
static enum front_step send(struct socketmap_session *s, struct buf *out, struct str payload)
{
	const struct buf before = *out;
	netstring_encode(out, payload);
	if (!out->full)
		return FRONT_SEND;
	*out = before;
	return close_with(s, "no room for the answer");
}

static enum front_step refuse(struct socketmap_session *s, struct buf *out, struct str payload, const char *complaint)
{
	s->complaint = complaint;
	return send(s, out, payload);
}

static enum front_step socketmap_feed(void *session, struct str in, size_t *eaten, struct query *q, struct buf *out)
{
	struct socketmap_session *s = session;
	struct str payload;
	s->complaint = NULL;
	*eaten = 0;
	ssize_t n = netstring_decode(&payload, in, PAYLOAD_MAX);
	if (n == 0)
		return FRONT_MORE;
	if (n < 0)
		return close_with(s, "malformed netstring, or longer than 10000 octets");
	*eaten = (size_t)n;
	struct str key = payload, map = str_cut(&key, ' ');
	if (str_trim(key).len == 0)
		return refuse(s, out, STR("PERM Bad protocol (missing key)"), "request without a key");
	if (map.len == 0)
		return refuse(s, out, STR("PERM Bad protocol (missing map name)"), "request without a map name");
	q->kind = QUERY_RECIPIENT;
	q->stage = STAGE_RCPT;
	q->purpose = PURPOSE_DELIVER;
	q->address = key;
	return FRONT_ASK;
}

static void put_access(struct buf *reply, const struct query *q, const struct verdict *v)
{
	if (v->action == ACTION_PASS) {
		buf_puts(reply, "NOTFOUND ");
		return;
	}
	buf_puts(reply, "OK ");
	verdict_print(reply, v, q);
}

static void put_found(struct buf *reply, const struct query *q)
{
	buf_puts(reply, "OK ");
	buf_put(reply, q->address);
}

static void put_smmapd(struct buf *reply, const struct query *q, const struct verdict *v)
{
	switch (v->reason) {
	case REASON_NO_MAILBOX:
	case REASON_NOT_OURS:
	case REASON_BAD_ADDRESS: buf_puts(reply, "NOTFOUND Mailbox does not exist"); return;
	case REASON_ERROR:
		if (v->action != ACTION_PASS) {
			buf_puts(reply, "TEMP The mailbox cannot be checked now");
			return;
		}
		break;
	case REASON_FULL:
	case REASON_FULL_LONG:
	case REASON_TOO_LARGE:
		if (v->action != ACTION_PASS) {
			buf_puts(reply, "TEMP Over quota");
			return;
		}
		break;
	case REASON_ROOM:
	case REASON_NO_LIMIT:
	case REASON_ELSEWHERE:
	case REASON_FORGED: /* a map is not told the sender */
	case REASON_NOT_ASKED:
	case REASON_COUNT: break;
	}
	put_found(reply, q);
}

static enum front_step socketmap_answer(void *session, const struct query *q, const struct answer *a, struct buf *out)
{
	struct socketmap_session *s = session;
	char text[REPLY_MAX];
	struct buf reply = BUF(text);
	switch ((enum style)s->conf->style) {
	case STYLE_ACCESS: put_access(&reply, q, &a->verdict); break;
	case STYLE_SMMAPD: put_smmapd(&reply, q, &a->verdict); break;
	}
	return reply.full ? close_with(s, "no room for the answer") : send(s, out, buf_str(&reply));
}

static const char *socketmap_complaint(const void *session)
{
	const struct socketmap_session *s = session;
	return s->complaint;
}

const struct front socketmap_front = {
	.name = "socketmap",
	.opts = socketmap_opts,
	.conf_size = sizeof(struct socketmap_conf),
	.session_size = sizeof(struct socketmap_session),
	.request_max = REQUEST_MAX,
	.start = socketmap_start,
	.feed = socketmap_feed,
	.answer = socketmap_answer,
	.complaint = socketmap_complaint,
};
