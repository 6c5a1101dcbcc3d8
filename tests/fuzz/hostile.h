/*
 * Helper processes that were taken over: the input holds their ends of the sockets, and sends the daemon what it likes. The
 * nursery, the pool and all that is behind it are the daemon's own, but for nursery_spawn(), which hands out these sockets
 * (the linker puts it in the nursery's place), and lookup_done(), of which the gate would hear.
 */
#ifndef TESTS_FUZZ_HOSTILE_H
#define TESTS_FUZZ_HOSTILE_H

#include "fuzz.h"

#include <uv.h>

#define HOSTILE_QUESTIONS 12

/* What is asked by way of helpers. */
struct hostile_asker {
	void (*open)(uv_loop_t *);
	/* Question number i goes out, made of the input as far as it likes. False: it did not. */
	bool (*ask)(unsigned i, struct octets *);
	void (*cancel)(unsigned i);
	void (*close)(void);
	size_t reply; /* octets of a reply that makes sense, without a text behind it */
};

/* Lives through what the input tells: questions, replies, deaths. Each question has one answer, or is cancelled. */
void hostile_live(const struct hostile_asker *, const uint8_t *data, size_t size);

/* The asker has the answer to question i. */
void hostile_answered(unsigned i);

#endif
