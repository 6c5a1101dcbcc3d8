#include "store/quota_status.h"

#include "wire/lmtp.h"
#include "wire/policy.h"

#include <stddef.h>

#define ANSWER_MAX 4096

struct quota_status_session {
	const struct quota_status_conf *conf;
};

static bool quota_status_open(void *session, const void *conf)
{
	struct quota_status_session *s = session;
	s->conf = conf;
	return true;
}

/* It answers in order, but would take the size of one question for the next if that had none. */
static unsigned quota_status_depth(const void *session)
{
	(void)session;
	return 1;
}

static bool quota_status_ask(
	void *session, const struct lookup *l, struct caller_question *q, struct buf *out, struct buf *why)
{
	char digits[24];
	struct buf size = BUF(digits);
	(void)session;
	buf_put_u64(&size, q->size_with_charges);
	const struct policy_request r = {
		.protocol_state = STR("RCPT"),
		.recipient = l->mailbox.address,
		.size = buf_str(&size),
	};
	q->told = true;
	if (policy_request_encode(out, &r))
		return true;
	buf_puts(why, "an address that cannot be said in a line");
	return false;
}

/* ---- what answers mean ---- */

/* The answer is the word, or begins with it and a blank. */
static bool is_word(struct str answer, struct str word)
{
	struct str head = { answer.at, word.len };
	return answer.len >= word.len && str_eq_nocase(head, word) &&
	       (answer.len == word.len || (word.len && answer.at[word.len] == ' '));
}

static bool is_among(struct str answer, const struct opt_list *words)
{
	for (size_t i = 0; i < words->n; i++)
		if (is_word(answer, str_of(words->at[i])))
			return true;
	return false;
}

/* Without words for it. Dovecot 2.4 answers nothing at all for a message that is too large and has no text of its own. */
static enum lmtp_meaning meaning_of(struct str answer)
{
	struct lmtp_reply reply;
	if (answer.len == 0)
		return LMTP_TOO_LARGE;
	if (is_word(answer, STR("OK")) || is_word(answer, STR("DUNNO")))
		return LMTP_TAKEN;
	if (is_word(answer, STR("REJECT Unknown user")) || is_word(answer, STR("NOUSER")))
		return LMTP_NO_MAILBOX;
	if (is_word(answer, STR("OVER")) || is_word(answer, STR("OVERQUOTA")))
		return LMTP_FULL;
	return lmtp_line_decode(&reply, answer) && reply.code >= 400 ? lmtp_meaning(&reply) : LMTP_UNKNOWN;
}

static enum lmtp_meaning find_meaning(const struct quota_status_conf *c, struct str answer)
{
	if (is_among(answer, &c->too_large))
		return LMTP_TOO_LARGE;
	if (is_among(answer, &c->full))
		return LMTP_FULL;
	if (is_among(answer, &c->unknown))
		return LMTP_NO_MAILBOX;
	if (is_among(answer, &c->pass))
		return LMTP_TAKEN;
	return meaning_of(answer);
}

static void give_verdict(
	const struct quota_status_conf *c, struct str answer, const struct caller_question *q, struct caller_answer *a)
{
	a->facts = (struct facts){ .state = FACTS_FAILED, .source = SOURCE_VERDICT };
	switch (find_meaning(c, answer)) {
	case LMTP_TAKEN: caller_took(a, q); break;
	case LMTP_FULL: caller_refused(a, q, false); break;
	case LMTP_TOO_LARGE: caller_refused(a, q, true); break;
	case LMTP_NO_MAILBOX: a->facts.state = c->trust_unknown ? FACTS_NO_MAILBOX : FACTS_FAILED; break;
	case LMTP_CLOSING:
	case LMTP_UNKNOWN: break;
	}
}

static enum caller_step quota_status_feed(void *session, struct str in, size_t *eaten,
	const struct caller_question *oldest, struct caller_answer *a, struct buf *out)
{
	const struct quota_status_session *s = session;
	struct str action;
	ssize_t n = policy_reply_decode(&action, in, ANSWER_MAX);
	(void)out;
	if (n == 0)
		return CALLER_MORE;
	if (n < 0 || !action.at || !oldest) {
		buf_puts(&a->note, oldest ? "its answer is none of a policy server: " : "an answer to nothing: ");
		buf_put(&a->note, (struct str){ in.at, in.len < 40 ? in.len : 40 });
		return CALLER_OVER;
	}
	*eaten = (size_t)n;
	buf_puts(&a->note, "action=");
	buf_put(&a->note, action);
	give_verdict(s->conf, action, oldest, a);
	return CALLER_ANSWERED;
}

const struct caller_protocol quota_status_protocol = {
	.session_size = sizeof(struct quota_status_session),
	.open = quota_status_open,
	.depth = quota_status_depth,
	.ask = quota_status_ask,
	.feed = quota_status_feed,
};

#define WORDS(member, text)                                                                                            \
	{                                                                                                              \
		.name = #member, .type = OPT_LIST, .offset = offsetof(struct quota_status_conf, member), .help = text  \
	}

const struct opt quota_status_words[] = {
	WORDS(pass, "Answers, or what they begin with up to a blank, that mean room. Without it, and after all words, "
		    "OK and "
		    "DUNNO do."),
	WORDS(full, "The same for a mailbox that is full. Else OVER, OVERQUOTA, and every code with x.2.2, do."),
	WORDS(too_large,
		"The same for a message that is larger than the mailbox. Else an empty answer, x.2.3 and x.3.4 do."),
	WORDS(unknown, "The same for no such mailbox. Else REJECT Unknown user, NOUSER, and codes with 5.1.1, do."),
	OPT_END,
};
