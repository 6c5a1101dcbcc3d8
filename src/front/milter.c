/*
 * The front for milters (wire/milter.h): Sendmail's and Postfix' way to ask about a recipient, on one connection for
 * each SMTP session. Of a message it wants MAIL, RCPT and the end, and gets each recipient judged on its own.
 *
 *   O  once, first            M  a transaction begins        R  a question           E  the transaction ended
 *   D  macros for a command   A, C, H, K, another M, or the connection's end before E: it was abandoned
 *
 * Sendmail tells the true size of the message at its end. When it is not the declared one, the recipients that were let in
 * are asked about again, of several those that fit into RECIPIENTS_KEPT octets. A refusal then is one of the message.
 *
 * Never says that a message is accepted, discarded or to be skipped, for that would be the end of the MTA's questions;
 * never changes a message; never replies to a command out of order: it closes, and the MTA does what it does
 * without its milter.
 */
#include "wire/milter.h"
#include "core/decide.h"
#include "core/query.h"
#include "core/recipients.h"
#include "front/front.h"

#define ADDRESS_OCTETS 512
#define MACRO_OCTETS 63

struct milter_conf {
	struct opt_list mailers;
};

/* The commands that macros are kept for, in the order of a session. */
enum stage { AT_CONNECT, AT_HELO, AT_MAIL, AT_RCPT, AT_END, STAGES };

/* The macros that are kept. */
enum macro { CLIENT_ADDR, AUTH_AUTHEN, RCPT_MAILER, MSG_SIZE, MACROS };

struct value {
	unsigned char len; /* 0: not told */
	char text[MACRO_OCTETS];
};

struct address_kept {
	size_t len;
	char text[ADDRESS_OCTETS];
};

struct milter_session {
	const struct milter_conf *conf;
	const char *complaint;
	struct hash_key key; /* of transactions */
	uint64_t mails; /* so many came on this connection */
	bool negotiated;
	struct value macros[STAGES][MACROS];
	struct value connected; /* the client's address as CONNECT told it */

	struct hash transaction; /* of the message that is coming, or none */
	uint64_t size; /* as declared, 0: not */
	size_t accepted, charged; /* recipients that passed; of these, those that were judged */
	struct address_kept sender, recipient; /* recipient: the last one that was charged */
	struct recipients kept; /* all of them */
};

static bool check_mailer(struct str name, struct err *err)
{
	if (name.len == 0 || name.len > MACRO_OCTETS)
		return err_set(err, "the name of a mailer has 1 to %d octets, this has %zu", MACRO_OCTETS, name.len);
	return true;
}

static const struct opt milter_opts[] = {
	{ .name = "mailers",
		.type = OPT_LIST,
		.offset = offsetof(struct milter_conf, mailers),
		.check = check_mailer,
		.help = "Judge only recipients that go to one of these: Sendmail's mailers, such as local or cyrusv2, "
			"or "
			"Postfix' transports, such as virtual or lmtp. Without it the domain decides." },
	OPT_END,
};

static void milter_start(void *session, const void *conf, void *shared, const struct front_peer *peer)
{
	struct milter_session *s = session;
	(void)shared;
	s->conf = conf;
	struct hash h = hash_of(peer->key, &peer->connection, sizeof(peer->connection));
	s->key = (struct hash_key){ h.a, h.b };
}

static enum front_step close_with(struct milter_session *s, const char *complaint)
{
	s->complaint = complaint;
	return FRONT_CLOSE;
}

static enum front_step go_on(struct milter_session *s, struct buf *out)
{
	if (!milter_encode(out, MILTER_CONTINUE, STR("")))
		return close_with(s, "no room for the answer");
	return FRONT_SEND;
}

/* ---- macros ---- */

/* STAGES for a command whose macros are not kept. */
static enum stage stage_of(unsigned char command)
{
	static const unsigned char commands[STAGES] = {
		[AT_CONNECT] = MILTER_CONNECT,
		[AT_HELO] = MILTER_HELO,
		[AT_MAIL] = MILTER_MAIL,
		[AT_RCPT] = MILTER_RCPT,
		[AT_END] = MILTER_BODYEOB,
	};
	enum stage stage = AT_CONNECT;
	while (stage < STAGES && commands[stage] != command)
		stage++;
	return stage;
}

static void forget_from(struct milter_session *s, enum stage first)
{
	for (enum stage stage = first; stage < STAGES; stage++)
		memset(s->macros[stage], 0, sizeof(s->macros[stage]));
}

static bool value_put(struct value *v, struct str text)
{
	bool fits = text.len <= sizeof(v->text);
	v->len = fits ? (unsigned char)text.len : 0;
	if (v->len)
		memcpy(v->text, text.at, v->len);
	return fits;
}

static struct str value_get(const struct value *v)
{
	return (struct str){ v->text, v->len };
}

/* Of a login matters only whether there is one. */
static bool macro_put(struct value *v, enum macro m, struct str text)
{
	return value_put(v, m == AUTH_AUTHEN && text.len ? STR("+") : text);
}

/* A set of macros replaces the former one for its command, and those of later commands. */
static enum front_step take_macros(struct milter_session *s, struct str data)
{
	static const char *const names[MACROS] = {
		[CLIENT_ADDR] = "{client_addr}",
		[AUTH_AUTHEN] = "{auth_authen}",
		[RCPT_MAILER] = "{rcpt_mailer}",
		[MSG_SIZE] = "{msg_size}",
	};
	struct str rest, name, value;
	unsigned char command;
	if (!milter_macros_decode(&command, data, &rest))
		return close_with(s, "malformed macros");
	enum stage stage = stage_of(command);
	forget_from(s, stage);
	while (stage < STAGES && milter_macro_decode(&name, &value, &rest))
		for (enum macro m = CLIENT_ADDR; m < MACROS; m++)
			if (str_eq(name, str_of(names[m])) && !macro_put(&s->macros[stage][m], m, value))
				s->complaint = "the value of a macro is too long";
	return FRONT_SEND;
}

/* The newest that the MTA said of it. */
static struct str newest(const struct milter_session *s, enum macro m)
{
	enum stage stage = AT_END;
	while (stage > AT_CONNECT && s->macros[stage][m].len == 0)
		stage--;
	return value_get(&s->macros[stage][m]);
}

static struct str client_of(const struct milter_session *s)
{
	struct str client = newest(s, CLIENT_ADDR);
	if (client.len == 0)
		client = value_get(&s->connected);
	return str_starts(client, STR("IPv6:")) ? str_from(client, 5) : client;
}

/* ---- before the first message ---- */

/* Asking Postfix for the macros of one stage leaves the other stages without any, so each that matters is named.
   Sendmail (8.17.1) heeds the list of the end of the message only when there is one of EOH, 6, as well. */
static enum front_step negotiate(struct milter_session *s, struct str data, struct buf *out)
{
	static const uint32_t wanted = MILTER_NOCONNECT | MILTER_NOHELO | MILTER_NOBODY | MILTER_NOHDRS | MILTER_NOEOH |
				       MILTER_NOUNKNOWN | MILTER_NODATA;
	const struct milter_list lists[] = {
		{ 0, STR("j {client_addr}") },
		{ 2, STR("i {auth_authen} {mail_host} {mail_addr}") },
		{ 3, STR("i {client_addr} {rcpt_mailer} {rcpt_host} {rcpt_addr}") },
		{ 5, STR("i {msg_size}") },
		{ 6, STR("") },
	};
	struct milter_options offer, ours;
	struct str rest;
	if (s->negotiated)
		return close_with(s, "a second negotiation");
	if (!milter_options_decode(&offer, data, &rest))
		return close_with(s, "malformed negotiation");
	if (!milter_agree(&ours, &offer, wanted))
		return close_with(s, "a milter version below 2");
	bool asks = offer.version >= MILTER_VERSION;
	if (!milter_options_encode(out, &ours, lists, asks ? sizeof(lists) / sizeof(lists[0]) : 0))
		return close_with(s, "no room for the answer");
	s->negotiated = true;
	return FRONT_SEND;
}

/* Sent only by an MTA that cannot leave it out. */
static enum front_step take_connect(struct milter_session *s, struct str data, struct buf *out)
{
	struct str address;
	if (!milter_connect_decode(&address, data))
		return close_with(s, "malformed CONNECT");
	forget_from(s, AT_HELO);
	if (!value_put(&s->connected, address))
		s->complaint = "the client's address is too long";
	return go_on(s, out);
}

/* ---- one message ---- */

static enum front_step leave(struct milter_session *s, struct query *q, enum front_step how)
{
	q->transaction = s->transaction;
	s->transaction = (struct hash){ 0 };
	return how;
}

static bool address_put(struct address_kept *kept, struct str address)
{
	bool fits = address.len <= sizeof(kept->text);
	kept->len = fits ? address.len : 0;
	if (kept->len)
		memcpy(kept->text, address.at, kept->len);
	return fits;
}

static enum front_step begin(struct milter_session *s, struct str data, struct buf *out)
{
	struct milter_envelope mail;
	if (!milter_envelope_decode(&mail, data))
		return close_with(s, "malformed MAIL");
	forget_from(s, AT_RCPT);
	s->mails++;
	s->transaction = hash_of(&s->key, &s->mails, sizeof(s->mails));
	s->size = mail.size;
	s->accepted = s->charged = 0;
	recipients_forget(&s->kept);
	if (!address_put(&s->sender, mail.address))
		s->complaint = "the sender's address is too long";
	return go_on(s, out);
}

static void fill(const struct milter_session *s, struct query *q, enum query_stage stage)
{
	q->kind = QUERY_RECIPIENT;
	q->stage = stage;
	q->purpose = PURPOSE_DELIVER;
	q->sender = (struct str){ s->sender.text, s->sender.len };
	q->client = client_of(s);
	q->authenticated = newest(s, AUTH_AUTHEN).len > 0;
	q->transaction = s->transaction;
}

static bool is_judged(const struct milter_session *s, struct str mailer)
{
	const struct opt_list *mailers = &s->conf->mailers;
	bool judged = mailers->n == 0;
	for (size_t i = 0; i < mailers->n && !judged; i++)
		judged = str_eq(mailer, str_of(mailers->at[i]));
	return judged;
}

static enum front_step judge(struct milter_session *s, struct str data, struct query *q, struct buf *out)
{
	struct milter_envelope rcpt;
	if (hash_is_none(s->transaction))
		return close_with(s, "RCPT before MAIL");
	if (!milter_envelope_decode(&rcpt, data))
		return close_with(s, "malformed RCPT");
	forget_from(s, AT_END);
	struct str mailer = value_get(&s->macros[AT_RCPT][RCPT_MAILER]);
	if (str_eq(mailer, STR("error"))) /* the MTA itself refuses it */
		return go_on(s, out);
	if (!is_judged(s, mailer)) {
		s->accepted++;
		return go_on(s, out);
	}
	fill(s, q, STAGE_RCPT);
	q->address = rcpt.address;
	q->size = s->size;
	return FRONT_ASK;
}

/* The message is here. */
static enum front_step finish(struct milter_session *s, struct query *q, struct buf *out)
{
	if (hash_is_none(s->transaction))
		return close_with(s, "the end of a message before MAIL");
	uint64_t size = milter_size(value_get(&s->macros[AT_END][MSG_SIZE]));
	if (s->charged == 0 || size == 0 || size == s->size) {
		forget_from(s, AT_MAIL);
		return go_on(s, out) == FRONT_SEND ? leave(s, q, FRONT_ENDED) : FRONT_CLOSE;
	}
	fill(s, q, STAGE_END_OF_MESSAGE);
	q->address = (struct str){ s->recipient.text, s->accepted == 1 ? s->recipient.len : 0 };
	if (q->address.len == 0)
		q->recipients = recipients_list(&s->kept);
	q->size = size;
	return FRONT_ASK;
}

/* ---- the front ---- */

/* Commands that cannot belong to the message that is coming. */
static bool begins_anew(unsigned char command)
{
	return command == MILTER_CONNECT || command == MILTER_HELO || command == MILTER_MAIL ||
	       command == MILTER_ABORT || command == MILTER_QUIT_NC;
}

static enum front_step obey(struct milter_session *s, const struct milter_packet *p, struct query *q, struct buf *out)
{
	switch ((enum milter_command)p->command) {
	case MILTER_OPTNEG: return negotiate(s, p->data, out);
	case MILTER_MACRO: return take_macros(s, p->data);
	case MILTER_CONNECT: return take_connect(s, p->data, out);
	case MILTER_HELO: forget_from(s, AT_MAIL); return go_on(s, out);
	case MILTER_MAIL: return begin(s, p->data, out);
	case MILTER_RCPT: return judge(s, p->data, q, out);
	case MILTER_DATA:
	case MILTER_HEADER:
	case MILTER_EOH:
	case MILTER_BODY:
		if (hash_is_none(s->transaction))
			return close_with(s, "a message before MAIL");
		return go_on(s, out);
	case MILTER_UNKNOWN: return go_on(s, out);
	case MILTER_BODYEOB: return finish(s, q, out);
	case MILTER_ABORT: forget_from(s, AT_MAIL); return FRONT_SEND;
	case MILTER_QUIT: return FRONT_CLOSE;
	case MILTER_QUIT_NC:
		forget_from(s, AT_CONNECT);
		s->connected.len = 0;
		return FRONT_SEND;
	}
	return close_with(s, "unknown command");
}

static enum front_step milter_feed(void *session, struct str in, size_t *eaten, struct query *q, struct buf *out)
{
	struct milter_session *s = session;
	struct milter_packet p;
	s->complaint = NULL;
	*eaten = 0;
	ssize_t n = milter_decode(&p, in);
	if (n < 0)
		return close_with(s, "malformed packet");
	if (n == 0)
		return FRONT_MORE;
	if (!s->negotiated && p.command != MILTER_OPTNEG && p.command != MILTER_QUIT)
		return close_with(s, "a command before the negotiation");
	/* The packet comes again. */
	if (begins_anew(p.command) && !hash_is_none(s->transaction))
		return leave(s, q, FRONT_ABANDONED);
	*eaten = (size_t)n;
	return obey(s, &p, q, out);
}

static bool write_verdict(const struct query *q, const struct verdict *v, struct buf *out)
{
	char text[512];
	struct buf line = BUF(text);
	if (v->action == ACTION_PASS)
		return milter_encode(out, MILTER_CONTINUE, STR(""));
	verdict_print(&line, v, q);
	return milter_refusal_encode(out, buf_str(&line));
}

static enum front_step milter_answer(void *session, const struct query *q, const struct answer *a, struct buf *out)
{
	struct milter_session *s = session;
	if (!write_verdict(q, &a->verdict, out))
		return close_with(s, "no room for the answer");
	if (q->stage == STAGE_END_OF_MESSAGE) {
		forget_from(s, AT_MAIL);
		s->transaction = (struct hash){ 0 };
		return a->verdict.action == ACTION_PASS ? FRONT_ENDED : FRONT_ABANDONED;
	}
	if (a->verdict.action == ACTION_PASS) {
		s->accepted++;
		s->charged++;
		address_put(&s->recipient, q->address);
		recipients_keep(&s->kept, q->address);
	}
	return FRONT_SEND;
}

static enum front_step milter_end(void *session, struct query *q)
{
	struct milter_session *s = session;
	return hash_is_none(s->transaction) ? FRONT_MORE : leave(s, q, FRONT_ABANDONED);
}

static const char *milter_complaint(const void *session)
{
	const struct milter_session *s = session;
	return s->complaint;
}

const struct front milter_front = {
	.name = "milter",
	.opts = milter_opts,
	.conf_size = sizeof(struct milter_conf),
	.session_size = sizeof(struct milter_session),
	.request_max = MILTER_PACKET_MAX,
	.quick_ack = true,
	.start = milter_start,
	.feed = milter_feed,
	.answer = milter_answer,
	.end = milter_end,
	.complaint = milter_complaint,
};
