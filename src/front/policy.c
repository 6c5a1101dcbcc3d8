/*
 * The front for Postfix policy delegation (wire/policy.h), and for Exim, which asks it by ${readsocket}. Judged are
 * senders at MAIL, recipients (with their sender) at RCPT and at END-OF-MESSAGE, and requests without a protocol_state; every
 * other state gets DUNNO, which means "no opinion".
 *
 * Postfix' `instance` tells one message from the next on a connection. When it changes, or the connection ends, the
 * old transaction is over; whether its message came, one knows only where Postfix also asks at END-OF-MESSAGE. There it
 * asks once for each message, without a recipient where there are several: those that were let in are kept until then,
 * as far as they fit into RECIPIENTS_KEPT octets, and all are judged with the true size.
 *
 * Exim has a connection for each question. What its `message` names is a transaction that no connection's end ends, and at
 * END-OF-MESSAGE it tells the `recipients` itself. A message that is refused there is given up.
 *
 * In trouble this front never answers, it closes: Postfix then tries again and at last takes its default_action.
 */
#include "wire/policy.h"
#include "core/decide.h"
#include "core/query.h"
#include "core/recipients.h"
#include "front/front.h"
#include "front/words.h"

#define REQUEST_MAX 16384
#define ACTION_MAX 512 /* a reply has at most 510 octets */

struct policy_conf {
	struct words words;
};

/* Of all connections of one listener. */
struct policy_shared {
	bool sees_end; /* Postfix asks here at END-OF-MESSAGE, on the connection on which it asked at RCPT */
};

struct policy_session {
	const struct words *words;
	struct policy_shared *shared;
	const char *complaint;
	struct hash_key key; /* of transactions: the listener's key, mixed with listener and host */
	struct hash transaction; /* the open one, or none */
	bool at_end; /* it has reached END-OF-MESSAGE */
	struct recipients kept; /* that it was let in for */

	bool partial; /* the request came in pieces, the octets up to `checked` are good lines */
	size_t checked;
	const char *held_at; /* `held` was decoded from here and is still to be dealt with; null: none */
	size_t held_len;
	struct policy_request held;
	struct hash held_transaction; /* that it belongs to, or none */
};

static const struct opt word_rows[] = {
	WORDS_ROW(pass, "The answer when the message may come. Without it: DUNNO."),
	WORDS_ROW(full,
		"The answer when the mailbox is full. Without it: the reply of `rules`, such as 452 4.2.2 and a text."),
	WORDS_ROW(too_large,
		"The answer when the message would not even fit into an empty mailbox. Without it: as for `full`."),
	WORDS_ROW(unknown,
		"The answer when there is no such mailbox, or its domain is not ours. Without it: as `rules` say."),
	WORDS_ROW(error, "The answer when nothing could be found out. Without it: as `rules` say."),
	OPT_END,
};

static const struct opt policy_opts[] = {
	{ .name = "words",
		.type = OPT_SECTION,
		.offset = offsetof(struct policy_conf, words),
		.rows = word_rows,
		.help = "Answers in other words than DUNNO and replies, for Exim, or in place of "
			"Dovecot's quota-status." },
	OPT_END,
};

static void policy_start(void *session, const void *conf, void *shared, const struct front_peer *peer)
{
	struct policy_session *s = session;
	const struct policy_conf *c = conf;
	s->words = &c->words;
	s->shared = shared;
	struct hash host = hash_of(peer->key, peer->host.at, peer->host.len);
	struct hash_key of_host = { host.a, host.b };
	struct hash both = hash_of(&of_host, &peer->listener, sizeof(peer->listener));
	s->key = (struct hash_key){ both.a, both.b };
}

static enum front_step close_with(struct policy_session *s, const char *complaint)
{
	s->complaint = complaint;
	return FRONT_CLOSE;
}

/* Half an answer must never go out: Postfix could take it for another one. */
static enum front_step send_action(struct policy_session *s, struct buf *out, struct str action)
{
	const struct buf before = *out;
	policy_encode(out, action);
	if (!out->full)
		return FRONT_SEND;
	*out = before;
	return close_with(s, "no room for the answer");
}

static enum front_step send_dunno(struct policy_session *s, struct buf *out, const char *complaint)
{
	s->complaint = complaint;
	return send_action(s, out, STR("DUNNO"));
}

static bool is_policy(const struct policy_request *r)
{
	return !r->request.at || str_eq(r->request, STR("smtpd_access_policy"));
}

static struct hash transaction_of(const struct policy_session *s, const struct policy_request *r)
{
	bool named = is_policy(r) && r->instance.len && r->message.len == 0;
	return named ? hash_of(&s->key, r->instance.at, r->instance.len) : (struct hash){ 0 };
}

/* The same of a transaction that is not bound to the connection; no `instance` is mistaken for it. */
static struct hash unbound_of(const struct policy_session *s, const struct policy_request *r)
{
	const struct hash_key key = { s->key.k0, ~s->key.k1 };
	return r->message.len ? hash_of(&key, r->message.at, r->message.len) : (struct hash){ 0 };
}

/* Gets a whole request into s->held: FRONT_SEND when it is there, else FRONT_MORE or FRONT_CLOSE. The first look
   decodes at once; only what comes in pieces is spanned, so a line is not read again with every octet after it. */
static enum front_step take_request(struct policy_session *s, struct str in)
{
	if (s->held_at && s->held_at == in.at && s->held_len <= in.len)
		return FRONT_SEND;
	s->held_at = NULL;
	ssize_t n = s->partial ? policy_span(in, &s->checked) : policy_decode(&s->held, in);
	if (n == 0 && in.len < REQUEST_MAX) {
		s->partial = true;
		return FRONT_MORE;
	}
	if (n < 0)
		return close_with(s, "malformed request");
	if (n == 0 || n > REQUEST_MAX)
		return close_with(s, "request longer than 16384 octets");
	if (s->partial)
		policy_decode(&s->held, in);
	s->partial = false;
	s->checked = 0;
	s->held_at = in.at;
	s->held_len = (size_t)n;
	s->held_transaction = transaction_of(s, &s->held);
	return FRONT_SEND;
}

static void forget(struct policy_session *s)
{
	s->transaction = (struct hash){ 0 };
	s->at_end = false;
	recipients_forget(&s->kept);
}

/* Closes the open transaction. Given up is one that has not reached END-OF-MESSAGE, where that is asked at all. */
static enum front_step leave(struct policy_session *s, struct query *q)
{
	bool abandoned = s->shared->sees_end && !s->at_end;
	q->transaction = s->transaction;
	forget(s);
	return abandoned ? FRONT_ABANDONED : FRONT_ENDED;
}

/* A message for several, at its end. Asked about it twice, Postfix is answered as the first time: nothing refused it. */
static void name_recipients(const struct policy_session *s, const struct policy_request *r, struct query *q)
{
	struct str rest = r->recipients, only;
	if (r->recipient.len)
		return;
	if (recipients_next(&only, &rest) && rest.len == 0)
		q->address = only;
	else if (r->recipients.len)
		q->recipients = r->recipients;
	else if (!s->at_end && hash_eq(s->transaction, q->transaction))
		q->recipients = recipients_list(&s->kept);
}

static enum front_step ask(struct policy_session *s, const struct policy_request *r, enum query_stage stage,
	struct hash transaction, struct query *q)
{
	q->kind = QUERY_RECIPIENT;
	q->stage = stage;
	q->purpose = PURPOSE_DELIVER;
	q->address = r->recipient;
	q->sender = r->sender;
	q->client = r->client_address;
	q->size = policy_size(r->size);
	q->authenticated = r->sasl_username.len > 0;
	q->unbound = r->message.len > 0;
	q->transaction = q->unbound ? unbound_of(s, r) : transaction;
	if (stage == STAGE_END_OF_MESSAGE)
		name_recipients(s, r, q);
	if (hash_is_none(transaction))
		return FRONT_ASK;
	if (stage == STAGE_END_OF_MESSAGE) {
		/* Where RCPT is asked on one connection and this on another, the former never sees its message end. */
		if (hash_eq(s->transaction, transaction))
			s->shared->sees_end = true;
		s->at_end = true;
	}
	s->transaction = transaction;
	return FRONT_ASK;
}

/* Before there is a recipient: does the envelope sender exist, if it is ours? */
static enum front_step ask_sender(
	struct policy_session *s, const struct policy_request *r, struct hash transaction, struct query *q)
{
	q->kind = QUERY_SENDER;
	q->purpose = PURPOSE_DELIVER;
	q->sender = r->sender;
	q->client = r->client_address;
	q->authenticated = r->sasl_username.len > 0;
	if (!hash_is_none(transaction))
		s->transaction = transaction;
	return FRONT_ASK;
}

static enum front_step judge(struct policy_session *s, const struct policy_request *r, struct hash transaction,
	struct query *q, struct buf *out)
{
	if (str_eq(r->protocol_state, STR("END-OF-MESSAGE"))) {
		if (r->recipient.len + r->recipients.len == 0 && hash_is_none(transaction))
			return send_dunno(s, out, NULL);
		return ask(s, r, STAGE_END_OF_MESSAGE, transaction, q);
	}
	if (str_eq(r->protocol_state, STR("MAIL")))
		return r->sender.len ? ask_sender(s, r, transaction, q) : send_dunno(s, out, NULL);
	if (r->protocol_state.len && !str_eq(r->protocol_state, STR("RCPT")))
		return send_dunno(s, out, NULL);
	if (r->recipient.len == 0)
		return send_dunno(s, out, "request without a recipient");
	return ask(s, r, STAGE_RCPT, transaction, q);
}

static enum front_step policy_feed(void *session, struct str in, size_t *eaten, struct query *q, struct buf *out)
{
	struct policy_session *s = session;
	const struct policy_request *r = &s->held;
	s->complaint = NULL;
	*eaten = 0;
	enum front_step step = take_request(s, in);
	if (step != FRONT_SEND)
		return step;
	struct hash transaction = s->held_transaction;
	bool is_new = !hash_is_none(transaction) && !hash_eq(transaction, s->transaction);
	if (is_new && !hash_is_none(s->transaction))
		return leave(s, q);
	*eaten = s->held_len;
	s->held_at = NULL;
	if (!is_policy(r))
		return send_dunno(s, out, "request of an unknown kind");
	return judge(s, r, transaction, q, out);
}

/* What the answer means for the transaction. */
static enum front_step follow(struct policy_session *s, const struct query *q, bool passes)
{
	bool bound = !hash_is_none(q->transaction) && hash_eq(q->transaction, s->transaction);
	if (bound && q->kind == QUERY_RECIPIENT && q->stage == STAGE_RCPT)
		(passes ? recipients_keep : recipients_drop)(&s->kept, q->address);
	if (passes || q->stage != STAGE_END_OF_MESSAGE || hash_is_none(q->transaction))
		return FRONT_SEND;
	if (bound)
		forget(s);
	return FRONT_ABANDONED;
}

static enum front_step policy_answer(void *session, const struct query *q, const struct answer *a, struct buf *out)
{
	struct policy_session *s = session;
	const struct verdict *v = &a->verdict;
	char text[ACTION_MAX];
	struct buf action = BUF(text);
	const char *word = words_choose(s->words, v);
	bool passes = v->action == ACTION_PASS;
	if (word)
		buf_put(&action, str_of(word));
	else if (passes)
		buf_put(&action, STR("DUNNO"));
	else
		verdict_print(&action, v, q);
	enum front_step step = send_action(s, out, buf_str(&action));
	return step == FRONT_SEND ? follow(s, q, passes) : step;
}

static enum front_step policy_end(void *session, struct query *q)
{
	struct policy_session *s = session;
	return hash_is_none(s->transaction) ? FRONT_MORE : leave(s, q);
}

static const char *policy_complaint(const void *session)
{
	const struct policy_session *s = session;
	return s->complaint;
}

const struct front policy_front = {
	.name = "policy",
	.opts = policy_opts,
	.conf_size = sizeof(struct policy_conf),
	.shared_size = sizeof(struct policy_shared),
	.session_size = sizeof(struct policy_session),
	.request_max = REQUEST_MAX,
	.start = policy_start,
	.feed = policy_feed,
	.answer = policy_answer,
	.end = policy_end,
	.complaint = policy_complaint,
};
