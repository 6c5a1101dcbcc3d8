/*
 * SQL directories: what becomes of the parameters of a query, URIs, passwords, options; and over SQLite what is said of
 * addresses in the tables of each program (tests/cases/sql.cases), by the postmaster's own queries, and when the database
 * does not answer.
 */
#include "cases.h"
#include "directory/directory.h"
#include "directory/sql_conf.h"
#include "io/sql_driver.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

extern const struct directory_type sql_directory;

static char folder[] = "/tmp/quotagate-XXXXXX";
static char database[64], uri[80];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(database, sizeof(database), "%s/db", folder);
	snprintf(uri, sizeof(uri), "sqlite:%s", database);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(database);
	return rmdir(folder);
}

static void execute(const char *text)
{
	sqlite3 *db;
	char *why = NULL;
	assert_int_equal(sqlite3_open(database, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
	sqlite3_close(db);
}

/* A new database that holds what tests/e2e/sql/NAME.sql says. */
static void make_tables(const char *name)
{
	static char text[65536];
	char path[4096];
	snprintf(path, sizeof(path), "%s/tests/e2e/sql/%s.sql", getenv("SRC"), name);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	unlink(database);
	execute(text);
}

/* ---- queries ---- */

static const char *const names[] = { "address", "local", "domain", NULL };

static const struct {
	const char *in;
	bool dollars, backslashes;
	const char *out; /* null: refused */
	const char *values; /* or the reason */
} queries[] = {
	{ "a = :address", false, false, "a = ?", "0" },
	{ "a = :address", true, false, "a = $1", "0" },
	{ ":domain :local :domain", false, false, "? ? ?", "212" },
	{ ":domain :local :domain", true, false, "$1 $2 $3", "212" },
	{ "':local' = :local", true, false, "':local' = $1", "1" },
	{ "'it''s :local' || :local", true, false, "'it''s :local' || $1", "1" },
	{ "'\\' || :local || ':local'", true, false, "'\\' || $1 || ':local'", "1" },
	{ "'\\':local' || :local", false, true, "'\\':local' || ?", "1" },
	{ "E'\\':local' || :local", true, false, "E'\\':local' || $1", "1" },
	{ "\":local\" `:local` :local", false, true, "\":local\" `:local` ?", "1" },
	{ "-- :domain?\n:local", true, false, "-- :domain?\n$1", "1" },
	{ "/* :domain ' */:local", true, false, "/* :domain ' */$1", "1" },
	{ ":local::text", true, false, "$1::text", "1" },
	{ "a[1:2] = :local", true, false, "a[1:2] = $1", "1" },
	{ ":addr", true, false, NULL, "there is no parameter :addr" },
	{ ":address_", true, false, NULL, "there is no parameter :address_" },
	{ "select 1", true, false, NULL, "no parameter" },
	{ "", true, false, NULL, "no parameter" },
	{ "':local'", true, false, NULL, "no parameter" },
	{ "? = :local", false, false, NULL, "written as names" },
	{ "$1 = :local", true, false, NULL, "written as names" },
	{ ":local = 'x", true, false, NULL, "not closed" },
	{ ":local = 'x\\'", false, true, NULL, "not closed" },
	{ ":local /* x", true, false, NULL, "not closed" },
	{ ":local :", true, false, "$1 :", "1" },
};

static void test_queries(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		struct sql_driver driver = { .dollars = queries[i].dollars, .backslashes = queries[i].backslashes };
		struct sql_query q;
		struct err err = { "" };
		bool good = sql_query_init(&q, &driver, 3, str_of(queries[i].in), names, &err);
		if (good != (queries[i].out != NULL))
			fail_msg("%s: %s", queries[i].in, good ? "accepted" : err.text);
		if (!good) {
			if (!strstr(err.text, queries[i].values))
				fail_msg("%s: %s", queries[i].in, err.text);
			continue;
		}
		assert_string_equal(q.text, queries[i].out);
		assert_int_equal(q.slot, 3);
		assert_int_equal(q.n, strlen(queries[i].values));
		for (unsigned k = 0; k < q.n; k++)
			assert_int_equal(q.value[k], queries[i].values[k] - '0');
	}
}

static void test_long_queries(void **state)
{
	(void)state;
	static char text[SQL_QUERY_MAX + 64];
	struct sql_driver driver = { .dollars = true };
	struct sql_query q;
	struct err err;
	memset(text, ' ', sizeof(text) - 1);
	memcpy(text, ":local", 6);
	assert_false(sql_query_init(&q, &driver, 0, str_of(text), names, &err));
	assert_non_null(strstr(err.text, "longer than"));
	text[SQL_QUERY_MAX - 1] = '\0';
	assert_true(sql_query_init(&q, &driver, 0, str_of(text), names, &err));
	for (size_t i = 0; i <= SQL_PARAMETERS_MAX; i++)
		memcpy(text + 7 * i, ":local ", 7);
	assert_false(sql_query_init(&q, &driver, 0, str_of(text), names, &err));
	assert_non_null(strstr(err.text, "more than 32"));
}

/* ---- places ---- */

static const struct {
	const char *uri;
	const char *user, *host, *path, *database; /* user null: refused, and host is the reason */
	unsigned port;
} places[] = {
	{ "sqlite:/var/db", "", "", "/var/db", "", 0 },
	{ "sqlite:///var/db", "", "", "/var/db", "", 0 },
	{ "sqlite:/var/a%3Fb", "", "", "/var/a?b", "", 0 },
	{ "sqlite:db", NULL, "expected sqlite:/path", NULL, NULL, 0 },
	{ "sqlite:", NULL, "expected sqlite:/path", NULL, NULL, 0 },
	{ "sqlite:/a%2", NULL, "hexadecimal", NULL, NULL, 0 },
	{ "sqlite:/a%00", NULL, "printable", NULL, NULL, 0 },
	{ "oracle://x/y", NULL, "expected sqlite:", NULL, NULL, 0 },
	{ "", NULL, "expected sqlite:", NULL, NULL, 0 },
	{ "postgresql://joe@db.example/mail", "joe", "db.example", "", "mail", 0 },
	{ "postgres://db.example:5433/mail", "", "db.example", "", "mail", 5433 },
	{ "postgresql://joe@[::1]:5433/mail", "joe", "::1", "", "mail", 5433 },
	{ "postgresql://joe@[::1]/mail", "joe", "::1", "", "mail", 0 },
	{ "postgresql://joe%40x@/mail?socket=/run/pg", "joe@x", "", "/run/pg", "mail", 0 },
	{ "postgresql://%2Frun%2Fpg:5433/mail", "", "", "/run/pg", "mail", 5433 },
	{ "postgresql:///mail", "", "", "", "mail", 0 },
	{ "postgresql://joe:secret@db.example/mail", NULL, "password_file", NULL, NULL, 0 },
	{ "postgresql://joe@db.example", NULL, "name of the database", NULL, NULL, 0 },
	{ "postgresql://joe@db.example:0/mail", NULL, "no port", NULL, NULL, 0 },
	{ "postgresql://joe@db.example:65536/mail", NULL, "no port", NULL, NULL, 0 },
	{ "postgresql://joe@[::1/mail", NULL, "expected [address]", NULL, NULL, 0 },
	{ "postgresql://joe@db.example/mail?sslmode=off", NULL, "only socket=", NULL, NULL, 0 },
	{ "postgresql://joe@db.example/mail?socket=/run/pg", NULL, "either a host or a socket", NULL, NULL, 0 },
	{ "postgresql:mail", NULL, "expected postgresql://", NULL, NULL, 0 },
	{ "mysql://joe@/mail?socket=/run/mysqld.sock", "joe", "", "/run/mysqld.sock", "mail", 0 },
	{ "mariadb://joe@127.0.0.1:3307/mail", "joe", "127.0.0.1", "", "mail", 3307 },
};

static void test_places(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct sql_place p;
		struct err err = { "" };
		bool good = sql_place_parse(&p, str_of(places[i].uri), &err);
		if (!good && strstr(err.text, "this quotagate is built without"))
			continue;
		if (good != (places[i].user != NULL))
			fail_msg("%s: %s", places[i].uri, good ? "accepted" : err.text);
		if (!good) {
			if (!strstr(err.text, places[i].host))
				fail_msg("%s: %s", places[i].uri, err.text);
			continue;
		}
		assert_string_equal(p.user, places[i].user);
		assert_string_equal(p.host, places[i].host);
		assert_string_equal(p.path, places[i].path);
		assert_string_equal(p.database, places[i].database);
		assert_int_equal(p.port, places[i].port);
	}
}

/* A file has no breaker. */
static void test_servers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct sql_place p;
		char text[256];
		struct buf server = BUF(text);
		if (!sql_place_parse(&p, str_of(places[i].uri), NULL))
			continue;
		sql_server_put(places[i].uri, &server);
		assert_string_equal(buf_z(&server), strncmp(places[i].uri, "sqlite:", 7) == 0 ? "" : places[i].uri);
	}
}

static void write_password(const char *text, size_t len, mode_t mode)
{
	FILE *f = fopen(database, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
	assert_int_equal(chmod(database, mode), 0);
}

static void test_passwords(void **state)
{
	(void)state;
	char out[SQL_PASSWORD_MAX], text[SQL_PASSWORD_MAX];
	struct err err;
	write_password("se cret\r\nmore", 13, 0640);
	assert_true(sql_password_read(out, database, &err));
	assert_string_equal(out, "se cret");
	write_password("secret", 6, 0600);
	assert_true(sql_password_read(out, database, &err));
	assert_string_equal(out, "secret");
	write_password("", 0, 0600);
	assert_true(sql_password_read(out, database, &err));
	assert_string_equal(out, "");
	write_password("secret", 6, 0644);
	assert_false(sql_password_read(out, database, &err));
	assert_non_null(strstr(err.text, "others can neither read nor write"));
	assert_false(sql_password_check(database, &err));
	write_password("a\0b", 3, 0600);
	assert_false(sql_password_read(out, database, &err));
	memset(text, 'x', sizeof(text));
	write_password(text, sizeof(text), 0600);
	assert_false(sql_password_read(out, database, &err));
	write_password(text, sizeof(text) - 1, 0600);
	assert_true(sql_password_read(out, database, &err));
	assert_false(sql_password_read(out, folder, &err));
	assert_false(sql_password_check("/nonexistent/secret", &err));
	unlink(database);
}

/* ---- options ---- */

static void test_conf(void **state)
{
	(void)state;
	struct sql_conf c = { .db = { .uri = uri, .timeout = SECONDS(3) } };
	struct err err = { "" };
	assert_false(sql_conf_check(&c, &err));
	assert_non_null(strstr(err.text, "mailbox_query"));
	c.query[SQL_DOMAIN] = "select :domain";
	assert_false(sql_conf_check(&c, &err));
	c.query[SQL_ALIAS] = "select :address";
	assert_true(sql_conf_check(&c, &err));
	c.query[SQL_MAILBOX] = "select :user";
	assert_false(sql_conf_check(&c, &err));
	assert_string_equal(err.text, "`mailbox_query`: there is no parameter :user");
	for (int preset = 1; sql_preset_names[preset]; preset++) {
		struct sql_conf known = { .db = { .uri = uri, .timeout = SECONDS(3) }, .preset = preset };
		if (!sql_conf_check(&known, &err))
			fail_msg("%s: %s", sql_preset_names[preset], err.text);
	}
}

/* ---- answers ---- */

struct said {
	enum listing listing;
	char text[1024]; /* as in sql.cases */
	char note[LOOKUP_NOTE];
};

static void put_target(struct buf *out, const struct target *t)
{
	if (out->len)
		buf_putc(out, ' ');
	switch (t->kind) {
	case TARGET_MAILBOX:
		buf_puts(out, "mailbox:");
		if (t->limit.named)
			buf_put_u64(out, t->limit.octets);
		else
			buf_putc(out, '-');
		if (t->limit.messages)
			buf_printf(out, "/%u", t->limit.messages);
		if (t->home.len)
			buf_printf(out, " home:%.*s", (int)t->home.len, t->home.at);
		if (t->host.len)
			buf_printf(out, " host:%.*s", (int)t->host.len, t->host.at);
		if (t->store.len)
			buf_printf(out, " store:%.*s", (int)t->store.len, t->store.at);
		break;
	case TARGET_ADDRESS: buf_put(out, t->address); break;
	case TARGET_ELSEWHERE: buf_puts(out, "elsewhere"); break;
	}
}

static struct said ask_str(void *book, struct str address)
{
	static const char *const listings[] = { "failed", "not_ours", "no_address", "unlisted", "" };
	static char record[TARGETS_MAX];
	struct said said;
	struct buf targets = BUF(record), text = BUF(said.text), note = BUF(said.note);
	size_t at = str_rfind(address, '@');
	struct mailbox m = { .address = address, .local = { address.at, at }, .domain = str_from(address, at + 1) };
	said.listing = sql_directory.ask(book, &m, &targets, &note);
	buf_puts(&text, listings[said.listing]);
	struct str rest = buf_str(&targets);
	struct target t;
	while (said.listing == LISTING_TARGETS && target_get(&t, &rest))
		put_target(&text, &t);
	buf_z(&text);
	buf_z(&note);
	return said;
}

static struct said ask(void *book, const char *address)
{
	return ask_str(book, str_of(address));
}

static void assert_said(void *book, const char *address, const char *want)
{
	struct said said = ask(book, address);
	if (strcmp(said.text, want) != 0)
		fail_msg("%s: \"%s\" (%s), want \"%s\"", address, said.text, said.note, want);
}

static void *open_book(const struct sql_conf *c)
{
	struct err err = { "" };
	void *book = sql_directory.open(c, &err);
	if (!book)
		fail_msg("%s", err.text);
	return book;
}

static void test_presets(void **state)
{
	(void)state;
	for (int preset = 1; sql_preset_names[preset]; preset++) {
		struct sql_conf conf = { .db = { .uri = uri, .timeout = SECONDS(3) }, .preset = preset };
		struct cases c;
		struct str line;
		make_tables(sql_preset_names[preset]);
		void *book = open_book(&conf);
		assert_true(cases_open(&c, "sql.cases"));
		while ((line = cases_next(&c)).at) {
			size_t i = line.len;
			while (i > 2 && !str_starts(str_from(line, i - 3), STR(" = ")))
				i--;
			struct said said = ask_str(book, str_trim((struct str){ line.at, i - 3 }));
			cases_want(&c, str_of(said.text), str_trim(str_from(line, i)));
		}
		if (!cases_close(&c))
			fail_msg("with the preset %s", sql_preset_names[preset]);
		sql_directory.close(book);
	}
}

static void test_mailcow_resources(void **state)
{
	(void)state;
	struct sql_conf conf = { .db = { .uri = uri, .timeout = SECONDS(3) }, .preset = 3 };
	make_tables("mailcow");
	void *book = open_book(&conf);
	assert_said(book, "room@example.org", "null@localhost");
	assert_said(book, "shop@example.org", "joe@example.org");
	sql_directory.close(book);
}

/* Who is on holiday has a mailbox that may be full; the reply to the sender is no place for mail. */
static void test_postfixadmin_vacation(void **state)
{
	(void)state;
	struct sql_conf conf = { .db = { .uri = uri, .timeout = SECONDS(3) }, .preset = 1 };
	make_tables("postfixadmin");
	void *book = open_book(&conf);
	assert_said(book, "trip@example.org", "mailbox:1048576");
	sql_directory.close(book);
}

#define PEOPLE                                                                                                         \
	"create table people (name, size, n, home, host, store);"                                                      \
	"insert into people values ('joe', 10, 5, '/home/joe', 'mx1', 'vmail');"                                       \
	"insert into people values ('null', null, null, null, null, null);"                                            \
	"insert into people values ('zero', 0, 0, '', '', '');"                                                        \
	"insert into people values ('odd', 'plenty', 'x', '/o', null, null);"                                          \
	"insert into people values ('none', 'none', null, null, null, null);"                                          \
	"insert into people values ('text', ' 20k ', '-1', null, null, null);"                                         \
	"insert into people values ('huge', 9223372036854775807, 99999999999, null, null, null);"                      \
	"insert into people values ('twice', 1, null, null, null, null);"                                              \
	"insert into people values ('twice', 2, null, null, null, null);"

#define OWN_QUERY "select size as Quota, n as messages, home, host, store, 1 as other from people where name = :local"

static void test_own_queries(void **state)
{
	(void)state;
	struct sql_conf conf = { .db = { .uri = uri, .timeout = SECONDS(3) }, .query = { [SQL_MAILBOX] = OWN_QUERY } };
	unlink(database);
	execute(PEOPLE);
	void *book = open_book(&conf);
	assert_said(book, "joe@example.org", "mailbox:10/5 home:/home/joe host:mx1 store:vmail");
	assert_said(book, "null@example.org", "mailbox:-");
	assert_said(book, "zero@example.org", "mailbox:0");
	assert_said(book, "none@example.org", "mailbox:0");
	assert_said(book, "odd@example.org", "mailbox:- home:/o");
	assert_non_null(strstr(ask(book, "odd@example.org").note, "\"x\" is no limit"));
	assert_said(book, "text@example.org", "mailbox:20480");
	assert_said(book, "huge@example.org", "mailbox:9223372036854775807/4294967295");
	assert_said(book, "twice@example.org", "mailbox:1");
	assert_non_null(strstr(ask(book, "twice@example.org").note, "first of 2 rows"));
	assert_said(book, "nobody@example.org", "no_address");
	sql_directory.close(book);
	conf.db.unit = SQL_UNIT_K;
	book = open_book(&conf);
	assert_said(book, "joe@example.org", "mailbox:10240/5 home:/home/joe host:mx1 store:vmail");
	assert_said(book, "text@example.org", "mailbox:20480");
	assert_said(book, "huge@example.org", "mailbox:0/4294967295"); /* the messages alone are a limit */
	sql_directory.close(book);
}

static void test_own_aliases(void **state)
{
	(void)state;
	struct sql_conf conf = { .db = { .uri = uri, .timeout = SECONDS(3) } };
	unlink(database);
	execute("create table people (name, size); insert into people values ('joe', 10);"
		"create table lists (name, member); insert into lists values ('joe', 'far@example.net');"
		"insert into lists values ('two', 'a@example.org, b@example.org'), ('two', 'c@example.org');"
		"insert into lists values ('self', 'self@example.org'), ('empty', ''), ('empty', null);"
		"insert into lists values ('quote', '\"a'), ('quote', 'b@example.org');");
	conf.query[SQL_ALIAS] = "select member from lists where name = :local";
	void *book = open_book(&conf);
	assert_said(book, "two@example.org", "a@example.org b@example.org c@example.org");
	assert_said(book, "self@example.org", "self@example.org");
	assert_said(book, "empty@example.org", "unlisted");
	assert_said(book, "nobody@example.org", "unlisted");
	assert_said(book, "quote@example.org", "elsewhere b@example.org");
	sql_directory.close(book);
	conf.query[SQL_MAILBOX] = "select size quota from people where name = :local";
	book = open_book(&conf);
	assert_said(book, "joe@example.org", "far@example.net mailbox:10");
	assert_said(book, "nobody@example.org", "no_address");
	sql_directory.close(book);
}

static void test_strange_addresses(void **state)
{
	(void)state;
	struct sql_conf conf = { .db = { .uri = uri, .timeout = SECONDS(3) }, .preset = 1 };
	make_tables("postfixadmin");
	void *book = open_book(&conf);
	assert_string_equal(ask_str(book, STR("joe\0@example.org")).text, "no_address");
	assert_string_equal(ask_str(book, STR("\xff\xfe@example.org")).text, "no_address");
	sql_directory.close(book);
}

static void test_large_aliases(void **state)
{
	(void)state;
	struct sql_conf conf = { .db = { .uri = uri, .timeout = SECONDS(3) } };
	unlink(database);
	execute("create table lists (name, member);"
		"with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)"
		"insert into lists select 'many', 'member' || i || '@example.org' from n;"
		"insert into lists values ('long', replace(hex(zeroblob(40000)), '00', 'a, '));");
	conf.query[SQL_ALIAS] = "select member from lists where name = :local";
	void *book = open_book(&conf);
	struct said said = ask(book, "many@example.org");
	assert_string_equal(said.text, "failed");
	assert_non_null(strstr(said.note, "many@example.org"));
	said = ask(book, "long@example.org");
	assert_string_equal(said.text, "failed");
	assert_non_null(strstr(said.note, "65536"));
	assert_said(book, "few@example.org", "unlisted");
	sql_directory.close(book);
}

static void test_failures(void **state)
{
	(void)state;
	struct sql_conf conf = { .db = { .uri = uri, .timeout = 200 }, .query = { [SQL_MAILBOX] = OWN_QUERY } };
	unlink(database);
	void *book = open_book(&conf);
	struct said said = ask(book, "joe@example.org");
	assert_string_equal(said.text, "failed");
	assert_non_null(strstr(said.note, "unable to open"));
	assert_int_equal(sql_directory.heard(book), HEARD_FAULT);
	assert_int_equal(sql_directory.heard(book), HEARD_NOTHING);
	sql_directory.close(book);

	execute("create table other (name)");
	book = open_book(&conf);
	said = ask(book, "joe@example.org");
	assert_string_equal(said.text, "failed");
	assert_non_null(strstr(said.note, "mailbox_query: no such table: people"));
	assert_int_equal(sql_directory.heard(book), HEARD_ANSWER);
	execute(PEOPLE); /* the next question sees it, on the same connection */
	assert_said(book, "zero@example.org", "mailbox:0");

	sqlite3 *db;
	assert_int_equal(sqlite3_open(database, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "begin exclusive", NULL, NULL, NULL), SQLITE_OK);
	said = ask(book, "zero@example.org");
	assert_string_equal(said.text, "failed");
	assert_non_null(strstr(said.note, "locked"));
	sqlite3_exec(db, "rollback", NULL, NULL, NULL);
	sqlite3_close(db);
	assert_said(book, "zero@example.org", "mailbox:0");

	unlink(database); /* another file takes its place */
	execute("create table people (name, size, n, home, host, store);"
		"insert into people (name, size) values ('zero', 7);");
	assert_said(book, "zero@example.org", "mailbox:7");
	sql_directory.close(book);
}

static void test_only_reads(void **state)
{
	(void)state;
	struct sql_conf conf = { .db = { .uri = uri, .timeout = 300 } };
	unlink(database);
	execute(PEOPLE);
	conf.query[SQL_MAILBOX] = "delete from people where name = :local";
	void *book = open_book(&conf);
	assert_said(book, "joe@example.org", "failed");
	sql_directory.close(book);
	conf.query[SQL_MAILBOX] = "select 1 where 1 = :local; select 2";
	book = open_book(&conf);
	assert_said(book, "joe@example.org", "failed");
	sql_directory.close(book);
	conf.query[SQL_MAILBOX] = "with recursive n(i) as (select 1 union all select i + 1 from n) "
				  "select count(*) from n where i < :local";
	book = open_book(&conf);
	assert_non_null(strstr(ask(book, "joe@example.org").note, "no answer within 300 ms"));
	assert_int_equal(sql_directory.heard(book), HEARD_FAULT);
	sql_directory.close(book);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queries),
		cmocka_unit_test(test_long_queries),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_conf),
		cmocka_unit_test(test_presets),
		cmocka_unit_test(test_mailcow_resources),
		cmocka_unit_test(test_postfixadmin_vacation),
		cmocka_unit_test(test_own_queries),
		cmocka_unit_test(test_own_aliases),
		cmocka_unit_test(test_strange_addresses),
		cmocka_unit_test(test_large_aliases),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_only_reads),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
