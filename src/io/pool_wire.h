/* What stands before each record between a pool and its helpers. Only pool.c and pool_serve.c include this. */
#ifndef IO_POOL_WIRE_H
#define IO_POOL_WIRE_H

#include <stdint.h>

/* 64 bits, which keep the record behind it aligned. */
struct pool_head {
	uint64_t seq : 63; /* the reply carries that of its request */
	uint64_t retired : 1; /* this is no reply: another helper is to be asked, and this one wants to be replaced */
};

#endif
