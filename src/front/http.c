#include "front/http.h"

#include "core/asked.h"
#include "front/front.h"

#define PATH_ROW(member, ...)                                                                                          \
	{                                                                                                              \
		.type = OPT_STRING, .offset = offsetof(struct http_conf, member), .check = opt_check_path, __VA_ARGS__ \
	}

static const struct opt http_opts[] = {
	PATH_ROW(token_file, .name = "token_file",
		.help = "The file with the tokens, one a line, of 16 printable characters at least. Who asks for "
			"anything but "
			"/healthz, and /v1/facts with its sealed messages, sends one of them: \"Authorization: Bearer "
			"TOKEN\". It belongs to root or the "
			"daemon's user, and others can neither read nor write it. Without it, whoever `allow` lets "
			"in may ask."),
	PATH_ROW(certificate, .name = "certificate",
		.help = "The file with the certificate for TLS, and those between it and its authority, as PEM. "
			"Together with private_key."),
	PATH_ROW(private_key, .name = "private_key",
		.help = "The file with the private key of the certificate, as PEM. Others can neither read nor write "
			"it."),
	PATH_ROW(facts.key_file, .name = "key_file",
		.help = "The file with the key of messages between quotagates, which come to /v1/facts; see the "
			"protocol facts. Without it, they are not taken."),
	{ .name = "window",
		.type = OPT_DURATION,
		.offset = offsetof(struct http_conf, facts.window),
		.def = "30s",
		.min = 1000,
		.max = 3600000,
		.help = "How far the clock of another quotagate may be from ours; see the protocol facts." },
	OPT_END,
};

static bool http_check(void *conf, struct err *err)
{
	const struct http_conf *c = conf;
	return !c->certificate == !c->private_key || err_set(err, "`certificate` and `private_key` go together");
}

static const char *http_key_file(const void *conf)
{
	return ((const struct http_conf *)conf)->facts.key_file;
}

/* Shadow mode lets the message pass; the line tells what is. Who bypasses is never refused. */
static bool is_over(const struct verdict *v)
{
	bool full = v->reason == REASON_FULL || v->reason == REASON_FULL_LONG || v->reason == REASON_TOO_LARGE;
	return full && v->waived != WAIVED_BYPASS;
}

static void put_number(struct buf *out, uint64_t n)
{
	buf_putc(out, ' ');
	buf_put_u64(out, n);
}

bool http_put_line(struct buf *out, const struct query *q, const struct answer *a)
{
	const struct facts *f = &a->facts;
	bool found = f->state == FACTS_FOUND && !asked_is(f); /* who gives verdicts has no figures */
	if (a->verdict.reason == REASON_ERROR)
		return false;
	buf_puts(out, is_over(&a->verdict) ? "OVERQUOTA " : "OK ");
	buf_put(out, q->address);
	put_number(out, found ? f->usage : 0);
	put_number(out, found ? a->limit : 0);
	if (found && (f->messages || a->message_limit)) {
		put_number(out, f->messages);
		put_number(out, a->message_limit);
	}
	buf_putc(out, '\n');
	return true;
}

/* ---- the table ---- */

static void http_start(void *session, const void *conf, void *shared, const struct front_peer *peer)
{
	(void)session, (void)conf, (void)shared, (void)peer;
}

/* A library has eaten what came before it gets here. */
static enum front_step http_feed(void *session, struct str in, size_t *eaten, struct query *q, struct buf *out)
{
	(void)session, (void)in, (void)q, (void)out;
	*eaten = 0;
	return FRONT_CLOSE;
}

static enum front_step http_answer(void *session, const struct query *q, const struct answer *a, struct buf *out)
{
	(void)session;
	if (!http_put_line(out, q, a))
		buf_puts(out, "could not tell\n");
	return FRONT_SEND;
}

const struct front http_front = {
	.name = "http",
	.opts = http_opts,
	.conf_size = sizeof(struct http_conf),
	.key_file = http_key_file,
	.session_size = 1,
	.request_max = 1,
	.check = http_check,
	.start = http_start,
	.feed = http_feed,
	.answer = http_answer,
};
