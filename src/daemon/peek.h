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

/* Waits a second at most. */
void peek_ask(struct peek *, const struct endpoint *control, struct str address);

#endif
