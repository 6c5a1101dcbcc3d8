/*
 * What the load generator says and what it accepts as an answer, one row per protocol. A question is a text written
 * once per connection, in which only the user's six digits and the transaction's sixteen are replaced: the generator
 * should cost as little as it can. Messages between quotagates cannot be had so cheaply, for each has a seal of its own.
 * A protocol is added as one more row in question.c.
 */
#ifndef BENCH_QUESTION_H
#define BENCH_QUESTION_H

#include "wire/facts_message.h"

#define QUESTION_MAX 2048
#define QUESTION_USERS 1000000

enum reply {
	REPLY_PART, /* not all of it yet */
	REPLY_PASS,
	REPLY_FULL, /* 452, or figures that leave no room for the message */
	REPLY_LATE, /* a datagram that answers an earlier question, which was asked twice */
	REPLY_ODD, /* anything else, which no benchmark of ours may see */
};

struct question_form {
	const char *domain; /* of the recipients */
	const char *before, *after; /* exim-quotad: what stands before and behind the user's name in a path */
	const struct seal_key *key; /* facts: seals; null: nothing is sealed */
	uint64_t size; /* octets declared */
	bool report; /* facts: no message will come, and nothing is charged */
	bool single; /* a connection per question, and HTTP says so */
};

struct question {
	size_t length, user_at, transaction_at; /* a position of 0: there is no such field */
	char text[QUESTION_MAX];
	/* facts */
	struct facts_request request;
	char address[FACTS_ADDRESS_MAX];
	const struct seal_key *key;
	size_t message_at; /* in the text: by HTTP it is the body */
};

struct protocol {
	const char *name;
	bool datagrams;
	/* The first time; it stays where it is. False when the form does not fit. */
	bool (*write)(struct question *, const struct question_form *);
	/* About `user`, below QUESTION_USERS, in this transaction. */
	void (*renew)(struct question *, unsigned user, uint64_t transaction);
	/* The same question, to be sent once more; null: nothing in it changes. */
	void (*repeat)(struct question *);
	enum reply (*read)(const struct question *, const char *in, size_t n);
};

/* question_facts.c: by datagram, and as the body of POST /v1/facts; question_cgi.c: GET /cgi-bin/quota.cgi?u=USER. */
extern const struct protocol facts_protocol, facts_http_protocol, cgi_protocol;

/* Null when there is no such protocol. */
const struct protocol *protocol_find(const char *name);

/* In the text, where it has such fields. */
void question_renew(struct question *, unsigned user, uint64_t transaction);

/* The six digits of a user. */
void question_put_user(char *at, unsigned user);

#endif
