/* What the files of the caller share: caller.c (questions), caller_line.c (connections). Nobody else includes it. */
#ifndef STORE_CALLER_INSIDE_H
#define STORE_CALLER_INSIDE_H

#include "core/breaker.h"
#include "io/stream.h"
#include "store/caller.h"
#include "store/server_address.h"

enum caller_line_state {
	LINE_DOWN,
	LINE_OPENING, /* until the protocol is ready */
	LINE_READY,
	LINE_CLOSING, /* the loop still has its stream */
};

/* A connection. */
struct caller_line {
	struct stream stream; /* first */
	struct stream_dial dial;
	struct caller *of;
	enum caller_line_state state;
	uv_timer_t timer;
	struct list out; /* questions, oldest first */
	unsigned n_out;
	bool answered; /* a question, since it was made */
	msec opened; /* when it was begun */
	void *session;
	size_t unread;
	char octets[CALLER_UNREAD];
};

struct caller {
	struct store store; /* first: the gate holds a pointer to it */
	uv_loop_t *loop;
	const char *name;
	const struct caller_protocol *protocol;
	const struct caller_conf *conf;
	const void *own;
	struct server_address *address;
	struct caller_line *lines;
	size_t n_lines;
	struct list queue; /* questions for which there is no connection yet, oldest first */
	struct list spare; /* as many are kept as were ever out at once */
	uv_timer_t timer; /* of the oldest in the queue */
	struct breaker breaker;
	struct breaker_conf breaker_conf;
	struct peer_stats peer;
	uint32_t random;
	msec again_at; /* no further connection is tried before, while there are others */
	unsigned handles; /* of the loop, that are not closed yet, and one while the store is open */
	bool reading; /* what a server said is being looked at: before that is done, nothing is put to it */
	bool closed;
};

static inline struct caller_question *caller_question_at(struct list *n)
{
	return list_of(n, struct caller_question, link);
}

static inline msec caller_now(const struct caller *c)
{
	return (msec)uv_now(c->loop);
}

/* ---- caller.c ---- */

/* The question has this answer, or cannot be put; it is in no list any more when the gate hears. */
void caller_finish(struct caller *, struct caller_question *, const struct facts *, struct str words);

/* It has none. */
void caller_fail(struct caller *, struct caller_question *, struct str why);

/* All that wait for a connection. */
void caller_fail_queue(struct caller *, struct str why);

/* The server has spoken. */
void caller_heard(struct caller *);

/* "no answer in 3000 ms" */
void caller_put_silence(struct buf *out, const struct caller *);

/* Whoever waits gets a connection, as far as there are any; others are made. */
void caller_pump(struct caller *);

/* A timer of the loop that lasts as long as the caller. */
void caller_timer_init(struct caller *, uv_timer_t *);
void caller_timer_close(uv_timer_t *);

/* A handle of the loop is closed; with the last one the caller is gone. */
void caller_handle_closed(struct caller *);

/* ---- caller_line.c ---- */

/* False: no memory, and caller_lines_done() is to be called all the same. */
bool caller_lines_init(struct caller *);

/* No question is to be answered any more. */
void caller_lines_close(struct caller *);

/* After the last handle was closed. */
void caller_lines_done(struct caller *);

/* The connection with the least to do; null: all have as much as they can bear. */
struct caller_line *caller_line_best(struct caller *);

/* So many are on their way to be ready. */
size_t caller_lines_opening(const struct caller *);

/* One more, if there may be one, and it is known where. */
void caller_line_another(struct caller *);

/* The first of the queue goes out there. */
void caller_line_put(struct caller_line *, struct caller_question *);

#endif
