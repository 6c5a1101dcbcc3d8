/*
 * Questions to an SQL server: SQLite, PostgreSQL, MySQL or MariaDB, as far as each was built in. Synchronous code for
 * helper processes. Values travel as parameters of prepared statements and never become part of a query's text; the
 * connection is asked to be read-only. No question lasts much longer than its timeout, whatever server or network do.
 *
 *   sqlite:/path/to/file
 *   postgresql://[user@][host][:port]/database[?socket=/directory]
 *   mysql://[user@][host][:port]/database[?socket=/path]
 *
 * Octets that would be taken for separators are written %2F and so on. Without a host, or with a socket, a unix socket.
 */
#ifndef IO_SQL_H
#define IO_SQL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/heard.h"
#include "base/time.h"

#define SQL_QUERY_MAX 4096 /* octets of a query's text */
#define SQL_PARAMETERS_MAX 32 /* places of parameters in one query */
#define SQL_QUERIES_MAX 8 /* of one connection */
#define SQL_COLUMNS_MAX 128
#define SQL_ROW_MAX 65536 /* octets of the values of one row */

struct sql_driver;

/* Where the database is; every text ends with NUL, and is empty when it is not told. */
struct sql_place {
	const struct sql_driver *driver;
	char user[128], host[256], database[256];
	char path[256]; /* of the database file, or of the socket */
	unsigned port; /* 0: the server's usual one */
};

/* False when the URI is malformed, names a password, or needs a driver that was not built in. */
bool sql_place_parse(struct sql_place *, struct str uri, struct err *);

/* "PostgreSQL host/database", for notes. */
void sql_place_put(const struct sql_place *, struct buf *out);

/* A query in the words of one driver: every :name has become a placeholder. */
struct sql_query {
	unsigned slot; /* 0..SQL_QUERIES_MAX - 1, another for each query of a connection: its statement is kept there */
	unsigned n; /* placeholders */
	unsigned char value[SQL_PARAMETERS_MAX]; /* which value stands for each */
	char text[SQL_QUERY_MAX];
};

/* Translates `text`, whose parameters are :NAME with a NAME of the null-terminated list; its index is that of the value in
   sql_ask(). Strings, quoted names, comments and casts (::) are left alone. False: a parameter that is not in the list, a
   placeholder that is not a name, no parameter at all, or too long. */
bool sql_query_init(struct sql_query *, const struct sql_driver *, unsigned slot, struct str text,
	const char *const *names, struct err *);

struct sql_cell {
	const char *name; /* of the column */
	struct str value; /* as text; a null `at` is NULL */
};

/* One row; the slices are valid during the call. */
typedef void sql_row(void *arg, const struct sql_cell *, unsigned n);

struct sql;

/* Connects when the first question is asked. The password is the first line of a file, which others may not read; it is
   read at each connection. Null: no password. Place and path outlive the struct. Returns null only when out of memory. */
struct sql *sql_open(const struct sql_place *, const char *password_file, msec timeout);
void sql_close(struct sql *);

/* Asks, and calls row() for each row of the answer. A connection that was lost since the last question is made anew, once.
   False with the server's own words, in one clean line; rows that came before that are to be forgotten. */
bool sql_ask(struct sql *, const struct sql_query *, const struct str *values, sql_row *row, void *arg, struct err *);

/* Of the server, since this was last called. That it refuses a query is an answer; that it refuses us is none. */
enum heard sql_heard(struct sql *);

/* Where that is, in the postmaster's words; nothing when it is a file. */
void sql_server_put(const char *uri, struct buf *out);

/* Can the password be read, as far as this process may tell? For the check of a configuration: a file that only the
   helpers may read is fine. */
bool sql_password_check(const char *password_file, struct err *);

#endif
