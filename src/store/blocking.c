/*
 * Both ends of the record between a look-up and its helper. The daemon's end checks every field of a reply; the desk has
 * checked every slice of a question (io/desk.h).
 */
#include "store/blocking.h"

#include "core/lookup.h"
#include "io/desk.h"

#include <stddef.h>
#include <stdlib.h>

#define NONSENSE "the helper's answer makes no sense"

_Static_assert(MAILBOX_PATH_MAX <= DESK_TEXT_MAX, "a look-up's text fits into a question");

/* The parts of a question. */
enum part { PART_ADDRESS, PART_LOCAL, PART_DOMAIN, PART_HOME, PART_HOST };

struct report {
	uint64_t usage, limit;
	uint32_t messages, message_limit;
	uint32_t state, source;
	uint8_t firm, foreign; /* 0 or 1 */
	char note[LOOKUP_NOTE]; /* only what is used is sent, without NUL */
};

struct blocking {
	struct store store; /* first: the gate holds a pointer to it */
	struct desk *desk;
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
static bool reply_get(struct lookup *l, const struct report *r, size_t len)
{
	struct facts f = { 0 };
	if (len < offsetof(struct report, note) || len > sizeof(*r) || r->firm > 1 || r->foreign > 1)
		return false;
	if (!state_of(r->state, &f.state) || !source_of(r->source, &f.source))
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

static void on_answered(void *context, void *asker, const void *reply, size_t len, const char *why, msec now)
{
	struct lookup *l = asker;
	(void)context;
	l->store_data = NULL;
	if (!reply || !reply_get(l, reply, len))
		fail(l, reply ? NONSENSE : why);
	lookup_done(l, now);
}

static void blocking_start(struct store *s, struct lookup *l)
{
	struct blocking *b = list_of(s, struct blocking, store);
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
		fail(l, "no memory");
		lookup_done(l, desk_now(b->desk));
	}
}

static void blocking_cancel(struct store *s, struct lookup *l)
{
	struct blocking *b = list_of(s, struct blocking, store);
	desk_forget(b->desk, l->store_data);
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

static const struct store_type blocking_store = {
	.name = "blocking",
	.helpers = blocking_stats,
	.start = blocking_start,
	.cancel = blocking_cancel,
	.close = blocking_close,
};

struct store *blocking_open(uv_loop_t *loop, struct nursery *nursery, const struct blocking_conf *conf, struct err *err)
{
	const struct desk_conf desk = {
		.name = conf->name,
		.set = conf->set,
		.helpers = conf->helpers,
		.hang = conf->hang,
		.answered = on_answered,
	};
	struct blocking *b = calloc(1, sizeof(*b));
	if (!b) {
		err_set(err, "%s: no memory", conf->name);
		return NULL;
	}
	b->store.type = &blocking_store;
	b->desk = desk_open(loop, nursery, &desk, err);
	if (!b->desk) {
		free(b);
		return NULL;
	}
	return &b->store;
}

/* ---- the helper's end ---- */

static size_t answer(const void *arg, void *state, const struct desk_question *q, const char *trouble, void *reply)
{
	const struct blocking_conf *conf = arg;
	struct report *r = reply;
	struct facts f = { .state = FACTS_FAILED };
	struct buf note = BUF(r->note);
	note.cap--; /* the daemon keeps it with a NUL */
	if (trouble) {
		buf_puts(&note, trouble);
	} else {
		const struct mailbox m = { q->parts[PART_ADDRESS], q->parts[PART_LOCAL], q->parts[PART_DOMAIN],
			q->parts[PART_HOME], q->parts[PART_HOST] };
		conf->type->ask(state, &m, q->flag, &f, &note);
	}
	r->usage = f.usage;
	r->limit = f.limit;
	r->messages = f.messages;
	r->message_limit = f.message_limit;
	r->state = f.state;
	r->source = f.source;
	r->firm = f.firm;
	r->foreign = f.foreign;
	return offsetof(struct report, note) + note.len;
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
		.arg = conf,
	};
	return desk_serve(fd, &service);
}
