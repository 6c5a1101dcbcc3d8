/*
 * The pure parts of the LDAP directory: what goes into a filter, limits as they stand in entries, what an entry means, and
 * which options are good. Servers are asked by tests/e2e/test_ldap.py.
 */
#include "directory/ldap_entry.h"
#include "directory/ldap_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_escaping(void **state)
{
	(void)state;
	static const struct {
		struct str in;
		const char *want;
	} rows[] = {
		{ { "", 0 }, "" },
		{ { "joe.doe+x@example.org", 21 }, "joe.doe+x@example.org" },
		{ { "*", 1 }, "\\2a" },
		{ { "a(b)c\\d", 7 }, "a\\28b\\29c\\5cd" },
		{ { "a\0b", 3 }, "a\\00b" },
		{ { "a b\x7F\n", 5 }, "a\\20b\\7f\\0a" },
		{ { "\xC3\xB6\xFF", 3 }, "\\c3\\b6\\ff" },
		{ { "*)(uid=*", 8 }, "\\2a\\29\\28uid=\\2a" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[64];
		struct buf out = BUF(text);
		assert_true(ldap_text_put(&out, TEMPLATE_ADDRESS, rows[i].in));
		assert_string_equal(buf_z(&out), rows[i].want);
	}
}

static void test_limits(void **state)
{
	(void)state;
	static const struct {
		const char *in;
		enum ldap_unit unit;
		bool good;
		uint64_t octets;
		uint32_t messages;
	} rows[] = {
		{ "1000", LDAP_UNIT_OCTETS, true, 1000, 0 },
		{ " 1000 ", LDAP_UNIT_K, true, 1024000, 0 },
		{ "3", LDAP_UNIT_M, true, 3 << 20, 0 },
		{ "3g", LDAP_UNIT_M, true, UINT64_C(3) << 30, 0 },
		{ "0", LDAP_UNIT_OCTETS, true, 0, 0 },
		{ "-", LDAP_UNIT_OCTETS, true, 0, 0 },
		{ "Unlimited", LDAP_UNIT_OCTETS, true, 0, 0 },
		{ "none", LDAP_UNIT_OCTETS, true, 0, 0 },
		{ "1000S,20C", LDAP_UNIT_M, true, 1000, 20 },
		{ "20C", LDAP_UNIT_OCTETS, true, 0, 20 },
		{ "1000S, 20C", LDAP_UNIT_OCTETS, true, 1000, 20 },
		{ "99999999999C", LDAP_UNIT_OCTETS, true, 0, UINT32_MAX },
		{ "", LDAP_UNIT_OCTETS, false, 0, 0 },
		{ "abc", LDAP_UNIT_OCTETS, false, 0, 0 },
		{ "-1", LDAP_UNIT_OCTETS, false, 0, 0 },
		{ "1.5G", LDAP_UNIT_OCTETS, false, 0, 0 },
		{ "1000S,", LDAP_UNIT_OCTETS, false, 0, 0 },
		{ "1000S,20", LDAP_UNIT_OCTETS, false, 0, 0 },
		{ "1000S;20C", LDAP_UNIT_OCTETS, false, 0, 0 },
		{ "S", LDAP_UNIT_OCTETS, false, 0, 0 },
		{ "99999999999999999999", LDAP_UNIT_OCTETS, false, 0, 0 },
		{ "9999999999999T", LDAP_UNIT_OCTETS, false, 0, 0 },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct limit limit = { .named = false };
		if (ldap_text_limit(str_of(rows[i].in), rows[i].unit, &limit) != rows[i].good ||
			limit.named != rows[i].good || limit.octets != rows[i].octets ||
			limit.messages != rows[i].messages)
			fail_msg("\"%s\": %d %ju %u", rows[i].in, limit.named, (uintmax_t)limit.octets, limit.messages);
	}
	struct limit limit = { .named = true, .octets = 7 };
	assert_false(ldap_text_messages(STR("5k"), &limit));
	assert_true(ldap_text_messages(STR(" 5"), &limit));
	assert_int_equal(limit.octets, 7);
	assert_int_equal(limit.messages, 5);
}

/* ---- entries ---- */

/* An attribute's values, by `|` between them. */
static struct berval **values_of(const char *text)
{
	struct berval **values = calloc(16, sizeof(*values));
	struct str rest = str_of(text);
	for (size_t n = 0; rest.at; n++) {
		struct str s = str_cut(&rest, '|');
		assert_true(n < 15);
		values[n] = ber_mem2bv(s.at, s.len, 1, NULL);
	}
	return values;
}

/* The targets as text: `mailbox[ADDRESS][@HOST][LIMIT]`, an address, or `elsewhere`, with commas between. */
static void print_targets(struct str record, struct buf *out)
{
	struct target t;
	while (target_get(&t, &record)) {
		if (out->len)
			buf_putc(out, ',');
		buf_puts(out, t.kind == TARGET_MAILBOX ? "mailbox " : t.kind == TARGET_ELSEWHERE ? "elsewhere" : "");
		buf_put(out, t.address);
		if (t.host.len)
			buf_printf(out, " at %.*s", (int)t.host.len, t.host.at);
		if (t.home.len)
			buf_printf(out, " in %.*s", (int)t.home.len, t.home.at);
		if (t.store.len)
			buf_printf(out, " of %.*s", (int)t.store.len, t.store.at);
		if (t.limit.named)
			buf_printf(out, " %ju:%u", (uintmax_t)t.limit.octets, t.limit.messages);
	}
}

struct entry_row {
	const char *asked;
	const char *values[LDAP_ROLES];
	const char *want; /* null: it makes no sense */
	const char *noted;
	bool no_delivery; /* delivery_attribute is not set */
	bool of_class; /* mailbox_class is set */
};

static const struct entry_row entries[] = {
	{ "joe@x.org", { NULL }, .want = "mailbox " },
	{ "joe@x.org", { [LDAP_MAILBOX] = "j@x.org" }, .want = "mailbox j@x.org" },
	{ "joe@x.org", { [LDAP_MAILBOX] = "j@x.org|JOE@x.org" }, .want = "mailbox " },
	{ "joe@x.org", { [LDAP_MAILBOX] = "j@x.org|k@x.org" }, .noted = "mail: 2 values" },
	{ "joe@x.org", { [LDAP_MAILBOX] = "\"j@x.org" }, .noted = "mail: \"\"j@x.org\" is no address" },
	{ "joe@x.org",
		{ [LDAP_HOST] = "be1",
			[LDAP_HOME] = "/h/joe",
			[LDAP_STORE] = "old",
			[LDAP_LIMIT] = "5k",
			[LDAP_MESSAGES] = "9" },
		.want = "mailbox  at be1 in /h/joe of old 5120:9" },
	{ "joe@x.org", { [LDAP_HOST] = "a b" }, .noted = "host: \"a b\" is no host" },
	{ "joe@x.org", { [LDAP_HOME] = "h/joe" }, .noted = "home: \"h/joe\" is no absolute path" },
	{ "joe@x.org", { [LDAP_LIMIT] = "x" }, .want = "mailbox ", .noted = "quota: \"x\" is no limit" },
	{ "joe@x.org", { [LDAP_LIMIT] = "1|2" }, .want = "mailbox ", .noted = "quota: 2 values" },
	/* in the place of this one */
	{ "joe@x.org", { [LDAP_ROUTING] = "j@y.org" }, .want = "j@y.org" },
	{ "joe@x.org", { [LDAP_ROUTING] = "j@y.org", [LDAP_HOST] = "be1" }, .want = "mailbox j@y.org at be1" },
	{ "joe@x.org", { [LDAP_ROUTING] = "Joe@X.org" }, .want = "mailbox " },
	/* catch-alls */
	{ "@x.org", { NULL }, .want = "elsewhere" },
	{ "@x.org", { [LDAP_MAILBOX] = "j@x.org" }, .want = "mailbox j@x.org" },
	{ "@x.org", { [LDAP_ROUTING] = "j@x.org" }, .want = "j@x.org" },
	{ "@x.org", { [LDAP_MAILBOX] = "@x.org", [LDAP_FORWARD] = "j@x.org" }, .want = "j@x.org" },
	/* forwards, and a copy here or not */
	{ "joe@x.org", { [LDAP_FORWARD] = "a@y|b@y" }, .want = "mailbox ,a@y,b@y" },
	{ "joe@x.org", { [LDAP_FORWARD] = "a@y", [LDAP_DELIVERY] = "reply|NoLocal" }, .want = "a@y" },
	{ "joe@x.org", { [LDAP_FORWARD] = "a@y", [LDAP_DELIVERY] = "noforward" }, .want = "mailbox " },
	{ "joe@x.org", { [LDAP_DELIVERY] = "nolocal" }, .want = "elsewhere" },
	{ "joe@x.org", { [LDAP_FORWARD] = "a@y" }, .want = "a@y", .no_delivery = true },
	{ "joe@x.org", { [LDAP_FORWARD] = "joe@x.org|a@y" }, .want = "mailbox ,a@y", .no_delivery = true },
	{ "jj@x.org", { [LDAP_MAILBOX] = "joe@x.org", [LDAP_FORWARD] = "a@y|joe@x.org" },
		.want = "mailbox joe@x.org,a@y", .no_delivery = true },
	{ "joe@x.org", { [LDAP_FORWARD] = "\"|a@y" }, .want = "mailbox ,elsewhere,a@y" },
	/* entries without a mailbox */
	{ "joe@x.org", { [LDAP_CLASS] = "top|MAILUSER" }, .want = "mailbox ", .of_class = true },
	{ "joe@x.org", { [LDAP_CLASS] = "top|mailList" }, .want = "elsewhere", .of_class = true },
	{ "joe@x.org", { [LDAP_CLASS] = "mailAlias", [LDAP_FORWARD] = "a@y|joe@x.org" }, .want = "a@y",
		.of_class = true },
};

static void check_entry(const struct entry_row *row)
{
	static char record[TARGETS_MAX];
	char note_text[256], got_text[256];
	struct buf targets = BUF(record), note = BUF(note_text), got = BUF(got_text);
	struct ldap_names names = { .attribute = { "mail", "routing", "forward", row->no_delivery ? NULL : "mode",
					    "host", "home", "store", "quota", "count", "class" },
		.mailbox_class = row->of_class ? "mailUser" : NULL };
	struct mailbox m = { .address = str_of(row->asked) };
	size_t at = str_find(m.address, '@');
	m.local = (struct str){ m.address.at, at };
	m.domain = str_from(m.address, at + 1);
	struct ldap_entry entry = { .dn = "cn=x\n" };
	for (size_t r = 0; r < LDAP_ROLES; r++)
		if (row->values[r])
			entry.values[r] = values_of(row->values[r]);
	enum listing said = ldap_entry_read(&entry, &names, &m, &targets, &note);
	print_targets(buf_str(&targets), &got);
	if (said != (row->want ? LISTING_TARGETS : LISTING_FAILED) ||
		strcmp(buf_z(&got), row->want ? row->want : "") != 0 || !strstr(buf_z(&note), "cn=x?") ||
		!strstr(buf_z(&note), row->noted ? row->noted : ""))
		fail_msg("row %zu: %d \"%s\", note \"%s\"", (size_t)(row - entries), (int)said, buf_z(&got),
			buf_z(&note));
	for (size_t r = 0; r < LDAP_ROLES; r++)
		ber_bvecfree(entry.values[r]);
}

static void test_entries(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(entries); i++)
		check_entry(&entries[i]);
}

/* More values than one record takes: no answer, and nothing of it. */
static void test_crowded_entry(void **state)
{
	(void)state;
	static char record[TARGETS_MAX];
	char note_text[256];
	enum { MEMBERS = 5000 };
	struct buf targets = BUF(record), note = BUF(note_text);
	static char text[] = "member@example.org";
	static struct berval member = { .bv_val = text, .bv_len = sizeof(text) - 1 };
	static struct berval *members[MEMBERS + 1];
	for (size_t i = 0; i < MEMBERS; i++)
		members[i] = &member;
	const struct ldap_entry entry = { .dn = "cn=all", .values = { [LDAP_FORWARD] = members } };
	const struct ldap_names names = { .attribute = { [LDAP_FORWARD] = "member" } };
	const struct mailbox m = { .address = STR("all@x.org"), .local = STR("all"), .domain = STR("x.org") };
	assert_int_equal(ldap_entry_read(&entry, &names, &m, &targets, &note), LISTING_FAILED);
	assert_int_equal(targets.len, 0);
	assert_string_equal(buf_z(&note), "cn=all: it has more values than one answer can take");
}

/* ---- options ---- */

static const struct opt *row_of(const char *name)
{
	const struct opt *row = ldap_opts;
	while (row->name && strcmp(row->name, name) != 0)
		row++;
	assert_non_null(row->name);
	return row;
}

static void test_single_options(void **state)
{
	(void)state;
	static const struct {
		const char *option, *value;
		bool good;
	} rows[] = {
		{ "uri", "ldap://127.0.0.1", true },
		{ "uri", "ldaps://[::1]:636", true },
		{ "uri", "ldapi://%2Frun%2Fldapi", true },
		{ "uri", "127.0.0.1", false },
		{ "uri", "ldap://127.0.0.1/dc=x", false },
		{ "uri", "ldap://127.0.0.1:x", false },
		{ "filter", "(mail=%u)", true },
		{ "filter", "(&(uid=%n)(|(dc=%d)(dc=%1d)))", true },
		{ "filter", "(mail=joe)", false },
		{ "filter", "(mail=%h)", false },
		{ "filter", "(mail=%u", false },
		{ "filter", "(mail=%u)(uid=*)", false },
		{ "filter", "(mail=%u))((uid=*)", false },
		{ "filter", "mail=%u", false },
		{ "filter", "", false },
		{ "domain_filter", "(dc=%d)", true },
		{ "domain_filter", "(dc=%u)", false },
		{ "domain_filter", "", true },
		{ "host_attribute", "mailHost;lang-de", true },
		{ "host_attribute", "", true },
		{ "host_attribute", "a,b", false },
		{ "password_file", "secret", false },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err err = { "" };
		bool good = row_of(rows[i].option)->check(str_of(rows[i].value), &err);
		if (good != rows[i].good || good != (err.text[0] == '\0'))
			fail_msg("%s = \"%s\": %d %s", rows[i].option, rows[i].value, good, err.text);
	}
}

static void test_options_together(void **state)
{
	(void)state;
	const char *uris[] = { "ldap://a", "LDAPS://b" };
	struct err err;
	struct ldap_conf conf = { .uri = { uris, 2 }, .base = "" };
	assert_true(ldap_conf_check(&conf, &err));
	conf.starttls = true;
	assert_false(ldap_conf_check(&conf, &err));
	conf = (struct ldap_conf){ .uri = { uris, 1 }, .bind_dn = "cn=x" };
	assert_false(ldap_conf_check(&conf, &err));
	conf.password_file = "/x";
	assert_true(ldap_conf_check(&conf, &err));
	conf.uri.n = 0;
	assert_false(ldap_conf_check(&conf, &err));
}

/* A schema gives names; an option replaces one, an empty text takes it away. */
static void test_schemas(void **state)
{
	(void)state;
	struct ldap_conf conf = { .schema = 0 };
	struct ldap_names names = ldap_conf_names(&conf);
	assert_string_equal(names.filter, "(mailLocalAddress=%u)");
	for (size_t i = 0; i < LDAP_ROLES; i++)
		assert_null(names.attribute[i]);
	for (int i = 0; ldap_schema_names[i]; i++) {
		struct err err = { "" };
		conf = (struct ldap_conf){ .schema = i };
		names = ldap_conf_names(&conf);
		assert_true(row_of("filter")->check(str_of(names.filter), &err));
		assert_true(row_of("domain_filter")->check(str_of(names.domain_filter), &err));
	}
	conf = (struct ldap_conf){ .schema = 2, .attribute = { [LDAP_HOST] = "", [LDAP_HOME] = "homeDirectory" } };
	names = ldap_conf_names(&conf);
	assert_string_equal(names.attribute[LDAP_FORWARD], "mailForwardingAddress");
	assert_string_equal(names.attribute[LDAP_HOME], "homeDirectory");
	assert_null(names.attribute[LDAP_HOST]);
	assert_null(names.attribute[LDAP_CLASS]);
	conf.schema = 3;
	assert_string_equal(ldap_conf_names(&conf).attribute[LDAP_CLASS], "objectClass");
	assert_non_null(ldap_conf_names(&conf).domain_filter);
	conf.mailbox_class = conf.domain_filter = "";
	assert_null(ldap_conf_names(&conf).domain_filter);
	assert_null(ldap_conf_names(&conf).attribute[LDAP_CLASS]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escaping),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_crowded_entry),
		cmocka_unit_test(test_single_options),
		cmocka_unit_test(test_options_together),
		cmocka_unit_test(test_schemas),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
