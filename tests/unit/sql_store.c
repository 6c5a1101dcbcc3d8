/* The store sql over SQLite: what is made of rows, of the tables of each program, and of a database that does not answer. */
#include "filestore.h"

#include "io/sql_preset.h"

#include <sqlite3.h>

extern const struct store_kind sql_type;

static char uri[128];

static void execute(const char *text)
{
	sqlite3 *db;
	char *why = NULL;
	assert_int_equal(sqlite3_open(at("db"), &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
	sqlite3_close(db);
}

static struct opened open_query(const char *query)
{
	snprintf(uri, sizeof(uri), "sqlite:%s", at("db"));
	return open_store(&sql_type, RULE_FITS, "uri", uri, "query", query, "timeout", "1000", NULL);
}

/* ---- rows ---- */

static const struct {
	const char *columns; /* of a SELECT */
	enum facts_state state;
	uint64_t usage, limit;
	uint32_t messages, message_limit;
	const char *note; /* is in it */
} answers[] = {
	{ "17", FACTS_FOUND, 17, 0, 0, 0, ": a row" },
	{ "17, 2", FACTS_FOUND, 17, 0, 2, 0, "" },
	{ "17, 2, 1000", FACTS_FOUND, 17, 1000, 2, 0, "" },
	{ "17, 2, 1000, 5", FACTS_FOUND, 17, 1000, 2, 5, "" },
	{ "17, 2, 1000, 5, 'x'", FACTS_FOUND, 17, 1000, 2, 5, "" },
	{ "NULL, NULL, NULL, NULL", FACTS_FOUND, 0, 0, 0, 0, "" },
	{ "0, 0, 0, 0", FACTS_FOUND, 0, 0, 0, 0, "" },
	{ "1, 1, -1, -1", FACTS_FOUND, 1, 0, 1, 0, "" },
	{ "1, 1, '10M', '7'", FACTS_FOUND, 1, 10485760, 1, 7, "" },
	{ "1, 1, 'unlimited', 'none'", FACTS_FOUND, 1, 0, 1, 0, "" },
	{ "1, 1, '', ''", FACTS_FOUND, 1, 0, 1, 0, "" },
	{ "' 17 ', '2.00', '1000.000', '5.0'", FACTS_FOUND, 17, 1000, 2, 5, "" },
	{ "17.0, 2", FACTS_FOUND, 17, 0, 2, 0, "" },
	{ "'18446744073709551616', '4294967296'", FACTS_FOUND, INT64_MAX, 0, UINT32_MAX, 0, "" },
	{ "1, 1, 'lots', 5", FACTS_FOUND, 1, 0, 1, 5, "odd: " },
	{ "1, 1, '9223372036854775808'", FACTS_FOUND, 1, 0, 1, 0, "is no number" },
	{ "-1, 1", FACTS_FAILED, 0, 0, 0, 0, "counting anew" },
	{ "1, -1", FACTS_FAILED, 0, 0, 0, 0, "counting anew" },
	{ "'-1.0'", FACTS_FAILED, 0, 0, 0, 0, "counting anew" },
	{ "'', 1", FACTS_FAILED, 0, 0, 0, 0, "odd: " },
	{ "'x' || char(10) || 'y', 1", FACTS_FAILED, 0, 0, 0, 0, "octets: \"x?y\" is no number" },
	{ "1, 'x'", FACTS_FAILED, 0, 0, 0, 0, "messages: \"x\"" },
	{ "'1.5e9'", FACTS_FAILED, 0, 0, 0, 0, "no number" },
	{ "'0x10'", FACTS_FAILED, 0, 0, 0, 0, "no number" },
	{ "'.5'", FACTS_FAILED, 0, 0, 0, 0, "no number" },
	{ "'1.'", FACTS_FAILED, 0, 0, 0, 0, "no number" },
};

static void test_rows(void **state)
{
	(void)state;
	execute("");
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		char query[256];
		snprintf(query, sizeof(query), "SELECT %s WHERE :u IS NOT NULL", answers[i].columns);
		struct opened o = open_query(query);
		struct asked a = ask(&o, "joe@example.org", true);
		if (a.facts.state != answers[i].state || a.facts.usage != answers[i].usage ||
			a.facts.limit != answers[i].limit || a.facts.messages != answers[i].messages ||
			a.facts.message_limit != answers[i].message_limit || !strstr(a.note, answers[i].note))
			fail_msg("%s: state %d, %llu of %llu, %u of %u: %s", answers[i].columns, (int)a.facts.state,
				(unsigned long long)a.facts.usage, (unsigned long long)a.facts.limit, a.facts.messages,
				a.facts.message_limit, a.note);
		assert_int_equal(a.facts.firm, a.facts.state == FACTS_FOUND);
		close_store(&o);
	}
}

static void test_several_rows(void **state)
{
	(void)state;
	struct opened o = open_query("SELECT column1 FROM (VALUES (5), (6)) WHERE :n <> 'nobody'");
	struct asked a = ask(&o, "joe@example.org", true);
	assert_int_equal(a.facts.usage, 5);
	assert_non_null(strstr(a.note, "the first of 2"));
	a = ask(&o, "nobody@example.org", true);
	assert_int_equal(a.facts.state, FACTS_NO_MAILBOX);
	close_store(&o);
	o = open_store(&sql_type, RULE_FITS, "uri", uri, "query", "SELECT 1 WHERE :u = ''", "missing", "empty",
		"timeout", "1000", NULL);
	a = ask(&o, "nobody@example.org", true);
	assert_int_equal(a.facts.state, FACTS_FOUND);
	assert_int_equal(a.facts.usage, 0);
	assert_non_null(strstr(a.note, "no row yet"));
	close_store(&o);
}

static void test_parameters(void **state)
{
	(void)state;
	struct opened o = open_query("SELECT length(:u) * 10000 + length(:n) * 100 + length(:d)");
	assert_int_equal(ask(&o, "joe@example.org", true).facts.usage, 150311);
	assert_int_equal(ask(&o, "o'; DROP@x", true).facts.usage, 100801);
	close_store(&o);
	o = open_query("SELECT 1 WHERE :address = 'a@b' AND :local = 'a' AND :domain = 'b'");
	assert_int_equal(ask(&o, "a@b", true).facts.state, FACTS_FOUND);
	close_store(&o);
}

/* ---- the tables of each program ---- */

static void make_tables(const char *name)
{
	static char text[65536];
	char path[4096];
	snprintf(path, sizeof(path), "%s/tests/e2e/sql/%.*s.sql", getenv("SRC"), (int)strcspn(name, "-"), name);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	unlink(at("db"));
	execute(text);
}

static void assert_usage(struct opened *o, const char *address, uint64_t usage, uint32_t messages, uint64_t limit)
{
	struct asked a = ask(o, address, true);
	if (a.facts.state != FACTS_FOUND || a.facts.source != SOURCE_DATABASE || a.facts.usage != usage ||
		a.facts.messages != messages || a.facts.limit != limit || a.facts.message_limit != 0)
		fail_msg("%s: state %d, %llu octets, %u messages of %llu octets: %s", address, (int)a.facts.state,
			(unsigned long long)a.facts.usage, a.facts.messages, (unsigned long long)a.facts.limit, a.note);
}

static void test_presets(void **state)
{
	(void)state;
	snprintf(uri, sizeof(uri), "sqlite:%s", at("db"));
	for (int i = 1; sql_usage_preset_names[i]; i++) {
		const char *name = sql_usage_preset_names[i];
		bool limits = strcmp(name, "dovecot") != 0;
		make_tables(name);
		struct opened o = open_store(&sql_type, RULE_FITS, "uri", uri, "preset", name, "timeout", "1000", NULL);
		assert_usage(&o, "joe@example.org", 1000000, 3, limits ? 1048576 : 0);
		assert_int_equal(ask(&o, "both@example.org", true).facts.state, FACTS_FAILED);
		assert_int_equal(ask(&o, "nobody@example.org", true).facts.state, FACTS_NO_MAILBOX);
		if (limits) {
			assert_usage(&o, "ann@example.org", 5000000, 7, 0);
			assert_usage(&o, "neg@example.org", 0, 0, 0);
			assert_usage(&o, "away@example.org", 0, 0, 1048576); /* no row of usage yet */
			assert_int_equal(ask(&o, "gone@example.org", true).facts.state, FACTS_NO_MAILBOX);
			assert_int_equal(ask(&o, "joe@off.example", true).facts.state, FACTS_NO_MAILBOX);
		}
		close_store(&o);
	}
}

/* Directories and stores share the first names. */
static void test_names(void **state)
{
	(void)state;
	for (int i = 0; sql_preset_names[i]; i++)
		assert_string_equal(sql_preset_names[i], sql_usage_preset_names[i]);
}

/* ---- what goes wrong ---- */

static void test_failures(void **state)
{
	(void)state;
	execute("CREATE TABLE IF NOT EXISTS t (a)");
	struct opened o = open_query("SELECT b FROM t WHERE a = :u");
	struct asked a = ask(&o, "joe@example.org", true);
	assert_int_equal(a.facts.state, FACTS_FAILED);
	assert_non_null(strstr(a.note, "no such column: b"));
	close_store(&o);
	snprintf(uri, sizeof(uri), "sqlite:%s", at("nothing"));
	o = open_store(&sql_type, RULE_FITS, "uri", uri, "preset", "dovecot", "timeout", "1000", NULL);
	a = ask(&o, "joe@example.org", true);
	assert_int_equal(a.facts.state, FACTS_FAILED);
	assert_non_null(strstr(a.note, "unable to open"));
	close_store(&o);
}

static void test_odd_addresses(void **state)
{
	(void)state;
	struct opened o = open_query("SELECT 1 WHERE :u <> ''");
	const struct mailbox nul = { .address = { "a\0b@c", 5 }, .local = { "a\0b", 3 }, .domain = STR("c") };
	assert_int_equal(ask_mailbox(&o, &nul, true).facts.state, FACTS_NO_MAILBOX);
	assert_int_equal(ask(&o, "\xFF@example.org", true).facts.state, FACTS_NO_MAILBOX);
	assert_int_equal(ask(&o, "j\xC3\xB6@example.org", true).facts.state, FACTS_FOUND);
	close_store(&o);
}

static void test_conf(void **state)
{
	(void)state;
	snprintf(uri, sizeof(uri), "sqlite:%s", at("db"));
	static const struct {
		const char *query;
		bool told;
	} queries[] = {
		{ "SELECT 1 WHERE :n = 'a'", false },
		{ "SELECT 1 WHERE :n = 'a' AND :d = 'b'", true },
		{ "SELECT 1 WHERE :u = 'a'", true },
	};
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		struct opened o = open_query(queries[i].query);
		assert_int_equal(sql_type.told_domain(o.conf), queries[i].told);
		assert_true(sql_type.check(o.conf, &o.err));
		close_store(&o);
	}
	struct opened o = open_query("SELECT :u");
	char *conf = o.conf;
	for (const struct opt *row = sql_type.opts; row->name; row++)
		if (strcmp(row->name, "query") == 0) {
			const char *none = NULL, *bad = "SELECT :who";
			char *was;
			memcpy(&was, conf + row->offset, sizeof(was));
			memcpy(conf + row->offset, &none, sizeof(none));
			assert_false(sql_type.check(o.conf, &o.err));
			assert_string_equal(o.err.text, "either `preset` or `query` is needed");
			memcpy(conf + row->offset, &bad, sizeof(bad));
			assert_false(sql_type.check(o.conf, &o.err));
			assert_string_equal(o.err.text, "`query`: there is no parameter :who");
			memcpy(conf + row->offset, &was, sizeof(was));
		}
	close_store(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_several_rows),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_presets),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_odd_addresses),
		cmocka_unit_test(test_conf),
	};
	return cmocka_run_group_tests_name("sql_store", tests, files_setup, files_teardown);
}
