#include "io/sql_driver.h"

#include <time.h>

extern const struct sql_driver sql_sqlite, sql_postgres, sql_mysql;

/* Those that were not built in are known by name, so that the configuration's check can say so. */
static const struct {
	const char *scheme, *name;
	const struct sql_driver *driver;
} drivers[] = {
#if HAVE_SQLITE
	{ "sqlite", "SQLite", &sql_sqlite },
#else
	{ "sqlite", "SQLite", NULL },
#endif
#if HAVE_POSTGRESQL
	{ "postgresql", "PostgreSQL", &sql_postgres },
	{ "postgres", "PostgreSQL", &sql_postgres },
#else
	{ "postgresql", "PostgreSQL", NULL },
	{ "postgres", "PostgreSQL", NULL },
#endif
#if HAVE_MYSQL
	{ "mysql", "MySQL", &sql_mysql },
	{ "mariadb", "MariaDB", &sql_mysql },
#else
	{ "mysql", "MySQL", NULL },
	{ "mariadb", "MariaDB", NULL },
#endif
};

const struct sql_driver *sql_driver_find(struct str scheme, struct err *err)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		if (!str_eq(scheme, str_of(drivers[i].scheme)))
			continue;
		if (!drivers[i].driver)
			err_set(err, "this quotagate is built without %s", drivers[i].name);
		return drivers[i].driver;
	}
	err_set(err, "expected sqlite:/path, postgresql://user@host/database or mysql://user@host/database");
	return NULL;
}

enum sql_outcome sql_words(struct err *err, enum sql_outcome outcome, const char *what, const char *words)
{
	char line[400], clean[400];
	struct buf flat = BUF(line), out = BUF(clean);
	bool gap = false;
	for (const char *p = words ? words : ""; *p; p++) {
		bool blank = *p == ' ' || *p == '\t' || *p == '\n' || *p == '\r';
		if (!blank && gap && flat.len)
			buf_putc(&flat, ' ');
		if (!blank)
			buf_putc(&flat, *p);
		gap = blank;
	}
	buf_put_clean(&out, buf_str(&flat));
	err_set(err, "%s%s%s", what, *what ? ": " : "", buf_z(&out));
	return outcome;
}

msec sql_clock(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return SECONDS(t.tv_sec) + t.tv_nsec / 1000000;
}
