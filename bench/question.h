/*
 * What the load generator says and what it accepts as an answer, one row per protocol. A question is a text written
 * once per connection, in which only the user's five digits and the transaction's sixteen are replaced: the generator
 * should cost as little as it can. A protocol is added as one more row in question.c.
 */
#ifndef BENCH_QUESTION_H
#define BENCH_QUESTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUESTION_MAX 2048
#define QUESTION_USERS 100000

enum reply {
	REPLY_PART, /* not all of it yet */
	REPLY_PASS,
	REPLY_FULL, /* 452 */
	REPLY_ODD, /* anything else, which no benchmark of ours may see */
};

struct question_form {
	const char *domain; /* of the recipients */
	const char *before, *after; /* exim-quotad: what stands before and behind the user's name in a path */
	uint64_t size; /* octets declared */
};

struct question {
	size_t length, user_at, transaction_at; /* a position of 0: there is no such field */
	char text[QUESTION_MAX];
};

struct protocol {
	const char *name;
	/* False when the form does not fit. */
	bool (*write)(struct question *, const struct question_form *);
	enum reply (*read)(const char *in, size_t n);
};

/* Null when there is no such protocol. */
const struct protocol *protocol_find(const char *name);

/* `user` below QUESTION_USERS. */
void question_set_user(struct question *, unsigned user);
void question_set_transaction(struct question *, uint64_t transaction);

#endif
