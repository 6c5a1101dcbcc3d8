/* What a running daemon knows of an address, asked through its control socket (front/control.c). */
#ifndef DAEMON_PEEK_H
#define DAEMON_PEEK_H

#include "core/facts.h"
#include "io/endpoint.h"

struct peek {
	bool reached; /* the daemon answered; else `why` */
	bool known; /* it has facts of the mailbox */
	bool asked; /* the store gives verdicts: `usage` and `limit` are sizes taken and refused (core/asked.h) */
	uint64_t usage, limit;
	uint32_t messages;
	msec taken; /* of the machine's monotonic clock, as uv_now() */
	struct charge charge;
	char why[160];
};

/* A connection to it, for one question after the other. */
struct peek_link {
	const struct endpoint *control;
	int fd; /* -1: none */
};

/* Connects at once, for the socket may be one that only root may connect to. When that fails, or an answer does not come, the
   next question tries again. The endpoint must outlive the link. */
void peek_open(struct peek_link *, const struct endpoint *control);
void peek_close(struct peek_link *);

/* Waits a second at most. */
void peek_ask(struct peek *, struct peek_link *, struct str address);

#endif
