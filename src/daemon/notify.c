#include "daemon/notify.h"

#include "daemon/decision.h"
#include "io/command.h"
#include "io/desk.h"
#include "io/log.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A helper that has not killed its command by then is stuck itself. */
#define HANG_BEYOND SECONDS(10)

/* The parts of a question. The last are the figures, in the order of the names below. */
enum part { PART_EVENT, PART_ADDRESS, PART_STORE, PART_PERCENT, PART_FIGURES };

static const char *const figure_names[] = { "QUOTA_USAGE", "QUOTA_LIMIT", "QUOTA_MESSAGES", "QUOTA_MESSAGE_LIMIT" };
#define FIGURES (sizeof(figure_names) / sizeof(figure_names[0]))

struct report {
	uint32_t good; /* 0 or 1 */
	char why[sizeof(struct err)]; /* only what is used is sent, without NUL */
};

/* A command that is to be run. */
struct run {
	struct notify *of;
	struct list link;
	struct desk_ticket *ticket;
	struct desk_question question;
	char text[DESK_TEXT_MAX];
};

/* ---- the daemon's end ---- */

void notify_init(struct notify *n, struct hash_key key)
{
	*n = (struct notify){ .key = key, .state.fd = -1 };
	list_init(&n->runs);
}

static void run_free(struct run *r)
{
	list_remove(&r->link);
	r->of->n_runs--;
	free(r);
}

static void give_up(struct notify *n)
{
	list_each_safe (p, &n->runs) {
		struct run *r = list_of(p, struct run, link);
		desk_forget(n->desk, r->ticket);
		n->stats.dropped++;
		run_free(r);
	}
	if (n->desk)
		desk_close(n->desk);
	n->desk = NULL;
}

void notify_done(struct notify *n)
{
	give_up(n);
	notify_state_close(&n->state);
	notices_free(n->notices);
	n->notices = NULL;
}

static void log_run(const struct run *r, struct str why)
{
	char line[LOG_LINE_MAX];
	struct buf out = BUF(line);
	buf_puts(&out, "event=notify");
	decision_put(&out, "news", r->question.parts[PART_EVENT]);
	decision_put(&out, "address", r->question.parts[PART_ADDRESS]);
	decision_put(&out, "percent", r->question.parts[PART_PERCENT]);
	decision_put(&out, "store", r->question.parts[PART_STORE]);
	buf_puts(&out, why.len ? " told=no" : " told=yes");
	if (why.len)
		decision_put(&out, "reason", why);
	log_put(why.len ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, buf_str(&out));
}

/* The reply is a helper's, which may be anybody's by now. */
static struct str failure_of(const struct report *r, size_t len, const char *why)
{
	if (!r)
		return str_of(why);
	if (len < offsetof(struct report, why) || len > sizeof(*r) || r->good > 1)
		return STR("the helper's answer makes no sense");
	if (r->good)
		return STR("");
	len -= offsetof(struct report, why);
	return len ? (struct str){ r->why, len } : STR("it failed");
}

static void on_answered(void *context, void *asker, const void *reply, size_t len, const char *why, msec now)
{
	struct run *r = asker;
	struct str failure = failure_of(reply, len, why);
	(void)context, (void)now;
	if (failure.len)
		r->of->stats.failed++;
	else
		r->of->stats.told++;
	log_run(r, failure);
	run_free(r);
}

bool notify_open(struct desk **desk, uv_loop_t *loop, struct nursery *nursery, const struct notify_conf *conf,
	struct notify *n, struct err *err)
{
	const struct desk_conf how = {
		.name = "notify",
		.set = conf->set,
		.helpers = conf->helpers,
		.hang = conf->timeout + HANG_BEYOND,
		.answered = on_answered,
	};
	*desk = NULL;
	if (!conf->command)
		return true;
	if (!n->notices)
		n->notices = notices_new(conf->mailboxes);
	if (!n->notices)
		return err_set(err, "not enough memory to remember %zu notices", conf->mailboxes);
	*desk = desk_open(loop, nursery, &how, err);
	return *desk != NULL;
}

bool notify_remember(struct notify *n, msec now, msec wall, struct err *err)
{
	if (!n->notices || !n->conf->state)
		return true;
	if (!notify_state_open(&n->state, n->conf->state, n->notices, n->key, now, wall, err))
		return false;
	n->key = n->state.key;
	return true;
}

void notify_use(struct notify *n, struct desk *desk, const struct notify_conf *conf)
{
	give_up(n);
	n->desk = desk;
	n->conf = conf;
}

void notify_configure(struct notify *n, const struct notify_conf *conf)
{
	n->conf = conf;
}

/* At most one line a minute. */
static void drop(struct notify *n, msec now)
{
	n->stats.dropped++;
	n->dropped_unlogged++;
	if (n->dropped_logged && now - n->dropped_logged < SECONDS(60))
		return;
	log_line(LOG_LEVEL_WARNING, "event=notify-dropped dropped=%llu waiting=%u",
		(unsigned long long)n->dropped_unlogged, n->n_runs);
	n->dropped_logged = now;
	n->dropped_unlogged = 0;
}

static struct str put_part(struct buf *b, struct str s)
{
	size_t from = b->len;
	buf_put(b, s);
	return (struct str){ b->at + from, b->len - from };
}

static struct str put_figures(struct buf *b, const uint64_t *figures, size_t n)
{
	size_t from = b->len;
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_putc(b, ' ');
		buf_put_u64(b, figures[i]);
	}
	return (struct str){ b->at + from, b->len - from };
}

/* Stores that give verdicts tell no figures: all are 0 then. False: it is too long to be told. */
static bool describe(struct run *r, const struct judged *j, const char *event)
{
	const struct answer *a = j->answer;
	bool told = a->rule != RULE_ASKED;
	const uint64_t percents[] = { notices_percent(a) };
	const uint64_t figures[FIGURES] = { told ? octets_sum(a->facts.usage, a->charge.octets) : 0,
		told ? a->limit : 0, told ? (uint64_t)a->facts.messages + a->charge.messages : 0,
		told ? a->message_limit : 0 };
	struct buf b = BUF(r->text);
	struct str *parts = r->question.parts;
	parts[PART_EVENT] = put_part(&b, str_of(event));
	parts[PART_ADDRESS] = put_part(&b, j->address->whole);
	parts[PART_STORE] = put_part(&b, j->store->name);
	parts[PART_PERCENT] = put_figures(&b, percents, 1);
	parts[PART_FIGURES] = put_figures(&b, figures, FIGURES);
	r->question.text = buf_str(&b);
	return !b.full;
}

static void tell(struct notify *n, const struct judged *j, struct hash mailbox, const char *event, msec now)
{
	struct run *r = n->n_runs < n->conf->queue ? calloc(1, sizeof(*r)) : NULL;
	if (r && describe(r, j, event))
		r->ticket = desk_ask(n->desk, r, &r->question, (uint32_t)mailbox.a);
	if (!r || !r->ticket) {
		free(r);
		drop(n, now);
		return;
	}
	r->of = n;
	list_insert(&n->runs, &r->link);
	n->n_runs++;
}

/* By the name of the store and what this calls it, whatever else its settings are by now. */
static struct hash mailbox_of(const struct notify *n, const struct judged *j)
{
	struct hash h = hash_of(&n->key, j->store->name.at, j->store->name.len);
	struct hash_key key = { h.a, h.b ^ j->place.len };
	h = hash_of(&key, j->place.at, j->place.len);
	key = (struct hash_key){ h.a, h.b };
	return hash_of(&key, j->name.at, j->name.len);
}

void notify_see(struct notify *n, const struct judged *j, msec now, msec wall)
{
	unsigned mark = notices_mark(&n->conf->marks, notices_percent(j->answer));
	struct hash mailbox = mailbox_of(n, j);
	struct notice_news news = notices_see(n->notices, mailbox, mark, j->full, n->conf->period, now);
	if (news.changed)
		notify_state_write(&n->state, n->notices, news.row, now, wall);
	if (news.mark)
		tell(n, j, mailbox, "warning", now);
	if (news.full)
		tell(n, j, mailbox, "full", now);
}

/* ---- the helper's end ---- */

/* What the program gets, in one piece. */
struct papers {
	char text[PATH_MAX + 2 * DESK_TEXT_MAX];
	struct buf out;
	char *env[5 + FIGURES + 1];
	size_t n;
};

/* NAME=value, with its NUL; without a name the value alone. */
static char *put_word(struct papers *p, const char *name, struct str value)
{
	char *from = p->out.at + p->out.len;
	if (name) {
		buf_puts(&p->out, name);
		buf_putc(&p->out, '=');
	}
	buf_put(&p->out, value);
	buf_putc(&p->out, '\0');
	return from;
}

static void put_env(struct papers *p, const char *name, struct str value)
{
	p->env[p->n++] = put_word(p, name, value);
}

static bool run_command(const struct notify_conf *conf, const struct desk_question *q, struct err *err)
{
	static struct papers p;
	struct str figures = q->parts[PART_FIGURES];
	p.out = BUF(p.text);
	p.n = 0;
	char *argv[] = { put_word(&p, NULL, str_of(conf->command)), put_word(&p, NULL, q->parts[PART_EVENT]),
		put_word(&p, NULL, q->parts[PART_ADDRESS]), put_word(&p, NULL, q->parts[PART_PERCENT]), NULL };
	put_env(&p, "PATH", STR("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
	put_env(&p, "QUOTA_EVENT", q->parts[PART_EVENT]);
	put_env(&p, "QUOTA_ADDRESS", q->parts[PART_ADDRESS]);
	put_env(&p, "QUOTA_PERCENT", q->parts[PART_PERCENT]);
	put_env(&p, "QUOTA_STORE", q->parts[PART_STORE]);
	for (size_t i = 0; i < FIGURES; i++)
		put_env(&p, figure_names[i], str_cut(&figures, ' '));
	p.env[p.n] = NULL;
	if (p.out.full)
		return err_set(err, "the path of the command is too long");
	return command_run(argv, p.env, conf->timeout, err);
}

static size_t answer(const void *arg, void *state, const struct desk_question *q, const char *trouble, void *reply)
{
	struct report *r = reply;
	struct err err = { "" };
	(void)state;
	r->good = trouble ? err_set(&err, "%s", trouble) : run_command(arg, q, &err);
	size_t len = r->good ? 0 : strlen(err.text);
	memcpy(r->why, err.text, len);
	return offsetof(struct report, why) + len;
}

/* There is nothing to be opened, but a state there must be. */
static void *open_nothing(const void *conf, struct err *err)
{
	static char nothing;
	(void)conf, (void)err;
	return &nothing;
}

static void close_nothing(void *state)
{
	(void)state;
}

int notify_run(int fd, const void *arg)
{
	const struct desk_service service = {
		.kind = "helper",
		.name = "notify",
		.conf = arg,
		.open = open_nothing,
		.close = close_nothing,
		.answer = answer,
		.arg = arg,
	};
	return desk_serve(fd, &service);
}
