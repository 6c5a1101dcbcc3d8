/*
 * What io/sql.c needs of one server's library. One file a driver; its table is named in one array, in sql_driver.c, the
 * only place here that knows which of them are built in.
 */
#ifndef IO_SQL_DRIVER_H
#define IO_SQL_DRIVER_H

#include "io/sql.h"

enum sql_outcome {
	SQL_DONE,
	SQL_REFUSED, /* the server said no; the connection is good */
	SQL_LOST, /* the connection is gone: another may do better */
	SQL_LATE, /* no answer in time: the connection is not to be used again */
};

struct sql_driver {
	const char *scheme; /* of the URI */
	const char *name; /* for people */
	bool is_file; /* a path follows the scheme */
	bool dollars; /* placeholders are $1, $2; else ? */
	bool backslashes; /* escape in every string literal, not only in E'' */
	/* A connection, null with the reason. */
	void *(*open)(const struct sql_place *, const char *password, msec timeout, struct err *);
	/* Prepares the query on this connection if it was not, and runs it. */
	enum sql_outcome (*ask)(
		void *link, const struct sql_query *, const struct str *values, sql_row *, void *arg, struct err *);
	void (*close)(void *link);
};

#define SQL_PASSWORD_MAX 256

/* The driver of a URI's scheme; null with the reason, for instance that it was not built in. */
const struct sql_driver *sql_driver_find(struct str scheme, struct err *);

/* The first line of the file. False with the reason; others may read it is one. */
bool sql_password_read(char out[SQL_PASSWORD_MAX], const char *path, struct err *);

/* What a server says, as one clean line behind `what`. Returns `outcome`. */
enum sql_outcome sql_words(struct err *, enum sql_outcome outcome, const char *what, const char *words);

/* When the server itself is to end a statement: a little before we do, so that it can say why. */
static inline msec sql_statement_time(msec timeout)
{
	return timeout - timeout / 10;
}

/* Milliseconds of the monotonic clock. */
msec sql_clock(void);

#endif
