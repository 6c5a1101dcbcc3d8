/*
 * The mail administration programs whose tables are known here, as queries that every server understands: flags are
 * compared with '1', for one server has booleans where another has numbers. Limits come as the program stores them. Usage
 * is what Dovecot writes into a table of theirs.
 */
#ifndef IO_SQL_PRESET_H
#define IO_SQL_PRESET_H

#include <stdbool.h>
#include <stdint.h>

enum sql_question {
	SQL_MAILBOX, /* a row: quota, messages, home, host, store, by the names of its columns */
	SQL_ALIAS, /* rows of one column: addresses */
	SQL_ALIAS_DOMAIN, /* one column: the domain that stands behind this one */
	SQL_DOMAIN, /* a row when the domain is ours */
	SQL_QUESTIONS,
};

struct sql_preset {
	const char *query[SQL_QUESTIONS];
	const char *
		usage; /* a row for each mailbox: octets, messages and, where the table has one, quota. Octets that are NULL:
			      Dovecot has written nothing yet */
	uint64_t unit; /* octets of one of `quota` */
	/* An alias decides alone: where the mailbox is to get its mail too, the alias names itself. */
	bool alias_alone;
};

/* Null-terminated; the first is "none". The former for directories; the latter, which begin likewise, for stores. */
extern const char *const sql_preset_names[], *const sql_usage_preset_names[];

/* By the index of its name. */
const struct sql_preset *sql_preset(int index);

#endif
