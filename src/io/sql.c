/*
 * One connection, made when it is needed and made anew when it was lost. The drivers know their libraries; when to
 * connect, and what is worth a second try, is decided here.
 */
#include "io/sql.h"

#include "io/sql_driver.h"

#include <stdlib.h>

struct sql {
	const struct sql_place *place;
	const char *password_file; /* may be null */
	msec timeout;
	void *link; /* null: not connected */
	enum heard heard;
};

struct sql *sql_open(const struct sql_place *place, const char *password_file, msec timeout)
{
	struct sql *s = calloc(1, sizeof(*s));
	if (s)
		*s = (struct sql){ .place = place, .password_file = password_file, .timeout = timeout };
	return s;
}

static void disconnect(struct sql *s)
{
	if (s->link)
		s->place->driver->close(s->link);
	s->link = NULL;
}

void sql_close(struct sql *s)
{
	if (s)
		disconnect(s);
	free(s);
}

static bool connect_now(struct sql *s, struct err *err)
{
	char password[SQL_PASSWORD_MAX] = "";
	bool known = !s->password_file || sql_password_read(password, s->password_file, err);
	if (known)
		s->link = s->place->driver->open(s->place, password, s->timeout, err);
	explicit_bzero(password, sizeof(password));
	s->heard = !known ? HEARD_NOTHING : s->link ? HEARD_ANSWER : HEARD_FAULT;
	return s->link != NULL;
}

/* Passes rows on, and knows whether there were any. */
struct relay {
	sql_row *row;
	void *arg;
	unsigned rows;
};

static void relay_row(void *arg, const struct sql_cell *cells, unsigned n)
{
	struct relay *r = arg;
	r->rows++;
	r->row(r->arg, cells, n);
}

/* A statement that the server ended for want of time was refused, but cost as much as silence. */
static enum heard heard_by(const struct sql *s, enum sql_outcome outcome, msec took)
{
	switch (outcome) {
	case SQL_DONE: return HEARD_ANSWER;
	case SQL_REFUSED: return took < sql_statement_time(s->timeout) ? HEARD_ANSWER : HEARD_FAULT;
	case SQL_LOST:
	case SQL_LATE: break;
	}
	return HEARD_FAULT;
}

enum heard sql_heard(struct sql *s)
{
	enum heard heard = s->heard;
	s->heard = HEARD_NOTHING;
	return heard;
}

bool sql_ask(
	struct sql *s, const struct sql_query *q, const struct str *values, sql_row *row, void *arg, struct err *err)
{
	struct relay relay = { .row = row, .arg = arg };
	bool kept = s->link != NULL;
	msec began = sql_clock();
	if (!kept && !connect_now(s, err))
		return false;
	enum sql_outcome outcome = s->place->driver->ask(s->link, q, values, relay_row, &relay, err);
	if (outcome == SQL_LOST && kept && relay.rows == 0) {
		disconnect(s);
		if (!connect_now(s, err))
			return false;
		outcome = s->place->driver->ask(s->link, q, values, relay_row, &relay, err);
	}
	s->heard = heard_by(s, outcome, sql_clock() - began);
	if (outcome == SQL_LOST || outcome == SQL_LATE)
		disconnect(s);
	return outcome == SQL_DONE;
}
