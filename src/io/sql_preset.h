/*
 * The mail administration programs whose tables are known here, as queries that every server understands: flags are
 * compared with '1', for one server has booleans where another has numbers. Limits come as the program stores them.
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
	uint64_t unit; /* octets of one of `quota` */
	/* An alias decides alone: where the mailbox is to get its mail too, the alias names itself. */
	bool alias_alone;
};

/* Null-terminated; the first is "none". */
extern const char *const sql_preset_names[];

/* By the index of its name. */
const struct sql_preset *sql_preset(int index);

#endif
