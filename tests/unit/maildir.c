/* What the maildir store believes of a maildirsize, and what it counts. */
#include "filestore.h"

extern const struct store_kind maildir_type;

#define JOE "vmail/example.org/joe/Maildir"

static struct opened open_vmail(void)
{
	return open_store(&maildir_type, RULE_COURIER, "path", at("vmail/%d/%n/Maildir"), NULL);
}

static void test_size_file(void **state)
{
	(void)state;
	make_maildir(JOE);
	struct opened o = open_vmail();
	make_file(JOE "/maildirsize", "1000S,20C\n         300            2\n");
	struct asked a = ask(&o, "joe@example.org", false);
	assert_found(a, SOURCE_MAILDIRSIZE, 300, 2);
	assert_int_equal(a.facts.limit, 1000);
	assert_int_equal(a.facts.message_limit, 20);
	assert_true(a.facts.firm);
	assert_false(a.facts.foreign);
	assert_noted(a, JOE "/maildirsize");
	make_file(JOE "/maildirsize", "1000S\n300 2\n100 1\n");
	a = ask(&o, "joe@example.org", false);
	assert_found(a, SOURCE_MAILDIRSIZE, 400, 3);
	assert_false(a.facts.firm);
	assert_true(a.facts.foreign);
	close_store(&o);
}

static void test_when_believed(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		time_t age;
		bool firm_at_once;
		const char *why;
	} rows[] = {
		{ "1000S\n1500 3\n", 0, true, NULL },
		{ "1000S\n1500 3\n", 14 * 60, true, NULL },
		{ "1000S\n1500 3\n", 16 * 60, false, "not of the last 15 minutes" },
		{ "1000S\n1500 3\n", -16 * 60, false, "not of the last 15 minutes" },
		{ "1000S\n1400 2\n100 1\n", 0, false, "more than one data line" },
	};
	make_maildir(JOE);
	make_sized(JOE "/cur/1.a.host,S=700:2,S", 1);
	make_sized(JOE "/new/2.b.host", 42);
	struct opened o = open_vmail();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_file(JOE "/maildirsize", rows[i].text);
		make_old(JOE "/maildirsize", rows[i].age);
		struct asked a = ask(&o, "joe@example.org", false);
		assert_found(a, SOURCE_MAILDIRSIZE, 1500, 3);
		assert_int_equal(a.facts.firm, rows[i].firm_at_once);
		a = ask(&o, "joe@example.org", true);
		assert_true(a.facts.firm);
		assert_int_equal(a.facts.limit, 1000);
		if (rows[i].firm_at_once) {
			assert_found(a, SOURCE_MAILDIRSIZE, 1500, 3);
		} else {
			assert_found(a, SOURCE_RECOUNT, 742, 2);
			assert_noted(a, rows[i].why);
		}
	}
	close_store(&o);
}

/* Dovecot refuses by a file that says that the mailbox is within its limits, and so do we; it counts when it is above one. */
static void test_when_dovecot_believes(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool firm;
	} rows[] = {
		{ "1000S\n900 2\n100 1\n", true },
		{ "1000S\n901 2\n100 1\n", false },
		{ "1000S,3C\n900 2\n1 1\n", true },
		{ "1000S,3C\n900 2\n1 2\n", false },
		{ "3C\n900 2\n1 1\n", true },
		{ "0S\n900 2\n100 1\n", false },
	};
	make_maildir(JOE);
	make_sized(JOE "/new/2.b.host", 42);
	struct opened o = open_store(&maildir_type, RULE_DOVECOT_2_3, "path", at("vmail/%d/%n/Maildir"), NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_file(JOE "/maildirsize", rows[i].text);
		make_old(JOE "/maildirsize", 16 * 60);
		assert_int_equal(ask(&o, "joe@example.org", false).facts.firm, rows[i].firm);
		struct asked a = ask(&o, "joe@example.org", true);
		assert_true(a.facts.firm);
		assert_int_equal(a.facts.source, rows[i].firm ? SOURCE_MAILDIRSIZE : SOURCE_RECOUNT);
	}
	close_store(&o);
}

/* What is counted whenever it is asked, and which limit holds then. */
static void test_recounted_always(void **state)
{
	(void)state;
	char large[6000] = "1000S,20C\n";
	for (size_t i = strlen(large); i + 27 < sizeof(large); i = strlen(large))
		memcpy(large + i, "           1            0\n", 27);
	const struct {
		const char *text;
		uint64_t limit;
	} rows[] = { { "", 0 }, { "garbage", 0 }, { "1000S\nx y\n", 1000 }, { "1000S\n-5 -1\n", 1000 }, { large, 1000 },
		{ "1000S\n", 1000 } };
	make_maildir(JOE);
	make_sized(JOE "/new/2.b.host", 42);
	struct opened o = open_vmail();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_file(JOE "/maildirsize", rows[i].text);
		struct asked a = ask(&o, "joe@example.org", false);
		assert_found(a, SOURCE_RECOUNT, 42, 1);
		assert_true(a.facts.firm);
		assert_int_equal(a.facts.limit, rows[i].limit);
	}
	unlink(at(JOE "/maildirsize"));
	struct asked a = ask(&o, "joe@example.org", false);
	assert_found(a, SOURCE_RECOUNT, 42, 1);
	assert_noted(a, "no maildirsize");
	close_store(&o);
}

/* A maildirsize that is something else. None of these may hang or be read. */
static void test_no_regular_file(void **state)
{
	(void)state;
	make_maildir(JOE);
	make_sized(JOE "/cur/1,S=7:2,", 0);
	struct opened o = open_vmail();
	assert_int_equal(mkfifo(at(JOE "/maildirsize"), 0644), 0);
	struct asked a = ask(&o, "joe@example.org", false);
	assert_found(a, SOURCE_RECOUNT, 7, 1);
	assert_noted(a, "no regular file");
	remove(at(JOE "/maildirsize"));
	make_dirs(JOE "/maildirsize");
	a = ask(&o, "joe@example.org", false);
	assert_found(a, SOURCE_RECOUNT, 7, 1);
	remove(at(JOE "/maildirsize"));
	make_link("maildirsize", JOE "/maildirsize");
	a = ask(&o, "joe@example.org", false);
	assert_state(a, FACTS_FAILED);
	close_store(&o);
}

/* Two messages in the INBOX, and one in each folder, of different powers of ten. */
static void make_folders(const char *sub, const char *trash, const char *old_trash, const char *deep)
{
	char name[512];
	make_maildir(JOE);
	make_sized(JOE "/new/1.a,S=1", 0);
	make_sized(JOE "/cur/2.a,S=10:2,ST", 0);
	make_sized(JOE "/tmp/3.a,S=500000000", 0);
	make_sized(JOE "/cur/.hidden,S=600000000", 0);
	const char *const folders[] = { sub, trash, old_trash, deep };
	const char *const files[] = { "100", "1000", "10000", "100000" };
	for (size_t i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), JOE "/%s", folders[i]);
		make_maildir(name);
		snprintf(name, sizeof(name), JOE "/%s/cur/%zu.b,S=%s:2,S", folders[i], i, files[i]);
		make_sized(name, 3);
	}
}

static void test_folders_and_trash(void **state)
{
	(void)state;
	static const struct {
		enum store_rule rule;
		const char *trash;
		uint64_t octets;
	} rows[] = {
		{ RULE_COURIER, "rule", 110101 },
		{ RULE_COURIER, "count", 111111 },
		{ RULE_DOVECOT_2_3, "rule", 111111 },
		{ RULE_EXIM, "rule", 111111 },
		{ RULE_EXIM, "skip", 110101 },
	};
	make_folders(".Sub", ".Trash", ".Trash.old", ".Sub.Deep");
	make_maildir("elsewhere");
	make_sized("elsewhere/cur/9,S=1000000:2,", 0);
	make_link("../../../../elsewhere", JOE "/.Linked");
	make_maildir(JOE "/Sub"); /* a folder of the other layout */
	make_sized(JOE "/Sub/cur/9,S=2000000:2,", 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct opened o = open_store(
			&maildir_type, rows[i].rule, "path", at("vmail/%d/%n/Maildir"), "trash", rows[i].trash, NULL);
		struct asked a = ask(&o, "joe@example.org", true);
		assert_found(a, SOURCE_RECOUNT, rows[i].octets, rows[i].octets == 111111 ? 6 : 4);
		close_store(&o);
	}
}

static void test_layout_fs(void **state)
{
	(void)state;
	make_folders("Sub", "Trash", "Sub/Trash", "Sub/Deep/Deeper");
	make_maildir(JOE "/.Sub"); /* a folder of the other layout */
	make_sized(JOE "/.Sub/cur/9,S=2000000:2,", 0);
	struct opened o =
		open_store(&maildir_type, RULE_COURIER, "path", at("vmail/%d/%n/Maildir"), "layout", "fs", NULL);
	struct asked a = ask(&o, "joe@example.org", true);
	assert_found(a, SOURCE_RECOUNT, 110101, 4);
	close_store(&o);
	o = open_store(&maildir_type, RULE_DOVECOT_2_4, "path", at("vmail/%d/%n/Maildir"), "layout", "fs", NULL);
	a = ask(&o, "joe@example.org", true);
	assert_found(a, SOURCE_RECOUNT, 111111, 6);
	close_store(&o);
}

static void test_sizes_of_messages(void **state)
{
	(void)state;
	static const struct {
		const char *name; /* each file has 5 octets */
		uint64_t octets;
	} rows[] = {
		{ "1.a.host,S=100:2,S", 100 }, /* Courier, Dovecot, Exim */
		{ "1.a.host,S=100,W=103:2,S", 100 }, /* Dovecot */
		{ "1.a.host,W=103,S=100", 100 },
		{ "1.a.host:2,,S=100", 5 },
		{ "1.a.host,S=1,S=100:2,", 100 },
		{ "1.a.host,S=100x:2,", 5 },
		{ "1.a.host,S=:2,", 5 },
		{ "1.a.host,S=-1:2,", 5 },
		{ "1.a.host,s=100:2,", 5 },
		{ "1.a.host", 5 },
		{ ".1.a.host,S=100:2,S", 0 },
		{ "1.a.host,S=99999999999999999999999:2,", UINT64_MAX },
	};
	make_maildir(JOE);
	struct opened o = open_vmail();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[256];
		snprintf(name, sizeof(name), JOE "/cur/%s", rows[i].name);
		make_sized(name, 5);
		struct asked a = ask(&o, "joe@example.org", true);
		assert_found(a, SOURCE_RECOUNT, rows[i].octets, rows[i].octets != 0);
		remove(at(name));
	}
	make_sized(JOE "/cur/1,S=18446744073709551000:2,", 0);
	make_sized(JOE "/cur/2,S=18446744073709551000:2,", 0);
	make_dirs(JOE "/cur/directory");
	make_link("/etc/passwd", JOE "/cur/link");
	struct asked a = ask(&o, "joe@example.org", true);
	assert_found(a, SOURCE_RECOUNT, UINT64_MAX, 2);
	close_store(&o);
}

/* Every directory last changed a minute ago, so that the next change shows. */
static void settle(void)
{
	static const char *const names[] = { JOE "/new", JOE "/cur", JOE "/.Sub/new", JOE "/.Sub/cur", JOE };
	for (size_t i = 0; i < 5; i++)
		make_old(names[i], 60);
}

static void test_remembered(void **state)
{
	(void)state;
	make_maildir(JOE);
	make_maildir(JOE "/.Sub");
	make_sized(JOE "/cur/1,S=10:2,", 0);
	struct opened o = open_vmail();
	struct asked a = ask(&o, "joe@example.org", true);
	assert_found(a, SOURCE_RECOUNT, 10, 1);
	/* Just made: a change in the same tick of the clock would not show. */
	a = ask(&o, "joe@example.org", true);
	assert_found(a, SOURCE_RECOUNT, 10, 1);
	settle();
	a = ask(&o, "joe@example.org", true);
	assert_found(a, SOURCE_RECOUNT, 10, 1);
	a = ask(&o, "joe@example.org", true);
	assert_found(a, SOURCE_REMEMBERED, 10, 1);
	assert_true(a.facts.firm);
	/* A message, a message in a folder, a new folder. */
	make_sized(JOE "/new/2,S=100", 0);
	a = ask(&o, "joe@example.org", true);
	assert_found(a, SOURCE_RECOUNT, 110, 2);
	settle();
	assert_found(ask(&o, "joe@example.org", true), SOURCE_RECOUNT, 110, 2);
	assert_found(ask(&o, "joe@example.org", true), SOURCE_REMEMBERED, 110, 2);
	make_sized(JOE "/.Sub/cur/3,S=1000:2,", 0);
	assert_found(ask(&o, "joe@example.org", true), SOURCE_RECOUNT, 1110, 3);
	settle();
	ask(&o, "joe@example.org", true);
	assert_found(ask(&o, "joe@example.org", true), SOURCE_REMEMBERED, 1110, 3);
	make_maildir(JOE "/.New");
	assert_found(ask(&o, "joe@example.org", true), SOURCE_RECOUNT, 1110, 3);
	close_store(&o);
}

/* The stat of maildirsize is part of what a count is remembered by, and its limits are always read afresh. */
static void test_remembered_with_file(void **state)
{
	(void)state;
	make_maildir(JOE);
	make_maildir(JOE "/.Sub");
	make_sized(JOE "/cur/1,S=10:2,", 0);
	make_file(JOE "/maildirsize", "5S\n4 1\n6 0\n");
	settle();
	struct opened o = open_vmail();
	assert_found(ask(&o, "joe@example.org", true), SOURCE_RECOUNT, 10, 1);
	assert_found(ask(&o, "joe@example.org", true), SOURCE_REMEMBERED, 10, 1);
	assert_found(ask(&o, "joe@example.org", false), SOURCE_MAILDIRSIZE, 10, 1);
	make_file(JOE "/maildirsize", "7S\n4 1\n6 0\n-1 0\n");
	struct asked a = ask(&o, "joe@example.org", true);
	assert_found(a, SOURCE_RECOUNT, 10, 1);
	assert_int_equal(a.facts.limit, 7);
	close_store(&o);
}

static void test_many_folders(void **state)
{
	(void)state;
	char name[128];
	make_maildir(JOE);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), JOE "/.Folder%d", i);
		make_maildir(name);
		snprintf(name, sizeof(name), JOE "/.Folder%d/cur/1,S=%d:2,", i, i);
		make_sized(name, 0);
		for (int j = 0; j < 2; j++) {
			snprintf(name, sizeof(name), JOE "/.Folder%d/%s", i, j ? "new" : "cur");
			make_old(name, 60);
		}
	}
	make_old(JOE "/new", 60);
	make_old(JOE "/cur", 60);
	make_old(JOE, 60);
	struct opened o = open_vmail();
	assert_found(ask(&o, "joe@example.org", true), SOURCE_RECOUNT, 300 * 299 / 2, 300);
	assert_found(ask(&o, "joe@example.org", true), SOURCE_REMEMBERED, 300 * 299 / 2, 300);
	close_store(&o);
}

static void test_control_directory(void **state)
{
	(void)state;
	make_maildir(JOE);
	make_sized(JOE "/cur/1,S=10:2,", 0);
	make_dirs("control/joe");
	make_file("control/joe/maildirsize", "1000S\n300 2\n");
	struct opened o = open_store(&maildir_type, RULE_DOVECOT_2_3, "path", at("vmail/example.org/%n/Maildir"),
		"control", at("control/%n"), NULL);
	assert_found(ask(&o, "joe@example.org", true), SOURCE_MAILDIRSIZE, 300, 2);
	make_file("control/joe/maildirsize", "1000S\n1000 2\n1 1\n");
	struct asked a = ask(&o, "joe@example.org", true);
	assert_found(a, SOURCE_RECOUNT, 10, 1);
	assert_int_equal(a.facts.limit, 1000);
	/* The Maildir says whether there is a mailbox, not what is left in the control directory. */
	make_dirs("control/gone");
	make_file("control/gone/maildirsize", "1000S\n300 2\n");
	assert_state(ask(&o, "gone@example.org", false), FACTS_NO_MAILBOX);
	make_maildir("vmail/example.org/new/Maildir");
	assert_found(ask(&o, "new@example.org", false), SOURCE_RECOUNT, 0, 0);
	close_store(&o);
}

static void test_maildirfolder(void **state)
{
	(void)state;
	make_maildir(JOE);
	make_maildir(JOE "/.Sub");
	make_file(JOE "/.Sub/maildirfolder", "");
	make_sized(JOE "/cur/1,S=10:2,", 0);
	make_sized(JOE "/.Sub/cur/2,S=100:2,", 0);
	struct opened o = open_store(&maildir_type, RULE_COURIER, "path", at("vmail/%d/%n/Maildir/.Sub"), NULL);
	assert_found(ask(&o, "joe@example.org", true), SOURCE_RECOUNT, 110, 2);
	make_file(JOE "/maildirsize", "1000S\n300 2\n");
	assert_found(ask(&o, "joe@example.org", true), SOURCE_MAILDIRSIZE, 300, 2);
	close_store(&o);
	/* Not out of the root. */
	make_file("vmail/maildirfolder", "");
	make_dirs("vmail/example.net");
	make_file("vmail/example.net/maildirfolder", "");
	o = open_store(&maildir_type, RULE_COURIER, "path", at("vmail/%d"), NULL);
	struct asked a = ask(&o, "joe@example.net", true);
	assert_state(a, FACTS_FAILED);
	assert_noted(a, "leads out of");
	close_store(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_size_file),
		test(test_when_believed),
		test(test_when_dovecot_believes),
		test(test_recounted_always),
		test(test_no_regular_file),
		test(test_folders_and_trash),
		test(test_layout_fs),
		test(test_sizes_of_messages),
		test(test_remembered),
		test(test_remembered_with_file),
		test(test_many_folders),
		test(test_control_directory),
		test(test_maildirfolder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
