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

/* Their rows, for a struct that has them as `caller`. */
#define CALLER_ROWS(section)                                                                                           \
	{ .name = "timeout",                                                                                           \
		.type = OPT_DURATION,                                                                                  \
		.offset = offsetof(struct section, caller.timeout),                                                    \
		.def = "3s",                                                                                           \
		.min = 50,                                                                                             \
		.max = SECONDS(60),                                                                                    \
		.help = "How long a question may take, connecting included." },                                        \
		CALLER_ROWS_BUT_TIMEOUT(section)

#define CALLER_ROWS_BUT_TIMEOUT(section)                                                                               \
	{ .name = "connections",                                                                                       \
		.type = OPT_NUMBER,                                                                                    \
		.offset = offsetof(struct section, caller.connections),                                                \
		.def = "2",                                                                                            \
		.min = 1,                                                                                              \
		.max = CALLER_CONNECTIONS_MAX,                                                                         \
		.help = "So many connections to the server at once." },                                                \
		{ .name = "idle",                                                                                      \
			.type = OPT_DURATION,                                                                          \
			.offset = offsetof(struct section, caller.idle),                                               \
			.def = "1m",                                                                                   \
			.min = 1000,                                                                                   \
			.max = SECONDS(86400),                                                                         \
			.help = "A connection on which nothing was asked for so long is closed." },                    \
		{ .name = "breaker_failures",                                                                          \
			.type = OPT_NUMBER,                                                                            \
			.offset = offsetof(struct section, caller.breaker_failures),                                   \
			.def = "5",                                                                                    \
			.min = 1,                                                                                      \
			.max = 1000,                                                                                   \
			.help = "After so many questions in a row without an answer the server is left alone for a "   \
				"while; questions then fail at once." },                                               \
	{                                                                                                              \
		.name = "breaker_pause", .type = OPT_DURATION,                                                         \
		.offset = offsetof(struct section, caller.breaker_pause), .def = "5s", .min = 100, .max = SECONDS(60), \
		.help = "For how long, at first, give or take a fifth. Then one question probes it; while that gets "  \
			"no "                                                                                          \
			"answer the pause doubles, up to a minute."                                                    \
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
