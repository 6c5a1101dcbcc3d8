/*
 * Line 1 is where a database is, the rest a query with names for parameters. Outside of strings, quoted names and comments
 * no placeholder stands that is not one of the names, whatever the server.
 */
#include "fuzz.h"
#include "io/sql_driver.h"

static const char *const names[] = { "u", "n", "d", "address", NULL };

static size_t placeholders(const char *text, bool dollars)
{
	size_t n = 0;
	for (; *text; text++)
		n += dollars ? *text == '$' && text[1] >= '1' && text[1] <= '9' : *text == '?';
	return n;
}

static void try_query(struct str text, bool dollars, bool backslashes)
{
	static struct sql_query q;
	const struct sql_driver driver = { .dollars = dollars, .backslashes = backslashes };
	struct err err = { "" };
	if (!sql_query_init(&q, &driver, 0, text, names, &err)) {
		fuzz_require(err.text[0], "what is wrong is told");
		return;
	}
	fuzz_require(q.n >= 1 && q.n <= SQL_PARAMETERS_MAX, "there are parameters");
	for (unsigned i = 0; i < q.n; i++)
		fuzz_require(q.value[i] < sizeof(names) / sizeof(names[0]) - 1, "each is one of the names");
	fuzz_require(memchr(q.text, '\0', sizeof(q.text)) != NULL, "the text has its end");
	if (str_find(text, '\'') < text.len || str_find(text, '"') < text.len || str_find(text, '`') < text.len ||
		str_find(text, '-') < text.len || str_find(text, '/') < text.len || str_find(text, '\0') < text.len)
		return; /* there they may stand for themselves */
	fuzz_require(placeholders(q.text, dollars) == q.n, "every placeholder is one of ours");
}

static void try_place(struct str uri)
{
	struct sql_place p, again;
	struct err err = { "" };
	char text[512];
	struct buf note = BUF(text);
	if (!sql_place_parse(&p, uri, &err)) {
		fuzz_require(err.text[0], "what is wrong is told");
		return;
	}
	fuzz_require(p.driver && p.port <= 65535, "a driver, and a port");
	fuzz_require(memchr(p.user, '\0', sizeof(p.user)) && memchr(p.host, '\0', sizeof(p.host)) &&
			     memchr(p.database, '\0', sizeof(p.database)) && memchr(p.path, '\0', sizeof(p.path)),
		"texts have their ends");
	sql_place_put(&p, &note);
	fuzz_require(sql_place_parse(&again, uri, NULL) && strcmp(p.database, again.database) == 0, "it is the same");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct octets in = OCTETS(data, size);
	try_place(fuzz_text(&in, '\n'));
	struct str text = fuzz_take(&in, size);
	for (unsigned i = 0; i < 4; i++)
		try_query(text, i & 1, i & 2);
	return 0;
}
