/* Files with secrets: which are believed, what is said of the others, what a child process has of them. */
#include "io/secret.h"

#include "filestore.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SOMEBODY 65534 /* who can read nothing of ours */

static struct secret_rule ours(void)
{
	return (struct secret_rule){ .owner = geteuid() };
}

static void write_octets(const char *name, const char *octets, size_t len, mode_t mode)
{
	FILE *f = fopen(at(name), "w");
	assert_non_null(f);
	assert_int_equal(fwrite(octets, 1, len, f), len);
	assert_int_equal(fchmod(fileno(f), mode), 0);
	fclose(f);
}

static void write_secret(const char *name, const char *text, mode_t mode)
{
	write_octets(name, text, strlen(text), mode);
}

static bool says(const struct err *err, const char *name, const char *what)
{
	return strncmp(err->text, at(name), strlen(at(name))) == 0 && strstr(err->text, what) &&
	       !strstr(err->text, "s3cret");
}

/* ---- reading ---- */

static void a_file_is_read_as_a_whole(void **state)
{
	struct secret_rule rule = ours();
	struct secret s;
	struct stamp stamp;
	struct err err = { "" };
	(void)state;
	write_octets("file", "a\nb\0c", 5, 0640);
	assert_int_equal(secret_read(&s, at("file"), &rule, &err), SECRET_READ);
	assert_int_equal(s.len, 5);
	assert_memory_equal(s.at, "a\nb\0c\0", 6);
	assert_int_equal(secret_look(&stamp, at("file"), &rule, &err), SECRET_READ);
	assert_true(stamp_eq(&stamp, &s.stamp));
	secret_done(&s);
	assert_null(s.at);
	secret_done(&s);
	write_secret("file", "", 0400);
	assert_int_equal(secret_read(&s, at("file"), &rule, &err), SECRET_READ);
	assert_int_equal(s.len, 0);
	assert_string_equal(s.at, "");
	secret_done(&s);
	assert_string_equal(err.text, "");
}

static void a_file_has_a_bound(void **state)
{
	static char text[SECRET_MAX + 1];
	struct secret_rule rule = ours();
	struct secret s;
	struct err err;
	(void)state;
	memset(text, 'x', sizeof(text));
	write_octets("file", text, SECRET_MAX, 0600);
	assert_int_equal(secret_read(&s, at("file"), &rule, &err), SECRET_READ);
	assert_int_equal(s.len, SECRET_MAX);
	assert_int_equal(s.at[SECRET_MAX], '\0');
	secret_done(&s);
	write_octets("file", text, SECRET_MAX + 1, 0600);
	assert_int_equal(secret_read(&s, at("file"), &rule, &err), SECRET_BAD);
	assert_true(says(&err, "file", ": longer than 65536 octets"));
	assert_null(s.at);
}

static void modes_are_judged(void **state)
{
	static const struct {
		mode_t mode;
		bool secret, public;
	} cases[] = {
		{ 0400, true, true },
		{ 0600, true, true },
		{ 0640, true, true },
		{ 0644, false, true },
		{ 0444, false, true },
		{ 0604, false, true },
		{ 0641, false, true },
		{ 0660, false, false },
		{ 0620, false, false },
		{ 0602, false, false },
		{ 0666, false, false },
	};
	(void)state;
	for (size_t i = 0; i < 2 * COUNT(cases); i++) {
		struct secret_rule rule = { .owner = geteuid(), .public = i & 1 };
		bool good = rule.public ? cases[i / 2].public : cases[i / 2].secret;
		struct secret s;
		struct stamp stamp;
		struct err err = { "" }, seen = { "" };
		write_secret("file", "s3cret", cases[i / 2].mode);
		enum secret_state state_read = secret_read(&s, at("file"), &rule, &err);
		if (state_read != (good ? SECRET_READ : SECRET_BAD))
			fail_msg("case %zu: %d, %s", i, state_read, err.text);
		assert_int_equal(secret_look(&stamp, at("file"), &rule, &seen), state_read);
		assert_string_equal(err.text, seen.text);
		assert_true(good || says(&err, "file", rule.public ? "(chmod 644)" : "(chmod 640)"));
		secret_done(&s);
		unlink(at("file"));
	}
}

static void a_file_belongs_to_root_or_to_us(void **state)
{
	struct secret_rule rule = { .owner = geteuid() + 1 };
	struct secret s;
	struct err err;
	(void)state;
	write_secret("file", "s3cret", 0600);
	if (geteuid() == 0) {
		assert_int_equal(secret_read(&s, at("file"), &rule, &err), SECRET_READ);
		secret_done(&s);
		assert_int_equal(chown(at("file"), SOMEBODY, 0), 0);
	}
	assert_int_equal(secret_read(&s, at("file"), &rule, &err), SECRET_BAD);
	assert_true(says(&err, "file", "belongs to root or to the daemon's user"));
	rule.owner = SECRET_OF_ANYBODY;
	assert_int_equal(secret_read(&s, at("file"), &rule, &err), SECRET_READ);
	secret_done(&s);
}

static void what_is_no_file_is_not_waited_for(void **state)
{
	struct secret_rule rule = ours();
	struct secret s;
	struct err err;
	(void)state;
	assert_int_equal(mkfifo(at("fifo"), 0600), 0);
	assert_int_equal(secret_read(&s, at("fifo"), &rule, &err), SECRET_BAD);
	assert_true(says(&err, "fifo", ": expected a regular file"));
	make_dirs("folder");
	assert_int_equal(secret_read(&s, at("folder"), &rule, &err), SECRET_BAD);
	assert_true(says(&err, "folder", ": expected a regular file"));
	assert_int_equal(secret_read(&s, at("nowhere"), &rule, &err), SECRET_BAD);
	assert_true(says(&err, "nowhere", ": No such file or directory"));
	assert_int_equal(secret_read(&s, at("nowhere"), &rule, NULL), SECRET_BAD);
	assert_null(s.at);
}

static void a_child_has_nothing_of_it(void **state)
{
	struct secret_rule rule = ours();
	struct secret s;
	struct err err;
	int status;
	(void)state;
	write_secret("file", "s3cret", 0600);
	assert_int_equal(secret_read(&s, at("file"), &rule, &err), SECRET_READ);
	pid_t pid = fork();
	if (pid == 0)
		_exit(memcmp(s.at, "\0\0\0\0\0\0", 6) == 0 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_string_equal(s.at, "s3cret");
	secret_done(&s);
}

/* ---- lines ---- */

static void the_first_line(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *line, *why;
	} cases[] = {
		{ "s3cret\n", 7, "s3cret", NULL },
		{ "s3cret\r\nmore", 12, "s3cret", NULL },
		{ "s3cret", 6, "s3cret", NULL },
		{ " s3 cret ", 9, " s3 cret ", NULL },
		{ "\ns3cret\n", 8, "", NULL },
		{ "", 0, "", NULL },
		{ "0123456789\n", 11, "0123456789", NULL },
		{ "0123456789s3cret\n", 17, NULL, "longer than 10 octets" },
		{ "s3\0cret\n", 8, NULL, "holds a NUL" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char line[11];
		struct err err;
		write_octets("file", cases[i].text, cases[i].len, 0600);
		enum secret_state got = secret_line(line, sizeof(line), at("file"), &err);
		assert_int_equal(got, cases[i].line ? SECRET_READ : SECRET_BAD);
		if (cases[i].line)
			assert_string_equal(line, cases[i].line);
		else
			assert_true(says(&err, "file", cases[i].why));
	}
}

static void an_option(void **state)
{
	struct err err;
	(void)state;
	write_secret("file", "s3cret", 0600);
	assert_true(secret_option(str_of(at("file")), &err));
	write_secret("file", "s3cret", 0644);
	assert_false(secret_option(str_of(at("file")), &err));
	assert_true(says(&err, "file", "others can neither read nor write"));
	assert_false(secret_option(str_of(at("nothing")), &err));
	assert_false(secret_option(STR("file"), &err));
	assert_string_equal(err.text, "expected an absolute path");
	assert_false(secret_option(STR(""), &err));
}

static void lines_that_count(void **state)
{
	static const char *const want[] = { "one", " two", "three" };
	struct str text = STR("# s3cret\n\none\r\n two\n\r\n#\nthree"), line;
	size_t n = 0;
	(void)state;
	for (; (line = secret_next(&text)).at; n++)
		assert_true(n < COUNT(want) && str_eq(line, str_of(want[n])));
	assert_int_equal(n, COUNT(want));
	assert_null(secret_next(&text).at);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, files_setup, files_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_read_as_a_whole),
		TEST(a_file_has_a_bound),
		TEST(modes_are_judged),
		TEST(a_file_belongs_to_root_or_to_us),
		TEST(what_is_no_file_is_not_waited_for),
		TEST(a_child_has_nothing_of_it),
		TEST(the_first_line),
		TEST(an_option),
		TEST(lines_that_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
