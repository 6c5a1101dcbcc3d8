#include "io/desk.h"

#include "io/confine.h"
#include "io/log.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

/* A helper answers most questions in microseconds: a few outstanding hide the way there and back. */
#define OUTSTANDING 4
/* Of those that are asked together. A server that is asked for so many in one go has little to gain from more, and all
   wait for the slowest. */
#define TOGETHER 32
/* Questions that wait for a helper's turn. The gate has one in flight per mailbox; past this number who is asked is far
   too slow for what is asked of it, and "did not answer" is the truth. */
#define QUEUE 4096

struct slice {
	uint16_t from, len; /* octets of paper.text */
};

/* A question on its way. */
struct paper {
	struct slice parts[DESK_PARTS];
	uint16_t flag; /* 0 or 1 */
	char text[DESK_TEXT_MAX]; /* only what is used is sent */
};

struct desk {
	uv_loop_t *loop;
	struct pool *pool;
	void (*answered)(void *context, void *asker, const void *reply, size_t len, const char *why, msec now);
	void *context;
	struct list spare; /* pool_request.link */
	struct list out; /* desk_ticket.out, oldest first */
};

struct desk_ticket {
	struct pool_request pool;
	struct desk *of;
	struct list out;
	void *asker;
	struct paper paper;
};

/* ---- the daemon's end ---- */

static struct slice pack(struct str text, struct str s, size_t *used)
{
	if (s.len == 0)
		return (struct slice){ 0, 0 };
	assert(s.at >= text.at && s.at + s.len <= text.at + text.len);
	size_t from = (size_t)(s.at - text.at);
	if (from + s.len > *used)
		*used = from + s.len;
	return (struct slice){ (uint16_t)from, (uint16_t)s.len };
}

/* Returns the octets to send. */
static size_t paper_put(struct paper *p, const struct desk_question *q)
{
	size_t used = 0;
	assert(q->text.len <= sizeof(p->text));
	for (int i = 0; i < DESK_PARTS; i++)
		p->parts[i] = pack(q->text, q->parts[i], &used);
	p->flag = q->flag;
	if (used)
		memcpy(p->text, q->text.at, used);
	return offsetof(struct paper, text) + used;
}

static void put_back(struct desk_ticket *t)
{
	t->asker = NULL;
	list_remove(&t->out);
	list_insert(&t->of->spare, &t->pool.link);
}

/* The ticket is free before the asker hears, who may ask the next question from within. */
static void on_done(struct pool_request *r, const void *reply, size_t len, const char *why)
{
	struct desk_ticket *t = list_of(r, struct desk_ticket, pool);
	struct desk *d = t->of;
	void *asker = t->asker;
	put_back(t);
	d->answered(d->context, asker, reply, len, why, desk_now(d));
}

/* Null: no memory. */
static struct desk_ticket *ticket_new(struct desk *d)
{
	struct desk_ticket *t;
	if (!list_empty(&d->spare)) {
		struct list *n = d->spare.next;
		list_remove(n);
		return list_of(list_of(n, struct pool_request, link), struct desk_ticket, pool);
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->of = d;
	list_init(&t->out);
	t->pool.done = on_done;
	t->pool.record = &t->paper;
	return t;
}

struct desk_ticket *desk_ask(struct desk *d, void *asker, const struct desk_question *q, uint32_t affinity)
{
	struct desk_ticket *t = ticket_new(d);
	if (!t)
		return NULL;
	t->asker = asker;
	t->pool.len = paper_put(&t->paper, q);
	t->pool.affinity = affinity;
	list_insert(&d->out, &t->out);
	pool_submit(d->pool, &t->pool);
	return t;
}

void desk_forget(struct desk *d, struct desk_ticket *t)
{
	pool_forget(d->pool, &t->pool);
	put_back(t);
}

void desk_dismiss(struct desk *d, const char *why)
{
	struct list all;
	list_init(&all);
	list_insert(&d->out, &all);
	list_remove(&d->out);
	while (!list_empty(&all)) {
		struct desk_ticket *t = list_of(all.next, struct desk_ticket, out);
		void *asker = t->asker;
		desk_forget(d, t);
		d->answered(d->context, asker, NULL, 0, why, desk_now(d));
	}
}

struct desk *desk_open(uv_loop_t *loop, struct nursery *nursery, const struct desk_conf *conf, struct err *err)
{
	struct pool_conf pool = {
		.name = conf->name,
		.set = conf->set,
		.helpers = conf->helpers,
		.outstanding = conf->together ? TOGETHER : OUTSTANDING,
		.together = conf->together,
		.queue = QUEUE,
		.hang = conf->hang,
	};
	struct desk *d = calloc(1, sizeof(*d));
	if (!d) {
		err_set(err, "%s: no memory", conf->name);
		return NULL;
	}
	d->loop = loop;
	d->answered = conf->answered;
	d->context = conf->context;
	list_init(&d->spare);
	list_init(&d->out);
	d->pool = pool_open(loop, nursery, &pool, err);
	if (!d->pool) {
		free(d);
		return NULL;
	}
	return d;
}

void desk_close(struct desk *d)
{
	pool_close(d->pool);
	list_each_safe (n, &d->spare)
		free(list_of(list_of(n, struct pool_request, link), struct desk_ticket, pool));
	free(d);
}

msec desk_now(const struct desk *d)
{
	return (msec)uv_now(d->loop);
}

struct pool_stats desk_stats(const struct desk *d)
{
	return pool_stats(d->pool);
}

/* ---- the helper's end ---- */

#define FAULTS_MOST 2

struct clerk {
	const struct desk_service *service;
	void *state; /* null while it cannot be opened */
};

static bool paper_get(const struct paper *p, size_t len, struct desk_question *q)
{
	if (len < offsetof(struct paper, text) || len > sizeof(*p))
		return false;
	size_t used = len - offsetof(struct paper, text);
	q->text = (struct str){ p->text, used };
	q->flag = p->flag != 0;
	for (int i = 0; i < DESK_PARTS; i++) {
		struct slice s = p->parts[i];
		if (s.from > used || s.len > used - s.from)
			return false;
		q->parts[i] = (struct str){ p->text + s.from, s.len };
	}
	return true;
}

static size_t answer_one(struct clerk *clerk, const struct pool_task *t)
{
	const struct desk_service *s = clerk->service;
	struct desk_question q;
	struct err err = { "" };
	if (!paper_get(t->record, t->len, &q))
		return s->answer(s->arg, NULL, NULL, "the question makes no sense", t->reply);
	if (!clerk->state)
		clerk->state = s->open(s->conf, &err);
	if (!clerk->state)
		return s->answer(s->arg, NULL, NULL, err.text[0] ? err.text : "it cannot be opened", t->reply);
	return s->answer(s->arg, clerk->state, &q, NULL, t->reply);
}

/* Up to the first question that makes no sense. Returns how many are answered, 0 when it is the first. */
static size_t answer_many(struct clerk *clerk, struct pool_task *tasks, size_t n)
{
	const struct desk_service *s = clerk->service;
	struct desk_task many[POOL_OUTSTANDING_MAX];
	size_t clear = 0;
	while (clear < n && paper_get(tasks[clear].record, tasks[clear].len, &many[clear].question)) {
		many[clear].reply = tasks[clear].reply;
		clear++;
	}
	size_t answered = clear ? s->answer_many(s->arg, clerk->state, many, clear) : 0;
	assert(answered <= clear && (answered || !clear));
	for (size_t i = 0; i < answered; i++)
		tasks[i].reply_len = many[i].reply_len;
	return answered;
}

static unsigned faults; /* in a row */

void desk_heard(enum heard heard)
{
	switch (heard) {
	case HEARD_NOTHING: break;
	case HEARD_ANSWER: faults = 0; break;
	case HEARD_FAULT: faults++; break;
	}
}

static size_t answer(void *state, struct pool_task *tasks, size_t n)
{
	struct clerk *clerk = state;
	if (confine_outdated() || faults >= FAULTS_MOST)
		return 0;
	if (n > 1 && clerk->state && clerk->service->answer_many) {
		size_t answered = answer_many(clerk, tasks, n);
		if (answered)
			return answered;
	}
	tasks[0].reply_len = answer_one(clerk, &tasks[0]);
	return 1;
}

int desk_serve(int fd, const struct desk_service *service)
{
	struct clerk clerk = { .service = service };
	struct err err = { "" };
	clerk.state = service->open(service->conf, &err);
	if (!clerk.state)
		log_line(LOG_LEVEL_WARNING, "%s=%s event=cannot-open reason=\"%s\"", service->kind, service->name,
			err.text);
	log_flush();
	int status = pool_serve(fd, answer, &clerk);
	if (clerk.state)
		service->close(clerk.state);
	return status;
}
