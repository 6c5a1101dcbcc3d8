/* The configuration: mistakes and where they are told, values and the structs they fill, print and read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "conf/conf.h"

struct top {
	const char *user;
	bool debug;
};

struct words {
	const char *pass, *full;
};

struct listen {
	const char *address;
	unsigned mode;
	uint64_t max_clients;
	msec idle;
	struct words words;
};

struct store {
	uint64_t limit;
	int rule, late;
	struct opt_list roots;
};

struct mbox {
	const char *path;
};

struct far {
	const char *uri;
	msec timeout;
};

struct cache {
	uint64_t soft;
	msec ttl;
	struct opt_list names;
};

static bool no_blanks(struct str value, struct err *err)
{
	if (str_find(value, ' ') == value.len)
		return true;
	return err_set(err, "expected a path without blanks");
}

#define ROW(type, member) .name = #member, .offset = offsetof(struct type, member)
static const char *const rules[] = { "fits", "courier", "dovecot-2.3", NULL };
static const struct opt top_rows[] = {
	{ ROW(top, user), .type = OPT_STRING, .help = "Who to be." },
	{ ROW(top, debug), .type = OPT_BOOL, .def = "false" },
	OPT_END,
};
static const struct opt words_rows[] = {
	{ ROW(words, pass), .type = OPT_STRING, .def = "OK" },
	{ ROW(words, full), .type = OPT_STRING },
	OPT_END,
};
static const struct opt listen_rows[] = {
	{ ROW(listen, address), .type = OPT_STRING, .required = true },
	{ ROW(listen, mode), .type = OPT_MODE, .def = "0600" },
	{ ROW(listen, max_clients), .type = OPT_NUMBER, .def = "100", .min = 1, .max = 65536 },
	{ ROW(listen, idle), .type = OPT_DURATION, .def = "5m", .max = SECONDS(86400) },
	OPT_END,
};
static const struct opt policy_rows[] = {
	{ .name = "words", .type = OPT_SECTION, .rows = words_rows, .offset = offsetof(struct listen, words) },
	OPT_END,
};
static const struct opt store_rows[] = {
	{ ROW(store, limit), .type = OPT_OCTETS, .help = "What a mailbox may hold." },
	{ ROW(store, rule), .type = OPT_CHOICE, .choices = rules, .def = "fits" },
	{ ROW(store, late), .type = OPT_CHOICE, .choices = rules },
	{ ROW(store, roots), .type = OPT_LIST, .check = no_blanks },
	OPT_END,
};
static const struct opt mbox_rows[] = {
	{ ROW(mbox, path), .type = OPT_STRING, .required = true, .check = no_blanks },
	OPT_END,
};
static const struct opt far_rows[] = {
	{ ROW(far, uri), .type = OPT_STRING },
	{ ROW(far, timeout), .type = OPT_DURATION, .def = "300ms", .min = 1 },
	OPT_END,
};
static const struct opt cache_rows[] = {
	{ ROW(cache, soft), .type = OPT_NUMBER, .def = "50", .max = 100 },
	{ ROW(cache, ttl), .type = OPT_DURATION, .def = "1h" },
	{ ROW(cache, names), .type = OPT_LIST, .def = "postmaster@ abuse@ \"two words\"" },
	OPT_END,
};
static const struct opt *const policy_tables[] = { policy_rows, NULL };
static const struct opt *const no_tables[] = { NULL };
static const struct opt *const mbox_tables[] = { mbox_rows, NULL };
static const struct opt *const far_tables[] = { far_rows, NULL };
static const struct conf_variant protocols[] = {
	{ .name = "policy", .opts = policy_tables, .size = sizeof(struct listen) },
	{ .name = "quotad", .opts = no_tables },
};
static const struct conf_variant types[] = {
	{ .name = "mbox", .opts = mbox_tables, .size = sizeof(struct mbox) },
	{ .name = "far", .opts = far_tables, .size = sizeof(struct far) },
};
static const struct conf_kind kinds[] = {
	{ .name = "", .single = true, .opts = top_rows, .size = sizeof(struct top) },
	{ .name = "listen",
		.titled = true,
		.choose = "protocol",
		.opts = listen_rows,
		.size = sizeof(struct listen),
		.variants = protocols,
		.n_variants = 2 },
	{ .name = "store",
		.titled = true,
		.choose = "type",
		.opts = store_rows,
		.size = sizeof(struct store),
		.variants = types,
		.n_variants = 2 },
	{ .name = "cache", .single = true, .opts = cache_rows, .size = sizeof(struct cache) },
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct conf *parse(const char *text)
{
	struct conf *c = conf_parse("t", str_of(text), kinds, N_KINDS);
	assert_non_null(c);
	return c;
}

static struct conf *parse_well(const char *text)
{
	struct conf *c = parse(text);
	for (size_t i = 0; i < conf_errors(c); i++)
		print_error("%s\n", conf_error(c, i));
	assert_int_equal(conf_errors(c), 0);
	return c;
}

/* A text, and the errors that it must give: all of them, in this order; each begins with "t:" line and holds the words. */
struct mistake {
	const char *text;
	const char *errors[6];
};

static const struct mistake mistakes[] = {
	{ "", { NULL } },
	{ "# nothing\n/* at\nall */ // here", { NULL } },
	{ "user = a\nusre = b\n", { "t:2: unknown option `usre`: did you mean `user`?" } },
	{ "zzz = {1, 2}\nyyy { a = b { } }\nxxx t { 1 = 2 \"}\" }\nuser = a b\n",
		{ "t:1: unknown option `zzz`", "t:2: unknown section `yyy`", "t:3: unknown section `xxx`",
			"t:4: unknown option or section `b`", "t:5: the file ends here; expected `=` or `{`" } },
	{ "stroe x { }", { "t:1: unknown section `stroe`: did you mean `store`?" } },
	{ "store x { type = mbox path = a\n limt = 3 }",
		{ "t:2: unknown option `limt` in a `store` section: did you mean `limit`?" } },
	{ "store x {\n type = mbxo\n}",
		{ "t:2: bad value `mbxo` for `type`, did you mean mbox?; expected mbox or far" } },
	{ "\nstore x {\n limit = 1 }", { "t:2: this `store` section needs `type`; expected mbox or far" } },
	{ "\nstore x {\n type = mbox }", { "t:2: this `store` section needs `path`" } },
	{ "store x {\n type = mbox path = a\n uri = b }", { "t:3: `uri` does not belong to a `store` of type mbox" } },
	{ "listen x {\n protocol = quotad address = a\n words { pass = b } }",
		{ "t:3: `words` does not belong to a `listen` of protocol quotad" } },
	{ "listen x { protocol = policy address = a words { pass = b\n pas = c } words { } }",
		{ "t:2: unknown option `pas` in a `words` section: did you mean `pass`?",
			"t:2: a second `words` section" } },
	{ "store x { type = far }\nstore y { type = far }\nstore x { type = far }",
		{ "t:3: a second `store x` section; the first is at t:1" } },
	{ "store { type = far }\nstore \"\" { type = far }",
		{ "t:1: a `store` section needs a name", "t:2: a `store` section needs a name" } },
	{ "cache { }\ncache {\n}", { "t:2: a second `cache` section; the first is at t:1" } },
	{ "cache x { }", { "t:1: a `cache` section has no name" } },
	{ "cache = 3\nuser { debug = x }", { "t:1: `cache` is a section", "t:2: `user` is an option" } },
	{ "user = a\n# one\n# two\nuser = b", { "t:4: `user` is given twice; the first is at t:1" } },
	{ "user = {a, b}", { "t:1: `user` takes one value, not 2" } },
	{ "user = {}", { "t: `user` takes one value, not 0" } },
	{ "debug = maybe", { "t:1: bad value `maybe` for `debug`; expected true or false" } },
	{ "store x { type = far\nlimit = 20X\n}\nstore y { type = far limit = 20 MB }",
		{ "t:2: bad value `20X` for `limit`; expected octets", "t:4: unknown option or section `MB`",
			"t:4: unexpected `}`; expected `=` or `{`" } },
	{ "store x { type = far limit = 99999999999T }", { "t:1: bad value `99999999999T`" } },
	{ "store x { type = far limit = 18446744073709551616 }", { "t:1: bad value" } },
	{ "store x { type = far limit = -1 }", { "t:1: bad value `-1`" } },
	{ "cache { ttl = 5 }", { "t:1: bad value `5` for `ttl`, which has no unit; expected a time with its unit" } },
	{ "cache { ttl = 5S }", { "t:1: bad value `5S`" } },
	{ "cache { ttl = 106751991168d }", { "t:1: bad value" } },
	{ "cache { soft = 101 }", { "t:1: bad value `101` for `soft`; expected a number, from 0 to 100" } },
	{ "listen x { protocol = policy address = a idle = 2d max_clients = 0\n mode = 0888 }",
		{ "t:1: bad value `0` for `max_clients`",
			"t:1: bad value `2d` for `idle`; expected a time with its unit such as 300ms, 30s, 2m, 1h or "
			"1d, "
			"from 0 to 1d",

			"t:2: bad value `0888` for `mode`; expected permissions" } },
	{ "store x { type = far timeout = off }", { "t:1: bad value `off` for `timeout`" } },
	{ "store x { type = far rule = dovecot-2.4 }", { "t:1: bad value `dovecot-2.4` for `rule`, did you mean "
							 "dovecot-2.3?; expected fits, courier or dovecot-2.3" } },
	{ "store x { type = mbox\npath = \"a b\"\nroots = {a,\n'b c'} }",
		{ "t:2: bad value `a b` for `path`: expected a path without blanks",
			"t:4: bad value `b c` for `roots`" } },
	{ "user 3\nusre = 4", { "t:1: unexpected `3`; expected `=` after `user`; reading ended here" } },
	{ "user = ", { "t:1: the file ends here; expected a value" } },
	{ "usre = x\nuser = =", { "t:1: unknown option `usre`", "t:2: unexpected `=`; expected a value" } },
	{ "cache {\nsoft = 3\n", { "t:1: the section that begins here is not closed; expected `}`" } },
	{ "cache {\n\nzzz = 1\n\n\n+ ",
		{ "t:3: unknown option `zzz` in a `cache` section", "t:6: `+` must stand in quotes here" } },
	{ "cache {\n\nzzz = 1\n\n\n", { "t:1: the section that begins here is not closed",
					      "t:3: unknown option `zzz` in a `cache` section" } },
	{ "cache { }\n}", { "t:2: unexpected `}`" } },
	{ "user = a\n\n\"abc", { "t:3: the string that begins here is not closed" } },
	{ "user = 'abc", { "t:1: the string that begins here is not closed" } },
	{ "user = a /* abc", { "t:1: the comment that begins here is not closed" } },
	{ "user = +\ndebug = maybe", { "t:1: `+` must stand in quotes here", "t:2: bad value `maybe`" } },
	{ "user = a*b", { "t:1: `*` must stand in quotes here" } },
	{ "user = \"\\0\"", { "t:1: an escape must be" } },
	{ "user = \"\\777\"", { "t:1: an escape must be" } },
	{ "user = \"\\1234\"", { "t:1: an escape must be" } },
	{ "user = \"\\x00\"", { "t:1: an escape must be" } },
	{ "user = ${HOME}", { "t:1: `${` must stand in quotes here" } },
	{ "user = %{host}", { "t:1: `%{` must stand in quotes here" } },
	{ "store|x = 3", { "t:1: unknown option `store|x`" } },
	{ "\"user\" = 3", { "t:1: unexpected `\"user\"`; expected the name of an option or a section" } },
	{ ":at = 3\ncache { :at = 4 }", { "t:1: unknown option `:at`", "t:2: unknown option `:at`" } },
	{ "store x { type = far roots = { a b } }", { "t:1: unexpected `b`; expected `,` or `}`" } },
	{ "user = x\ninclude(\"/nowhere/at.all\")\ndebug = maybe",
		{ "t:2: cannot include `/nowhere/at.all`: No such file or directory", "t:3: bad value `maybe`" } },
	{ "include \"x\"", { "t:1: unexpected `\"x\"`; expected `include(\"FILE\")`" } },
	{ "include(a b)", { "t:1: unexpected `b`; expected `)`" } },
	{ "cache { include(\"x\") }", { "t:1: `include` stands outside of all sections" } },
};

static void check_mistake(const struct mistake *m)
{
	struct conf *c = parse(m->text);
	size_t n = 0;
	bool ok = true;

	for (; n < 6 && m->errors[n]; n++) {
		const char *got = conf_error(c, n);
		ok = ok && got && strncmp(got, m->errors[n], strlen(m->errors[n])) == 0;
	}
	if (!ok || conf_errors(c) != n) {
		print_error("in: %s\n", m->text);
		for (size_t i = 0; i < conf_errors(c); i++)
			print_error("got: %s\n", conf_error(c, i));
		fail();
	}
	conf_free(c);
}

static void tells_every_mistake(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++)
		check_mistake(&mistakes[i]);
}

static const char full_text[] =
	"user = quotagate   debug = Yes # comment, with \"quote\n"
	"listen mta { protocol = policy  address = \"inet:127.0.0.1:7356\"  mode = \"0660\"\n"
	"  idle = 1h words { full = OVER } }\n"
	"listen exim { protocol = quotad address = unix:/run/x.sock mode = 0640 idle = off }\n"
	"store far { type = far uri = imap://127.0.0.1:143 limit = 200M timeout = 1500ms }\n"
	"store old { type = mbox path = \"udp:%{host}:${HOME}\\\"\\\\\\x41\\n\" limit = 1g rule = courier\n"
	"  roots = {\"/a\", # not in libconfuse 3.3\n /* nor this */ '/b\\c',} }\n"
	"store none { type = far roots = {} }\n"
	"store one { type = far roots = single roots += {more} }\n"
	"store \"a title \\\"\" { type = far uri = \"\" }\n";

static void check_full(struct conf *c)
{
	const struct conf_section *s = conf_next(c, NULL);
	const struct top *top = s->common;
	assert_string_equal(top->user, "quotagate");
	assert_true(top->debug);

	s = conf_next(c, s);
	const struct listen *mta = s->common;
	assert_string_equal(s->title, "mta");
	assert_string_equal(s->variant->name, "policy");
	assert_string_equal(mta->address, "inet:127.0.0.1:7356");
	assert_int_equal(mta->mode, 0660);
	assert_int_equal(mta->max_clients, 100);
	assert_int_equal(mta->idle, SECONDS(3600));
	const struct listen *own = s->own;
	assert_string_equal(own->words.pass, "OK");
	assert_string_equal(own->words.full, "OVER");

	s = conf_next(c, s);
	assert_int_equal(((const struct listen *)s->common)->idle, 0);

	s = conf_section_get(c, "store", "far");
	const struct far *far = s->own;
	assert_string_equal(far->uri, "imap://127.0.0.1:143");
	assert_int_equal(far->timeout, 1500);
	assert_int_equal(((const struct store *)s->common)->limit, 200 << 20);

	s = conf_section_get(c, "store", "old");
	const struct store *old = s->common;
	assert_string_equal(((const struct mbox *)s->own)->path, "udp:%{host}:${HOME}\"\\A\n");
	assert_int_equal(old->limit, 1 << 30);
	assert_int_equal(old->rule, 1);
	assert_int_equal(old->roots.n, 2);
	assert_string_equal(old->roots.at[0], "/a");
	assert_string_equal(old->roots.at[1], "/b\\c");

	s = conf_section_get(c, "store", "none");
	assert_int_equal(((const struct store *)s->common)->roots.n, 0);
	assert_int_equal(((const struct store *)s->common)->limit, 0);
	s = conf_section_get(c, "store", "one");
	assert_int_equal(((const struct store *)s->common)->roots.n, 2);
	assert_null(((const struct far *)s->own)->uri);
	s = conf_section_get(c, "store", "a title \"");
	assert_string_equal(((const struct far *)s->own)->uri, "");

	s = conf_section_get(c, "cache", NULL);
	const struct cache *cache = s->common;
	assert_int_equal(cache->soft, 50);
	assert_int_equal(cache->ttl, SECONDS(3600));
	assert_int_equal(cache->names.n, 3);
	assert_string_equal(cache->names.at[1], "abuse@");
	assert_string_equal(cache->names.at[2], "two words");
	assert_null(conf_next(c, s));
	assert_null(conf_section_get(c, "store", "nowhere"));
}

static void check_given(const struct conf *c)
{
	const struct conf_section *s = conf_section_get(c, "listen", "mta");
	assert_true(conf_given(s, "words.full"));
	assert_true(conf_given(s, "words"));
	assert_true(conf_given(s, "idle"));
	assert_true(conf_given(s, "protocol"));
	assert_false(conf_given(s, "max_clients"));
	assert_false(conf_given(s, "words.pass"));
	assert_false(conf_given(s, "nonsense.pass"));
	s = conf_section_get(c, "store", "none");
	assert_true(conf_given(s, "roots"));
	assert_false(conf_given(s, "limit"));
	s = conf_section_get(c, "cache", NULL);
	assert_false(conf_given(s, "soft"));
	assert_int_equal(s->line, 0);
	assert_string_equal(s->file, "t");
}

static char *printed(const struct conf *c)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	conf_print(c, out);
	fclose(out);
	return text;
}

static void fills_structs_and_prints_them(void **state)
{
	(void)state;
	struct conf *c = parse_well(full_text);
	check_full(c);
	check_given(c);
	char *text = printed(c);
	struct conf *again = parse_well(text);
	assert_non_null(strstr(text, "\nlisten exim {\n\tprotocol = quotad\n\taddress = \"unix:/run/x.sock\"\n"
				     "\tmode = 0640\n\tmax_clients = 100\n\tidle = 0\n}\n"));
	assert_non_null(strstr(text, "\twords {\n\t\tpass = \"OK\"\n\t\tfull = \"OVER\"\n\t}\n}\n"));
	check_full(again);
	char *text2 = printed(again);
	assert_string_equal(text, text2);
	free(text);
	free(text2);
	conf_free(again);
	conf_free(c);
}

/* What the table cannot know is printed as soon as it is. */
static void prints_what_was_settled(void **state)
{
	(void)state;
	struct conf *c = parse_well("store a { type = mbox path = /a }\nstore b { type = mbox path = /b }");
	const struct conf_section *a = conf_section_get(c, "store", "a");
	conf_settle(c, a, "late", 2);
	assert_int_equal(((const struct store *)a->common)->late, 2);
	assert_false(conf_given(a, "late"));
	char *text = printed(c);
	assert_non_null(strstr(text, "\tlate = dovecot-2.3\n"));
	assert_null(strstr(strstr(text, "store b"), "late"));
	struct conf *again = parse_well(text);
	assert_true(conf_given(conf_section_get(again, "store", "a"), "late"));
	free(text);
	conf_free(again);
	conf_free(c);
}

static void takes_later_complaints(void **state)
{
	(void)state;
	struct conf *c =
		parse_well("user = a\nlisten x {\n protocol = policy address = a\n words { pass = b\n full = c } }");
	const struct conf_section *s = conf_section_get(c, "listen", "x");
	conf_complain(c, s, "words.full", "too %s", "loud\n\033");
	conf_complain(c, s, NULL, "a");
	conf_complain(c, s, "mode", "b");
	conf_complain(c, s, "address", "c");
	conf_complain(c, conf_section_get(c, "cache", NULL), "soft", "d");
	conf_complain(c, NULL, NULL, "e");
	assert_int_equal(conf_errors(c), 6);
	assert_string_equal(conf_error(c, 0), "t: d");
	assert_string_equal(conf_error(c, 1), "t: e");
	assert_string_equal(conf_error(c, 2), "t:2: a");
	assert_string_equal(conf_error(c, 3), "t:2: b");
	assert_string_equal(conf_error(c, 4), "t:3: c");
	assert_string_equal(conf_error(c, 5), "t:5: too loud??");
	assert_null(conf_error(c, 6));
	conf_free(c);
}

static char folder[] = "/tmp/quotagate-conf-XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static struct conf *read_file(const char *name)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	struct conf *c = conf_read(path, kinds, N_KINDS);
	assert_non_null(c);
	return c;
}

static bool told(const struct conf *c, const char *words)
{
	for (size_t i = 0; i < conf_errors(c); i++)
		if (strstr(conf_error(c, i), words))
			return true;
	for (size_t i = 0; i < conf_errors(c); i++)
		print_error("got: %s\n", conf_error(c, i));
	return false;
}

static void includes_files(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	write_file("main", "user = a\ninclude(\"stores\")\n# c\ndebug = maybe\nstore d { type = far }\n");
	write_file(
		"stores", "store a { type = far }\n\nstore b { type = fer }\ninclude('more')\nstore c { type = far\n");
	write_file("more", "user = b\n");
	struct conf *c = read_file("main");
	assert_int_equal(conf_errors(c), 4);
	assert_true(told(c, "main:4: bad value `maybe`"));
	assert_true(told(c, "more:1: `user` is given twice; the first is at /tmp/"));
	assert_true(told(c, "stores:3: bad value `fer` for `type`, did you mean far?"));
	assert_true(told(c, "stores:5: the section that begins here is not closed"));
	conf_free(c);

	write_file("loop", "include(\"loop\")\ninclude(\"loop\")\n");
	c = read_file("loop");
	assert_int_equal(conf_errors(c), 1);
	assert_true(told(c, "includes are nested too deeply"));
	conf_free(c);

	write_file("main", "include(\".\")\n");
	c = read_file("main");
	assert_true(told(c, "main:1: cannot include"));
	assert_true(told(c, "Is a directory"));
	conf_free(c);

	c = read_file("absent");
	assert_int_equal(conf_errors(c), 1);
	assert_true(told(c, "absent: cannot be read: No such file or directory"));
	conf_free(c);

	assert_int_equal(chdir(folder), 0);
	unlink("main"), unlink("stores"), unlink("more"), unlink("loop");
	assert_int_equal(chdir("/"), 0);
	rmdir(folder);
}

/* What conf_encode() makes of a file in the folder. */
static struct str encoded(const char *name)
{
	char path[128], *at = NULL;
	size_t len;
	FILE *out = open_memstream(&at, &len);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_non_null(out);
	assert_true(conf_encode(path, kinds, N_KINDS, out));
	fclose(out);
	return (struct str){ at, len };
}

/* The file read here, and read elsewhere and told: they are the same, and nothing that lacks a record is a configuration. */
static void assert_carried(const char *name)
{
	struct err err;
	struct conf *c = read_file(name);
	struct str octets = encoded(name);
	struct conf *carried = conf_decode(conf_next(c, NULL)->file, octets, kinds, N_KINDS, &err);
	assert_non_null(carried);
	char *want = printed(c), *got = printed(carried);
	assert_string_equal(got, want);
	assert_int_equal(conf_errors(carried), conf_errors(c));
	for (size_t i = 0; i < conf_errors(c); i++)
		assert_string_equal(conf_error(carried, i), conf_error(c, i));
	const struct conf_section *s = conf_next(carried, NULL);
	for (const struct conf_section *was = conf_next(c, NULL); was; was = conf_next(c, was)) {
		assert_string_equal(s->file, was->file);
		assert_int_equal(s->line, was->line);
		s = conf_next(carried, s);
	}
	assert_null(s);
	for (size_t len = 0; len < octets.len; len++)
		assert_null(conf_decode("t", (struct str){ octets.at, len }, kinds, N_KINDS, &err));
	free(want), free(got);
	free((char *)(uintptr_t)octets.at);
	conf_free(c), conf_free(carried);
}

static void carries_what_is_written(void **state)
{
	(void)state;
	memcpy(folder, "/tmp/quotagate-conf-XXXXXX", sizeof(folder));
	assert_non_null(mkdtemp(folder));
	write_file("main",
		"user = a\ninclude(\"more\")\ncache { soft = 7  names = {} }\n\nlisten x { protocol = policy\n"
		"address = 'a\nb'  words { pass = b\n full = c } }\n");
	write_file(
		"more", "store a { type = mbox  path = /x  roots = {a, \"\\x01\", ''} }\nstore 'b c' { type = far }\n");
	assert_carried("main");
	write_file("main", "user = a\nuser = b\ninclude(\"more\")\nstore { }\nstore a { type = fer }\ncache {\n");
	write_file("more", "usr = 1\ncache { soft = 700 }\ncache { }\n");
	assert_carried("main");
	assert_carried("absent");
	assert_int_equal(chdir(folder), 0);
	unlink("main"), unlink("more");
	assert_int_equal(chdir("/"), 0);
	rmdir(folder);
}

/* Whoever says this is not believed. */
static void believes_no_records(void **state)
{
	const struct str bad[] = { STR(""), STR("\0"), STR("z"), STR("z\0z\0"), STR("z\0x"), STR("x\0z\0"),
		STR("e1 user\0z\0"), STR("ft\0e1 usr\0z\0"), STR("ft\0e1 cache\0z\0"), STR("ft\0euser\0z\0"),
		STR("ft\0e-1 user\0z\0"), STR("ft\0e2147483648 user\0z\0"), STR("ft\0e1 user\0e2 user\0z\0"),
		STR("ft\0v1 a\0z\0"), STR("ft\0s1 cache\0z\0"), STR("ft\0s1 user\0x\0z\0"), STR("ta\0z\0"),
		STR("ft\0s1 cache\0ta\0x\0z\0"), STR("ft\0s1 cache\0s1 cache\0x\0x\0z\0"),
		STR("ft\0e1 user\0s1 cache\0v1 a\0x\0z\0"), STR("ft\0q1 a\0z\0") };
	const struct str good[] = { STR("z\0"), STR("ft\0e1 user\0v2147483647 a\0z\0"), STR("ft\0s1 cache\0x\0z\0") };
	struct err err;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(conf_decode("t", bad[i], kinds, N_KINDS, &err));
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct conf *c = conf_decode("t", good[i], kinds, N_KINDS, &err);
		assert_non_null(c);
		assert_int_equal(conf_errors(c), 0);
		conf_free(c);
	}
	/* of a titled section that has no title it is told that it needs one */
	struct conf *c = conf_decode("t", STR("fu\0s7 store\0x\0c3 u:3: a\nb\0z\0"), kinds, N_KINDS, &err);
	assert_string_equal(conf_error(c, 0), "u:3: a?b");
	assert_string_equal(
		conf_error(c, conf_errors(c) - 1), "u:7: a `store` section needs a name; expected `store NAME {`");
	conf_free(c);
}

static void free_any(const char *text, size_t len)
{
	struct conf *c = conf_parse("t", (struct str){ text, len }, kinds, N_KINDS);
	assert_non_null(c);
	assert_true(conf_errors(c) <= CONF_ERRORS_MAX);
	conf_free(c);
}

static void bears_rubbish(void **state)
{
	(void)state;
	size_t len = CONF_OCTETS_MAX;
	char *text = malloc(len + 1);
	static const char pieces[] = "{}=()+,*#\"'\\$/ \n\tab0";
	uint32_t x = 1;

	assert_non_null(text);
	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		text[i] = (char)(x >> 24 ? x >> 24 : 1);
	}
	free_any(text, len);
	for (int round = 0; round < 2000; round++) {
		for (size_t i = 0; i < 60; i++) {
			x = x * 1664525 + 1013904223;
			text[i] = pieces[(x >> 24) % (sizeof(pieces) - 1)];
		}
		free_any(text, 60);
	}
	memset(text, '{', len);
	free_any(text, len);
	memset(text, 'a', len);
	free_any(text, len);
	memcpy(text, "user=", 5);
	free_any(text, len);
	text[5] = text[len - 1] = '"';
	free_any(text, len);
	text[len] = 'a';
	free_any(text, len + 1);
	for (size_t i = 0; i + 2 <= len; i += 2)
		memcpy(text + i, "a{", 2);
	free_any(text, len);
	memcpy(text, "cache", 5);
	free_any(text, len);
	for (size_t i = 0; i + 8 <= len; i += 8)
		memcpy(text + i, "cache{} ", 8);
	free_any(text, len);
	memset(text, '+', len);
	for (size_t i = 1; i < len; i += 2)
		text[i] = ',';
	memcpy(text, "user={", 6);
	free_any(text, len);
	for (size_t i = 0; i + 4 <= len; i += 4)
		memcpy(text + i, "\"$${", 4);
	memcpy(text, "user=", 5);
	free_any(text, len);
	free(text);

	struct conf *c = conf_parse("t", STR("user = a\n\0"), kinds, N_KINDS);
	assert_string_equal(conf_error(c, 0), "t:2: a NUL octet; expected text");
	conf_free(c);
}

static void keeps_a_hundred_of_a_thousand_errors(void **state)
{
	(void)state;
	char text[20000];
	size_t len = 0;
	for (int i = 0; i < 1000; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "wrong%d = 1\n", i);
	struct conf *c = parse(text);
	assert_int_equal(conf_errors(c), CONF_ERRORS_MAX);
	assert_string_equal(conf_error(c, 99), "t:100: unknown option `wrong99`");
	conf_free(c);
}

static void prints_the_reference(void **state)
{
	(void)state;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	conf_print_options(kinds, N_KINDS, out, CONF_TEXT);
	conf_print_options(kinds, N_KINDS, out, CONF_MAN);
	fclose(out);
	assert_non_null(strstr(text, "  limit = size\n      What a mailbox may hold.\n"));
	assert_non_null(strstr(text, "  rule = fits | courier | dovecot-2.3\n      Default: fits.\n"));
	assert_non_null(strstr(text, "  words { pass = string }\n"));
	assert_non_null(strstr(text, ".TP\n\\fBlimit\\fP = \\fIsize\\fP\nWhat a mailbox may hold.\n"));
	assert_non_null(strstr(text, "dovecot\\-2.3"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_every_mistake),
		cmocka_unit_test(fills_structs_and_prints_them),
		cmocka_unit_test(prints_what_was_settled),
		cmocka_unit_test(takes_later_complaints),
		cmocka_unit_test(includes_files),
		cmocka_unit_test(carries_what_is_written),
		cmocka_unit_test(believes_no_records),
		cmocka_unit_test(bears_rubbish),
		cmocka_unit_test(keeps_a_hundred_of_a_thousand_errors),
		cmocka_unit_test(prints_the_reference),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
