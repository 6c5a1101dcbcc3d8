/*
 * Both ends of the record between a look-up and its helper. The daemon's end checks every field of a reply; the desk has
 * checked every slice of a question (io/desk.h). Where the store asks a server, a guard stands before the desk.
 */
#include "store/blocking.h"

#include "core/guard.h"
#include "core/lookup.h"
#include "io/desk.h"
#include "io/log.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/random.h>

#define NONSENSE "the helper's answer makes no sense"

_Static_assert(MAILBOX_PATH_MAX <= DESK_TEXT_MAX, "a look-up's text fits into a question");

/* The parts of a question. */
enum part { PART_ADDRESS, PART_LOCAL, PART_DOMAIN, PART_HOME, PART_HOST };

struct report {
	uint64_t usage, limit;
	uint32_t messages, message_limit;
	uint32_t state, source;
	uint8_t firm, foreign; /* 0 or 1 */
	uint8_t heard;
	char note[LOOKUP_NOTE]; /* only what is used is sent, without NUL */
};

_Static_assert(sizeof(struct report) <= POOL_TOGETHER_MAX, "reports of several questions fit");

struct blocking {
	struct store store; /* first: the gate holds a pointer to it */
	struct desk *desk;
	const struct blocking_conf *conf;
	struct guard guard; /* where there is a server */
};

/* ---- the daemon's end ---- */

static bool state_of(uint32_t n, enum facts_state *out)
{
	switch ((enum facts_state)n) {
	case FACTS_FAILED:
	case FACTS_FOUND:
	case FACTS_NO_MAILBOX:
	case FACTS_NOT_OURS: *out = (enum facts_state)n; return true;
	}
	return false;
}

static bool source_of(uint32_t n, enum facts_source *out)
{
	switch ((enum facts_source)n) {
	case SOURCE_NONE:
	case SOURCE_MAILDIRSIZE:
	case SOURCE_RECOUNT:
	case SOURCE_REMEMBERED:
	case SOURCE_STAT:
	case SOURCE_PEER:
	case SOURCE_SERVER:
	case SOURCE_DATABASE:
	case SOURCE_VERDICT: *out = (enum facts_source)n; return true;
	}
	return false;
}

/* No figure of a mailbox is larger than a file can be. */
static uint64_t octets_of(uint64_t n)
{
	return n > INT64_MAX ? INT64_MAX : n;
}

static void fail(struct lookup *l, const char *why)
{
	l->facts = (struct facts){ .state = FACTS_FAILED };
	lookup_note(l, str_of(why));
}

/* False when the helper, which may be anybody's by now, sent what ours would not. Figures count only when found. */
static bool reply_get(struct lookup *l, const struct report *r, size_t len, enum heard *heard)
{
	struct facts f = { 0 };
	if (len < offsetof(struct report, note) || len > sizeof(*r) || r->firm > 1 || r->foreign > 1)
		return false;
	if (!state_of(r->state, &f.state) || !source_of(r->source, &f.source) || !heard_get(r->heard, heard))
		return false;
	if (f.state == FACTS_FOUND) {
		f.usage = octets_of(r->usage);
		f.limit = octets_of(r->limit);
		f.messages = r->messages;
		f.message_limit = r->message_limit;
	}
	f.firm = r->firm;
	f.foreign = r->foreign;
	l->facts = f;
	lookup_note(l, (struct str){ r->note, len - offsetof(struct report, note) });
	return true;
}

/* There is a server, and not one file of many, that may be at fault. */
static bool is_guarded(const struct blocking *b)
{
	return b->guard.peer.name[0] != '\0';
}

static void log_peer(const struct blocking *b, bool is_asked)
{
	log_line(is_asked ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "event=peer store=%s host=%s state=%s", b->conf->name,
		b->guard.peer.name, breaker_state_name(b->guard.breaker.state));
}

/* Who waits for a helper's turn would wait for as long as the server is silent. */
static void dismiss_all(struct blocking *b, msec now)
{
	char text[LOOKUP_NOTE];
	struct buf why = BUF(text);
	guard_put_why(&b->guard, now, &why);
	desk_dismiss(b->desk, buf_z(&why));
}

static void on_answered(void *context, void *asker, const void *reply, size_t len, const char *why, msec now)
{
	struct blocking *b = context;
	struct lookup *l = asker;
	enum heard heard = why == pool_hung ? HEARD_FAULT : HEARD_NOTHING;
	l->store_data = NULL;
	if (!reply || !reply_get(l, reply, len, &heard))
		fail(l, reply ? NONSENSE : why);
	enum guard_turn turn = GUARD_AS_BEFORE;
	if (is_guarded(b))
		turn = guard_heard(&b->guard, l, heard, str_of(l->note), now);
	if (turn != GUARD_AS_BEFORE)
		log_peer(b, turn == GUARD_ASKED_AGAIN);
	lookup_done(l, now);
	if (turn == GUARD_LEFT_ALONE)
		dismiss_all(b, now);
}

/* Answered at once, without the helpers. */
static void refuse(struct blocking *b, struct lookup *l)
{
	char text[LOOKUP_NOTE];
	struct buf why = BUF(text);
	guard_put_why(&b->guard, desk_now(b->desk), &why);
	fail(l, buf_z(&why));
	lookup_done(l, desk_now(b->desk));
}

static void blocking_start(struct store *s, struct lookup *l)
{
	struct blocking *b = list_of(s, struct blocking, store);
	if (is_guarded(b) && !guard_admits(&b->guard, l, desk_now(b->desk))) {
		refuse(b, l);
		return;
	}
	const struct mailbox *m = &l->mailbox;
	const struct desk_question q = {
		.text = { l->text, sizeof(l->text) },
		.parts = { [PART_ADDRESS] = m->address,
			[PART_LOCAL] = m->local,
			[PART_DOMAIN] = m->domain,
			[PART_HOME] = m->home,
			[PART_HOST] = m->host },
		.flag = l->firm,
	};
	l->store_data = desk_ask(b->desk, l, &q, (uint32_t)l->key.a);
	if (!l->store_data) {
		guard_heard(&b->guard, l, HEARD_NOTHING, STR(""), desk_now(b->desk));
		fail(l, "no memory");
		lookup_done(l, desk_now(b->desk));
	}
}

static void blocking_cancel(struct store *s, struct lookup *l)
{
	struct blocking *b = list_of(s, struct blocking, store);
	desk_forget(b->desk, l->store_data);
	guard_heard(&b->guard, l, HEARD_NOTHING, STR(""), desk_now(b->desk));
	l->store_data = NULL;
}

static void blocking_close(struct store *s)
{
	struct blocking *b = list_of(s, struct blocking, store);
	desk_close(b->desk);
	free(b);
}

struct pool_stats blocking_stats(const struct store *s)
{
	return desk_stats(((const struct blocking *)(const void *)s)->desk);
}

static bool blocking_peer(const struct store *s, size_t i, struct peer_stats *out)
{
	const struct blocking *b = (const struct blocking *)(const void *)s;
	if (!is_guarded(b) || i > 0)
		return false;
	*out = guard_peer(&b->guard);
	return true;
}

static const struct store_type blocking_store = {
	.name = "blocking",
	.helpers = blocking_stats,
	.peer = blocking_peer,
	.start = blocking_start,
	.cancel = blocking_cancel,
	.close = blocking_close,
};

static void set_up(struct blocking *b, const struct blocking_conf *conf)
{
	char text[256];
	struct buf server = BUF(text);
	uint32_t random = 0; /* jitter wants no better dice */
	b->store.type = &blocking_store;
	b->conf = conf;
	if (conf->type->server)
		conf->type->server(conf->conf, &server);
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = (uint32_t)(uintptr_t)b;
	guard_init(&b->guard, buf_str(&server), random);
}

struct store *blocking_open(uv_loop_t *loop, struct nursery *nursery, const struct blocking_conf *conf, struct err *err)
{
	struct blocking *b = calloc(1, sizeof(*b));
	const struct desk_conf desk = {
		.name = conf->name,
		.set = conf->set,
		.helpers = conf->helpers,
		.hang = conf->hang,
		.together = conf->type->ask_many != NULL,
		.answered = on_answered,
		.context = b,
	};
	if (!b) {
		err_set(err, "%s: no memory", conf->name);
		return NULL;
	}
	set_up(b, conf);
	b->desk = desk_open(loop, nursery, &desk, err);
	if (!b->desk) {
		free(b);
		return NULL;
	}
	return &b->store;
}

/* ---- the helper's end ---- */

static struct mailbox mailbox_of(const struct desk_question *q)
{
	return (struct mailbox){ q->parts[PART_ADDRESS], q->parts[PART_LOCAL], q->parts[PART_DOMAIN],
		q->parts[PART_HOME], q->parts[PART_HOST] };
}

static struct buf note_in(struct report *r)
{
	struct buf note = BUF(r->note);
	note.cap--; /* the daemon keeps it with a NUL */
	return note;
}

/* The note is there already. Returns the octets of the report. */
static size_t report_put(struct report *r, const struct facts *f, enum heard heard, const struct buf *note)
{
	r->usage = f->usage;
	r->limit = f->limit;
	r->messages = f->messages;
	r->message_limit = f->message_limit;
	r->state = f->state;
	r->source = f->source;
	r->firm = f->firm;
	r->foreign = f->foreign;
	r->heard = heard;
	return offsetof(struct report, note) + note->len;
}

static enum heard heard_of(const struct blocking_conf *conf, void *state)
{
	enum heard heard = conf->type->heard ? conf->type->heard(state) : HEARD_NOTHING;
	desk_heard(heard);
	return heard;
}

static size_t answer(const void *arg, void *state, const struct desk_question *q, const char *trouble, void *reply)
{
	const struct blocking_conf *conf = arg;
	struct facts f = { .state = FACTS_FAILED };
	struct buf note = note_in(reply);
	if (trouble) {
		buf_puts(&note, trouble);
	} else {
		const struct mailbox m = mailbox_of(q);
		conf->type->ask(state, &m, q->flag, &f, &note);
	}
	return report_put(reply, &f, trouble ? HEARD_NOTHING : heard_of(conf, state), &note);
}

static size_t answer_many(const void *arg, void *state, struct desk_task *tasks, size_t n)
{
	const struct blocking_conf *conf = arg;
	struct store_question many[POOL_OUTSTANDING_MAX];
	for (size_t i = 0; i < n; i++)
		many[i] = (struct store_question){ .mailbox = mailbox_of(&tasks[i].question),
			.firm = tasks[i].question.flag,
			.facts.state = FACTS_FAILED,
			.note = note_in(tasks[i].reply) };
	size_t answered = conf->type->ask_many(state, many, n);
	/* Of all who went in one request each has an answer, but there was one fault. */
	enum heard heard = heard_of(conf, state);
	for (size_t i = 0; i < answered; i++)
		tasks[i].reply_len = report_put(tasks[i].reply, &many[i].facts,
			i && heard == HEARD_FAULT ? HEARD_NOTHING : heard, &many[i].note);
	return answered;
}

void blocking_reach(const void *arg, struct reach *reach)
{
	const struct blocking_conf *conf = arg;
	if (conf->type->reach)
		conf->type->reach(conf->conf, reach);
}

int blocking_run(int fd, const void *arg)
{
	const struct blocking_conf *conf = arg;
	const struct desk_service service = {
		.kind = "store",
		.name = conf->name,
		.conf = conf->conf,
		.open = conf->type->open,
		.close = conf->type->close,
		.answer = answer,
		.answer_many = conf->type->ask_many ? answer_many : NULL,
		.arg = conf,
	};
	return desk_serve(fd, &service);
}
