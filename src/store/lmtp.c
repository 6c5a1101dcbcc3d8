/*
 * Call-ahead: a server that delivers into the mailboxes is asked as if a message came, by LMTP or SMTP, and told RSET
 * before it does. Each question is MAIL, RCPT, RSET, in one go where the server takes commands so (PIPELINING), and then
 * several at once; else one command after the other. Never DATA.
 *
 * The size goes with MAIL where the server offers SIZE; where not, its verdict is about the mailbox, not the message.
 */
#include "wire/lmtp.h"
#include "store/caller.h"
#include "store/full_words.h"
#include "store/server_address.h"

#include <stddef.h>

#define PIPELINED 8 /* questions at once */

enum lmtp_protocol { PROTOCOL_LMTP, PROTOCOL_SMTP };

static const char *const protocol_names[] = { "lmtp", "smtp", NULL };

struct lmtp_conf {
	struct caller_conf caller;
	int protocol; /* enum lmtp_protocol */
	const char *sender, *hello;
	struct opt_list full;
	bool trust_unknown;
};

/* Which reply comes next. */
enum stage { STAGE_GREETING, STAGE_HELLO, STAGE_MAIL, STAGE_TO, STAGE_RSET };

struct lmtp_session {
	const struct lmtp_conf *conf;
	enum stage stage;
	bool pipelining, size, utf8;
	uint64_t size_max; /* octets, 0: none */
	bool settled; /* the reply to MAIL was a verdict already: it stands in `verdict` */
	enum lmtp_meaning verdict; /* of the question that is being answered */
	char said[LOOKUP_NOTE / 2]; /* in the server's words */
	size_t said_len;
	char rest[CALLER_WRITTEN / 2]; /* without pipelining: what is to be said when MAIL was answered */
	size_t rest_len;
};

static bool lmtp_open(void *session, const void *conf)
{
	struct lmtp_session *s = session;
	s->conf = conf;
	return false;
}

static unsigned lmtp_depth(const void *session)
{
	const struct lmtp_session *s = session;
	return s->pipelining ? PIPELINED : 1;
}

/* ---- questions ---- */

/* What the server is told: not more than it takes at all, if that is only for what others sent. */
static uint64_t size_to_tell(const struct lmtp_session *s, const struct caller_question *q)
{
	uint64_t most = s->size_max;
	return most && q->size <= most && q->size_with_charges > most ? most : q->size_with_charges;
}

static void put_mail(const struct lmtp_session *s, const struct caller_question *q, bool utf8, struct buf *out)
{
	buf_printf(out, "MAIL FROM:<%s>", s->conf->sender);
	if (q->told)
		buf_printf(out, " SIZE=%llu", (unsigned long long)size_to_tell(s, q));
	buf_puts(out, utf8 ? " SMTPUTF8\r\n" : "\r\n");
}

static bool lmtp_ask(void *session, const struct lookup *l, struct caller_question *q, struct buf *out, struct buf *why)
{
	struct lmtp_session *s = session;
	const struct mailbox *m = &l->mailbox;
	bool utf8 = !lmtp_is_ascii(m->address);
	struct buf rest = BUF(s->rest);
	q->told = s->size;
	if (utf8 && !s->utf8) {
		buf_puts(why, "the server does not offer SMTPUTF8, and the address is not ASCII");
		return false;
	}
	buf_puts(&rest, "RCPT TO:");
	if (!lmtp_put_mailbox(&rest, m->local, m->domain, utf8)) {
		buf_puts(why, "an address that cannot be said in a command");
		return false;
	}
	buf_puts(&rest, "\r\n");
	put_mail(s, q, utf8, out);
	s->rest_len = rest.len;
	if (!s->pipelining)
		return true;
	buf_put(out, buf_str(&rest));
	buf_puts(out, "RSET\r\n");
	return true;
}

static void lmtp_leave(void *session, struct buf *out)
{
	(void)session;
	buf_puts(out, "QUIT\r\n");
}

/* ---- replies ---- */

static void put_reply(struct buf *out, const struct lmtp_reply *r)
{
	buf_printf(out, "%u ", r->code);
	if (r->enhanced)
		buf_printf(out, "%u.%u.%u ", r->code / 100, r->subject, r->detail);
	buf_put(out, r->text);
}

static enum caller_step give_up(struct caller_answer *a, const char *when, const struct lmtp_reply *r)
{
	buf_printf(&a->note, "%s: ", when);
	put_reply(&a->note, r);
	return CALLER_OVER;
}

static enum caller_step on_greeting(
	struct lmtp_session *s, const struct lmtp_reply *r, struct caller_answer *a, struct buf *out)
{
	if (r->code >= 300)
		return give_up(a, "greeting", r);
	buf_puts(out, s->conf->protocol == PROTOCOL_LMTP ? "LHLO " : "EHLO ");
	buf_puts(out, s->conf->hello);
	buf_puts(out, "\r\n");
	s->stage = STAGE_HELLO;
	return CALLER_AGAIN;
}

static enum caller_step on_hello(struct lmtp_session *s, const struct lmtp_reply *r, struct caller_answer *a)
{
	struct str parameters;
	if (r->code >= 300)
		return give_up(a, s->conf->protocol == PROTOCOL_LMTP ? "LHLO" : "EHLO", r);
	s->pipelining = lmtp_offers(r, STR("PIPELINING"), &parameters);
	s->utf8 = lmtp_offers(r, STR("SMTPUTF8"), &parameters);
	s->size = lmtp_offers(r, STR("SIZE"), &parameters);
	if (!s->size || !str_u64(str_trim(parameters), &s->size_max))
		s->size_max = 0;
	s->stage = STAGE_MAIL;
	return CALLER_READY;
}

static void keep(struct lmtp_session *s, enum lmtp_meaning meaning, const char *when, const struct lmtp_reply *r)
{
	struct buf said = BUF(s->said);
	buf_puts(&said, when);
	put_reply(&said, r);
	s->said_len = said.len;
	s->verdict = meaning;
}

/* A refusal of MAIL is about the message or ourselves, never about a mailbox; 552 without more is RFC 1870's "too large". */
static void on_mail(struct lmtp_session *s, const struct lmtp_reply *r, struct buf *out)
{
	enum lmtp_meaning meaning = lmtp_meaning(r);
	bool too_large = meaning == LMTP_TOO_LARGE || (r->code == 552 && meaning == LMTP_FULL);
	s->settled = meaning != LMTP_TAKEN;
	if (s->settled)
		keep(s, too_large ? LMTP_TOO_LARGE : LMTP_UNKNOWN, "MAIL: ", r);
	s->stage = STAGE_TO;
	if (s->pipelining)
		return;
	if (s->settled)
		buf_puts(out, "RSET\r\n"), s->stage = STAGE_RSET;
	else
		buf_put(out, (struct str){ s->rest, s->rest_len });
}

/* The words count where no enhanced code says more. */
static enum lmtp_meaning meaning_to_recipient(const struct lmtp_conf *c, const struct lmtp_reply *r)
{
	bool by_words = r->code >= 400 && r->code != 421 && !lmtp_is_definite(r);
	return by_words && full_words_hold(&c->full, r->lines) ? LMTP_FULL : lmtp_meaning(r);
}

static void on_recipient(struct lmtp_session *s, const struct lmtp_reply *r, struct buf *out)
{
	if (!s->settled)
		keep(s, meaning_to_recipient(s->conf, r), "", r);
	s->stage = STAGE_RSET;
	if (!s->pipelining)
		buf_puts(out, "RSET\r\n");
}

static void give_verdict(const struct lmtp_session *s, const struct caller_question *q, struct caller_answer *a)
{
	buf_put(&a->note, (struct str){ s->said, s->said_len });
	switch (s->verdict) {
	case LMTP_TAKEN: caller_took(a, q); break;
	case LMTP_FULL: caller_refused(a, q, false); break;
	case LMTP_TOO_LARGE: caller_refused(a, q, true); break;
	case LMTP_NO_MAILBOX:
		a->facts.state = s->conf->trust_unknown ? FACTS_NO_MAILBOX : FACTS_FAILED;
		a->facts.source = SOURCE_VERDICT;
		break;
	case LMTP_CLOSING:
	case LMTP_UNKNOWN: a->facts.state = FACTS_FAILED; break;
	}
}

/* The connection is good for the next question only when the transaction is gone. */
static enum caller_step on_reset(
	struct lmtp_session *s, const struct lmtp_reply *r, const struct caller_question *q, struct caller_answer *a)
{
	if (r->code >= 300)
		return give_up(a, "RSET", r);
	s->stage = STAGE_MAIL;
	give_verdict(s, q, a);
	return CALLER_ANSWERED;
}

static enum caller_step on_reply(struct lmtp_session *s, const struct lmtp_reply *r, const struct caller_question *q,
	struct caller_answer *a, struct buf *out)
{
	switch (s->stage) {
	case STAGE_GREETING: return on_greeting(s, r, a, out);
	case STAGE_HELLO: return on_hello(s, r, a);
	case STAGE_MAIL: on_mail(s, r, out); return CALLER_AGAIN;
	case STAGE_TO: on_recipient(s, r, out); return CALLER_AGAIN;
	case STAGE_RSET: return on_reset(s, r, q, a);
	}
	return CALLER_OVER;
}

static enum caller_step lmtp_feed(void *session, struct str in, size_t *eaten, const struct caller_question *oldest,
	struct caller_answer *a, struct buf *out)
{
	struct lmtp_session *s = session;
	struct lmtp_reply r;
	ssize_t n = lmtp_reply_decode(&r, in);
	if (n == 0)
		return CALLER_MORE;
	if (n < 0) {
		buf_puts(&a->note, "this is no reply of LMTP: ");
		buf_put(&a->note, (struct str){ in.at, in.len < 40 ? in.len : 40 });
		return CALLER_OVER;
	}
	*eaten = (size_t)n;
	if (r.code == 421)
		return give_up(a, "it closes", &r);
	if (!oldest && s->stage >= STAGE_MAIL)
		return give_up(a, "a reply to nothing", &r);
	return on_reply(s, &r, oldest, a, out);
}

static const struct caller_protocol lmtp_protocol = {
	.session_size = sizeof(struct lmtp_session),
	.open = lmtp_open,
	.depth = lmtp_depth,
	.ask = lmtp_ask,
	.feed = lmtp_feed,
	.leave = lmtp_leave,
};

/* ---- the store ---- */

static bool is_word(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] <= ' ' || s.at[i] > '~' || s.at[i] == '<' || s.at[i] == '>')
			return false;
	return s.len <= 255;
}

static bool check_sender(struct str s, struct err *err)
{
	return is_word(s) || err_set(err, "expected an address without <>, or nothing for the null sender");
}

static bool check_hello(struct str s, struct err *err)
{
	return (s.len && is_word(s)) || err_set(err, "expected a host name");
}

#define ROW(member) offsetof(struct lmtp_conf, member)

static const struct opt lmtp_opts[] = {
	{ .name = "address",
		.type = OPT_STRING,
		.offset = ROW(caller.address),
		.required = true,
		.check = server_address_check,
		.help = "The server: unix:/path or inet:HOST:PORT, where HOST is a name, an address, or [v6]." },
	{ .name = "protocol",
		.type = OPT_CHOICE,
		.offset = ROW(protocol),
		.choices = protocol_names,
		.def = "lmtp",
		.help = "What it speaks." },
	{ .name = "sender",
		.type = OPT_STRING,
		.offset = ROW(sender),
		.def = "",
		.check = check_sender,
		.help = "The sender of MAIL, without <>; empty: the null sender." },
	{ .name = "hello",
		.type = OPT_STRING,
		.offset = ROW(hello),
		.def = "localhost",
		.check = check_hello,
		.help = "The name by which quotagate introduces itself." },
	{ .name = "full",
		.type = OPT_LIST,
		.offset = ROW(full),
		.def = "\"over quota\" \"over its quota\" \"over the quota\" \"quota exceeded\" \"quota is exceeded\" "
		       "\"exceeded quota\" \"exceeds quota\" \"mailbox full\" \"mailbox is full\"",
		.check = full_words_check,
		.help = "A reply to RCPT of 4xx or 5xx with one of these in its text, in either case, says that the "
			"mailbox is full, where it has no enhanced code that says more." },
	{ .name = "trust_unknown",
		.type = OPT_BOOL,
		.offset = ROW(trust_unknown),
		.def = "true",
		.help = "false: that the server knows no such mailbox (550 5.1.1) counts as no answer." },
	CALLER_ROWS(lmtp_conf, caller),
	OPT_END,
};

static struct store *lmtp_attach(
	uv_loop_t *loop, struct nursery *nursery, const struct blocking_conf *conf, struct err *err)
{
	const struct lmtp_conf *c = conf->conf;
	return caller_open(loop, nursery, conf, &lmtp_protocol, &c->caller, c, err);
}

static bool lmtp_is_true(const void *conf)
{
	(void)conf;
	return true;
}

const struct store_kind lmtp_type = {
	.name = "lmtp",
	.opts = lmtp_opts,
	.conf_size = sizeof(struct lmtp_conf),
	.rule = RULE_ASKED,
	.gives_verdicts = lmtp_is_true,
	.told_domain = lmtp_is_true,
	.attach = lmtp_attach,
	.run = server_address_run,
};
