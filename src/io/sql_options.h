/* The options by which a section of the configuration names a database, for whatever asks one. */
#ifndef IO_SQL_OPTIONS_H
#define IO_SQL_OPTIONS_H

#include "base/opt.h"
#include "base/time.h"
#include "io/sql_preset.h"

enum sql_unit { SQL_UNIT_PRESET, SQL_UNIT_OCTETS, SQL_UNIT_K, SQL_UNIT_M };

struct sql_options {
	const char *uri, *password_file; /* password_file null: none */
	msec timeout;
	int unit; /* enum sql_unit: of limits */
};

/* For the check of a row. */
bool sql_options_check_password_file(struct str path, struct err *);

extern const char *const sql_unit_names[];

/* Octets of one. */
uint64_t sql_options_unit(const struct sql_options *, const struct sql_preset *);

/* The rows of a struct sql_options, the member `db` of the section's struct, in three parts. The uri is looked at by the
   section's own check, which does not print it: it may hold a password. */
#define SQL_PLACE_ROWS(section)                                                                                        \
	{ .name = "uri",                                                                                               \
		.type = OPT_STRING,                                                                                    \
		.offset = offsetof(struct section, db.uri),                                                            \
		.required = true,                                                                                      \
		.help = "The database: sqlite:/path, postgresql://user@host:port/database or "                         \
			"mysql://user@host:port/database (MariaDB too). Without a host a unix socket, perhaps with "   \
			"?socket=/path behind; for PostgreSQL the path is that of the socket's directory." },          \
	{                                                                                                              \
		.name = "password_file", .type = OPT_STRING, .offset = offsetof(struct section, db.password_file),     \
		.check = sql_options_check_password_file, .helper_reads = true,                                        \
		.help = "The file whose first line is the password. Those who are neither its owner nor in its group " \
			"must not be able to read it, and only its owner to write it. It is read at each connection, " \
			"so that a new password needs no "                                                             \
			"restart."                                                                                     \
	}

#define SQL_UNIT_ROW(section, what)                                                                                    \
	{                                                                                                              \
		.name = "limit_unit", .type = OPT_CHOICE, .offset = offsetof(struct section, db.unit),                 \
		.choices = sql_unit_names, .def = "preset",                                                            \
		.help = "In which unit " what " is: octets, k (1024) or m (1048576); preset is octets where there is " \
			"no preset."                                                                                   \
	}

#define SQL_TIMEOUT_ROW(section)                                                                                       \
	{                                                                                                              \
		.name = "timeout", .type = OPT_DURATION, .offset = offsetof(struct section, db.timeout), .def = "3s",  \
		.min = 100, .max = SECONDS(60),                                                                        \
		.help = "How long a connection, or a query, may take. MySQL and MariaDB count the time of a "          \
			"connection in whole seconds."                                                                 \
	}

#endif
