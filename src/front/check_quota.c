/*
 * The front of the small quota daemons: one line, one answer, over streams and over datagrams.
 *
 *   request = "CHECK_QUOTA" SP who / "SHOW_QUOTA" SP who / "PING" / "QUIT"     letters count without case; LF or CRLF
 *   answer  = a word, such as QUOTA_OK or QUOTA_FULL, / "using=" N " limit=" N " available=" N / "pong!" / "Bye!"
 *
 * The option `form` says who is who, and whose manners hold, so that each of these daemons can be replaced without a word
 * changed in Exim's configuration:
 *   line          user[@domain] [sender]. The answer ends in LF where the request did: Exim sends none, and would take it
 *                 for a part of the word. The connection stays open.
 *   address       the same, as boesemar/exim-quotad: no LF, and the connection is closed.
 *   local-domain  user domain, as mrballcb/exim-policyd: likewise; what it does not know it skips.
 *   colon         no command, but user:domain:limit in MiB, as mailquotad of sshutdownow/maildirquotad: likewise.
 * Of these only `colon` names a limit. No form names the size of a message.
 */
#include "core/mailbox.h"
#include "core/query.h"
#include "front/front.h"
#include "front/words.h"

#define REQUEST_MAX 2048

enum form { FORM_LINE, FORM_ADDRESS, FORM_LOCAL_DOMAIN, FORM_COLON };

static const char *const form_names[] = { "line", "address", "local-domain", "colon", NULL };

struct check_quota_conf {
	int form; /* enum form */
	struct words words;
};

struct check_quota_session {
	const struct check_quota_conf *conf;
	const char *complaint;
	bool shows; /* the question is SHOW_QUOTA */
	bool ended; /* its line had an LF */
	char address[ADDRESS_MAX + 2]; /* put together of two words of the request */
};

static const struct opt word_rows[] = {
	WORDS_ROW(pass,
		"The answer when the message may come. Without it: QUOTA_OK; with form = address and local-domain: "
		"0; with form = colon: good."),
	WORDS_ROW(full, "The answer when the mailbox is full. Without it: QUOTA_FULL, 1 and bad, in the same way."),
	WORDS_ROW(too_large,
		"The answer when the message would not even fit into an empty mailbox. Without it: as for `full`."),
	WORDS_ROW(unknown, "The answer when there is no such mailbox, or its domain is not ours. Without it: as for "
			   "`pass`, or for `full` when `rules` refuse such mail."),
	WORDS_ROW(error, "The answer when nothing could be found out. Without it: likewise."),
	OPT_END,
};

static const struct opt check_quota_opts[] = {
	{ .name = "form",
		.type = OPT_CHOICE,
		.offset = offsetof(struct check_quota_conf, form),
		.choices = form_names,
		.def = "line",
		.help = "How a mailbox is named, and which daemon is replaced. line: CHECK_QUOTA user[@domain] "
			"[sender]; "
			"the answer ends in a line end when the request did. address: the same for "
			"boesemar/exim-quotad. "
			"local-domain: CHECK_QUOTA user domain, for mrballcb/exim-policyd. colon: user:domain:limit, "
			"in MiB, "
			"for mailquotad. The last three close the connection after their answer, which has no line "
			"end." },
	{ .name = "words",
		.type = OPT_SECTION,
		.offset = offsetof(struct check_quota_conf, words),
		.rows = word_rows,
		.help = "Answers in other words." },
	OPT_END,
};

static void check_quota_start(void *session, const void *conf, void *shared, const struct front_peer *peer)
{
	struct check_quota_session *s = session;
	(void)shared, (void)peer;
	s->conf = conf;
}

static enum form form_of(const struct check_quota_session *s)
{
	return (enum form)s->conf->form;
}

/* ---- answers ---- */

static const char *default_word(enum form form, bool pass)
{
	switch (form) {
	case FORM_LINE: break;
	case FORM_ADDRESS:
	case FORM_LOCAL_DOMAIN: return pass ? "0" : "1";
	case FORM_COLON: return pass ? "good" : "bad";
	}
	return pass ? "QUOTA_OK" : "QUOTA_FULL";
}

static const char *word_for(const struct check_quota_session *s, const struct verdict *v)
{
	const struct words *words = &s->conf->words;
	const char *word = words_choose(words, v);
	bool pass = v->action == ACTION_PASS;
	if (!word)
		word = pass ? words->pass : words->full;
	return word ? word : default_word(form_of(s), pass);
}

static enum front_step send_word(const struct check_quota_session *s, struct buf *out, const char *word)
{
	buf_puts(out, word);
	if (form_of(s) != FORM_LINE)
		return FRONT_CLOSE;
	if (s->ended)
		buf_putc(out, '\n');
	return FRONT_SEND;
}

/* As exim-policyd does: without a limit, less than nothing is available; of an unknown mailbox all is 0. */
static enum front_step send_figures(struct buf *out, const struct answer *a)
{
	bool found = a->facts.state == FACTS_FOUND;
	uint64_t used = found ? a->facts.usage : 0, limit = found ? a->limit : 0;
	buf_puts(out, "using=");
	buf_put_u64(out, used);
	buf_puts(out, " limit=");
	buf_put_u64(out, limit);
	buf_puts(out, used > limit ? " available=-" : " available=");
	buf_put_u64(out, used > limit ? used - limit : limit - used);
	buf_putc(out, '\n');
	return FRONT_SEND;
}

static enum front_step check_quota_answer(void *session, const struct query *q, const struct answer *a, struct buf *out)
{
	struct check_quota_session *s = session;
	(void)q;
	return s->shows ? send_figures(out, a) : send_word(s, out, word_for(s, &a->verdict));
}

/* ---- requests ---- */

static struct str next_word(struct str *rest)
{
	struct str word = *rest = str_trim(*rest);
	word.len = 0;
	while (word.len < rest->len && word.at[word.len] != ' ' && word.at[word.len] != '\t')
		word.len++;
	*rest = str_from(*rest, word.len);
	return word;
}

/* What these daemons answer to what they do not understand. */
static enum front_step send_unknown(struct check_quota_session *s, struct buf *out, const char *complaint)
{
	s->complaint = complaint;
	switch (form_of(s)) {
	case FORM_LINE: buf_puts(out, "ERROR\n"); break;
	case FORM_ADDRESS: buf_puts(out, "Unknown command\n"); break;
	case FORM_LOCAL_DOMAIN: return FRONT_SEND;
	case FORM_COLON: break;
	}
	return FRONT_CLOSE;
}

static bool join(struct check_quota_session *s, struct str local, struct str domain, struct str *address)
{
	struct buf b = BUF(s->address);
	buf_put(&b, local);
	buf_putc(&b, '@');
	buf_put(&b, domain);
	*address = buf_str(&b);
	return local.len && domain.len && !b.full;
}

static enum front_step ask(struct check_quota_session *s, struct query *q, bool shows)
{
	s->shows = shows;
	q->kind = QUERY_RECIPIENT;
	q->stage = STAGE_RCPT;
	q->purpose = shows ? PURPOSE_REPORT : PURPOSE_DELIVER;
	return FRONT_ASK;
}

/* CHECK_QUOTA and SHOW_QUOTA, by what follows them. */
static enum front_step ask_words(
	struct check_quota_session *s, struct str rest, bool shows, struct query *q, struct buf *out)
{
	struct str first = next_word(&rest), second = next_word(&rest);
	bool named = first.len > 0;
	if (form_of(s) == FORM_LOCAL_DOMAIN) {
		named = join(s, first, second, &q->address);
	} else {
		q->address = first;
		q->sender = second;
	}
	return named ? ask(s, q, shows) : send_unknown(s, out, "request without a mailbox");
}

/* user:domain:limit. A limit of 0 is none: the original refuses everything then, which nobody can mean. */
static enum front_step ask_colon(struct check_quota_session *s, struct str line, struct query *q, struct buf *out)
{
	struct str rest = line, local = str_cut(&rest, ':'), domain = str_cut(&rest, ':');
	uint64_t limit = 0;
	if (!rest.at || !str_u64(str_trim(rest), &limit) || !join(s, local, domain, &q->address))
		return send_unknown(s, out, "request that is not user:domain:limit");
	q->limit = (struct limit){ .named = limit > 0, .octets = limit > UINT64_MAX >> 20 ? UINT64_MAX : limit << 20 };
	return ask(s, q, false);
}

static enum front_step take_line(struct check_quota_session *s, struct str line, struct query *q, struct buf *out)
{
	if (line.len && line.at[line.len - 1] == '\r')
		line.len--;
	if (form_of(s) == FORM_COLON)
		return ask_colon(s, line, q, out);
	struct str rest = line, command = next_word(&rest);
	if (str_eq_nocase(command, STR("CHECK_QUOTA")))
		return ask_words(s, rest, false, q, out);
	if (str_eq_nocase(command, STR("SHOW_QUOTA")))
		return ask_words(s, rest, true, q, out);
	if (str_eq_nocase(command, STR("PING"))) {
		buf_puts(out, "pong!\n");
		return form_of(s) == FORM_ADDRESS ? FRONT_CLOSE : FRONT_SEND;
	}
	if (str_eq_nocase(command, STR("QUIT"))) {
		buf_puts(out, "Bye!\n");
		return FRONT_CLOSE;
	}
	return send_unknown(s, out, "request of an unknown kind");
}

/* The line ends at `end`, with an LF or with the input. */
static enum front_step take(
	struct check_quota_session *s, struct str in, size_t end, size_t *eaten, struct query *q, struct buf *out)
{
	s->complaint = NULL;
	s->ended = end < in.len;
	*eaten = s->ended ? end + 1 : end;
	if (end >= REQUEST_MAX) {
		s->complaint = "request longer than 2048 octets";
		return FRONT_CLOSE;
	}
	return take_line(s, (struct str){ in.at, end }, q, out);
}

/* A request that comes octet by octet is searched again each time: half of REQUEST_MAX squared, once per request. */
static enum front_step check_quota_feed(void *session, struct str in, size_t *eaten, struct query *q, struct buf *out)
{
	struct check_quota_session *s = session;
	size_t end = str_find(in, '\n');
	*eaten = 0;
	s->complaint = NULL;
	return end == in.len && in.len < REQUEST_MAX ? FRONT_MORE : take(s, in, end, eaten, q, out);
}

static enum front_step check_quota_feed_last(
	void *session, struct str in, size_t *eaten, struct query *q, struct buf *out)
{
	return take(session, in, str_find(in, '\n'), eaten, q, out);
}

static const char *check_quota_complaint(const void *session)
{
	const struct check_quota_session *s = session;
	return s->complaint;
}

const struct front check_quota_front = {
	.name = "check_quota",
	.opts = check_quota_opts,
	.conf_size = sizeof(struct check_quota_conf),
	.session_size = sizeof(struct check_quota_session),
	.request_max = REQUEST_MAX,
	.datagrams = true,
	.start = check_quota_start,
	.feed = check_quota_feed,
	.feed_last = check_quota_feed_last,
	.answer = check_quota_answer,
	.complaint = check_quota_complaint,
};
