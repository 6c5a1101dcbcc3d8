#include "store/caller_inside.h"

#include "io/log.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

void caller_handle_closed(struct caller *c)
{
	assert(c->handles > 0);
	if (--c->handles > 0)
		return;
	caller_lines_done(c);
	free(c);
}

static void on_timer_closed(uv_handle_t *handle)
{
	caller_handle_closed(handle->data);
}

void caller_timer_init(struct caller *c, uv_timer_t *timer)
{
	uv_timer_init(c->loop, timer);
	timer->data = c;
	c->handles++;
}

void caller_timer_close(uv_timer_t *timer)
{
	uv_close((uv_handle_t *)timer, on_timer_closed);
}

/* ---- the ends of questions ---- */

static void release(struct caller *c, struct caller_question *q)
{
	q->lookup = NULL;
	list_remove(&q->link);
	list_insert(c->spare.next, &q->link);
}

static void put_note(struct caller *c, struct lookup *l, struct str words)
{
	char text[LOOKUP_NOTE];
	struct buf note = BUF(text);
	buf_printf(&note, "%s: ", c->peer.name);
	buf_put(&note, words);
	lookup_note(l, buf_str(&note));
}

void caller_finish(struct caller *c, struct caller_question *q, const struct facts *facts, struct str words)
{
	struct lookup *l = q->lookup;
	release(c, q);
	if (!l)
		return;
	l->store_data = NULL;
	l->facts = *facts;
	put_note(c, l, words);
	lookup_done(l, caller_now(c));
}

static void log_peer(const struct caller *c)
{
	log_line(c->breaker.state == BREAKER_CLOSED ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
		"event=peer store=%s host=%s state=%s", c->name, c->peer.name, breaker_state_name(c->breaker.state));
}

void caller_fail(struct caller *c, struct caller_question *q, struct str why)
{
	static const struct facts failed = { .state = FACTS_FAILED };
	c->random = c->random * 1664525 + 1013904223; /* jitter wants no better dice */
	if (q->lookup && breaker_silent(&c->breaker, &c->breaker_conf, q->probe, caller_now(c), c->random >> 8))
		log_peer(c);
	caller_finish(c, q, &failed, why);
}

/* Who asks anew while they hear is not among them. */
void caller_fail_queue(struct caller *c, struct str why)
{
	struct list all;
	list_init(&all);
	list_each_safe (n, &c->queue) {
		list_remove(n);
		list_insert(&all, n);
	}
	while (!list_empty(&all))
		caller_fail(c, caller_question_at(all.next), why);
}

void caller_heard(struct caller *c)
{
	c->peer.answered++;
	if (breaker_answered(&c->breaker))
		log_peer(c);
}

void caller_put_silence(struct buf *out, const struct caller *c)
{
	buf_printf(out, "no answer in %lld ms", (long long)c->conf->timeout);
}

/* ---- the queue ---- */

static void on_timer(uv_timer_t *timer)
{
	struct caller *c = list_of(timer, struct caller, timer);
	char text[96];
	struct buf why = BUF(text);
	caller_put_silence(&why, c);
	buf_puts(&why, ": no connection was free");
	while (!list_empty(&c->queue) && caller_question_at(c->queue.next)->deadline <= caller_now(c))
		caller_fail(c, caller_question_at(c->queue.next), buf_str(&why));
	caller_pump(c);
}

static void set_timer(struct caller *c)
{
	if (list_empty(&c->queue)) {
		uv_timer_stop(&c->timer);
		return;
	}
	msec now = caller_now(c), until = caller_question_at(c->queue.next)->deadline;
	uv_timer_start(&c->timer, on_timer, until > now ? (uint64_t)(until - now) : 0, 0);
}

/* More wait than connections are on their way. */
static bool are_crowded(struct caller *c)
{
	size_t opening = caller_lines_opening(c), waiting = 0;
	for (const struct list *n = c->queue.next; n != &c->queue && waiting <= opening; n = n->next)
		waiting++;
	return waiting > opening;
}

/* Who finds no idle connection has one more made, and takes a place on one that is there, whichever is first. */
void caller_pump(struct caller *c)
{
	if (c->closed || c->reading)
		return;
	while (!list_empty(&c->queue)) {
		struct caller_line *line = caller_line_best(c);
		if ((!line || line->n_out > 0) && are_crowded(c))
			caller_line_another(c);
		if (!line || list_empty(&c->queue))
			break;
		caller_line_put(line, caller_question_at(c->queue.next));
	}
	set_timer(c);
}

static void on_settled(void *context, msec now)
{
	(void)now;
	caller_pump(context);
}

/* ---- the store ---- */

static struct caller_question *take_question(struct caller *c)
{
	if (list_empty(&c->spare)) {
		struct caller_question *fresh = calloc(1, sizeof(*fresh));
		if (fresh)
			list_init(&fresh->link);
		return fresh;
	}
	struct caller_question *q = caller_question_at(c->spare.next);
	list_remove(&q->link);
	return q;
}

static void refuse(struct caller *c, struct lookup *l, struct str why)
{
	l->facts = (struct facts){ .state = FACTS_FAILED };
	put_note(c, l, why);
	lookup_done(l, caller_now(c));
}

static void caller_start(struct store *s, struct lookup *l)
{
	struct caller *c = list_of(s, struct caller, store);
	enum breaker_leave leave = breaker_ask(&c->breaker, caller_now(c));
	if (leave == BREAKER_REFUSED) {
		refuse(c, l, STR("not asked, it did not answer lately"));
		return;
	}
	struct caller_question *q = take_question(c);
	if (!q) {
		if (leave == BREAKER_PROBE)
			breaker_withdrawn(&c->breaker, caller_now(c));
		refuse(c, l, STR("no memory"));
		return;
	}
	q->lookup = l;
	q->size = l->size;
	q->size_with_charges = l->size_with_charges;
	q->probe = leave == BREAKER_PROBE;
	q->told = q->asked = false;
	q->deadline = caller_now(c) + c->conf->timeout;
	l->store_data = q;
	list_insert(&c->queue, &q->link);
	caller_pump(c);
}

/* What is out stays there until it is answered, and then nobody hears. */
static void caller_cancel(struct store *s, struct lookup *l)
{
	struct caller *c = list_of(s, struct caller, store);
	struct caller_question *q = l->store_data;
	l->store_data = NULL;
	q->lookup = NULL;
	if (q->probe)
		breaker_withdrawn(&c->breaker, caller_now(c));
	q->probe = false;
	list_each (n, &c->queue)
		if (n == &q->link) {
			release(c, q);
			return;
		}
}

static bool caller_peer(const struct store *s, size_t i, struct peer_stats *out)
{
	const struct caller *c = (const struct caller *)(const void *)s;
	if (i > 0)
		return false;
	*out = c->peer;
	out->state = peer_state_of(c->breaker.state);
	return true;
}

static struct pool_stats caller_helpers(const struct store *s)
{
	const struct caller *c = (const struct caller *)(const void *)s;
	return server_address_helpers(c->address);
}

static void free_questions(struct list *questions)
{
	list_each_safe (n, questions) {
		list_remove(n);
		free(caller_question_at(n));
	}
}

/* What the loop still holds is freed after this turn. */
static void caller_close(struct store *s)
{
	struct caller *c = list_of(s, struct caller, store);
	c->closed = true;
	for (size_t i = 0; i < c->n_lines; i++)
		free_questions(&c->lines[i].out);
	free_questions(&c->queue);
	free_questions(&c->spare);
	caller_lines_close(c);
	caller_timer_close(&c->timer);
	if (c->address)
		server_address_close(c->address);
	caller_handle_closed(c);
}

static const struct store_type caller_store = {
	.name = "caller",
	.helpers = caller_helpers,
	.peer = caller_peer,
	.start = caller_start,
	.cancel = caller_cancel,
	.close = caller_close,
};

static void set_up(struct caller *c, uv_loop_t *loop, const struct blocking_conf *conf)
{
	c->store.type = &caller_store;
	c->loop = loop;
	c->name = conf->name;
	c->breaker_conf = (struct breaker_conf){ (unsigned)c->conf->breaker_failures, c->conf->breaker_pause };
	c->handles = 1;
	list_init(&c->queue);
	list_init(&c->spare);
	caller_timer_init(c, &c->timer);
	str_copy_z(c->peer.name, sizeof(c->peer.name), str_of(c->conf->address));
}

struct store *caller_open(uv_loop_t *loop, struct nursery *nursery, const struct blocking_conf *conf,
	const struct caller_protocol *protocol, const struct caller_conf *options, const void *own, struct err *err)
{
	struct caller *c = calloc(1, sizeof(*c));
	if (!c) {
		err_set(err, "%s: no memory", conf->name);
		return NULL;
	}
	c->protocol = protocol;
	c->conf = options;
	c->own = own;
	set_up(c, loop, conf);
	if (getrandom(&c->random, sizeof(c->random), 0) != sizeof(c->random) || !caller_lines_init(c))
		err_set(err, "%s: no memory", conf->name);
	else
		c->address = server_address_open(loop, nursery, conf, options->address, on_settled, c, err);
	if (c->address)
		return &c->store;
	caller_close(&c->store);
	return NULL;
}

/* ---- what a server's answer makes of the facts ---- */

static void give_verdict(struct caller_answer *a)
{
	a->facts = (struct facts){
		.state = FACTS_FOUND, .source = SOURCE_VERDICT, .firm = true, .ruled = true, .rule = RULE_ASKED
	};
}

void caller_took(struct caller_answer *a, const struct caller_question *q)
{
	give_verdict(a);
	a->facts.usage = q->told ? q->size_with_charges : ASKED_ANY;
}

void caller_refused(struct caller_answer *a, const struct caller_question *q, bool too_large)
{
	give_verdict(a);
	a->facts.limit = q->told ? q->size_with_charges : 1;
	a->facts.too_large = too_large && q->told;
}
