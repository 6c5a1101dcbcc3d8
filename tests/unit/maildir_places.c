/* Where the maildir store looks for a mailbox, where it refuses to look, and what it says when there is none. */
#include "filestore.h"

extern const struct store_kind maildir_type;

#define JOE "vmail/example.org/joe/Maildir"

static struct opened open_vmail(void)
{
	return open_store(&maildir_type, RULE_COURIER, "path", at("vmail/%d/%n/Maildir"), NULL);
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
