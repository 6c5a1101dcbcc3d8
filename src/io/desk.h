/*
 * A desk: where questions about a few slices of text are handed in, to be answered by a pool of helpers. The daemon's end
 * lends a ticket per question; as many are kept as were ever out at once, and nothing is allocated beyond that. The
 * helper's end opens what it serves, and while that fails tries again at every question. What the text means and what a
 * reply holds is the business of the two who use the desk; every slice of a question is checked here.
 */
#ifndef IO_DESK_H
#define IO_DESK_H

#include "base/err.h"
#include "base/heard.h"
#include "base/str.h"
#include "io/pool.h"

#define DESK_PARTS 5
#define DESK_TEXT_MAX 1024 /* octets */

struct desk_question {
	struct str text; /* at most DESK_TEXT_MAX octets; only what the parts use is sent */
	struct str parts[DESK_PARTS]; /* slices of it, may overlap; empty ones may look anywhere */
	bool flag;
};

/* ---- the daemon's end ---- */

struct desk_conf {
	const char *name; /* for the log; outlives the desk */
	size_t set; /* of the nursery */
	unsigned helpers; /* 1..POOL_HELPERS_MAX */
	msec hang; /* at least 1 */
	bool together; /* the service has answer_many */
	/* As pool_request.done; the ticket is void already. May ask the next question. */
	void (*answered)(void *context, void *asker, const void *reply, size_t len, const char *why, msec now);
	void *context; /* for answered() */
};

struct desk;
struct desk_ticket;

struct desk *desk_open(uv_loop_t *, struct nursery *, const struct desk_conf *, struct err *);

/* Ends in exactly one answered(), never before desk_ask() has returned, unless desk_forget() came first. The text is
   copied. Equal affinities go to one helper where possible. Null: no memory, and nobody will be told. */
struct desk_ticket *desk_ask(struct desk *, void *asker, const struct desk_question *, uint32_t affinity);
void desk_forget(struct desk *, struct desk_ticket *);

/* Ends every ticket that is out, as if it had failed by this reason: answered() is called for each from within, and may ask
   the next question. What a helper was told goes on, and nobody hears of it. */
void desk_dismiss(struct desk *, const char *why);

msec desk_now(const struct desk *); /* the loop's time */
struct pool_stats desk_stats(const struct desk *);

/* No ticket may be out. */
void desk_close(struct desk *);

/* ---- the helper's end ---- */

/* One of several questions. */
struct desk_task {
	struct desk_question question;
	void *reply; /* at most POOL_TOGETHER_MAX octets, aligned for any uint64_t */
	size_t reply_len;
};

struct desk_service {
	const char *kind, *name; /* for the log: "store", "vmail" */
	const void *conf; /* for open() */
	void *(*open)(const void *conf, struct err *);
	void (*close)(void *state);
	/* Returns the octets of the reply that it wrote (at most POOL_RECORD_MAX; aligned for any uint64_t). `trouble`, if
	   not null, is why the question cannot be answered; then there is neither state nor question. */
	size_t (*answer)(const void *arg, void *state, const struct desk_question *, const char *trouble, void *reply);
	/* Answers some of several questions, at least one, from the first on, and returns how many. May be null. */
	size_t (*answer_many)(const void *arg, void *state, struct desk_task *, size_t n);
	const void *arg; /* for answer() and answer_many() */
};

/* In answer() and answer_many(): what a question brought to light of the server that it was for. After two faults in a row the
   process retires before its next question, and another begins anew: a library for which memory was too short while it
   set itself up may go wrong ever after. */
void desk_heard(enum heard);

/* As pool_serve(). */
int desk_serve(int fd, const struct desk_service *);

#endif
