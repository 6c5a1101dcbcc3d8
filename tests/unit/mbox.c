/* What the mbox store counts, alone and in trees, and where it refuses to look. */
#include "filestore.h"

extern const struct store_kind mbox_type;

static void test_file(void **state)
{
	(void)state;
	make_dirs("mail");
	make_sized("mail/joe", 1234);
	make_sized("mail/ann", 0);
	make_dirs("mail/example.org");
	make_sized("mail/example.org/joe", 77);
	struct opened o = open_store(&mbox_type, RULE_FITS, "path", at("mail/%n"), NULL);
	assert_false(mbox_type.told_domain(o.conf));
	struct asked a = ask(&o, "joe@example.org", false);
	assert_found(a, SOURCE_STAT, 1234, 0);
	assert_true(a.facts.firm);
	assert_int_equal(a.facts.limit, 0);
	assert_noted(a, "mail/joe");
	assert_found(ask(&o, "ann", true), SOURCE_STAT, 0, 0);
	close_store(&o);
	o = open_store(&mbox_type, RULE_FITS, "path", at("mail/%d/%n"), NULL);
	assert_true(mbox_type.told_domain(o.conf));
	assert_found(ask(&o, "joe@example.org", true), SOURCE_STAT, 77, 0);
	assert_state(ask(&o, "joe", true), FACTS_NO_MAILBOX);
	assert_state(ask(&o, "ann@example.org", true), FACTS_NO_MAILBOX);
	/* Users of this machine have no mailbox in a domain's store. */
	assert_state(ask(&o, "root@example.org", true), FACTS_NO_MAILBOX);
	close_store(&o);
}

/* No file, but a user: an empty mailbox. */
static void test_missing(void **state)
{
	(void)state;
	struct opened o = open_store(&mbox_type, RULE_FITS, "path", at("mail/%n"), NULL);
	struct asked a = ask(&o, "root@example.org", true);
	assert_state(a, FACTS_FAILED); /* the disk is not mounted */
	assert_noted(a, "No such file or directory");
	make_dirs("mail");
	assert_found(ask(&o, "root@example.org", true), SOURCE_STAT, 0, 0);
	a = ask(&o, "no-such-user-here", true);
	assert_state(a, FACTS_FAILED); /* nor now, perhaps */
	assert_noted(a, "empty");
	make_sized("mail/joe", 5);
	assert_state(ask(&o, "no-such-user-here", true), FACTS_NO_MAILBOX);
	assert_state(ask(&o, "../mail/joe", true), FACTS_NO_MAILBOX);
	assert_state(ask(&o, ".joe", true), FACTS_NO_MAILBOX);
	close_store(&o);
}

static void make_tree(void)
{
	make_dirs("home/joe/mail/projects/2024");
	make_dirs("home/joe/mail/.imap/INBOX");
	make_dirs("home/joe/mail/projects/.imap");
	make_sized("home/joe/mail/inbox", 1);
	make_sized("home/joe/mail/sent", 10);
	make_sized("home/joe/mail/projects/a", 100);
	make_sized("home/joe/mail/projects/2024/b", 1000);
	make_sized("home/joe/mail/sent.locked", 10000);
	static const char *const aside[] = { ".subscriptions", "subscriptions", "sent.lock", "dovecot.index.log",
		"dovecot-uidvalidity", "dovecot-uidvalidity.5f", "dovecot.list.index", "dovecot.mailbox.log.2",
		".imap/INBOX/dovecot.index.cache", "projects/.imap/x", "projects/a.lock" };
	for (size_t i = 0; i < sizeof(aside) / sizeof(aside[0]); i++) {
		char name[128];
		snprintf(name, sizeof(name), "home/joe/mail/%s", aside[i]);
		make_sized(name, 1000000);
	}
	make_sized("elsewhere", 2000000);
	make_link("../../../elsewhere", "home/joe/mail/link");
	make_link("..", "home/joe/mail/up");
	assert_int_equal(mkfifo(at("home/joe/mail/fifo"), 0644), 0);
}

static void test_tree(void **state)
{
	(void)state;
	make_tree();
	struct mailbox m = { STR("joe"), STR("joe"), STR(""), .home = str_of(at("home/joe")) };
	struct opened o = open_store(&mbox_type, RULE_FITS, "path", "%h/mail", NULL);
	assert_found(ask_mailbox(&o, &m, true), SOURCE_STAT, 11111, 0);
	m.home = str_of(at("home/ann"));
	make_dirs("home/ann"); /* the directory knows the user, who has no mail yet */
	assert_found(ask_mailbox(&o, &m, true), SOURCE_STAT, 0, 0);
	m.home = str_of(at("home/not-mounted"));
	assert_state(ask_mailbox(&o, &m, true), FACTS_FAILED);
	close_store(&o);
}

static void test_inbox(void **state)
{
	(void)state;
	make_tree();
	make_dirs("spool");
	make_sized("spool/joe", 50000);
	make_sized("spool/ann", 60000);
	make_link("../home/joe/mail/inbox", "spool/linked");
	const struct {
		const char *inbox;
		const char *user;
		uint64_t octets;
	} rows[] = {
		{ at("spool/%n"), "joe", 61111 }, /* outside */
		{ at("home/joe/mail/inbox"), "joe", 11111 }, /* inside: once */
		{ at("spool/%n"), "ann", 60000 }, /* no tree */
		{ at("spool/none"), "joe", 11111 }, /* no inbox */
		{ at("home/joe/mail/.subscriptions"), "joe", 1011111 }, /* in the tree, but not counted there */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct opened o =
			open_store(&mbox_type, RULE_FITS, "path", at("home/%n/mail"), "inbox", rows[i].inbox, NULL);
		assert_found(ask(&o, rows[i].user, true), SOURCE_STAT, rows[i].octets, 0);
		close_store(&o);
	}
	/* A link to the tree's own inbox, where links may lead. */
	struct opened o = open_store(&mbox_type, RULE_FITS, "path", at("home/joe/mail"), "inbox", at("spool/linked"),
		"roots", at("home"), NULL);
	assert_found(ask(&o, "joe", true), SOURCE_STAT, 11111, 0);
	close_store(&o);
	o = open_store(&mbox_type, RULE_FITS, "path", at("home/joe/mail"), "inbox", at("c/%d/%n"), NULL);
	assert_true(mbox_type.told_domain(o.conf));
	close_store(&o);
	/* The same file twice. */
	o = open_store(&mbox_type, RULE_FITS, "path", at("spool/%n"), "inbox", at("spool/%u"), NULL);
	assert_found(ask(&o, "joe", true), SOURCE_STAT, 50000, 0);
	close_store(&o);
}

static void test_refused(void **state)
{
	(void)state;
	make_dirs("mail");
	make_sized("secret", 9);
	make_link("../secret", "mail/out");
	make_link("loop", "mail/loop");
	assert_int_equal(mkfifo(at("mail/fifo"), 0644), 0);
	make_sized("mail/file", 1);
	struct opened o = open_store(&mbox_type, RULE_FITS, "path", at("mail/%n"), NULL);
	struct asked a = ask(&o, "out", true);
	assert_state(a, FACTS_FAILED);
	assert_noted(a, "-> ../secret leads out of");
	assert_state(ask(&o, "loop", true), FACTS_FAILED);
	assert_state(ask(&o, "fifo", true), FACTS_FAILED);
	close_store(&o);
	o = open_store(&mbox_type, RULE_FITS, "path", at("mail/file/%n"), NULL);
	assert_state(ask(&o, "joe", true), FACTS_FAILED);
	close_store(&o);
}

static void test_deep_tree(void **state)
{
	(void)state;
	char name[256] = "mail/joe";
	for (int i = 0; i < 33; i++)
		memcpy(name + strlen(name), "/d", 3);
	make_dirs(name);
	struct opened o = open_store(&mbox_type, RULE_FITS, "path", at("mail/%n"), NULL);
	assert_state(ask(&o, "joe", true), FACTS_FAILED);
	assert_int_equal(rmdir(at(name)), 0);
	assert_found(ask(&o, "joe", true), SOURCE_STAT, 0, 0);
	close_store(&o);
}

/* stat() needs no right to read the file, but a directory must be readable. */
static void test_unreadable(void **state)
{
	(void)state;
	make_dirs("mail/ann");
	make_sized("mail/joe", 5);
	chmod(at("mail/ann"), 0);
	chmod(at("mail/joe"), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (getuid() == 0 && setresuid(65534, 65534, 65534) != 0)
			_exit(2);
		struct opened o = open_store(&mbox_type, RULE_FITS, "path", at("mail/%n"), NULL);
		struct asked joe = ask(&o, "joe", true), ann = ask(&o, "ann", true);
		_exit(joe.facts.state == FACTS_FOUND && joe.facts.usage == 5 && ann.facts.state == FACTS_FAILED ? 0
														: 1);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	chmod(at("mail/ann"), 0755);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_file),
		test(test_missing),
		test(test_tree),
		test(test_inbox),
		test(test_refused),
		test(test_deep_tree),
		test(test_unreadable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
