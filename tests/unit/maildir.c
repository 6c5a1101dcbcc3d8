#include "filestore.h"

extern const struct blocking_type maildir_type;

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
		{ "1000S\n1500 3\n", 16 * 60, false, "older than 15 minutes" },
		{ "1000S\n1500 3\n", -16 * 60, false, "older than 15 minutes" },
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
	make_file("control/joe/maildirsize", "1000S\n300 2\n1 1\n");
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

static void test_missing(void **state)
{
	(void)state;
	make_maildir(JOE);
	struct opened o = open_vmail();
	assert_state(ask(&o, "ann@example.org", false), FACTS_NO_MAILBOX);
	assert_state(ask(&o, "joe@example.net", true), FACTS_NO_MAILBOX);
	make_dirs("vmail/example.org/ann");
	assert_state(ask(&o, "ann@example.org", true), FACTS_NO_MAILBOX);
	make_dirs("vmail/example.org/ann/Maildir"); /* no new/ and cur/ yet */
	assert_found(ask(&o, "ann@example.org", true), SOURCE_RECOUNT, 0, 0);
	make_dirs("vmail/example.org/eve");
	make_file("vmail/example.org/eve/Maildir", "");
	struct asked a = ask(&o, "eve@example.org", true);
	assert_state(a, FACTS_FAILED);
	assert_noted(a, "Not a directory");
	close_store(&o);
}

/* A disk that is not mounted has not lost its users. */
static void test_root_comes_and_goes(void **state)
{
	(void)state;
	struct opened o = open_vmail();
	struct asked a = ask(&o, "joe@example.org", false);
	assert_state(a, FACTS_FAILED);
	assert_noted(a, "No such file or directory");
	make_dirs("vmail");
	a = ask(&o, "joe@example.org", false);
	assert_state(a, FACTS_FAILED);
	assert_noted(a, "is empty");
	make_maildir(JOE);
	make_sized(JOE "/cur/1,S=10:2,", 0);
	assert_found(ask(&o, "joe@example.org", false), SOURCE_RECOUNT, 10, 1);
	assert_state(ask(&o, "ann@example.org", false), FACTS_NO_MAILBOX);
	assert_int_equal(rename(at("vmail"), at("away")), 0);
	assert_state(ask(&o, "joe@example.org", false), FACTS_FAILED);
	make_maildir("vmail/example.org/ann/Maildir");
	assert_found(ask(&o, "ann@example.org", false), SOURCE_RECOUNT, 0, 0);
	assert_state(ask(&o, "joe@example.org", false), FACTS_NO_MAILBOX);
	close_store(&o);
}

static void test_hostile_names(void **state)
{
	(void)state;
	make_maildir("vmail/example.org/joe/Maildir");
	make_maildir("Maildir");
	make_maildir("vmail/Maildir");
	make_maildir("vmail/example.org/Maildir");
	make_maildir("vmail/example.org/%n/Maildir");
	make_sized("vmail/example.org/%n/Maildir/new/1,S=77", 0);
	const struct mailbox rows[] = {
		{ STR("x"), STR(".."), STR("example.org") },
		{ STR("x"), STR("."), STR("example.org") },
		{ STR("x"), STR("../joe"), STR("example.org") },
		{ STR("x"), STR("a/../joe"), STR("example.org") },
		{ STR("x"), STR("joe/"), STR("example.org") },
		{ STR("x"), STR("/joe"), STR("example.org") },
		{ STR("x"), STR("joe\0"), STR("example.org") },
		{ STR("x"), STR("joe\0x"), STR("example.org") },
		{ STR("x"), STR(".joe"), STR("example.org") },
		{ STR("x"), STR("joe"), STR("..") },
		{ STR("x"), STR("joe"), STR(".example.org") },
		{ STR("x"), STR("joe"), STR("/example.org") },
		{ STR("x"), STR("joe"), STR("") },
		{ STR("x"), STR(""), STR("example.org") },
		{ STR("x"), STR("\n\r\x1b[31m"), STR("example.org") },
		{ STR("x"), STR("%d"), STR("example.org") },
	};
	struct opened o = open_vmail();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_state(ask_mailbox(&o, &rows[i], true), FACTS_NO_MAILBOX);
	assert_found(ask(&o, "%n@example.org", true), SOURCE_RECOUNT, 77, 1);
	static char huge[65536];
	memset(huge, 'a', sizeof(huge));
	for (size_t len = 200; len <= sizeof(huge); len = len * 2 + 56) {
		struct mailbox m = { { huge, len }, { huge, len }, STR("example.org") };
		assert_state(ask_mailbox(&o, &m, true), FACTS_NO_MAILBOX);
	}
	close_store(&o);
}

static void test_links(void **state)
{
	(void)state;
	make_maildir(JOE);
	make_maildir("disk9/joe/Maildir");
	make_sized("disk9/joe/Maildir/new/1,S=9", 0);
	make_link(at("disk9/joe"), "vmail/example.org/abs");
	make_link("../../disk9/joe", "vmail/example.org/rel");
	make_link("joe", "vmail/example.org/inside");
	make_link(at("vmail/example.org/joe"), "vmail/example.org/inside-abs");
	make_link("loop2", "vmail/example.org/loop1");
	make_link("loop1", "vmail/example.org/loop2");
	make_link("/etc/passwd", JOE "/maildirsize");
	struct opened o = open_vmail();
	struct asked a = ask(&o, "abs@example.org", true);
	char wanted[256];
	snprintf(wanted, sizeof(wanted), "link %s/vmail/example.org/abs -> %s/disk9/joe leads out of %s/vmail", base,
		base, base);
	assert_state(a, FACTS_FAILED);
	assert_string_equal(a.note, wanted);
	a = ask(&o, "rel@example.org", true);
	assert_state(a, FACTS_FAILED);
	assert_noted(a, "-> ../../disk9/joe leads out of");
	a = ask(&o, "joe@example.org", true);
	assert_state(a, FACTS_FAILED);
	assert_noted(a, "-> /etc/passwd leads out of");
	remove(at(JOE "/maildirsize"));
	a = ask(&o, "loop1@example.org", true);
	assert_state(a, FACTS_FAILED);
	assert_noted(a, strerror(ELOOP));
	assert_found(ask(&o, "inside@example.org", true), SOURCE_RECOUNT, 0, 0);
	assert_found(ask(&o, "inside-abs@example.org", true), SOURCE_RECOUNT, 0, 0);
	close_store(&o);
	o = open_store(&maildir_type, RULE_COURIER, "path", at("vmail/%d/%n/Maildir"), "roots", at("disk8"), "roots",
		at("disk9"), NULL);
	assert_found(ask(&o, "abs@example.org", true), SOURCE_RECOUNT, 9, 1);
	assert_found(ask(&o, "rel@example.org", true), SOURCE_RECOUNT, 9, 1);
	close_store(&o);
}

/* The new/ of a mailbox may lie on another disk as well; refused, it is not silently empty. */
static void test_linked_box(void **state)
{
	(void)state;
	make_maildir(JOE);
	make_dirs("disk9/cur");
	make_sized("disk9/cur/1,S=5:2,", 0);
	rmdir(at(JOE "/cur"));
	make_link(at("disk9/cur"), JOE "/cur");
	struct opened o = open_vmail();
	struct asked a = ask(&o, "joe@example.org", true);
	assert_state(a, FACTS_FAILED);
	assert_noted(a, "leads out of");
	close_store(&o);
	o = open_store(&maildir_type, RULE_COURIER, "path", at("vmail/%d/%n/Maildir"), "roots", at("disk9"), NULL);
	assert_found(ask(&o, "joe@example.org", true), SOURCE_RECOUNT, 5, 1);
	close_store(&o);
}

/* The root itself may be a link: it is the postmaster's word. */
static void test_root_is_a_link(void **state)
{
	(void)state;
	make_maildir("real/example.org/joe/Maildir");
	make_link("real", "vmail");
	make_link(at("real/example.org/joe"), "real/example.org/ann");
	struct opened o = open_vmail();
	assert_found(ask(&o, "joe@example.org", true), SOURCE_RECOUNT, 0, 0);
	assert_found(ask(&o, "ann@example.org", true), SOURCE_RECOUNT, 0, 0);
	close_store(&o);
}

static void test_home(void **state)
{
	(void)state;
	make_maildir("home/joe/Maildir");
	make_sized("home/joe/Maildir/new/1,S=5", 0);
	make_dirs("home/ann");
	struct opened o = open_store(&maildir_type, RULE_DOVECOT_2_3, "path", "%h/Maildir", NULL);
	struct mailbox m = { STR("joe"), STR("joe"), STR(""), .home = str_of(at("home/joe")) };
	assert_found(ask_mailbox(&o, &m, true), SOURCE_RECOUNT, 5, 1);
	m.home = str_of(at("home/ann"));
	assert_state(ask_mailbox(&o, &m, true), FACTS_NO_MAILBOX);
	m.home = str_of(at("home/not-mounted"));
	assert_state(ask_mailbox(&o, &m, true), FACTS_FAILED);
	m.home = STR("relative/home");
	assert_state(ask_mailbox(&o, &m, true), FACTS_FAILED);
	m.home = STR("/home\0x");
	assert_state(ask_mailbox(&o, &m, true), FACTS_FAILED);
	assert_state(ask(&o, "no-such-user-here@example.org", true), FACTS_NO_MAILBOX);
	assert_state(ask(&o, "root:x", true), FACTS_NO_MAILBOX);
	struct asked a = ask(&o, "root", true); /* known to passwd, whatever is in its home */
	assert_false(strstr(a.note, "no user"));
	close_store(&o);
}

/* As a user who may not read: in a child, for root may read all. */
static void test_unreadable(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *wanted;
	} rows[] = { { JOE "/maildirsize", "maildirsize: Permission denied" }, { JOE "/cur", "cur: Permission denied" },
		{ "vmail/example.org", "Permission denied" } };
	make_maildir(JOE);
	make_file(JOE "/maildirsize", "1000S\n1 1\n2 1\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(chmod(at(rows[i].name), 0), 0);
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			if (getuid() == 0 && setresuid(65534, 65534, 65534) != 0)
				_exit(2);
			struct opened o = open_vmail();
			struct asked a = ask(&o, "joe@example.org", true);
			_exit(a.facts.state == FACTS_FAILED && strstr(a.note, rows[i].wanted) ? 0 : 1);
		}
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		chmod(at(rows[i].name), 0755);
	}
}

static void test_options(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		bool good, told;
	} rows[] = {
		{ "/var/vmail/%d/%n/Maildir", true, true },
		{ "/var/vmail/%u", true, true },
		{ "/var/vmail/%1n/%n", true, false },
		{ "/var/vmail/all", true, false },
		{ "/%n", true, false },
		{ "%h", true, false },
		{ "%h/Maildir", true, false },
		{ "%h/%2d", true, true },
		{ "/100%%/%n", true, false },
		{ "%hMaildir", false, false },
		{ "/home/%h", false, false },
		{ "var/vmail/%n", false, false },
		{ "%n", false, false },
		{ "", false, false },
		{ "/var/%x", false, false },
		{ "/var/%", false, false },
		{ "/var/%{host}/%n", false, false },
		{ "/var/%n/../x", false, false },
		{ "/var/./%n", false, false },
	};
	const struct opt *path = maildir_type.opts;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { "" };
		assert_int_equal(path->check(str_of(rows[i].path), &err), rows[i].good);
		if (!rows[i].good) {
			assert_true(err.text[0]);
			continue;
		}
		struct opened o = open_store(&maildir_type, RULE_COURIER, "path", rows[i].path, NULL);
		assert_int_equal(maildir_type.told_domain(o.conf), rows[i].told);
		close_store(&o);
	}
	struct opened o =
		open_store(&maildir_type, RULE_COURIER, "path", at("vmail/%n"), "control", at("c/%d/%n"), NULL);
	assert_true(maildir_type.told_domain(o.conf));
	close_store(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_size_file),
		test(test_when_believed),
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
		test(test_missing),
		test(test_root_comes_and_goes),
		test(test_hostile_names),
		test(test_links),
		test(test_linked_box),
		test(test_root_is_a_link),
		test(test_home),
		test(test_unreadable),
		test(test_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
