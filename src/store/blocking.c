/*
 * Both ends of the record between a look-up and its helper. The daemon's end checks every field of a reply; the helper's
 * end checks every slice of a question. Requests are kept on a free list: as many as look-ups were ever in flight at
 * once, and no allocation beyond that.
 */
#include "store/blocking.h"

#include "core/lookup.h"
#include "io/log.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

/* A helper answers most questions in microseconds: a few outstanding hide the way there and back. */
#define OUTSTANDING 4
/* Look-ups that wait for a helper's turn. The gate has one in flight per mailbox; past this number the store is far too
   slow for what is asked of it, and "did not answer" is the truth. */
#define QUEUE 4096

#define NONSENSE "the helper's answer makes no sense"

struct slice {
	uint16_t from, len; /* octets of question.text */
};

struct question {
	struct slice address, local, domain, home, host;
	uint16_t firm; /* 0 or 1 */
	char text[MAILBOX_PATH_MAX]; /* only what is used is sent */
};

struct report {
	uint64_t usage, limit;
	uint32_t messages, message_limit;
	uint32_t state, source;
	uint8_t firm, foreign; /* 0 or 1 */
	char note[LOOKUP_NOTE]; /* only what is used is sent, without NUL */
};

struct blocking {
	struct store store; /* first: the gate holds a pointer to it */
	uv_loop_t *loop;
	struct pool *pool;
	struct list spare; /* pool.link */
};

struct request {
	struct pool_request pool;
	struct blocking *of;
	struct lookup *lookup;
	struct question question;
};

/* ---- the daemon's end ---- */

/* The slice as a place in the look-up's text. */
static struct slice pack(const struct lookup *l, struct str s, size_t *used)
{
	if (s.len == 0)
		return (struct slice){ 0, 0 };
	assert(s.at >= l->text && s.at + s.len <= l->text + sizeof(l->text));
	size_t from = (size_t)(s.at - l->text);
	if (from + s.len > *used)
		*used = from + s.len;
	return (struct slice){ (uint16_t)from, (uint16_t)s.len };
}

/* Returns the octets to send. */
static size_t question_put(struct question *q, const struct lookup *l)
{
	size_t used = 0;
	q->address = pack(l, l->mailbox.address, &used);
	q->local = pack(l, l->mailbox.local, &used);
	q->domain = pack(l, l->mailbox.domain, &used);
	q->home = pack(l, l->mailbox.home, &used);
	q->host = pack(l, l->mailbox.host, &used);
	q->firm = l->firm;
	memcpy(q->text, l->text, used);
	return offsetof(struct question, text) + used;
}

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
	case SOURCE_STAT: *out = (enum facts_source)n; return true;
	}
	return false;
}

/* No figure of a mailbox is larger than a file can be. */
static uint64_t octets_of(uint64_t n)
{
	return n > INT64_MAX ? INT64_MAX : n;
}

static void set_note(struct lookup *l, struct str note)
{
	struct buf b = BUF(l->note);
	b.cap--;
	buf_put_clean(&b, note);
	l->note[b.len] = '\0';
}

static void fail(struct lookup *l, const char *why)
{
	l->facts = (struct facts){ .state = FACTS_FAILED };
	set_note(l, str_of(why));
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
	set_note(l, (struct str){ r->note, len - offsetof(struct report, note) });
	return true;
}

static void put_back(struct request *r)
{
	r->lookup->store_data = NULL;
	r->lookup = NULL;
	list_insert(&r->of->spare, &r->pool.link);
}

/* The request is free before the gate hears, which may start the next look-up from within. */
static void on_done(struct pool_request *p, const void *reply, size_t len, const char *why)
{
	struct request *r = list_of(p, struct request, pool);
	struct lookup *l = r->lookup;
	if (!reply || !reply_get(l, reply, len))
		fail(l, reply ? NONSENSE : why);
	put_back(r);
	lookup_done(l, (msec)uv_now(r->of->loop));
}

/* Null: no memory. */
static struct request *request_new(struct blocking *b)
{
	struct request *r;
	if (!list_empty(&b->spare)) {
		struct list *n = b->spare.next;
		list_remove(n);
		return list_of(list_of(n, struct pool_request, link), struct request, pool);
	}
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->of = b;
	r->pool.done = on_done;
	r->pool.record = &r->question;
	return r;
}

static void blocking_start(struct store *s, struct lookup *l)
{
	struct blocking *b = list_of(s, struct blocking, store);
	struct request *r = request_new(b);
	if (!r) {
		fail(l, "no memory");
		lookup_done(l, (msec)uv_now(b->loop));
		return;
	}
	r->lookup = l;
	l->store_data = r;
	r->pool.len = question_put(&r->question, l);
	r->pool.affinity = (uint32_t)l->key.a;
	pool_submit(b->pool, &r->pool);
}

static void blocking_cancel(struct store *s, struct lookup *l)
{
	struct blocking *b = list_of(s, struct blocking, store);
	struct request *r = l->store_data;
	pool_forget(b->pool, &r->pool);
	put_back(r);
}

static void blocking_close(struct store *s)
{
	struct blocking *b = list_of(s, struct blocking, store);
	pool_close(b->pool);
	list_each_safe (n, &b->spare)
		free(list_of(list_of(n, struct pool_request, link), struct request, pool));
	free(b);
}

static const struct store_type blocking_store = {
	.name = "blocking",
	.start = blocking_start,
	.cancel = blocking_cancel,
	.close = blocking_close,
};

struct store *blocking_open(uv_loop_t *loop, struct nursery *nursery, const struct blocking_conf *conf, struct err *err)
{
	struct pool_conf pool = {
		.name = conf->name,
		.set = conf->set,
		.helpers = conf->helpers,
		.outstanding = OUTSTANDING,
		.queue = QUEUE,
		.hang = conf->hang,
	};
	struct blocking *b = calloc(1, sizeof(*b));
	if (!b) {
		err_set(err, "%s: no memory", conf->name);
		return NULL;
	}
	b->store.type = &blocking_store;
	b->loop = loop;
	list_init(&b->spare);
	b->pool = pool_open(loop, nursery, &pool, err);
	if (!b->pool) {
		free(b);
		return NULL;
	}
	return &b->store;
}

struct pool_stats blocking_stats(const struct store *s)
{
	return pool_stats(((const struct blocking *)(const void *)s)->pool);
}

/* ---- the helper's end ---- */

struct reader {
	const struct blocking_conf *conf;
	void *store; /* null while it cannot be opened */
};

static bool unpack(const struct question *q, size_t used, struct slice s, struct str *out)
{
	*out = (struct str){ q->text + s.from, s.len };
	return s.from <= used && s.len <= used - s.from;
}

static bool question_get(const struct question *q, size_t len, struct mailbox *m)
{
	if (len < offsetof(struct question, text) || len > sizeof(*q))
		return false;
	size_t used = len - offsetof(struct question, text);
	return unpack(q, used, q->address, &m->address) && unpack(q, used, q->local, &m->local) &&
	       unpack(q, used, q->domain, &m->domain) && unpack(q, used, q->home, &m->home) &&
	       unpack(q, used, q->host, &m->host);
}

static void ask(struct reader *reader, const struct question *q, size_t len, struct facts *f, struct buf *note)
{
	const struct blocking_type *type = reader->conf->type;
	struct mailbox mailbox;
	struct err err = { "cannot open the store" };
	if (!question_get(q, len, &mailbox)) {
		buf_puts(note, "the question makes no sense");
		return;
	}
	if (!reader->store)
		reader->store = type->open(reader->conf->conf, &err);
	if (reader->store)
		type->ask(reader->store, &mailbox, q->firm != 0, f, note);
	else
		buf_puts(note, err.text);
}

static size_t answer(void *state, const void *record, size_t len, void *out)
{
	struct report *r = out;
	struct facts f = { .state = FACTS_FAILED };
	struct buf note = BUF(r->note);
	note.cap--; /* the daemon keeps it with a NUL */
	ask(state, record, len, &f, &note);
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

int blocking_run(int fd, const void *arg)
{
	const struct blocking_conf *conf = arg;
	struct reader reader = { .conf = conf };
	struct err err = { "" };
	reader.store = conf->type->open(conf->conf, &err);
	if (!reader.store)
		log_line(LOG_LEVEL_WARNING, "store=%s event=cannot-open reason=\"%s\"", conf->name, err.text);
	log_flush();
	int status = pool_serve(fd, answer, &reader);
	if (reader.store)
		conf->type->close(reader.store);
	return status;
}
