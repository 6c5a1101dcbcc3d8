/* Each case is opened both by the kernel's own resolution and name by name. */
#include "io/beneath.h"

#include "filestore.h"

/* What the file opened under `name` holds, or the errno's words. */
static void read_name(struct beneath *b, const char *name, char *out, size_t cap)
{
	int fd = beneath_open(b, name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, out, cap - 1);
	if (n < 0)
		snprintf(out, cap, "%s", strerror(errno));
	else
		out[n] = '\0';
	if (fd >= 0) {
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		close(fd);
	}
}

static void make_tree(void)
{
	make_dirs("root/a/b/c");
	make_dirs("other/x");
	make_dirs("root2"); /* begins as root does */
	make_file("root/file", "top");
	make_file("root/a/b/file", "deep");
	make_file("other/x/file", "other");
	make_file("root2/file", "no");
	make_file("secret", "secret");
	make_link("file", "root/link");
	make_link("a/b", "root/to-b");
	make_link("../../file", "root/a/b/up");
	make_link("../../../secret", "root/a/b/out");
	make_link("../other/x", "root/other-rel");
	make_link("../../other/x/../x/./file", "root/a/other-file");
	make_link(at("other/x"), "root/other-abs");
	make_link(at("root/a/b"), "root/abs-inside");
	make_link(at("root2/file"), "root/root2");
	make_link("/", "root/slash");
	make_link("/proc/self/cwd", "root/magic");
	make_link(at("root/../secret"), "root/dots");
	make_link(at("root"), "other/back");
	make_link("loop2", "root/loop1");
	make_link("loop1", "root/loop2");
	make_link("nowhere", "root/dangling");
	make_link("other-rel/", "root/slashed");
}

static void check_all(bool by_name, bool with_other)
{
	const char *denied = strerror(EXDEV), *missing = strerror(ENOENT);
	const struct {
		const char *name, *alone, *with_other;
	} rows[] = {
		{ "file", "top", "top" },
		{ "a/b/file", "deep", "deep" },
		{ "a//b/./file", "deep", "deep" },
		{ "a/../file", "top", "top" },
		{ "link", "top", "top" },
		{ "to-b/file", "deep", "deep" },
		{ "to-b/../../file", "top", "top" },
		{ "a/b/up", "top", "top" },
		{ "abs-inside/file", "deep", "deep" },
		{ "abs-inside/../../to-b/up", "top", "top" },
		{ "nothing", missing, missing },
		{ "nothing/file", missing, missing },
		{ "dangling", missing, missing },
		{ "file/file", strerror(ENOTDIR), strerror(ENOTDIR) },
		{ "loop1", strerror(ELOOP), strerror(ELOOP) },
		{ "a", strerror(EISDIR), strerror(EISDIR) },
		{ "to-b", strerror(EISDIR), strerror(EISDIR) },
		{ "", strerror(EISDIR), strerror(EISDIR) },
		{ "..", denied, denied },
		{ "../secret", denied, denied },
		{ "a/../../secret", denied, denied },
		{ "a/b/out", denied, denied },
		{ "root2", denied, denied },
		{ "slash/etc/passwd", denied, denied },
		{ "magic/file", denied, denied },
		{ "dots", denied, denied },
		{ "other-rel/file", denied, "other" },
		{ "other-abs/file", denied, "other" },
		{ "slashed/file", denied, "other" },
		{ "a/other-file", denied, "other" },
		{ "other-abs/../back/a/b/file", denied, "deep" },
		{ "other-abs/../../secret", denied, denied },
	};
	const char *more[] = { at("missing"), at("other") };
	struct beneath b;
	assert_true(beneath_init(&b, at("root"), more, with_other ? 2 : 0));
	assert_true(beneath_ready(&b));
	b.by_name = by_name;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[64];
		const char *wanted = with_other ? rows[i].with_other : rows[i].alone;
		read_name(&b, rows[i].name, text, sizeof(text));
		if (strcmp(text, wanted) != 0)
			fail_msg("%s: got \"%s\", want \"%s\" (by name: %d)", rows[i].name, text, wanted, by_name);
	}
	beneath_done(&b);
}

static void test_names_and_links(void **state)
{
	(void)state;
	make_tree();
	for (int i = 0; i < 4; i++)
		check_all(i & 1, i & 2);
}

static void test_refusal_is_told(void **state)
{
	(void)state;
	make_tree();
	for (int by_name = 0; by_name < 2; by_name++) {
		struct beneath b;
		char text[512], wanted[512];
		struct buf why = BUF(text);
		assert_true(beneath_init(&b, at("root"), NULL, 0));
		assert_true(beneath_ready(&b));
		b.by_name = by_name;
		assert_int_equal(beneath_open(&b, "to-b/out", O_RDONLY), -1);
		assert_int_equal(errno, EXDEV);
		beneath_why(&b, "to-b/out", errno, &why);
		snprintf(wanted, sizeof(wanted), "link %s/root/a/b/out -> ../../../secret leads out of %s/root", base,
			base);
		assert_string_equal(buf_z(&why), wanted);
		why.len = 0;
		beneath_why(&b, "a\nb", ENOENT, &why);
		snprintf(wanted, sizeof(wanted), "%s/root/a?b: No such file or directory", base);
		assert_string_equal(buf_z(&why), wanted);
		beneath_done(&b);
	}
}

/* 40 links in a row are followed, the 41st is not; a directory below 60 others is found. */
static void test_bounds(void **state)
{
	(void)state;
	char name[64], deep[256] = "root";
	make_dirs("root");
	make_file("root/l0", "end");
	for (int i = 1; i <= 41; i++) {
		char target[64];
		snprintf(name, sizeof(name), "root/l%d", i);
		snprintf(target, sizeof(target), "l%d", i - 1);
		make_link(target, name);
	}
	for (int i = 0; i < 60; i++)
		memcpy(deep + strlen(deep), "/d", 3);
	make_dirs(deep);
	for (int by_name = 0; by_name < 2; by_name++) {
		struct beneath b;
		char text[64], *huge = malloc(10000);
		assert_true(beneath_init(&b, at("root"), NULL, 0));
		assert_true(beneath_ready(&b));
		b.by_name = by_name;
		read_name(&b, "l40", text, sizeof(text));
		assert_string_equal(text, "end");
		read_name(&b, "l41", text, sizeof(text));
		assert_string_equal(text, strerror(ELOOP));
		int fd = beneath_open(&b, deep + 5, O_RDONLY | O_DIRECTORY);
		assert_true(fd >= 0);
		close(fd);
		memset(huge, 'a', 9999);
		huge[9999] = '\0';
		read_name(&b, huge, text, sizeof(text));
		assert_string_equal(text, strerror(ENAMETOOLONG));
		huge[300] = '\0';
		read_name(&b, huge, text, sizeof(text));
		assert_string_equal(text, strerror(ENAMETOOLONG));
		free(huge);
		beneath_done(&b);
	}
}

static void test_kinds(void **state)
{
	(void)state;
	make_dirs("root/dir");
	make_file("root/file", "x");
	assert_int_equal(mkfifo(at("root/fifo"), 0644), 0);
	for (int by_name = 0; by_name < 2; by_name++) {
		struct beneath b;
		struct stat st;
		assert_true(beneath_init(&b, at("root"), NULL, 0));
		assert_int_equal(beneath_open(&b, "file", O_RDONLY), -1); /* not ready */
		assert_true(beneath_ready(&b));
		b.by_name = by_name;
		int fd = beneath_open(&b, "fifo", O_RDONLY); /* does not wait for a writer */
		assert_true(fd >= 0 && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode));
		close(fd);
		fd = beneath_open(&b, "file", O_PATH);
		assert_true(fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
		close(fd);
		fd = beneath_open(&b, "dir", O_PATH | O_DIRECTORY);
		assert_true(fd >= 0);
		close(fd);
		assert_int_equal(beneath_open(&b, "file", O_PATH | O_DIRECTORY), -1);
		assert_int_equal(errno, ENOTDIR);
		assert_int_equal(beneath_open(&b, "file", O_RDONLY | O_DIRECTORY), -1);
		assert_int_equal(errno, ENOTDIR);
		beneath_done(&b);
	}
}

static void test_root_comes_and_goes(void **state)
{
	(void)state;
	struct beneath b;
	char text[64];
	assert_true(beneath_init(&b, at("root"), NULL, 0));
	assert_false(beneath_ready(&b));
	assert_int_equal(errno, ENOENT);
	make_dirs("root");
	make_file("root/file", "first");
	assert_true(beneath_ready(&b));
	read_name(&b, "file", text, sizeof(text));
	assert_string_equal(text, "first");
	assert_int_equal(rename(at("root"), at("old")), 0);
	assert_false(beneath_ready(&b));
	make_dirs("root");
	make_file("root/file", "second");
	assert_true(beneath_ready(&b));
	read_name(&b, "file", text, sizeof(text));
	assert_string_equal(text, "second");
	beneath_done(&b);
	assert_true(beneath_init(&b, at("root/file"), NULL, 0));
	assert_false(beneath_ready(&b));
	assert_int_equal(errno, ENOTDIR);
	beneath_done(&b);
}

/* Nothing stays open, whatever came of it. */
static void test_descriptors(void **state)
{
	(void)state;
	make_tree();
	int before = dup(0);
	close(before);
	check_all(true, true);
	check_all(false, true);
	int after = dup(0);
	close(after);
	assert_int_equal(before, after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_names_and_links),
		test(test_refusal_is_told),
		test(test_bounds),
		test(test_kinds),
		test(test_root_comes_and_goes),
		test(test_descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
