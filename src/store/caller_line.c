/* Connections of a caller: how they begin, what comes, how they end, and what becomes of the questions that were out. */
#include "store/caller_inside.h"

#include <stdlib.h>

#define AGAIN SECONDS(1) /* after a connection that could not be made, while others serve */

static bool is_up(const struct caller_line *line)
{
	return line->state == LINE_OPENING || line->state == LINE_READY;
}

/* ---- how they end ---- */

/* Other connections that are there, or may be soon. */
static bool has_any(const struct caller *c)
{
	for (size_t i = 0; i < c->n_lines; i++)
		if (is_up(&c->lines[i]))
			return true;
	return false;
}

/* Its questions go back to the head of the queue, to be asked on another; but those whose time has come end, and those that
   for a second time were out on a connection that never answered anything: it may be they that it could not bear. */
static void take_back(struct caller *c, struct caller_line *line, struct str why)
{
	struct list ended;
	msec now = caller_now(c);
	list_init(&ended);
	while (!list_empty(&line->out)) {
		struct list *n = line->out.prev;
		struct caller_question *q = caller_question_at(n);
		bool again = q->lookup && now < q->deadline && (line->answered || !q->asked);
		q->asked = q->asked || !line->answered;
		list_remove(n);
		list_insert(again ? c->queue.next : ended.next, n);
	}
	line->n_out = 0;
	while (!list_empty(&ended))
		caller_fail(c, caller_question_at(ended.next), why);
}

/* The server is gone, silent or makes no sense. `why` may lie in the line. */
static void drop(struct caller_line *line, struct str why)
{
	struct caller *c = line->of;
	char text[LOOKUP_NOTE];
	struct buf words = BUF(text);
	bool useless = !line->answered && line->n_out == 0; /* nobody could ask there */
	buf_put(&words, why);
	line->state = LINE_CLOSING;
	uv_timer_stop(&line->timer);
	stream_close(&line->stream);
	if (useless) {
		server_address_failed(c->address);
		c->again_at = caller_now(c) + AGAIN;
	}
	take_back(c, line, buf_str(&words));
	if (useless && !has_any(c))
		caller_fail_queue(c, buf_str(&words));
	caller_pump(c);
}

/* A connection that nobody uses is closed with a last word. */
static void hang_up(struct caller_line *line)
{
	char text[CALLER_WRITTEN];
	struct buf out = BUF(text);
	if (line->of->protocol->leave)
		line->of->protocol->leave(line->session, &out);
	line->state = LINE_CLOSING;
	uv_timer_stop(&line->timer);
	if (stream_send(&line->stream, buf_str(&out)))
		stream_finish(&line->stream);
	else
		stream_close(&line->stream);
}

static void on_timer(uv_timer_t *timer)
{
	struct caller_line *line = list_of(timer, struct caller_line, timer);
	char text[64];
	struct buf why = BUF(text);
	if (line->state == LINE_READY && line->n_out == 0) {
		hang_up(line);
		return;
	}
	line->of->peer.timeouts++;
	caller_put_silence(&why, line->of);
	drop(line, buf_str(&why));
}

/* Until its oldest question must have an answer; without one, until it was idle for too long. */
static void set_timer(struct caller_line *line)
{
	const struct caller *c = line->of;
	msec now = caller_now(c), until = line->opened + c->conf->timeout;
	if (line->state == LINE_READY)
		until = line->n_out ? caller_question_at(line->out.next)->deadline : now + c->conf->idle;
	uv_timer_start(&line->timer, on_timer, until > now ? (uint64_t)(until - now) : 0, 0);
}

/* ---- what comes ---- */

static void take_answer(struct caller_line *line, const struct caller_answer *a)
{
	struct caller *c = line->of;
	struct caller_question *q = caller_question_at(line->out.next);
	list_remove(&q->link);
	line->n_out--;
	line->answered = true;
	set_timer(line);
	caller_heard(c);
	caller_finish(c, q, &a->facts, buf_str(&a->note));
}

static void become_ready(struct caller_line *line)
{
	line->state = LINE_READY;
	set_timer(line);
	caller_pump(line->of);
}

/* One step on in what was not read yet. False: more is wanted, or the connection is no more. */
static bool step(struct caller_line *line, size_t *at)
{
	const struct caller_protocol *p = line->of->protocol;
	char text[LOOKUP_NOTE], written[CALLER_WRITTEN];
	struct caller_answer a = { .note = BUF(text) };
	struct buf out = BUF(written);
	size_t eaten = 0;
	const struct caller_question *oldest = line->n_out ? caller_question_at(line->out.next) : NULL;
	struct str in = { line->octets + *at, line->unread - *at };
	enum caller_step s = p->feed(line->session, in, &eaten, oldest, &a, &out);
	*at += eaten;
	if (s != CALLER_OVER && !stream_send(&line->stream, buf_str(&out))) {
		drop(line, STR("the connection broke"));
		return false;
	}
	switch (s) {
	case CALLER_MORE: return false;
	case CALLER_AGAIN: return true;
	case CALLER_READY: become_ready(line); break;
	case CALLER_ANSWERED: take_answer(line, &a); break;
	case CALLER_OVER: drop(line, buf_str(&a.note)); break;
	}
	return line->state == LINE_READY;
}

static void read_on(struct caller_line *line)
{
	size_t at = 0;
	line->of->reading = true;
	while (at < line->unread && step(line, &at))
		;
	line->of->reading = false;
	if (!is_up(line))
		return;
	line->unread -= at;
	memmove(line->octets, line->octets + at, line->unread);
}

static void on_data(struct stream *s, struct str in)
{
	struct caller_line *line = list_of(s, struct caller_line, stream);
	while (in.len && is_up(line)) {
		size_t room = sizeof(line->octets) - line->unread, n = in.len < room ? in.len : room;
		if (n == 0) {
			drop(line, STR("its answer is longer than any"));
			break;
		}
		memcpy(line->octets + line->unread, in.at, n);
		line->unread += n;
		in = str_from(in, n);
		read_on(line);
	}
	caller_pump(line->of);
}

static void on_eof(struct stream *s)
{
	struct caller_line *line = list_of(s, struct caller_line, stream);
	if (is_up(line))
		drop(line, STR("it closed the connection"));
}

static void on_drained(struct stream *s)
{
	(void)s;
}

/* Also when it broke, of which nobody heard yet. */
static void on_closed(struct stream *s)
{
	struct caller_line *line = list_of(s, struct caller_line, stream);
	struct caller *c = line->of;
	if (is_up(line))
		drop(line, STR("the connection broke"));
	line->state = LINE_DOWN;
	caller_pump(c);
	caller_handle_closed(c);
}

static const struct stream_calls calls = { .data = on_data, .eof = on_eof, .drained = on_drained, .closed = on_closed };

/* ---- how they begin ---- */

static void on_dialled(struct stream_dial *d, const char *why)
{
	struct caller_line *line = list_of(d, struct caller_line, dial);
	if (why)
		drop(line, str_of(why));
	else if (line->of->protocol->open(line->session, line->of->own))
		become_ready(line);
}

static void open_line(struct caller_line *line, const struct sockaddr *to)
{
	struct caller *c = line->of;
	line->state = LINE_OPENING;
	line->opened = caller_now(c);
	line->unread = 0;
	line->answered = false;
	line->dial.done = on_dialled;
	memset(line->session, 0, c->protocol->session_size);
	if (!stream_connect(&line->stream, &line->dial, c->loop, to, &calls)) {
		line->state = LINE_DOWN;
		return;
	}
	c->handles++;
	set_timer(line);
}

void caller_line_another(struct caller *c)
{
	const struct sockaddr *to;
	const char *why;
	struct caller_line *down = NULL;
	for (size_t i = 0; i < c->n_lines && !down; i++)
		if (c->lines[i].state == LINE_DOWN)
			down = &c->lines[i];
	if (!down || (caller_now(c) < c->again_at && has_any(c)))
		return;
	switch (server_address_get(c->address, &to, &why, caller_now(c))) {
	case SERVER_KNOWN: open_line(down, to); break;
	case SERVER_SOUGHT: break;
	case SERVER_NAMELESS:
		if (!has_any(c))
			caller_fail_queue(c, str_of(why));
		break;
	}
}

size_t caller_lines_opening(const struct caller *c)
{
	size_t n = 0;
	for (size_t i = 0; i < c->n_lines; i++)
		n += c->lines[i].state == LINE_OPENING;
	return n;
}

/* ---- what goes out ---- */

struct caller_line *caller_line_best(struct caller *c)
{
	struct caller_line *best = NULL;
	for (size_t i = 0; i < c->n_lines; i++) {
		struct caller_line *line = &c->lines[i];
		if (line->state == LINE_READY && line->n_out < c->protocol->depth(line->session) &&
			(!best || line->n_out < best->n_out))
			best = line;
	}
	return best;
}

void caller_line_put(struct caller_line *line, struct caller_question *q)
{
	struct caller *c = line->of;
	static const struct facts failed = { .state = FACTS_FAILED };
	char text[CALLER_WRITTEN], reason[LOOKUP_NOTE];
	struct buf out = BUF(text), why = BUF(reason);
	list_remove(&q->link);
	if (!c->protocol->ask(line->session, q->lookup, q, &out, &why) || out.full) {
		if (q->probe)
			breaker_withdrawn(&c->breaker, caller_now(c));
		caller_finish(c, q, &failed, why.len ? buf_str(&why) : STR("it is too long to be asked about"));
		return;
	}
	list_insert(&line->out, &q->link);
	if (++line->n_out == 1)
		set_timer(line);
	c->peer.asked++;
	if (!stream_send(&line->stream, buf_str(&out)))
		drop(line, STR("the connection broke"));
}

/* ---- all of them ---- */

bool caller_lines_init(struct caller *c)
{
	c->lines = calloc(c->conf->connections, sizeof(*c->lines));
	for (; c->lines && c->n_lines < c->conf->connections; c->n_lines++) {
		struct caller_line *line = &c->lines[c->n_lines];
		line->session = calloc(1, c->protocol->session_size);
		if (!line->session)
			return false;
		line->of = c;
		line->state = LINE_DOWN;
		list_init(&line->out);
		caller_timer_init(c, &line->timer);
	}
	return c->lines != NULL;
}

void caller_lines_close(struct caller *c)
{
	for (size_t i = 0; i < c->n_lines; i++) {
		struct caller_line *line = &c->lines[i];
		if (line->state != LINE_DOWN) {
			line->state = LINE_CLOSING;
			stream_close(&line->stream);
		}
		caller_timer_close(&line->timer);
	}
}

void caller_lines_done(struct caller *c)
{
	for (size_t i = 0; i < c->n_lines; i++)
		free(c->lines[i].session);
	free(c->lines);
}
