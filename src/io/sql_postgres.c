/*
 * PostgreSQL by libpq, in its asynchronous manner with a deadline, so that neither a lost network nor a stopped server
 * holds a helper longer than the timeout. Rows come one by one: a query that names a whole table grows nothing here.
 */
#include "io/sql_driver.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_OID 25 /* every parameter is text: an untyped one in concat() has no type */

struct postgres_link {
	PGconn *conn;
	msec timeout, deadline;
	bool prepared[SQL_QUERIES_MAX];
};

static void postgres_close(void *link)
{
	struct postgres_link *l = link;
	PQfinish(l->conn);
	free(l);
}

static enum sql_outcome late(const struct postgres_link *l, struct err *err)
{
	err_set(err, "no answer within %lld ms", (long long)l->timeout);
	return SQL_LATE;
}

/* Waits until the socket is ready; false at the deadline. */
static bool await(const struct postgres_link *l, short events)
{
	struct pollfd p = { .fd = PQsocket(l->conn), .events = events };
	for (;;) {
		msec left = l->deadline - sql_clock();
		if (left <= 0 || p.fd < 0)
			return false;
		int n = poll(&p, 1, (int)left);
		if (n > 0 || (n < 0 && errno != EINTR))
			return true; /* libpq will say what is wrong with it */
	}
}

/* ---- connecting ---- */

static PGconn *begin(const struct sql_place *place, const char *password)
{
	char port[16] = "";
	if (place->port)
		snprintf(port, sizeof(port), "%u", place->port);
	/* An empty value is one that is not given. */
	const char *const keys[] = { "host", "port", "dbname", "user", "password", "client_encoding",
		"fallback_application_name", "gssencmode", NULL };
	const char *const words[] = { place->path[0] ? place->path : place->host, port, place->database, place->user,
		password, "UTF8", "quotagate", "disable", NULL };
	return PQconnectStartParams(keys, words, 0);
}

static enum sql_outcome finish_connecting(struct postgres_link *l, struct err *err)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;
	while (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
		if (!await(l, status == PGRES_POLLING_READING ? POLLIN : POLLOUT))
			return late(l, err);
		status = PQconnectPoll(l->conn);
	}
	return status == PGRES_POLLING_OK ? SQL_DONE : sql_words(err, SQL_LOST, "", PQerrorMessage(l->conn));
}

/* ---- answers ---- */

/* Sends what libpq holds back. */
static enum sql_outcome flush(struct postgres_link *l, struct err *err)
{
	int left;
	while ((left = PQflush(l->conn)) > 0) {
		if (!await(l, POLLIN | POLLOUT))
			return late(l, err);
		if (!PQconsumeInput(l->conn))
			break;
	}
	return left == 0 ? SQL_DONE : sql_words(err, SQL_LOST, "", PQerrorMessage(l->conn));
}

/* The next result, null at the end of the answer. */
static enum sql_outcome next_result(struct postgres_link *l, PGresult **result, struct err *err)
{
	while (PQisBusy(l->conn)) {
		if (!await(l, POLLIN))
			return late(l, err);
		if (!PQconsumeInput(l->conn))
			return sql_words(err, SQL_LOST, "", PQerrorMessage(l->conn));
	}
	*result = PQgetResult(l->conn);
	return SQL_DONE;
}

static enum sql_outcome put_row(const PGresult *r, sql_row *row, void *arg, struct err *err)
{
	struct sql_cell cells[SQL_COLUMNS_MAX];
	int n = PQnfields(r);
	size_t total = 0;
	if (n > SQL_COLUMNS_MAX) {
		err_set(err, "more than %d columns", SQL_COLUMNS_MAX);
		return SQL_REFUSED;
	}
	for (int i = 0; i < n; i++) {
		bool null = PQgetisnull(r, 0, i);
		cells[i].name = PQfname(r, i);
		cells[i].value = (struct str){ null ? NULL : PQgetvalue(r, 0, i), (size_t)PQgetlength(r, 0, i) };
		total += cells[i].value.len;
	}
	if (total > SQL_ROW_MAX) {
		err_set(err, "a row of more than %d octets", SQL_ROW_MAX);
		return SQL_REFUSED;
	}
	row(arg, cells, (unsigned)n);
	return SQL_DONE;
}

/* A statement that does not fit its tables any more, or is not there, is prepared anew by a new connection. */
static bool is_outdated(const PGresult *r)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	return state && (strcmp(state, "0A000") == 0 || strcmp(state, "26000") == 0);
}

static enum sql_outcome refuse(const PGresult *r, struct err *err)
{
	const char *words = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	words = words ? words : PQresultErrorMessage(r);
	return sql_words(err, is_outdated(r) ? SQL_LOST : SQL_REFUSED, "", words && *words ? words : "no rows");
}

/* Takes the whole answer; without `row` it is that of a command. What is wrong first decides, but the rest is read all the
   same, so that the connection can be used again. An answer without its end is none. */
static enum sql_outcome take_answer(struct postgres_link *l, sql_row *row, void *arg, struct err *err)
{
	enum sql_outcome outcome = flush(l, err);
	ExecStatusType end = row ? PGRES_TUPLES_OK : PGRES_COMMAND_OK;
	bool ended = false;
	PGresult *r = NULL;
	if (outcome != SQL_DONE)
		return outcome;
	for (;;) {
		enum sql_outcome now = next_result(l, &r, err);
		if (now != SQL_DONE)
			return now;
		if (!r)
			break;
		ended = ended || PQresultStatus(r) == end;
		if (outcome == SQL_DONE && row && PQresultStatus(r) == PGRES_SINGLE_TUPLE)
			outcome = put_row(r, row, arg, err);
		else if (outcome == SQL_DONE && PQresultStatus(r) != end)
			outcome = refuse(r, err);
		PQclear(r);
	}
	if (outcome == SQL_DONE && !ended)
		return sql_words(err, SQL_LOST, "", "the answer is cut off");
	return outcome == SQL_REFUSED && PQstatus(l->conn) != CONNECTION_OK ? SQL_LOST : outcome;
}

static enum sql_outcome sent(struct postgres_link *l, int good, sql_row *row, void *arg, struct err *err)
{
	if (!good)
		return sql_words(err, SQL_LOST, "", PQerrorMessage(l->conn));
	if (row)
		PQsetSingleRowMode(l->conn);
	return take_answer(l, row, arg, err);
}

static void *postgres_open(const struct sql_place *place, const char *password, msec timeout, struct err *err)
{
	char text[128];
	struct postgres_link *l = calloc(1, sizeof(*l));
	if (l)
		l->conn = begin(place, password);
	if (!l || !l->conn) {
		free(l);
		err_set(err, "out of memory");
		return NULL;
	}
	l->timeout = timeout;
	l->deadline = sql_clock() + timeout;
	snprintf(text, sizeof(text), "SET statement_timeout = %lld; SET default_transaction_read_only = on",
		(long long)sql_statement_time(timeout));
	if (PQstatus(l->conn) == CONNECTION_BAD) {
		sql_words(err, SQL_LOST, "", PQerrorMessage(l->conn));
	} else if (finish_connecting(l, err) == SQL_DONE && PQsetnonblocking(l->conn, 1) == 0 &&
		   sent(l, PQsendQuery(l->conn, text), NULL, NULL, err) == SQL_DONE) {
		return l;
	}
	postgres_close(l);
	return NULL;
}

static enum sql_outcome prepare(struct postgres_link *l, const struct sql_query *q, const char *name, struct err *err)
{
	Oid types[SQL_PARAMETERS_MAX];
	for (unsigned i = 0; i < q->n; i++)
		types[i] = TEXT_OID;
	enum sql_outcome outcome = sent(l, PQsendPrepare(l->conn, name, q->text, (int)q->n, types), NULL, NULL, err);
	l->prepared[q->slot] = outcome == SQL_DONE;
	return outcome;
}

static enum sql_outcome postgres_ask(
	void *link, const struct sql_query *q, const struct str *values, sql_row *row, void *arg, struct err *err)
{
	struct postgres_link *l = link;
	char name[16], texts[SQL_PARAMETERS_MAX][1024];
	const char *words[SQL_PARAMETERS_MAX];
	snprintf(name, sizeof(name), "quotagate%u", q->slot);
	for (unsigned i = 0; i < q->n; i++) {
		/* Binary text has a length, and is the same as text; libpq wants a NUL in neither. */
		if (!str_copy_z(texts[i], sizeof(texts[i]), values[q->value[i]]))
			return sql_words(err, SQL_REFUSED, "", "a value is too long, or holds a NUL");
		words[i] = texts[i];
	}
	l->deadline = sql_clock() + l->timeout;
	enum sql_outcome outcome = l->prepared[q->slot] ? SQL_DONE : prepare(l, q, name, err);
	if (outcome != SQL_DONE)
		return outcome;
	return sent(l, PQsendQueryPrepared(l->conn, name, (int)q->n, words, NULL, NULL, 0), row, arg, err);
}

const struct sql_driver sql_postgres = {
	.scheme = "postgresql",
	.name = "PostgreSQL",
	.dollars = true,
	.open = postgres_open,
	.ask = postgres_ask,
	.close = postgres_close,
};
