/*
 * SQLite: a file, opened read-only. A file that was replaced is opened anew; a lock is waited for, but no longer than the
 * timeout. In WAL mode the reader needs the right to write to the folder, or the -shm file must be there: SQLite's rule.
 */
#include "io/sql_driver.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>

#define STEPS 1000 /* of SQLite's machine between two looks at the clock */

struct sqlite_link {
	sqlite3 *db;
	msec timeout, deadline;
	sqlite3_stmt *prepared[SQL_QUERIES_MAX];
};

static void sqlite_close(void *link)
{
	struct sqlite_link *l = link;
	for (size_t i = 0; i < SQL_QUERIES_MAX; i++)
		sqlite3_finalize(l->prepared[i]);
	sqlite3_close(l->db);
	free(l);
}

/* SQLite calls it while it works; non-zero ends the statement. */
static int is_late(void *link)
{
	const struct sqlite_link *l = link;
	return sql_clock() >= l->deadline;
}

static void *sqlite_open(const struct sql_place *place, const char *password, msec timeout, struct err *err)
{
	struct sqlite_link *l = calloc(1, sizeof(*l));
	(void)password;
	if (!l) {
		err_set(err, "out of memory");
		return NULL;
	}
	l->timeout = timeout;
	if (sqlite3_open_v2(place->path, &l->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
		sql_words(err, SQL_LOST, place->path, l->db ? sqlite3_errmsg(l->db) : "out of memory");
		sqlite_close(l);
		return NULL;
	}
	sqlite3_busy_timeout(l->db, (int)timeout);
	sqlite3_progress_handler(l->db, STEPS, is_late, l);
	return l;
}

static enum sql_outcome refuse(struct sqlite_link *l, int code, struct err *err)
{
	switch (code & 0xFF) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return sql_words(err, SQL_REFUSED, "", sqlite3_errmsg(l->db));
	case SQLITE_INTERRUPT: err_set(err, "no answer within %lld ms", (long long)l->timeout); return SQL_REFUSED;
	case SQLITE_CANTOPEN:
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
	case SQLITE_IOERR: return sql_words(err, SQL_LATE, "", sqlite3_errmsg(l->db));
	default: return sql_words(err, SQL_REFUSED, "", sqlite3_errmsg(l->db));
	}
}

static enum sql_outcome put_row(struct sqlite_link *l, sqlite3_stmt *st, sql_row *row, void *arg, struct err *err)
{
	struct sql_cell cells[SQL_COLUMNS_MAX];
	int n = sqlite3_column_count(st);
	size_t total = 0;
	if (n > SQL_COLUMNS_MAX) {
		err_set(err, "more than %d columns", SQL_COLUMNS_MAX);
		return SQL_REFUSED;
	}
	for (int i = 0; i < n; i++) {
		/* First the text, for it may be converted; then its length. */
		const char *at = (const char *)sqlite3_column_text(st, i);
		if (!at && sqlite3_column_type(st, i) != SQLITE_NULL)
			return refuse(l, SQLITE_NOMEM, err);
		cells[i].name = sqlite3_column_name(st, i);
		cells[i].value = (struct str){ at, at ? (size_t)sqlite3_column_bytes(st, i) : 0 };
		total += cells[i].value.len;
	}
	if (total > SQL_ROW_MAX) {
		err_set(err, "a row of more than %d octets", SQL_ROW_MAX);
		return SQL_REFUSED;
	}
	row(arg, cells, (unsigned)n);
	return SQL_DONE;
}

static enum sql_outcome prepare(struct sqlite_link *l, const struct sql_query *q, struct err *err)
{
	const char *tail = "";
	if (l->prepared[q->slot])
		return SQL_DONE;
	int code = sqlite3_prepare_v3(l->db, q->text, -1, SQLITE_PREPARE_PERSISTENT, &l->prepared[q->slot], &tail);
	if (code != SQLITE_OK)
		return refuse(l, code, err);
	if (l->prepared[q->slot] && tail[strspn(tail, " \t\r\n;")] == '\0')
		return SQL_DONE;
	sqlite3_finalize(l->prepared[q->slot]);
	l->prepared[q->slot] = NULL;
	err_set(err, "the query is not exactly one statement");
	return SQL_REFUSED;
}

static enum sql_outcome run(struct sqlite_link *l, const struct sql_query *q, const struct str *values, sql_row *row,
	void *arg, struct err *err)
{
	sqlite3_stmt *st = l->prepared[q->slot];
	enum sql_outcome outcome = SQL_DONE;
	int code = SQLITE_OK;
	for (unsigned i = 0; i < q->n && code == SQLITE_OK; i++) {
		struct str v = values[q->value[i]];
		code = sqlite3_bind_text(st, (int)i + 1, v.len ? v.at : "", (int)v.len, SQLITE_STATIC);
	}
	if (code == SQLITE_OK)
		while (outcome == SQL_DONE && (code = sqlite3_step(st)) == SQLITE_ROW)
			outcome = put_row(l, st, row, arg, err);
	if (outcome == SQL_DONE && code != SQLITE_DONE)
		outcome = refuse(l, code, err);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return outcome;
}

static enum sql_outcome sqlite_ask(
	void *link, const struct sql_query *q, const struct str *values, sql_row *row, void *arg, struct err *err)
{
	struct sqlite_link *l = link;
	int moved = 0;
	if (sqlite3_file_control(l->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved)
		return sql_words(err, SQL_LOST, "", "the file is gone");
	l->deadline = sql_clock() + l->timeout;
	enum sql_outcome outcome = prepare(l, q, err);
	return outcome == SQL_DONE ? run(l, q, values, row, arg, err) : outcome;
}

const struct sql_driver sql_sqlite = {
	.scheme = "sqlite",
	.name = "SQLite",
	.is_file = true,
	.open = sqlite_open,
	.ask = sqlite_ask,
	.close = sqlite_close,
};
