/*
 * The inside of the nursery: the process that nursery.h speaks of, and the fixed records that the daemon's side and it
 * exchange over a SOCK_SEQPACKET pair. Only nursery.c includes this.
 */
#ifndef IO_BROOD_H
#define IO_BROOD_H

#include "io/nursery.h"

#include <stdint.h>

enum brood_op { BROOD_SPAWN = 1, BROOD_END, BROOD_RENEW };

struct brood_request {
	uint32_t op;
	uint32_t serial; /* comes back in the answer; never 0 */
	uint32_t set; /* BROOD_SPAWN */
	int32_t pid; /* BROOD_END, which has no answer */
};

/* To SPAWN and RENEW, with a descriptor by SCM_RIGHTS when all went well. The first one, unasked, has serial 0: the
   nursery is ready, or is not and ends. */
struct brood_answer {
	uint32_t serial;
	int32_t pid;
	struct hash digest; /* of serial 0 */
	struct err why; /* empty text: all went well */
};

/* The nursery's life, in a process just forked. `fd` is its end of the pair. Never returns. */
_Noreturn void brood_run(int fd, const struct nursery_plan *, nursery_reread *, void *arg);

#endif
