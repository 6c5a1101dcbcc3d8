/*
 * MySQL and MariaDB by libmariadb. Its calls block, each for the timeout at most. Options files are not read, and a server
 * that asks for a file of ours (LOAD DATA LOCAL) gets none. Rows come one by one, their values one after another into
 * one buffer.
 */
#include "io/sql_driver.h"

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>

struct mysql_link {
	MYSQL *db;
	msec timeout;
	MYSQL_STMT *prepared[SQL_QUERIES_MAX];
	char row[SQL_ROW_MAX]; /* the values of one row */
};

static void mysql_driver_close(void *link)
{
	struct mysql_link *l = link;
	for (size_t i = 0; i < SQL_QUERIES_MAX; i++)
		if (l->prepared[i])
			mysql_stmt_close(l->prepared[i]);
	if (l->db)
		mysql_close(l->db);
	free(l);
}

static void set_options(MYSQL *db, msec timeout)
{
	/* The library counts in seconds. */
	unsigned seconds = (unsigned)((timeout + 999) / 1000), no = 0;
	mysql_options(db, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
	mysql_options(db, MYSQL_OPT_READ_TIMEOUT, &seconds);
	mysql_options(db, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
	mysql_options(db, MYSQL_OPT_LOCAL_INFILE, &no);
	mysql_options(db, MYSQL_SET_CHARSET_NAME, "utf8mb4");
}

/* MariaDB and MySQL name their statement's time differently; what neither knows is left to the read timeout. */
static bool set_session(struct mysql_link *l)
{
	char text[96];
	long long limit = sql_statement_time(l->timeout);
	if (mysql_query(l->db, "SET SESSION TRANSACTION READ ONLY") != 0)
		return false;
	snprintf(text, sizeof(text), "SET SESSION max_statement_time = %lld.%03lld", limit / 1000, limit % 1000);
	if (mysql_query(l->db, text) == 0)
		return true;
	snprintf(text, sizeof(text), "SET SESSION max_execution_time = %lld", limit);
	return mysql_query(l->db, text) == 0 || mysql_errno(l->db) == ER_UNKNOWN_SYSTEM_VARIABLE;
}

static void *mysql_driver_open(const struct sql_place *place, const char *password, msec timeout, struct err *err)
{
	struct mysql_link *l = calloc(1, sizeof(*l));
	if (l)
		l->db = mysql_init(NULL);
	if (!l || !l->db) {
		free(l);
		err_set(err, "out of memory");
		return NULL;
	}
	l->timeout = timeout;
	set_options(l->db, timeout);
	/* "localhost" would mean a socket of the library's choice; here only the URI chooses. */
	const char *host = strcmp(place->host, "localhost") == 0 ? "127.0.0.1" : place->host;
	if (mysql_real_connect(l->db, host[0] ? host : NULL, place->user[0] ? place->user : NULL, password,
		    place->database, place->port, place->path[0] ? place->path : NULL, 0) &&
		set_session(l))
		return l;
	sql_words(err, SQL_LOST, "", mysql_error(l->db));
	mysql_driver_close(l);
	return NULL;
}

/* What the library itself complains of, or does not tell, leaves a connection of which nobody knows how far it is, and
   statements that may lack a part. */
static enum sql_outcome outcome_of(unsigned code)
{
	bool of_library = (code >= CR_MIN_ERROR && code <= CR_MAX_ERROR) || code >= CER_MIN_ERROR;
	switch (code) {
	case 0:
	case ER_SERVER_SHUTDOWN:
	case ER_CONNECTION_KILLED:
	case ER_UNKNOWN_STMT_HANDLER: return SQL_LOST;
	default: return of_library ? SQL_LOST : SQL_REFUSED;
	}
}

/* What goes wrong while rows are fetched, the library tells of the connection alone. */
static enum sql_outcome refuse(struct mysql_link *l, MYSQL_STMT *st, struct err *err)
{
	unsigned code = mysql_stmt_errno(st);
	if (code)
		return sql_words(err, outcome_of(code), "", mysql_stmt_error(st));
	code = mysql_errno(l->db);
	return sql_words(err, outcome_of(code), "", code ? mysql_error(l->db) : "the answer is cut off");
}

static enum sql_outcome prepare(struct mysql_link *l, const struct sql_query *q, struct err *err)
{
	MYSQL_STMT *st = l->prepared[q->slot];
	if (st)
		return SQL_DONE;
	st = mysql_stmt_init(l->db);
	if (!st)
		return sql_words(err, SQL_LATE, "", "out of memory");
	if (mysql_stmt_prepare(st, q->text, strlen(q->text)) != 0) {
		enum sql_outcome outcome = refuse(l, st, err);
		mysql_stmt_close(st);
		return outcome;
	}
	l->prepared[q->slot] = st;
	if (mysql_stmt_param_count(st) == q->n && mysql_stmt_field_count(st) <= SQL_COLUMNS_MAX)
		return SQL_DONE;
	mysql_stmt_close(st);
	l->prepared[q->slot] = NULL;
	return sql_words(err, SQL_REFUSED, "", "the query has too many columns, or placeholders that are not ours");
}

static enum sql_outcome execute(
	struct mysql_link *l, MYSQL_STMT *st, const struct sql_query *q, const struct str *values, struct err *err)
{
	MYSQL_BIND in[SQL_PARAMETERS_MAX] = { 0 };
	unsigned long lens[SQL_PARAMETERS_MAX];
	char texts[SQL_PARAMETERS_MAX][1024];
	for (unsigned i = 0; i < q->n; i++) {
		struct str v = values[q->value[i]];
		if (v.len > sizeof(texts[i]))
			return sql_words(err, SQL_REFUSED, "", "a value is too long");
		if (v.len)
			memcpy(texts[i], v.at, v.len);
		lens[i] = v.len;
		in[i] = (MYSQL_BIND){
			.buffer_type = MYSQL_TYPE_STRING, .buffer = texts[i], .buffer_length = v.len, .length = &lens[i]
		};
	}
	if (mysql_stmt_bind_param(st, in) != 0 || mysql_stmt_execute(st) != 0)
		return refuse(l, st, err);
	return SQL_DONE;
}

/* Fetches the values of the row at hand, whose lengths are known, into the link's buffer. */
static enum sql_outcome put_row(struct mysql_link *l, MYSQL_STMT *st, const MYSQL_FIELD *fields, MYSQL_BIND *out,
	unsigned n, sql_row *row, void *arg, struct err *err)
{
	struct sql_cell cells[SQL_COLUMNS_MAX];
	size_t used = 0;
	for (unsigned i = 0; i < n; i++) {
		size_t len = out[i].is_null_value ? 0 : out[i].length_value;
		if (len > sizeof(l->row) - used) {
			err_set(err, "a row of more than %d octets", SQL_ROW_MAX);
			return SQL_REFUSED;
		}
		MYSQL_BIND cell = { .buffer_type = MYSQL_TYPE_STRING, .buffer = l->row + used, .buffer_length = len };
		if (len && mysql_stmt_fetch_column(st, &cell, i, 0) != 0)
			return refuse(l, st, err);
		cells[i].name = fields[i].name;
		cells[i].value = (struct str){ out[i].is_null_value ? NULL : l->row + used, len };
		used += len;
	}
	row(arg, cells, n);
	return SQL_DONE;
}

static enum sql_outcome take_rows(struct mysql_link *l, MYSQL_STMT *st, sql_row *row, void *arg, struct err *err)
{
	MYSQL_BIND out[SQL_COLUMNS_MAX] = { 0 };
	unsigned n = mysql_stmt_field_count(st);
	MYSQL_RES *meta = mysql_stmt_result_metadata(st);
	enum sql_outcome outcome = SQL_DONE;
	int code = 0;
	if (!meta && (mysql_stmt_errno(st) || mysql_errno(l->db)))
		return refuse(l, st, err);
	if (!meta)
		return sql_words(err, SQL_REFUSED, "", "the query is no SELECT");
	for (unsigned i = 0; i < n; i++) {
		out[i].buffer_type = MYSQL_TYPE_STRING; /* of no length: fetching tells the true one */
		out[i].length = &out[i].length_value;
		out[i].is_null = &out[i].is_null_value;
	}
	if (mysql_stmt_bind_result(st, out) != 0)
		outcome = refuse(l, st, err);
	while (outcome == SQL_DONE && ((code = mysql_stmt_fetch(st)) == 0 || code == MYSQL_DATA_TRUNCATED))
		outcome = put_row(l, st, mysql_fetch_fields(meta), out, n, row, arg, err);
	if (outcome == SQL_DONE && code != MYSQL_NO_DATA)
		outcome = refuse(l, st, err);
	mysql_free_result(meta);
	return outcome;
}

static enum sql_outcome mysql_driver_ask(
	void *link, const struct sql_query *q, const struct str *values, sql_row *row, void *arg, struct err *err)
{
	struct mysql_link *l = link;
	msec began = sql_clock();
	enum sql_outcome outcome = prepare(l, q, err);
	if (outcome == SQL_DONE) {
		MYSQL_STMT *st = l->prepared[q->slot];
		outcome = execute(l, st, q, values, err);
		if (outcome == SQL_DONE)
			outcome = take_rows(l, st, row, arg, err);
		if (mysql_stmt_free_result(st) != 0 && outcome == SQL_DONE)
			outcome = refuse(l, st, err);
	}
	/* A read that ran into its timeout looks like a lost connection. */
	if (outcome == SQL_LOST && sql_clock() - began >= l->timeout) {
		err_set(err, "no answer within %lld ms", (long long)l->timeout);
		return SQL_LATE;
	}
	return outcome;
}

const struct sql_driver sql_mysql = {
	.scheme = "mysql",
	.name = "MySQL",
	.backslashes = true,
	.open = mysql_driver_open,
	.ask = mysql_driver_ask,
	.close = mysql_driver_close,
};
