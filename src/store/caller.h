/*
 * Questions to one server over connections that are kept, for stores that live on the loop and whose protocol answers in
 * the order of the questions. What is said is the business of the protocol; this is about connections: as many as
 * `connections`, made when there is need; several questions on one where the protocol allows it; a question whose
 * connection was closed under it is asked again on another; one without an answer in `timeout` ends, and its connection
 * with it, for what came later would not be its answer; a server that is silent is left alone for a while (core/breaker.h).
 *
 * What a server sends is bounded: CALLER_UNREAD octets that make no sense yet, and nothing that nobody asked for.
 */
#ifndef STORE_CALLER_H
#define STORE_CALLER_H

#include "core/asked.h"
#include "store/blocking.h"

#define CALLER_UNREAD 8192
#define CALLER_WRITTEN 4096 /* octets that one question may become, at most */
#define CALLER_CONNECTIONS_MAX 64

/* The options of a store that calls. */
struct caller_conf {
	const char *address;
	msec timeout, idle, breaker_pause;
	uint64_t connections, breaker_failures;
};

/* Their rows, for a section's struct that has them as `member`; but `address`, which each describes in its own words. */
#define CALLER_ROWS(section, member)                                                                                   \
	CALLER_ROW(section, member, timeout, OPT_DURATION, "3s", 50, SECONDS(60),                                      \
		"How long a question may take, connecting included."),                                                 \
		CALLER_ROWS_BUT_TIMEOUT(section, member)

#define CALLER_ROWS_BUT_TIMEOUT(section, member)                                                                       \
	CALLER_ROW(section, member, connections, OPT_NUMBER, "2", 1, CALLER_CONNECTIONS_MAX,                           \
		"So many connections to the server at once."),                                                         \
		CALLER_ROW(section, member, idle, OPT_DURATION, "1m", 1000, SECONDS(86400),                            \
			"A connection on which nothing was asked for so long is closed."),                             \
		CALLER_ROW(section, member, breaker_failures, OPT_NUMBER, "5", 1, 1000,                                \
			"After so many questions in a row without an answer the server is left alone for a while; "    \
			"questions then fail at once."),                                                               \
		CALLER_ROW(section, member, breaker_pause, OPT_DURATION, "5s", 100, SECONDS(60),                       \
			"For how long, at first, give or take a fifth. Then one question probes it; while that gets "  \
			"no answer the pause doubles, up to a minute.")

#define CALLER_ROW(section, member, name_, type_, def_, min_, max_, help_)                                             \
	{                                                                                                              \
		.name = #name_, .type = type_, .offset = offsetof(struct section, member.name_), .def = def_,          \
		.min = min_, .max = max_, .help = help_                                                                \
	}

/* A question that is out, as far as a protocol has to know it. */
struct caller_question {
	uint64_t size, size_with_charges; /* octets, as in the look-up */
	bool told; /* the protocol's: the server was told the size */
	bool probe; /* and whatever else is the caller's own */
	struct list link;
	struct lookup *lookup; /* null: nobody waits any more */
	msec deadline;
	bool asked; /* it was, once, on a connection that never answered anything */
};

/* What a server said of a mailbox. */
struct caller_answer {
	struct facts facts;
	struct buf note; /* one line, in the server's own words; whoever prints it makes it clean */
};

enum caller_step {
	CALLER_MORE, /* more octets are wanted */
	CALLER_AGAIN, /* something was eaten: feed() the rest */
	CALLER_READY, /* likewise, and questions may be put from now on */
	CALLER_ANSWERED, /* likewise: the oldest question has its answer */
	CALLER_OVER, /* the server closes, or makes no sense: the note says what it said */
};

/* How a protocol is spoken, without a socket. A session is a block of `session_size` octets that were set to 0. */
struct caller_protocol {
	size_t session_size;
	/* The connection is made. True: questions may be put at once. */
	bool (*open)(void *session, const void *conf);
	/* So many questions may be out on the connection at once. */
	unsigned (*depth)(const void *session);
	/* Writes a question, at most CALLER_WRITTEN octets. False with the reason: it cannot be put. */
	bool (*ask)(void *session, const struct lookup *, struct caller_question *, struct buf *out, struct buf *why);
	/* Eats of what came. `oldest` is null when no question is out. May write up to CALLER_WRITTEN octets. */
	enum caller_step (*feed)(void *session, struct str in, size_t *eaten, const struct caller_question *oldest,
		struct caller_answer *, struct buf *out);
	/* The last words before we close. May be null. */
	void (*leave)(void *session, struct buf *out);
};

/* ---- what a server's answer makes of the facts ---- */

void caller_took(struct caller_answer *, const struct caller_question *);
void caller_refused(struct caller_answer *, const struct caller_question *, bool too_large);

/* ---- the store ---- */

/* `own` is what protocol.open() gets, `c` lies in it; both outlive the store. */
struct store *caller_open(uv_loop_t *, struct nursery *, const struct blocking_conf *, const struct caller_protocol *,
	const struct caller_conf *c, const void *own, struct err *);

#endif
