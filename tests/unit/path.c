/* Paths as a listener for exim-quotad is asked about them. */
#include "store/path.h"

#include "filestore.h"

static struct asked ask_path(struct opened *o, const char *path)
{
	const struct mailbox m = { .address = str_of(path) };
	return ask_mailbox(o, &m, false);
}

static struct opened open_roots(void)
{
	return open_store(&path_type, RULE_EXIM, "roots", at("vmail"), "roots", at("mail/"), NULL);
}

static void test_kinds(void **state)
{
	(void)state;
	make_maildir("vmail/joe/Maildir/.Trash");
	make_maildir("vmail/joe/Maildir");
	make_sized("vmail/joe/Maildir/cur/1,S=10:2,T", 0);
	make_sized("vmail/joe/Maildir/.Trash/cur/1,S=100:2,", 0);
	make_dirs("vmail/new-only/new");
	make_sized("vmail/new-only/new/1,S=7", 0);
	make_dirs("mail/tree/sub");
	make_sized("mail/joe", 1234);
	make_sized("mail/tree/a", 1);
	make_sized("mail/tree/sub/b", 10);
	make_sized("mail/tree/sub/b.lock", 100);
	struct opened o = open_roots();
	assert_found(ask_path(&o, at("mail/joe")), SOURCE_STAT, 1234, 0);
	assert_found(ask_path(&o, at("mail//joe")), SOURCE_STAT, 1234, 0);
	assert_found(ask_path(&o, at("mail/./joe")), SOURCE_STAT, 1234, 0);
	assert_found(ask_path(&o, at("mail/tree")), SOURCE_STAT, 11, 0);
	assert_found(ask_path(&o, at("mail/tree/")), SOURCE_STAT, 11, 0);
	/* As Exim counts: with the trash. */
	struct asked a = ask_path(&o, at("vmail/joe/Maildir"));
	assert_found(a, SOURCE_RECOUNT, 110, 2);
	assert_true(a.facts.firm);
	assert_found(ask_path(&o, at("vmail/joe/Maildir/")), SOURCE_RECOUNT, 110, 2);
	assert_found(ask_path(&o, at("vmail/new-only")), SOURCE_RECOUNT, 7, 1);
	make_file("vmail/joe/Maildir/maildirsize", "1000S,3C\n500 2\n");
	a = ask_path(&o, at("vmail/joe/Maildir"));
	assert_found(a, SOURCE_MAILDIRSIZE, 500, 2);
	assert_int_equal(a.facts.limit, 1000);
	assert_int_equal(a.facts.message_limit, 3);
	make_file("vmail/joe/Maildir/maildirsize", "1000S,3C\n500 2\n10 1\n");
	a = ask_path(&o, at("vmail/joe/Maildir"));
	assert_found(a, SOURCE_RECOUNT, 110, 2); /* never what is not firm */
	assert_int_equal(a.facts.limit, 1000);
	assert_state(ask_path(&o, at("mail/none")), FACTS_NO_MAILBOX);
	assert_state(ask_path(&o, at("vmail/joe/none")), FACTS_NO_MAILBOX);
	assert_state(ask_path(&o, at("mail/joe/none")), FACTS_FAILED);
	close_store(&o);
}

static void test_outside(void **state)
{
	(void)state;
	make_dirs("vmail");
	make_dirs("mail");
	make_dirs("vmail2");
	make_sized("vmail2/joe", 5);
	make_sized("secret", 5);
	make_link("../secret", "mail/out");
	const char *const rows[] = { at("vmail2/joe"), at("secret"), at("vmail/../secret"), at("vmail"), at("vmail/"),
		at("vmail/."), at("mail//.//./"), "/", "/etc/passwd" };
	struct opened o = open_roots();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct asked a = ask_path(&o, rows[i]);
		assert_state(a, FACTS_FAILED);
		assert_noted(a, "outside of roots");
	}
	assert_noted(ask_path(&o, ""), "outside of roots");
	assert_noted(ask_path(&o, "vmail/joe"), "outside of roots");
	assert_noted(ask_path(&o, at("mail/..")), " outside of roots");
	struct asked a = ask_path(&o, at("mail/out"));
	assert_state(a, FACTS_FAILED);
	assert_noted(a, "leads out of");
	const struct mailbox nul = { .address = STR("/tmp\0x") };
	assert_noted(ask_mailbox(&o, &nul, true), "outside of roots");
	static char huge[65536];
	memset(huge, '/', sizeof(huge));
	const struct mailbox longest = { .address = { huge, sizeof(huge) } };
	assert_state(ask_mailbox(&o, &longest, true), FACTS_FAILED);
	close_store(&o);
}

static void test_roots(void **state)
{
	(void)state;
	make_dirs("vmail/inner");
	make_dirs("mail");
	make_sized("mail/joe", 5);
	make_sized("vmail/inner/ann", 6);
	make_link(at("mail/joe"), "vmail/joe");
	struct opened o = open_roots();
	assert_found(ask_path(&o, at("vmail/joe")), SOURCE_STAT, 5, 0); /* from one root into the other */
	close_store(&o);
	o = open_store(&path_type, RULE_EXIM, "roots", at("vmail"), "roots", at("vmail/inner"), NULL);
	assert_found(ask_path(&o, at("vmail/inner/ann")), SOURCE_STAT, 6, 0);
	struct asked a = ask_path(&o, at("vmail/joe"));
	assert_state(a, FACTS_FAILED);
	assert_noted(a, "leads out of");
	close_store(&o);
	o = open_store(&path_type, RULE_EXIM, "roots", at("gone"), NULL);
	a = ask_path(&o, at("gone/joe"));
	assert_state(a, FACTS_FAILED);
	make_dirs("gone");
	assert_state(ask_path(&o, at("gone/joe")), FACTS_NO_MAILBOX);
	close_store(&o);
}

static void test_options(void **state)
{
	(void)state;
	const struct opt *roots = path_type.opts;
	assert_string_equal(roots->name, "roots");
	assert_true(roots->required);
	assert_true(roots->check(STR("/var/mail"), NULL));
	assert_false(roots->check(STR("var/mail"), NULL));
	assert_false(roots->check(STR(""), NULL));
	assert_int_equal(path_type.conf_size, sizeof(struct path_conf));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_kinds),
		test(test_outside),
		test(test_roots),
		test(test_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
