/* The options of an SQL directory, and the queries in force: those of the preset, where none are written. */
#ifndef DIRECTORY_SQL_CONF_H
#define DIRECTORY_SQL_CONF_H

#include "io/sql.h"
#include "io/sql_options.h"

/* The values of a question, in the order of sql_value_names. */
enum sql_value { SQL_ADDRESS, SQL_LOCAL, SQL_OF_DOMAIN, SQL_VALUES };

struct sql_conf {
	struct sql_options db;
	const char *query[SQL_QUESTIONS]; /* null: as the preset has it */
	int preset;
};

extern const struct opt sql_opts[];

/* What the options come to. */
struct sql_plan {
	struct sql_place place;
	const char *password_file;
	msec timeout;
	uint64_t unit;
	bool alias_alone;
	bool has[SQL_QUESTIONS];
	struct sql_query query[SQL_QUESTIONS];
};

/* False with what is wrong. The conf outlives the plan. */
bool sql_plan_init(struct sql_plan *, const struct sql_conf *, struct err *);

/* directory_type.check */
bool sql_conf_check(const void *conf, struct err *);

/* "mailbox_query" and the like. */
extern const char *const sql_question_names[SQL_QUESTIONS];

#endif
