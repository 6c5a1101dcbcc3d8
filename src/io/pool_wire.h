/* What stands before each record between a pool and its helpers. Only pool.c and pool_serve.c include this. */
#ifndef IO_POOL_WIRE_H
#define IO_POOL_WIRE_H

#include <stdint.h>

struct pool_head {
	uint64_t seq; /* the reply carries that of its request. 64 bits keep the record behind it aligned */
	uint64_t
		retired; /* in a reply, 1: this is none, another helper is to be asked; this one wants to be replaced */
};

#endif
