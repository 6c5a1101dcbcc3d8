/* A directory of files, asked by its table of calls: who is behind an address, and who is not. */
#include "directory/directory.h"
#include "directory/files.h"

#include "filestore.h"

#include <pwd.h>
#include <utime.h>

extern const struct directory_type file_directory;

/* ---- a directory opened with options by name, and what it says as one line ---- */

static struct {
	void *state;
	_Alignas(16) char conf[512];
	const char *lists[8][FILES_MAX + 1];
} fx;

/* An option may be given several times. */
static void open_directory(const char *const options[])
{
	struct err err = { "" };
	memset(&fx, 0, sizeof(fx));
	assert_true(file_directory.conf_size <= sizeof(fx.conf));
	for (size_t i = 0; options[i]; i += 2) {
		size_t row = 0;
		while (file_directory.opts[row].name && strcmp(file_directory.opts[row].name, options[i]) != 0)
			row++;
		assert_non_null(file_directory.opts[row].name);
		char *to = fx.conf + file_directory.opts[row].offset;
		if (file_directory.opts[row].type == OPT_BOOL) {
			*(bool *)(void *)to = true;
			continue;
		}
		struct opt_list *list = (void *)to;
		assert_true(file_directory.opts[row].check(str_of(options[i + 1]), &err));
		list->at = fx.lists[row];
		list->at[list->n++] = options[i + 1];
	}
	assert_true(file_directory.check(fx.conf, &err));
	fx.state = file_directory.open(fx.conf, &err);
	assert_non_null(fx.state);
}

#define OPEN(...) open_directory((const char *const[]){ __VA_ARGS__, NULL })

static void close_directory(void)
{
	file_directory.close(fx.state);
}

static char said[70000], said_note[LOOKUP_NOTE];

static void put_target(struct buf *b, const struct target *t)
{
	static const char *const kinds[] = { "mailbox", "address", "elsewhere" };
	buf_printf(b, " %s<%.*s>", kinds[t->kind], (int)t->address.len, t->address.at);
	if (t->limit.named)
		buf_printf(b, " limit=%llu/%u", (unsigned long long)t->limit.octets, t->limit.messages);
	if (t->home.len)
		buf_printf(b, " home=%.*s", (int)t->home.len, t->home.at);
}

/* "targets mailbox<joe@example.org> limit=5/0 home=/home/joe", "no-address", ... */
static const char *who_of(struct str address)
{
	static const char *const listings[] = { "failed", "not-ours", "no-address", "unlisted", "targets" };
	static char record[TARGETS_MAX];
	struct buf targets = BUF(record), note = BUF(said_note), out = BUF(said);
	size_t at = str_rfind(address, '@');
	struct mailbox m = { .address = address, .local = { address.at, at }, .domain = str_from(address, at + 1) };
	enum listing listing = file_directory.ask(fx.state, &m, &targets, &note);
	struct str rest = buf_str(&targets);
	struct target t;
	buf_puts(&out, listings[listing]);
	assert_true(targets_check(rest));
	assert_false(targets.full);
	assert_int_equal(listing == LISTING_TARGETS, rest.len != 0);
	while (target_get(&t, &rest))
		put_target(&out, &t);
	buf_z(&note);
	return buf_z(&out);
}

static const char *who(const char *address)
{
	return who_of(str_of(address));
}

struct row {
	const char *address, *want;
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *got = who(rows[i].address);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: got \"%s\" (%s), want \"%s\"", rows[i].address, got, said_note, rows[i].want);
	}
}

#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

/* The path of a file of tests/cases/directory. */
static const char *realistic(const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned i;
	char *path = paths[i++ % 8];
	const char *src = getenv("SRC");
	snprintf(path, sizeof(paths[0]), "%s/tests/cases/directory/%s", src ? src : ".", name);
	return path;
}

/* ---- realistic files ---- */

static void test_virtual(void **state)
{
	static const struct row rows[] = {
		{ "joe@example.org", "targets address<joe@example.org>" },
		{ "JOE@Example.org", "targets address<joe@example.org>" },
		{ "ann@example.org", "targets address<ann@example.org> address<ann@elsewhere.example>" },
		{ "postmaster@example.org", "targets address<joe@example.org>" },
		{ "team@example.org", "targets address<joe@example.org> address<ann@example.org> "
				      "address<bob@example.org> address<john smith@example.org>" },
		{ "sales@example.org", "targets address<joe@example.org> address<ann@example.org>" },
		{ "john smith@example.org", "targets address<joe@example.org>" },
		{ "vacation@example.org", "targets elsewhere<|/usr/bin/vacation joe, really>" },
		{ "prog@example.org", "targets elsewhere<|/usr/bin/prog joe@example.org>" },
		{ "root@example.org", "targets address<root@example.org>" },
		{ "loop-a@example.org", "targets address<loop-b@example.org>" },
		{ "loop-b@example.org", "targets address<loop-a@example.org>" },
		{ "@old.example", "unlisted" },
		{ "joe@old.example", "targets address<joe@example.org>" },
		{ "nobody@Old.example", "targets address<nobody@example.org>" },
		{ "@any.example", "targets address<joe@example.org>" },
		{ "virtual-alias.example", "targets address<anything> address<(right-hand> address<content> "
					   "address<does> address<not> address<matter)>" },
		{ "desk@lists.example", "targets address<joe@example.org>" },
		{ "nobody@example.org", "unlisted" },
		{ "nobody@unknown.example", "unlisted" },
		{ "@example.org", "unlisted" },
		{ "webmaster", "targets address<joe>" },
		{ "webmaster@example.org", "unlisted" },
		{ "joe", "unlisted" },
	};
	(void)state;
	OPEN("aliases", realistic("virtual.txt"));
	CHECK(rows);
	who("team@example.org");
	assert_non_null(strstr(said_note, "virtual.txt:10"));
	close_directory();
	OPEN("aliases", realistic("virtual.txt"), "domains", "example.org");
	CHECK(((const struct row[]){ { "webmaster@Example.org", "targets address<joe@example.org>" },
		{ "webmaster@old.example", "targets address<webmaster@example.org>" },
		{ "webmaster@any.example", "unlisted" }, { "nobody@example.org", "unlisted" } }));
	close_directory();
}

static void make_aliases(void)
{
	char text[8192] = "";
	FILE *in = fopen(realistic("aliases.txt"), "r");
	assert_non_null(in);
	size_t n = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	char *mark = strstr(text, "@INCLUDE@");
	assert_true(n && mark);
	FILE *out = fopen(at("aliases"), "w");
	assert_non_null(out);
	fprintf(out, "%.*s%s%s", (int)(mark - text), text, realistic("friends.txt"), mark + strlen("@INCLUDE@"));
	fclose(out);
}

static void test_system_aliases(void **state)
{
	char friends[PATH_MAX];
	const struct row rows[] = {
		{ "postmaster", "targets address<root>" },
		{ "postmaster@example.org", "targets address<root@example.org>" },
		{ "Root@example.org", "targets address<joe@example.org>" },
		{ "two words@example.org", "targets address<joe@example.org>" },
		{ "joe", "targets mailbox<joe> elsewhere<|/usr/bin/vacation joe>" },
		{ "joe@example.org", "targets mailbox<joe@example.org> elsewhere<|/usr/bin/vacation joe>" },
		{ "ann@example.org", "targets address<ann@example.org> address<ann@elsewhere.example>" },
		{ "archive", "targets elsewhere</var/mail/archive>" },
		{ "dump", "targets elsewhere</dev/null>" },
		{ "filter", "targets elsewhere<|exec /usr/bin/filter -f -, || exit 75>" },
		{ "friends@example.org",
			"targets address<joe@example.org> address<ann@example.org> "
			"address<bob@elsewhere.example> elsewhere</etc/passwd> elsewhere<|/bin/false>" },
		{ "hidden@example.org", "targets elsewhere</nonexistent/friends>" },
		{ "joe@virtual.example", "targets address<ann@example.org>" },
		{ "nobody-else@example.org", "unlisted" },
		{ "@example.org", "unlisted" },
	};
	(void)state;
	make_aliases();
	OPEN("system_aliases", at("aliases"));
	CHECK(rows);
	who("hidden");
	assert_non_null(strstr(said_note, "/nonexistent/friends: No such file"));
	assert_memory_equal(who("refused"), "targets elsewhere<:fail:>", strlen("targets elsewhere<:fail:>"));
	/* A local part that looks like an address of a table is a name of its own. */
	snprintf(friends, sizeof(friends), "joe@virtual.example@example.org");
	assert_string_equal(who(friends), "unlisted");
	close_directory();
	OPEN("system_aliases", at("aliases"), "domains", "example.org");
	CHECK(((const struct row[]){ { "postmaster@example.net", "unlisted" },
		{ "postmaster@example.org", "targets address<root@example.org>" } }));
	close_directory();
}

static void test_mailboxes(void **state)
{
	static const struct row rows[] = {
		{ "joe@example.org", "targets mailbox<joe@example.org> limit=209715200/0" },
		{ "ann@example.org", "targets mailbox<ann@example.org> limit=1073741824/1000" },
		{ "bob@example.org", "targets mailbox<bob@example.org> limit=0/0" },
		{ "cy@example.org", "targets mailbox<cy@example.org> limit=0/10" },
		{ "dan@example.org", "targets mailbox<dan@example.org> limit=0/0" },
		{ "eve@example.org", "targets mailbox<eve@example.org>" },
		{ "free@example.org", "targets mailbox<free@example.org> limit=0/5" },
		{ "upper@example.org", "targets mailbox<upper@example.org> limit=4096/0" },
		{ "path@example.net", "targets mailbox<path@example.net>" },
		{ "abs@example.net", "targets mailbox<abs@example.net>" }, { "@catch.example", "targets elsewhere<>" },
		{ "x@catch.example", "no-address" }, { "fay", "targets mailbox<fay> limit=5242880/0" },
		{ "fay@example.org", "targets mailbox<fay@example.org> limit=5242880/0" },
		{ "nobody@example.org", "no-address" }, { "@example.org", "no-address" }, { "nobody", "no-address" },
		{ "nobody@unknown.example", "no-address" }, /* fay is in every domain that asks */
	};
	(void)state;
	OPEN("mailboxes", realistic("mailboxes.txt"));
	CHECK(rows);
	close_directory();
	OPEN("mailboxes", realistic("mailboxes.txt"), "domains", "example.com");
	CHECK(((const struct row[]){ { "fay@example.org", "no-address" },
		{ "fay@example.com", "targets mailbox<fay@example.com> limit=5242880/0" },
		{ "nobody@example.com", "no-address" }, { "nobody@unknown.example", "not-ours" },
		{ "@unknown.example", "not-ours" } }));
	close_directory();
}

static void test_passwd(void **state)
{
	static const struct row rows[] = {
		{ "u00001@example.org", "targets mailbox<u00001@example.org> limit=10485760/0 home=/home/u00001" },
		{ "u00002@example.org", "targets mailbox<u00002@example.org> limit=4096/7 home=/home/u00002" },
		{ "u00003@example.org", "targets mailbox<u00003@example.org> limit=1073741824/100 home=/home/u00003" },
		{ "u00004@example.org", "targets mailbox<u00004@example.org> limit=102400/0 home=/home/u00004" },
		{ "u00005@example.org", "targets mailbox<u00005@example.org>" },
		{ "u00006@example.org", "targets mailbox<u00006@example.org>" },
		{ "u00007@example.org", "targets mailbox<u00007@example.org> limit=0/0 home=/home/u00007" },
		{ "u00008@example.org", "targets mailbox<u00008@example.org> home=/home/u00008" },
		{ "u00009@example.org", "targets mailbox<u00009@example.org> home=/home/u00009" },
		{ "plain@example.net", "targets mailbox<plain@example.net> home=/home/plain" },
		{ "u00010@example.org", "no-address" },
	};
	(void)state;
	OPEN("passwd", realistic("passwd.txt"));
	CHECK(rows);
	close_directory();
}

/* Aliases come first, and an alias to itself is the mailbox with its limit; home and limit may stand in two files. */
static void test_together(void **state)
{
	static const struct row rows[] = {
		{ "joe@example.org", "targets mailbox<joe@example.org> limit=209715200/0 home=/home/joe" },
		{ "ann@example.org",
			"targets mailbox<ann@example.org> limit=1073741824/1000 address<ann@elsewhere.example>" },
		{ "eve@example.org", "targets mailbox<eve@example.org> limit=1048576/0 home=/home/eve" },
		{ "team@example.org", "targets address<joe@example.org> address<ann@example.org> "
				      "address<bob@example.org> address<john smith@example.org>" },
		{ "nobody@example.org", "no-address" },
		{ "nobody@lists.example", "unlisted" },
		{ "nobody@unknown.example", "not-ours" },
		{ "@any.example", "targets address<joe@example.org>" },
	};
	(void)state;
	make_file("passwd", "joe@example.org:x:::1:/home/joe::userdb_quota_rule=*:storage=1M\n"
			    "eve@example.org:x:1:1::/home/eve::userdb_quota_rule=*:storage=1M\n");
	OPEN("aliases", realistic("virtual.txt"), "mailboxes", realistic("mailboxes.txt"), "passwd", at("passwd"),
		"domains", "example.org");
	CHECK(rows);
	close_directory();
}

/* Domains that stand for others: what exists there exists here. */
static void test_alias_domains(void **state)
{
	static const struct row rows[] = {
		{ "joe@old", "targets address<joe@new>" },
		{ "JOE@Old", "targets address<joe@new>" },
		{ "alias@old", "targets address<alias@new>" },
		{ "own@old", "targets address<joe@new>" },
		{ "own+x@old", "no-address" }, /* the gate asks for own@old next */
		{ "nobody@old", "no-address" },
		{ "@old", "no-address" },
		{ "joe@older", "targets address<joe@old>" }, /* which the gate asks about in its turn */
		{ "nobody@self", "targets address<nobody@self>" },
		{ "nobody@caught", "targets address<nobody@any>" },
		{ "@caught", "targets address<joe@new>" },
		{ "nobody@relay", "targets address<nobody@far.example>" },
		{ "own@relay", "targets address<joe@new>" },
		{ "own+x@relay", "unlisted" },
		{ "nobody@wrong", "unlisted" },
	};
	(void)state;
	make_file("virtual", "@old @new\n@older @old\nalias@new joe@new\nown@old joe@new\n@self @self\n"
			     "@caught @any\n@any joe@new\n@relay @far.example\nown@relay joe@new\n@wrong @..\n");
	make_file("mailboxes", "joe@new 1k\n");
	OPEN("aliases", at("virtual"), "mailboxes", at("mailboxes"));
	CHECK(rows);
	close_directory();
}

static void test_system_users(void **state)
{
	char want[512];
	(void)state;
	const struct passwd *root = getpwnam("root");
	assert_non_null(root);
	make_file("aliases", "postmaster: root\nroot: root, joe@elsewhere.example\n");
	OPEN("system_users", "");
	snprintf(want, sizeof(want), "targets mailbox<root> home=%s", root->pw_dir);
	assert_string_equal(who("root"), want);
	snprintf(want, sizeof(want), "targets mailbox<root@example.org> home=%s", root->pw_dir);
	assert_string_equal(who("ROOT@example.org"), want);
	CHECK(((const struct row[]){ { "no-such-user-here", "no-address" },
		{ "no-such-user-here@example.org", "no-address" }, { "../root@example.org", "no-address" },
		{ "-root@example.org", "no-address" }, { "@example.org", "no-address" } }));
	close_directory();
	OPEN("system_users", "", "system_aliases", at("aliases"), "domains", "example.org");
	snprintf(want, sizeof(want), "targets mailbox<root@example.org> home=%s address<joe@elsewhere.example>",
		root->pw_dir);
	assert_string_equal(who("root@example.org"), want);
	assert_string_equal(who("root@example.net"), "not-ours");
	close_directory();
}

/* ---- broken files ---- */

static void test_broken(void **state)
{
	static const struct {
		const char *option, *text, *why;
	} rows[] = {
		{ "aliases", "a@x b\nlonely@example.org\n", ":2: names no target" },
		{ "aliases", "# c\n\nroot: joe\n", ":3: has a colon behind its key" },
		{ "aliases", "  joe ann\n", ":1: continues a line" },
		{ "aliases", "a@@ b\n", ":1: has no valid domain" },
		{ "aliases", "@ b\n", ":1: has no local part" },
		{ "aliases", "\x01@x b\n", ":1: holds a control character" },
		{ "aliases", "\"open@x b\n", ":1: names no target" },
		{ "system_aliases", "root joe\n", ":1: has no colon" },
		{ "system_aliases", "root: joe,\n ann\nbob:\n", ":3: names no target" },
		{ "system_aliases", ": joe\n", ":1: has no key" },
		{ "mailboxes", "a@x 5M\nb@x 5X\n", ":2: has no limit behind its address" },
		{ "mailboxes", "a@x 99999999999999999999T\n", ":1: has no limit" },
		{ "mailboxes", "a@x 5M many\n", ":1: has no number of messages" },
		{ "mailboxes", "a@x 5M 5 5\n", ":1: has more than" },
		{ "passwd", "a@x:b\n:x:1:1::/home/x\n", ":2: has no user" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_file("broken", rows[i].text);
		OPEN(rows[i].option, at("broken"));
		assert_string_equal(who("joe@x"), "failed");
		if (!strstr(said_note, rows[i].why) || !strstr(said_note, at("broken")))
			fail_msg("\"%s\": \"%s\", not \"%s\"", rows[i].text, said_note, rows[i].why);
		close_directory();
	}
	OPEN("aliases", at("not-there"));
	assert_string_equal(who("joe@x"), "failed");
	assert_non_null(strstr(said_note, "not-there: No such file"));
	close_directory();
	OPEN("aliases", base);
	assert_string_equal(who("joe@x"), "failed");
	assert_non_null(strstr(said_note, "is not a regular file"));
	close_directory();
	make_sized("huge", (off_t)LINES_FILE_MAX + 1);
	OPEN("aliases", at("huge"));
	assert_string_equal(who("joe@x"), "failed");
	assert_non_null(strstr(said_note, "huge: is larger than 67108864 octets"));
	close_directory();
	make_sized("zeros", 4096);
	OPEN("aliases", at("zeros"));
	assert_string_equal(who("joe@x"), "failed");
	assert_non_null(strstr(said_note, "zeros:1: holds a NUL"));
	close_directory();
}

static void test_long_lines(void **state)
{
	(void)state;
	FILE *f = fopen(at("long"), "w");
	fputs("list@x", f);
	for (int i = 0; i < 20000; i++)
		fprintf(f, " m%05d@x,\n", i);
	fputs("short@x m@x\n", f);
	fclose(f);
	OPEN("aliases", at("long"));
	assert_string_equal(who("list@x"), "targets elsewhere<>");
	assert_non_null(strstr(said_note, "names more than can be looked up"));
	assert_string_equal(who("short@x"), "targets address<m@x>");
	close_directory();
	f = fopen(at("long"), "a");
	fputs("longest@x", f);
	for (int i = 0; i < 100000; i++)
		fprintf(f, " m%05d@x,\n", i);
	fclose(f);
	OPEN("aliases", at("long"));
	assert_string_equal(who("short@x"), "failed");
	assert_non_null(strstr(said_note, "long:20002: is too long a line"));
	close_directory();
}

/* ---- while it runs ---- */

/* Makes it look as if it had been written long ago, by `n` seconds less. */
static void age(const char *name, int n)
{
	struct utimbuf times = { 1000000 + n, 1000000 + n };
	assert_int_equal(utime(at(name), &times), 0);
}

static void wait_for_look(void)
{
	nanosleep(&(struct timespec){ .tv_sec = 1, .tv_nsec = 20000000 }, NULL);
}

static void test_reread(void **state)
{
	struct timespec a, b;
	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &a);
	make_file("mailboxes", "joe@x 1k\n");
	make_file("aliases", "a@x joe@x\n");
	age("mailboxes", 0);
	OPEN("mailboxes", at("mailboxes"), "aliases", at("aliases"));
	assert_string_equal(who("joe@x"), "targets mailbox<joe@x> limit=1024/0");
	assert_string_equal(who("ann@x"), "no-address");
	make_file("new", "joe@x 2k\nann@x\n");
	age("new", 1);
	assert_int_equal(rename(at("new"), at("mailboxes")), 0);
	const char *soon = who("joe@x");
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (b.tv_sec == a.tv_sec) /* surely before the next look */
		assert_string_equal(soon, "targets mailbox<joe@x> limit=1024/0");
	wait_for_look();
	assert_string_equal(who("joe@x"), "targets mailbox<joe@x> limit=2048/0");
	assert_string_equal(who("ann@x"), "targets mailbox<ann@x>");
	assert_string_equal(who("a@x"), "targets address<joe@x>");
	/* One that is broken keeps what was, and says so; then one that is gone; then all is well again. */
	make_file("mailboxes", "joe@x 3k\nann@x many of them\nbob@x 5X\n");
	age("mailboxes", 2);
	wait_for_look();
	assert_string_equal(who("joe@x"), "targets mailbox<joe@x> limit=2048/0");
	assert_non_null(strstr(said_note, "mailboxes:1; as it was before: "));
	assert_non_null(strstr(said_note, "mailboxes:3: has no limit"));
	assert_int_equal(unlink(at("mailboxes")), 0);
	wait_for_look();
	assert_string_equal(who("joe@x"), "targets mailbox<joe@x> limit=2048/0");
	assert_non_null(strstr(said_note, "No such file"));
	make_file("mailboxes", "joe@x 4k\n");
	age("mailboxes", 3);
	wait_for_look();
	assert_string_equal(who("joe@x"), "targets mailbox<joe@x> limit=4096/0");
	assert_null(strstr(said_note, "before"));
	close_directory();
}

/* One that is written right now is read when it has stood still. Written in an hour, it is so for as long as this takes. */
static void test_being_written(void **state)
{
	(void)state;
	make_file("mailboxes", "joe@x\n");
	age("mailboxes", 0);
	OPEN("mailboxes", at("mailboxes"));
	assert_string_equal(who("joe@x"), "targets mailbox<joe@x>");
	make_file("mailboxes", "");
	struct utimbuf soon = { time(NULL) + 3600, time(NULL) + 3600 };
	assert_int_equal(utime(at("mailboxes"), &soon), 0);
	wait_for_look();
	assert_string_equal(who("joe@x"), "targets mailbox<joe@x>");
	make_file("mailboxes", "ann@x\njoe@x 1k\n");
	age("mailboxes", 1);
	wait_for_look();
	assert_string_equal(who("ann@x"), "targets mailbox<ann@x>");
	close_directory();
}

static void test_many(void **state)
{
	enum { LINES = 300000 };
	char address[64], want[128];
	struct timespec a, b;
	(void)state;
	FILE *f = fopen(at("many"), "w");
	for (int i = 0; i < LINES; i++)
		fprintf(f, "user%06d@d%03d.example %dk\n", i, i % 500, i + 1);
	fclose(f);
	clock_gettime(CLOCK_MONOTONIC, &a);
	OPEN("mailboxes", at("many"));
	for (int i = 0; i < LINES; i += 7) {
		snprintf(address, sizeof(address), "User%06d@d%03d.example", i, i % 500);
		snprintf(want, sizeof(want), "targets mailbox<user%06d@d%03d.example> limit=%d/0", i, i % 500,
			(i + 1) * 1024);
		assert_string_equal(who(address), want);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	print_message("%d lines read and %d asked in %ld ms\n", LINES, LINES / 7,
		(long)((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000));
	assert_string_equal(who("user300000@d000.example"), "no-address");
	assert_string_equal(who("user000000@d001.example"), "no-address");
	close_directory();
}

/* What a stranger types is looked up and nothing else. */
static void test_hostile(void **state)
{
	const struct str rows[] = { STR("*@example.org"), STR("%u@example.org"), STR("|id@example.org"),
		STR(":include:/etc/passwd@example.org"), STR("/etc/passwd"), STR("joe\0@example.org"),
		STR("joe@example.org\n"), STR("# joe@example.org"), STR(""), STR("@"), STR("\xff\xfe@example.org"),
		STR("joe:x"), STR("${joe}@example.org") };
	static char longest[70000];
	(void)state;
	OPEN("mailboxes", realistic("mailboxes.txt"), "aliases", realistic("virtual.txt"), "system_users", "",
		"domains", "example.org");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *got = who_of(rows[i]);
		assert_true(strcmp(got, "no-address") == 0 || strcmp(got, "not-ours") == 0);
	}
	memset(longest, '@', sizeof(longest));
	assert_string_equal(who_of((struct str){ longest, sizeof(longest) }), "failed");
	close_directory();
}

static void test_options(void **state)
{
	_Alignas(16) char conf[512] = "";
	struct err err;
	(void)state;
	assert_string_equal(file_directory.name, "file");
	assert_false(file_directory.check(conf, &err));
	for (const struct opt *o = file_directory.opts; o->name; o++) {
		assert_non_null(o->help);
		if (strcmp(o->name, "domains") == 0) {
			assert_true(o->check(STR("Example.org"), &err));
			assert_false(o->check(STR("x@example.org"), &err));
			assert_false(o->check(STR(""), &err));
		} else if (o->check) {
			assert_true(o->check(STR("/etc/aliases"), &err));
			assert_false(o->check(STR("hash:/etc/aliases"), &err));
			assert_false(o->check(STR(""), &err));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_virtual),
		test(test_system_aliases),
		test(test_mailboxes),
		test(test_passwd),
		test(test_together),
		test(test_alias_domains),
		test(test_system_users),
		test(test_broken),
		test(test_long_lines),
		test(test_reread),
		test(test_being_written),
		test(test_many),
		test(test_hostile),
		test(test_options),
	};
	return cmocka_run_group_tests_name("directory_file", tests, NULL, NULL);
}
