/*
 * A connection to one Redis server, by hiredis, for helper processes: made when it is needed, kept, made anew when it was
 * lost. Questions are pipelined. No question lasts much longer than its timeout, and no answer grows memory: one that is
 * longer than REDIS_VALUE_MAX, or nested, is none of ours and ends the connection.
 */
#ifndef STORE_REDIS_LINK_H
#define STORE_REDIS_LINK_H

#include "base/err.h"
#include "base/heard.h"
#include "base/str.h"
#include "base/time.h"

#define REDIS_VALUE_MAX 256 /* octets */
#define REDIS_PIPELINE_MAX 2 /* questions in one go */

struct redis_link_conf {
	const char *address; /* inet:host:port or unix:/path, as checked */
	const char *login, *password_file; /* null: none */
	unsigned database;
	msec timeout; /* of a question, the connection included */
};

struct redis_value {
	bool there;
	size_t len;
	char text[REDIS_VALUE_MAX];
};

struct redis_link;

/* For the check of an option's row. */
bool redis_link_check_address(struct str, struct err *);

/* The conf outlives it. Null: out of memory. */
struct redis_link *redis_link_new(const struct redis_link_conf *);
void redis_link_free(struct redis_link *);

/* The values of n keys, at most REDIS_PIPELINE_MAX. False with the server's own words, in one clean line. */
bool redis_link_get(struct redis_link *, const struct str *keys, size_t n, struct redis_value *values, struct err *);

/* Of the server, since this was last called. An error that it tells is an answer. */
enum heard redis_link_heard(struct redis_link *);

#endif
