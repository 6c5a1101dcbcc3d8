/*
 * Paths that a client of exim-quotad asks about, before a tree of real files: octet 0 says what is put in front of the
 * path, the rest is the path. Nothing outside of the roots is looked at, whatever leads there; what lies in them is found,
 * with its size.
 */
#include "store/path.h"
#include "fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECRET 100000 /* octets of each file outside; those within are less in sum */

static const struct {
	const char *name, *to; /* a name that ends in a slash is a directory; `to`: a link */
	off_t octets;
} tree[] = {
	{ "vmail/" },
	{ "vmail/joe/" },
	{ "vmail/joe/cur/" },
	{ "vmail/joe/cur/1,S=10:2,S", .octets = 10 },
	{ "vmail/joe/new/" },
	{ "vmail/joe/.Sent/" },
	{ "vmail/joe/.Sent/cur/" },
	{ "vmail/joe/.Sent/cur/2:2,T", .octets = 100 },
	{ "vmail/inner/" },
	{ "vmail/inner/ann", .octets = 6 },
	{ "vmail/loop", "loop" },
	{ "mail/" },
	{ "mail/joe", .octets = 1234 },
	{ "mail/tree/" },
	{ "mail/tree/a", .octets = 1 },
	{ "mail/tree/sub/" },
	{ "mail/tree/sub/b", .octets = 10 },
	{ "mail/out", "../secret" },
	{ "mail/over", "../vmail/inner/ann" },
	{ "mail/up", "../vmail" },
	{ "mail/back", "tree/../.." },
	{ "mail/proc", "/proc/self/root" },
	{ "vmail2/" },
	{ "vmail2/joe", .octets = SECRET },
	{ "secret", .octets = SECRET },
};

static char top[] = "/tmp/fuzz-path-XXXXXX";
static char roots[3][64];
static void *store;

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static void clean_up(void)
{
	path_type.close(store);
	nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static bool make(size_t i)
{
	size_t len = strlen(tree[i].name);
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", top, tree[i].name);
	if (tree[i].to)
		return symlink(tree[i].to, path) == 0;
	if (tree[i].name[len - 1] == '/')
		return mkdir(path, 0755) == 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return fd >= 0 && ftruncate(fd, tree[i].octets) == 0 && close(fd) == 0;
}

static void set_up(void)
{
	static const char *const names[COUNT(roots)] = { "vmail", "vmail/inner", "mail" };
	static const char *at[COUNT(roots)];
	struct path_conf conf = { .roots = { at, COUNT(roots) } };
	struct err err;
	fuzz_require(mkdtemp(top), "a folder for the files");
	for (size_t i = 0; i < COUNT(tree); i++)
		fuzz_require(make(i), "the files are made");
	for (size_t i = 0; i < COUNT(roots); i++) {
		snprintf(roots[i], sizeof(roots[i]), "%s/%s", top, names[i]);
		at[i] = roots[i];
	}
	store = path_type.open(&conf, &err);
	fuzz_require(store, "memory");
	atexit(clean_up);
}

/* Strictly: not a root itself. */
static bool is_within(const char *path, bool strictly)
{
	for (size_t i = 0; i < COUNT(roots); i++) {
		size_t n = strlen(roots[i]);
		if (strncmp(path, roots[i], n) == 0 && (path[n] == '/' || (path[n] == '\0' && !strictly)))
			return true;
	}
	return false;
}

/* A root that lies in no other, and then nothing but slashes and dots. */
static bool is_root(const char *path)
{
	for (size_t i = 0; i < COUNT(roots); i++) {
		size_t n = strlen(roots[i]);
		if (!is_within(roots[i], true) && strncmp(path, roots[i], n) == 0 &&
			path[n + strspn(path + n, "/.")] == '\0' && !strstr(path, ".."))
			return true;
	}
	return false;
}

static uint64_t sum;

static int add_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)path;
	(void)ftw;
	sum += kind == FTW_F ? (uint64_t)st->st_size : 0;
	return 0;
}

/* `real` is where the path ends, if anywhere. */
static void compare(const char *path, const char *real, const struct facts *facts)
{
	if (facts->state == FACTS_FOUND) {
		fuzz_require(real && is_within(real, false), "nothing outside of the roots is found");
		fuzz_require(!is_root(path), "nor a root, but by a link");
		fuzz_require(facts->usage < SECRET, "nor counted");
	}
	if (!real || strcmp(path, real) != 0 || !is_within(path, true))
		return;
	sum = 0;
	nftw(path, add_one, 8, FTW_PHYS);
	fuzz_require(facts->state == FACTS_FOUND, "what lies in the roots is found");
	fuzz_require(facts->usage == sum, "with its size");
}

/* Where the path ends, or null. That a slash or `/.` stands behind a file, which the kernel minds, is forgiven. */
static const char *resolve(struct str path, char real[PATH_MAX])
{
	char text[PATH_MAX * 2];
	while (path.len > 1 && (path.at[path.len - 1] == '/' || str_eq(str_from(path, path.len - 2), STR("/."))))
		path.len--;
	return str_copy_z(text, sizeof(text), path) ? realpath(text, real) : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const fronts[] = { "", "", "/", "/vmail/", "/vmail/inner/", "/mail/", "/vmail",
		"/mail/tree/" };
	struct octets in = OCTETS(data, size);
	char path[PATH_MAX * 2], real[PATH_MAX], text[1024];
	struct buf asked = BUF(path), note = BUF(text);
	struct facts facts;
	if (!store)
		set_up();
	unsigned choice = fuzz_choose(&in, COUNT(fronts));
	buf_puts(&asked, choice ? top : "");
	buf_puts(&asked, fronts[choice]);
	buf_put(&asked, fuzz_take(&in, PATH_MAX));
	const struct mailbox m = { .address = buf_str(&asked) };
	path_type.ask(store, &m, true, &facts, &note);
	fuzz_require(facts.state != FACTS_FAILED || note.len > 0, "who fails says why");
	fuzz_require(fuzz_is_clean(buf_str(&note)), "a note is one clean line");
	if (memchr(path, '\0', asked.len))
		fuzz_require(facts.state == FACTS_FAILED, "no path holds a NUL");
	else
		compare(buf_z(&asked), resolve(buf_str(&asked), real), &facts);
	return 0;
}
