/*
 * What goes between a pool and its helpers. To a helper: one or more requests in one message, each a head and a record;
 * where the head says that another request follows, the record stands behind its length and the other begins at the next
 * multiple of eight octets. From a helper: one reply, a head and a record. Only pool.c and pool_serve.c include this.
 */
#ifndef IO_POOL_WIRE_H
#define IO_POOL_WIRE_H

#include "io/pool.h"

/* 64 bits, which keep the record behind it aligned. */
struct pool_head {
	uint64_t seq : 62; /* the reply carries that of its request */
	uint64_t more : 1; /* another request follows in this message; never in a reply */
	uint64_t retired : 1; /* this is no reply: another helper is to be asked, and this one wants to be replaced */
};

struct pool_message {
	struct pool_head head;
	uint64_t record[POOL_RECORD_MAX / sizeof(uint64_t)];
};

#endif
