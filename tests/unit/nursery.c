/* The nursery with real processes: rights, descriptors, ends, renewal. As an ordinary user what needs root is skipped. */
#include "io/nursery.h"

#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534
#define NO_UID ((uid_t)-1)

static bool is_root(void)
{
	return geteuid() == 0;
}

static uid_t helper_uid(void)
{
	return is_root() ? NOBODY : NO_UID;
}

/* ---- what helpers do ---- */

struct told {
	uid_t uid, euid;
	gid_t gid;
	int groups, descriptors, dumpable, deathsig;
	bool may_be_root;
	bool ignores_hangup, ignores_children;
	char word[16];
};

static int count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;
	for (struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] != '.' && strtol(e->d_name, NULL, 10) != dirfd(d);
	if (d)
		closedir(d);
	return d ? n : -1;
}

/* Tells about itself once, then waits for the end. */
static int run(int fd, const void *arg)
{
	struct told t = { .uid = getuid(), .euid = geteuid(), .gid = getgid(), .groups = getgroups(0, NULL) };
	struct sigaction hangup, child;
	char c;
	t.descriptors = count_descriptors();
	t.dumpable = prctl(PR_GET_DUMPABLE);
	prctl(PR_GET_PDEATHSIG, &t.deathsig);
	t.may_be_root = getuid() != 0 && setuid(0) == 0;
	sigaction(SIGHUP, NULL, &hangup);
	sigaction(SIGCHLD, NULL, &child);
	t.ignores_hangup = hangup.sa_handler == SIG_IGN;
	t.ignores_children = child.sa_handler != SIG_DFL;
	snprintf(t.word, sizeof(t.word), "%s", (const char *)arg);
	if (send(fd, &t, sizeof(t), MSG_NOSIGNAL) < 0)
		return 1;
	while (recv(fd, &c, 1, 0) > 0)
		;
	return 0;
}

/* ---- asking ---- */

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	return poll(&p, 1, WAIT_SECONDS * 1000) == 1;
}

static int spawn(struct nursery *n, size_t set, pid_t *pid, struct told *t)
{
	struct err err;
	int fd = nursery_spawn(n, set, pid, &err);
	if (fd < 0)
		fail_msg("%s", err.text);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(readable(fd));
	assert_int_equal(recv(fd, t, sizeof(*t), 0), sizeof(*t));
	return fd;
}

static struct nursery *open_one(const struct nursery_set *sets, size_t n, nursery_reread *reread, void *arg)
{
	struct nursery_plan plan = { .sets = sets, .n = n, .digest = { 1, 2 } };
	struct err err;
	struct nursery *nursery = nursery_open(&plan, reread, arg, &err);
	if (!nursery)
		fail_msg("%s", err.text);
	return nursery;
}

static struct nursery_set plain_set(const char *word)
{
	return (struct nursery_set){
		.name = "a-very-long-name", .uid = helper_uid(), .gid = NOBODY, .run = run, .arg = word
	};
}

static void test_spawn_and_end(void **state)
{
	struct nursery_set set = plain_set("word");
	struct nursery *n = open_one(&set, 1, NULL, NULL);
	struct told t;
	struct err err;
	pid_t pid, other;
	char c;
	(void)state;
	int fd = spawn(n, 0, &pid, &t), fd2 = spawn(n, 0, &other, &t);
	assert_string_equal(t.word, "word");
	assert_string_equal(process_status(pid, "Name"), "qg-a-very-long-");
	assert_string_equal(process_status(nursery_pid(n), "Name"), "qg-nursery");
	assert_int_equal(t.descriptors, 4);
	assert_int_equal(t.dumpable, 0);
	assert_int_equal(t.deathsig, SIGKILL);
	assert_true(t.ignores_hangup);
	assert_false(t.ignores_children);
	assert_int_equal(nursery_spawn(n, 1, &pid, &err), -1);
	assert_int_equal(nursery_spawn(n, SIZE_MAX, &pid, &err), -1);
	kill(other, SIGHUP);
	kill(other, SIGINT);
	kill(other, SIGTERM);
	nursery_end(n, pid);
	assert_true(readable(fd));
	assert_int_equal(recv(fd, &c, 1, 0), 0);
	assert_true(process_await_end(pid));
	assert_false(process_gone(other));
	close(fd2); /* a helper ends by itself when nobody asks it any more */
	assert_true(process_await_end(other));
	close(fd);
	nursery_close(n);
}

/* It ends its own and nobody else. */
static void test_end_of_strangers(void **state)
{
	struct nursery_set set = plain_set("");
	struct nursery *n = open_one(&set, 1, NULL, NULL);
	struct told t;
	pid_t pid, stranger = fork();
	(void)state;
	if (stranger == 0)
		for (;;)
			pause();
	nursery_end(n, stranger);
	nursery_end(n, -1);
	nursery_end(n, 0);
	nursery_end(n, nursery_pid(n));
	close(spawn(n, 0, &pid, &t)); /* requests are worked off in order */
	assert_false(process_gone(stranger));
	kill(stranger, SIGKILL);
	waitpid(stranger, NULL, 0);
	nursery_close(n);
}

static void test_close_ends_helpers(void **state)
{
	struct nursery_set set = plain_set("");
	struct nursery *n = open_one(&set, 1, NULL, NULL);
	struct told t;
	pid_t pid, nursery = nursery_pid(n);
	(void)state;
	int fd = spawn(n, 0, &pid, &t);
	nursery_close(n);
	assert_true(process_await_end(nursery));
	assert_true(process_await_end(pid));
	close(fd);
}

static void test_bounded(void **state)
{
	struct nursery_set set = plain_set("");
	struct nursery *n = open_one(&set, 1, NULL, NULL);
	int fds[NURSERY_HELPERS];
	struct told t;
	struct err err;
	pid_t pid;
	(void)state;
	for (int i = 0; i < NURSERY_HELPERS; i++)
		fds[i] = spawn(n, 0, &pid, &t);
	assert_int_equal(nursery_spawn(n, 0, &pid, &err), -1);
	assert_string_equal(err.text, "too many helpers, 128");
	for (int i = 0; i < NURSERY_HELPERS; i++)
		close(fds[i]);
	nursery_close(n);
}

/* ---- rights ---- */

#define THREE_CAPS "00000000000000e0" /* CAP_KILL 5, CAP_SETGID 6, CAP_SETUID 7 */
#define NO_CAPS "0000000000000000"
#define READ_CAP "0000000000000004"

static void test_nursery_rights(void **state)
{
	struct nursery_set set = plain_set("");
	struct nursery *n = open_one(&set, 1, NULL, NULL);
	const char *caps = is_root() ? THREE_CAPS : NO_CAPS;
	(void)state;
	assert_string_equal(process_status(nursery_pid(n), "CapEff"), caps);
	assert_string_equal(process_status(nursery_pid(n), "CapPrm"), caps);
	assert_string_equal(process_status(nursery_pid(n), "CapInh"), NO_CAPS);
	assert_string_equal(process_status(nursery_pid(n), "CapAmb"), NO_CAPS);
	assert_string_equal(process_status(nursery_pid(n), "NoNewPrivs"), "1");
	if (is_root())
		assert_string_equal(process_status(nursery_pid(n), "CapBnd"), THREE_CAPS);
	nursery_close(n);
}

static void test_helper_rights(void **state)
{
	(void)state;
	static const struct {
		uid_t uid;
		gid_t gid;
		const char *user;
		bool supplementary;
	} cases[] = {
		{ NOBODY, NOBODY, NULL, false },
		{ NOBODY, 8, "nobody", true },
		{ 8, 8, NULL, false },
		{ 0, 0, NULL, false },
	};
	if (!is_root())
		skip();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nursery_set set = plain_set("");
		struct told t;
		pid_t pid;
		set.uid = cases[i].uid;
		set.gid = cases[i].gid;
		set.user = cases[i].user;
		struct nursery *n = open_one(&set, 1, NULL, NULL);
		int fd = spawn(n, 0, &pid, &t);
		assert_int_equal(t.uid, cases[i].uid);
		assert_int_equal(t.euid, cases[i].uid);
		assert_int_equal(t.gid, cases[i].gid);
		assert_int_equal(t.groups > 0, cases[i].supplementary);
		assert_int_equal(t.descriptors, 4);
		assert_int_equal(t.dumpable, 0);
		assert_int_equal(t.deathsig, SIGKILL);
		const char *caps = cases[i].uid == 0 ? READ_CAP : NO_CAPS; /* root in so many words may read, no more */
		assert_false(t.may_be_root);
		assert_string_equal(process_status(pid, "CapEff"), caps);
		assert_string_equal(process_status(pid, "CapPrm"), caps);
		assert_string_equal(process_status(pid, "NoNewPrivs"), "1");
		nursery_end(n, pid); /* needs CAP_KILL */
		assert_true(process_await_end(pid));
		close(fd);
		nursery_close(n);
	}
}

static void test_users_refused(void **state)
{
	struct nursery_set set = plain_set("");
	struct nursery_plan plan = { .sets = &set, .n = 1 };
	struct err err = { "" };
	(void)state;
	set.uid = is_root() ? NO_UID : 0;
	assert_null(nursery_open(&plan, NULL, NULL, &err));
	assert_non_null(strstr(err.text, is_root() ? "must not be root" : "only root"));
}

/* ---- the daemon's end ---- */

static bool reread_other(void *arg, struct nursery_plan *plan, struct err *err);

struct family {
	pid_t nursery, successor, helper, second;
};

/* A daemon that dies without a word takes nursery, successor and helpers with it, whichever was made by whom. */
static void test_daemon_dies(void **state)
{
	int pipes[2];
	struct family f;
	(void)state;
	assert_int_equal(pipe(pipes), 0);
	pid_t daemon = fork();
	if (daemon == 0) {
		struct nursery_set set = plain_set("");
		struct told t;
		struct err err;
		char word[] = "second";
		struct nursery *old = open_one(&set, 1, reread_other, word), *n = nursery_renew(old, &err);
		f.nursery = nursery_pid(old);
		f.successor = n ? nursery_pid(n) : -1;
		spawn(old, 0, &f.helper, &t);
		spawn(n, 0, &f.second, &t);
		(void)!write(pipes[1], &f, sizeof(f));
		for (;;)
			pause();
	}
	assert_int_equal(read(pipes[0], &f, sizeof(f)), sizeof(f));
	assert_false(process_gone(f.nursery) || process_gone(f.successor));
	assert_false(process_gone(f.helper) || process_gone(f.second));
	kill(daemon, SIGKILL);
	waitpid(daemon, NULL, 0);
	assert_true(process_await_end(f.helper));
	assert_true(process_await_end(f.second));
	assert_true(process_await_end(f.nursery));
	assert_true(process_await_end(f.successor));
	close(pipes[0]);
	close(pipes[1]);
}

static void test_nursery_dies(void **state)
{
	struct nursery_set set = plain_set("");
	struct nursery *n = open_one(&set, 1, NULL, NULL);
	struct told t;
	struct err err;
	pid_t pid;
	(void)state;
	int fd = spawn(n, 0, &pid, &t);
	assert_false(nursery_gone(n));
	kill(nursery_pid(n), SIGKILL);
	assert_true(process_await_end(pid));
	assert_true(nursery_gone(n));
	assert_int_equal(nursery_spawn(n, 0, &pid, &err), -1);
	close(fd);
	nursery_close(n);
}

/* ---- renewal ---- */

/* The "configuration file" is the text at `arg`: a word for the helpers, or "bad". */
static bool reread_other(void *arg, struct nursery_plan *plan, struct err *err)
{
	static struct nursery_set sets[2];
	const char *word = arg;
	if (strcmp(word, "bad") == 0)
		return err_set(err, "file:3: bad word");
	if (strcmp(word, "root") == 0) {
		sets[0] = plain_set(word);
		sets[0].uid = is_root() ? NO_UID : 0;
		*plan = (struct nursery_plan){ .sets = sets, .n = 1 };
		return true;
	}
	if (strcmp(word, "crash") == 0)
		_exit(1);
	while (strcmp(word, "hang") == 0)
		pause();
	sets[0] = plain_set(word);
	sets[1] = plain_set("another");
	*plan = (struct nursery_plan){ .sets = sets, .n = 2, .digest = { 3, strlen(word) } };
	return true;
}

static void test_renew(void **state)
{
	struct nursery_set set = plain_set("first");
	struct err err;
	struct told t;
	pid_t pid, second;
	char word[] = "second";
	struct nursery *old = open_one(&set, 1, reread_other, word);
	(void)state;
	assert_true(hash_eq(nursery_digest(old), (struct hash){ 1, 2 }));
	int fd = spawn(old, 0, &pid, &t);
	struct nursery *n = nursery_renew(old, &err);
	assert_non_null(n);
	assert_true(hash_eq(nursery_digest(n), (struct hash){ 3, 6 }));
	int fd2 = spawn(n, 1, &second, &t);
	assert_string_equal(t.word, "another");
	assert_int_equal(t.descriptors, 4);
	nursery_end(n, pid); /* not this one's */
	nursery_end(old, second);
	close(spawn(old, 0, &(pid_t){ 0 }, &t));
	assert_string_equal(t.word, "first");
	nursery_close(old);
	assert_false(nursery_gone(n));
	assert_true(process_await_end(pid));
	assert_false(process_gone(second));
	assert_string_equal(process_status(nursery_pid(n), "CapEff"), is_root() ? THREE_CAPS : NO_CAPS);
	struct nursery *third = nursery_renew(n, &err);
	assert_non_null(third);
	nursery_close(n);
	assert_true(process_await_end(second));
	close(spawn(third, 0, &pid, &t));
	assert_string_equal(t.word, "second");
	assert_int_equal(t.uid, is_root() ? NOBODY : getuid());
	pid_t last = nursery_pid(third);
	nursery_close(third);
	assert_true(process_await_end(last));
	close(fd);
	close(fd2);
}

/* A renewal that fails leaves the old one as it was. */
/* A daemon that was taken over and closes none. */
static void test_there_are_never_more_than_two(void **state)
{
	struct nursery_set set = plain_set("first");
	struct err err;
	char word[] = "second";
	struct nursery *first = open_one(&set, 1, reread_other, word), *last = NULL, *heirs[8];
	(void)state;
	for (size_t i = 0; i < 8; i++) {
		heirs[i] = nursery_renew(first, &err);
		assert_non_null(heirs[i]);
		assert_true(!last || process_await_end(nursery_pid(last)));
		last = heirs[i];
	}
	assert_null(nursery_renew(last, &err));
	assert_string_equal(err.text, "the nursery that made this one has not ended");
	nursery_close(first);
	assert_false(nursery_gone(last));
	struct nursery *third = nursery_renew(last, &err);
	assert_non_null(third);
	nursery_close(third);
	for (size_t i = 0; i < 8; i++)
		nursery_close(heirs[i]);
}

static bool has_children(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", (long)pid, (long)pid);
	FILE *f = fopen(path, "r");
	bool has = f && fgetc(f) != EOF;
	if (f)
		fclose(f);
	return has;
}

static bool await_no_children(pid_t pid)
{
	double until = process_clock() + WAIT_SECONDS;
	while (has_children(pid) && process_clock() < until)
		poll(NULL, 0, 10);
	return !has_children(pid);
}

static void test_renew_fails(void **state)
{
	static const struct {
		char word[8];
		const char *why;
	} cases[] = {
		{ "bad", "file:3: bad word" },
		{ "crash", "the nursery is gone" },
		{ "hang", "the nursery did not answer in time" },
		{ "root", NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nursery_set set = plain_set("first");
		struct err err = { "" };
		struct told t;
		pid_t pid;
		char word[8];
		memcpy(word, cases[i].word, sizeof(word));
		struct nursery *n = open_one(&set, 1, reread_other, word);
		assert_null(nursery_renew(n, &err));
		if (cases[i].why)
			assert_string_equal(err.text, cases[i].why);
		assert_true(await_no_children(nursery_pid(n)));
		close(spawn(n, 0, &pid, &t));
		nursery_close(n);
	}
	struct nursery_set set = plain_set("first");
	struct nursery *n = open_one(&set, 1, NULL, NULL);
	assert_null(nursery_renew(n, NULL));
	nursery_close(n);
}

/* Nothing of the daemon's stays open on either side. */
static void test_no_leaks(void **state)
{
	struct nursery_set set = plain_set("first");
	struct err err;
	struct told t;
	pid_t pid;
	char word[] = "w";
	int before = count_descriptors();
	(void)state;
	for (int i = 0; i < 20; i++) {
		struct nursery *old = open_one(&set, 1, reread_other, word), *n = nursery_renew(old, &err);
		close(spawn(old, 0, &pid, &t));
		close(spawn(n, 0, &pid, &t));
		assert_int_equal(t.descriptors, 4);
		nursery_close(i % 2 ? old : n);
		nursery_close(i % 2 ? n : old);
	}
	assert_int_equal(count_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spawn_and_end),
		cmocka_unit_test(test_end_of_strangers),
		cmocka_unit_test(test_close_ends_helpers),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_nursery_rights),
		cmocka_unit_test(test_helper_rights),
		cmocka_unit_test(test_users_refused),
		cmocka_unit_test(test_daemon_dies),
		cmocka_unit_test(test_nursery_dies),
		cmocka_unit_test(test_renew),
		cmocka_unit_test(test_there_are_never_more_than_two),
		cmocka_unit_test(test_renew_fails),
		cmocka_unit_test(test_no_leaks),
	};
	return cmocka_run_group_tests_name("nursery", tests, NULL, NULL);
}
