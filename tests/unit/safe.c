/* The safe: it knows what stood in files that can be read no more, as long as they have not changed. */
#include "io/safe.h"

#include "filestore.h"

#define SOMEBODY 65534 /* who can read nothing of ours */

static void write_secret(const char *name, const char *text, mode_t mode)
{
	make_file(name, text);
	assert_int_equal(chmod(at(name), mode), 0);
}

static bool says(const struct err *err, const char *name, const char *what)
{
	return strncmp(err->text, at(name), strlen(at(name))) == 0 && strstr(err->text, what) &&
	       !strstr(err->text, "s3cret");
}

static enum secret_state read_as_somebody(struct safe *safe, char *out, size_t cap, const char *name, struct err *err)
{
	struct secret_rule rule = { .owner = 0 };
	struct secret s;
	assert_int_equal(setegid(SOMEBODY), 0);
	assert_int_equal(seteuid(SOMEBODY), 0);
	enum secret_state got = safe_read(safe, &s, at(name), &rule, err);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	snprintf(out, cap, "%s", got == SECRET_READ ? s.at : "");
	secret_done(&s);
	return got;
}

static void put_in(struct safe *safe, const char *name)
{
	const struct secret_rule rule = { .owner = 0 };
	struct secret s;
	struct err err;
	assert_int_equal(safe_read(safe, &s, at(name), &rule, &err), SECRET_READ);
	secret_done(&s);
}

static void what_has_not_changed_is_known(void **state)
{
	struct safe safe = { .swept = false };
	struct err err = { "" };
	char text[32];
	(void)state;
	write_secret("file", "s3cret", 0600);
	put_in(&safe, "file");
	for (int i = 0; i < 3; i++) {
		safe_sweep(&safe);
		assert_int_equal(read_as_somebody(&safe, text, sizeof(text), "file", &err), SECRET_READ);
		assert_string_equal(text, "s3cret");
	}
	write_secret("file", "another s3cret", 0600); /* not only later: the clock of files is coarse */
	assert_int_equal(read_as_somebody(&safe, text, sizeof(text), "file", &err), SECRET_FORBIDDEN);
	assert_true(says(&err, "file", ": Permission denied: user "));
	assert_true(says(&err, "file", " may not read it, and it has changed since it was read (chgrp "));
	assert_true(says(&err, "file", " and chmod 640 it, or restart)"));
	write_secret("file", "another", 0640);
	assert_int_equal(chown(at("file"), 0, SOMEBODY), 0);
	assert_int_equal(read_as_somebody(&safe, text, sizeof(text), "file", &err), SECRET_READ);
	assert_string_equal(text, "another");
	write_secret("file", "another", 0660);
	assert_int_equal(read_as_somebody(&safe, text, sizeof(text), "file", &err), SECRET_BAD);
	safe_done(&safe);
}

static void what_was_never_read_is_not(void **state)
{
	struct safe safe = { .swept = false };
	struct err err;
	char text[32];
	(void)state;
	write_secret("file", "s3cret", 0600);
	assert_int_equal(read_as_somebody(&safe, text, sizeof(text), "file", &err), SECRET_FORBIDDEN);
	assert_true(says(&err, "file", "chmod 640 it)"));
	safe_sweep(&safe);
	assert_int_equal(read_as_somebody(&safe, text, sizeof(text), "file", &err), SECRET_FORBIDDEN);
	assert_true(says(&err, "file", "chmod 640 it, or restart)"));
	safe_done(&safe);
}

/* Else what everybody may read could be taken for a secret. */
static void the_rule_holds_for_what_is_known_too(void **state)
{
	struct safe safe = { .swept = false };
	struct secret_rule public = { .owner = 0, .public = true };
	struct secret s;
	struct err err;
	char text[32];
	(void)state;
	write_secret("file", "s3cret", 0601);
	assert_int_equal(safe_read(&safe, &s, at("file"), &public, &err), SECRET_READ);
	secret_done(&s);
	assert_int_equal(read_as_somebody(&safe, text, sizeof(text), "file", &err), SECRET_BAD);
	assert_true(says(&err, "file", "(chmod 640)"));
	safe_done(&safe);
}

static void a_folder_may_hide_it(void **state)
{
	struct safe safe = { .swept = true };
	struct err err;
	char text[32];
	(void)state;
	make_dirs("folder");
	write_secret("folder/file", "s3cret", 0640);
	put_in(&safe, "folder/file");
	assert_int_equal(chmod(at("folder"), 0700), 0);
	assert_int_equal(read_as_somebody(&safe, text, sizeof(text), "folder/file", &err), SECRET_FORBIDDEN);
	assert_true(says(&err, "folder/file", " may not look into its folder, where it may have changed (chgrp "));
	assert_true(says(&err, "folder/file", " and chmod 750 it, or restart)"));
	safe_done(&safe);
}

static void what_nobody_asks_for_is_dropped(void **state)
{
	struct safe safe = { .swept = false };
	struct err err;
	char text[32];
	(void)state;
	write_secret("one", "s3cret", 0600);
	write_secret("two", "s3cret", 0600);
	put_in(&safe, "one");
	put_in(&safe, "two");
	safe_sweep(&safe);
	assert_int_equal(read_as_somebody(&safe, text, sizeof(text), "one", &err), SECRET_READ);
	safe_sweep(&safe);
	assert_int_equal(read_as_somebody(&safe, text, sizeof(text), "two", &err), SECRET_FORBIDDEN);
	assert_int_equal(read_as_somebody(&safe, text, sizeof(text), "one", &err), SECRET_READ);
	safe_done(&safe);
}

static void a_safe_has_a_bound(void **state)
{
	struct safe safe = { .swept = false };
	struct err err;
	char name[32], text[32];
	size_t known = 0;
	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i <= SAFE_FILES_MAX; i++) {
			snprintf(name, sizeof(name), "file-%d", i);
			write_secret(name, "s3cret", 0600);
			put_in(&safe, name);
		}
	for (int i = 0; i <= SAFE_FILES_MAX; i++) {
		snprintf(name, sizeof(name), "file-%d", i);
		known += read_as_somebody(&safe, text, sizeof(text), name, &err) == SECRET_READ;
	}
	assert_int_equal(known, SAFE_FILES_MAX);
	safe_done(&safe);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, files_setup, files_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_has_not_changed_is_known),
		TEST(what_was_never_read_is_not),
		TEST(the_rule_holds_for_what_is_known_too),
		TEST(a_folder_may_hide_it),
		TEST(what_nobody_asks_for_is_dropped),
		TEST(a_safe_has_a_bound),
	};
	/* Only root can make a file that he has read and cannot read. */
	return geteuid() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
