/*
 * What each kind of process can still do, tried from within: every act in a process of its own that confines itself just
 * as ours do. Where the kernel offers neither seccomp nor Landlock, or a sanitizer is in the way, all is skipped.
 */
#include "io/confine.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char top[] = "/tmp/quotagate-confine-XXXXXX";
static char inside[64], outside[64], secret[80], letter[80];
static int to_daemon[2]; /* a pair such as every helper has */

/* ---- what is tried; true: it was possible ---- */

static bool opens(const char *path, int flags)
{
	return open(path, flags | O_CLOEXEC, 0600) >= 0;
}

static bool read_inside(void)
{
	return opens(letter, O_RDONLY);
}

static bool list_inside(void)
{
	return opendir(inside) != NULL;
}

static bool read_outside(void)
{
	return opens(secret, O_RDONLY);
}

static bool list_outside(void)
{
	return opendir(outside) != NULL;
}

static bool read_users(void)
{
	return opens("/etc/passwd", O_RDONLY);
}

static bool find_user(void)
{
	return getpwnam("root") != NULL;
}

static bool write_inside(void)
{
	return opens(letter, O_WRONLY);
}

/* Past the filter, which sees no flags. */
static bool write_by_openat2(void)
{
	struct open_how how = { .flags = O_RDWR };
	return syscall(SYS_openat2, AT_FDCWD, letter, &how, sizeof(how)) >= 0;
}

static bool create_inside(void)
{
	char path[96];
	snprintf(path, sizeof(path), "%s/new", inside);
	return opens(path, O_WRONLY | O_CREAT);
}

static bool remove_inside(void)
{
	return unlink(letter) == 0;
}

static bool make_folder(void)
{
	char path[96];
	snprintf(path, sizeof(path), "%s/folder", outside);
	return mkdir(path, 0700) == 0 || rmdir(path) == 0;
}

static bool answer(void)
{
	return send(to_daemon[0], "x", 1, MSG_NOSIGNAL) == 1 && recv(to_daemon[1], (char[1]){ 0 }, 1, 0) == 1;
}

static bool open_inet(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool open_unix(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static bool open_packet(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) >= 0;
}

static bool listen_tcp(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	return bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0 && listen(fd, 1) == 0;
}

static bool run_program(void)
{
	char *const words[] = { (char *)(uintptr_t) "/bin/true", NULL };
	execv(words[0], words);
	return false;
}

static bool make_process(void)
{
	pid_t pid = _Fork();
	if (pid == 0)
		_exit(0);
	return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

static void *nothing(void *arg)
{
	return arg;
}

static bool make_thread(void)
{
	pthread_t thread;
	return pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0;
}

static bool trace_parent(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}

static bool signal_parent(void)
{
	return kill(getppid(), 0) == 0;
}

static bool map_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool protect_code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return mprotect(at, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool mount_something(void)
{
	return mount("none", outside, "tmpfs", 0, NULL) == 0;
}

static bool leave_namespaces(void)
{
	return syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */) == 0;
}

static bool become_somebody(void)
{
	return setuid(65534) == 0;
}

static bool make_no_call(void)
{
	return syscall(-1) >= 0;
}

#ifdef __x86_64__
static bool call_as_x32(void)
{
	return syscall(0x40000000 | SYS_getpid) >= 0;
}
#endif

/* ---- how it ends ---- */

enum end { DIES, FAILS, WORKS };

enum who { FILES, USERS, NETWORK, DAEMON, NURSERY, WHO };

static const char *const who_names[WHO] = { "files", "users", "network", "daemon", "nursery" };

static const struct act {
	const char *name;
	bool (*run)(void);
	enum end end[WHO];
} acts[] = {
	/*                                          FILES  USERS  NETWORK DAEMON NURSERY */
	{ "reads beneath its root", read_inside, { WORKS, WORKS, WORKS, WORKS, WORKS } },
	{ "lists beneath its root", list_inside, { WORKS, WORKS, WORKS, WORKS, WORKS } },
	{ "answers the daemon", answer, { WORKS, WORKS, WORKS, WORKS, WORKS } },
	{ "reads elsewhere", read_outside, { FAILS, FAILS, WORKS, WORKS, WORKS } },
	{ "lists elsewhere", list_outside, { FAILS, FAILS, WORKS, WORKS, WORKS } },
	{ "reads /etc/passwd", read_users, { FAILS, WORKS, WORKS, WORKS, WORKS } },
	{ "looks up a user", find_user, { DIES, WORKS, WORKS, WORKS, WORKS } },
	{ "opens for writing", write_inside, { FAILS, FAILS, WORKS, WORKS, WORKS } },
	{ "the same by openat2", write_by_openat2, { FAILS, FAILS, WORKS, WORKS, WORKS } },
	{ "makes a file", create_inside, { FAILS, FAILS, WORKS, WORKS, WORKS } },
	{ "makes a folder", make_folder, { FAILS, FAILS, FAILS, FAILS, WORKS } },
	{ "removes a file", remove_inside, { FAILS, FAILS, WORKS, WORKS, WORKS } },
	{ "opens a TCP socket", open_inet, { DIES, FAILS, WORKS, WORKS, WORKS } },
	{ "opens a unix socket", open_unix, { DIES, WORKS, WORKS, WORKS, WORKS } },
	{ "opens a raw socket", open_packet, { DIES, FAILS, FAILS, FAILS, WORKS } },
	{ "listens", listen_tcp, { DIES, FAILS, FAILS, WORKS, WORKS } },
	{ "runs a program", run_program, { DIES, DIES, DIES, DIES, WORKS } },
	{ "makes a process", make_process, { DIES, DIES, DIES, DIES, WORKS } },
	{ "makes a thread", make_thread, { FAILS, FAILS, WORKS, WORKS, WORKS } },
	{ "traces a process", trace_parent, { DIES, DIES, DIES, DIES, FAILS } },
	{ "signals a process", signal_parent, { FAILS, FAILS, FAILS, FAILS, WORKS } },
	{ "maps code", map_code, { DIES, WORKS, WORKS, WORKS, WORKS } },
	{ "makes memory code", protect_code, { DIES, WORKS, WORKS, WORKS, WORKS } },
	{ "mounts", mount_something, { DIES, DIES, DIES, DIES, FAILS } },
	{ "leaves its namespaces", leave_namespaces, { DIES, DIES, DIES, DIES, FAILS } },
	{ "becomes somebody", become_somebody, { FAILS, FAILS, FAILS, FAILS, WORKS } },
	{ "makes a call that is none", make_no_call, { FAILS, FAILS, FAILS, FAILS, FAILS } },
#ifdef __x86_64__
	{ "calls as x32 does", call_as_x32, { DIES, DIES, DIES, DIES, DIES } },
#endif
};

/* The last one could not be made again. */
static void make_letter(void)
{
	int fd = open(letter, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void confine_as(enum who who)
{
	static const enum confine_kind kinds[WHO] = { CONFINE_HELPER, CONFINE_HELPER, CONFINE_HELPER, CONFINE_DAEMON,
		CONFINE_NURSERY };
	static struct reach reach;
	struct err err;
	reach_init(&reach);
	reach.files = who <= USERS;
	reach.users = who == USERS;
	if (reach.files)
		reach_add(&reach, str_of(inside));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !confine(kinds[who], &reach, &err))
		_exit(100);
}

/* Only a user who may do it anyway can tell that it is confinement which keeps him from it. */
static bool is_told(const struct act *a)
{
	return geteuid() == 0 || (a->run != open_packet && a->run != become_somebody);
}

static enum end try(const struct act *a, enum who who)
{
	int status = 0;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		confine_as(who);
		_exit(a->run() ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGSYS);
		return DIES;
	}
	assert_int_not_equal(WEXITSTATUS(status), 100);
	return WEXITSTATUS(status) == 0 ? WORKS : FAILS;
}

static void test_acts(void **state)
{
	static const char *const ends[] = { "dies", "fails", "works" };
	int wrong = 0;
	(void)state;
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		for (enum who who = FILES; who < WHO; who++) {
			make_letter();
			enum end end = try(&acts[i], who);
			if (end == acts[i].end[who] || !is_told(&acts[i]))
				continue;
			print_error("%s, which %s: it %s, not %s\n", who_names[who], acts[i].name, ends[end],
				ends[acts[i].end[who]]);
			wrong++;
		}
	assert_int_equal(wrong, 0);
}

/* ---- what is there at another time ---- */

static bool after(void (*change)(const char *root))
{
	int status = 0;
	char root[80];
	snprintf(root, sizeof(root), "%s/root", top);
	pid_t pid = fork();
	if (pid == 0) {
		static struct reach reach;
		struct err err;
		reach_init(&reach);
		reach.files = true;
		reach_add(&reach, str_of(root));
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (!confine(CONFINE_HELPER, &reach, &err) || confine_outdated())
			_exit(2);
		send(to_daemon[0], "x", 1, 0);
		recv(to_daemon[0], (char[1]){ 0 }, 1, 0);
		_exit(confine_outdated());
	}
	recv(to_daemon[1], (char[1]){ 0 }, 1, 0);
	change(root);
	send(to_daemon[1], "x", 1, 0);
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
	return WEXITSTATUS(status);
}

static void make(const char *root)
{
	assert_int_equal(mkdir(root, 0700), 0);
}

static void replace(const char *root)
{
	char old[80];
	snprintf(old, sizeof(old), "%s/old", top);
	assert_int_equal(rename(root, old), 0);
	make(root);
}

static void take_away(const char *root)
{
	assert_int_equal(rmdir(root), 0);
}

static void leave(const char *root)
{
	(void)root;
}

static void test_outdated(void **state)
{
	(void)state;
	assert_true(after(make));
	assert_false(after(leave));
	assert_true(after(replace));
	assert_false(after(take_away)); /* nothing can be read there, by nobody */
}

static void test_reach(void **state)
{
	static struct reach r;
	struct err err;
	char path[16];
	(void)state;
	reach_init(&r);
	reach_add(&r, STR("/a"));
	reach_add(&r, STR("/a"));
	reach_add_file(&r, STR("/a/b"));
	reach_add_file(&r, STR("/b"));
	assert_int_equal(r.n, 2);
	assert_string_equal(r.paths[1], "/");
	for (int i = 0; i < REACH_MAX; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		reach_add(&r, str_of(path));
	}
	assert_true(r.full);
	assert_int_equal(r.n, REACH_MAX);
	assert_false(confine(CONFINE_HELPER, &r, &err)); /* and this process is free still */
	assert_true(confine(CONFINE_NOTHING, NULL, &err));
	assert_false(confine_outdated());
}

/* ---- around it ---- */

/* Whether both hold in a process that asks for them. */
static bool is_offered(void)
{
	int status = 1;
	pid_t pid = fork();
	if (pid == 0) {
		char text[64];
		struct buf out = BUF(text);
		confine_as(FILES);
		confine_put(&out);
		_exit(strncmp(buf_z(&out), "seccomp=yes landlock=", 21) != 0 || strstr(text, "=no"));
	}
	waitpid(pid, &status, 0);
	return status == 0;
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(top) || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, to_daemon) != 0)
		return -1;
	snprintf(inside, sizeof(inside), "%s/inside", top);
	snprintf(outside, sizeof(outside), "%s/outside", top);
	snprintf(letter, sizeof(letter), "%s/letter", inside);
	snprintf(secret, sizeof(secret), "%s/secret", outside);
	if (mkdir(inside, 0700) != 0 || mkdir(outside, 0700) != 0)
		return -1;
	close(creat(secret, 0600));
	return 0;
}

static int tear_down(void **state)
{
	char command[96];
	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", top);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest all[] = { cmocka_unit_test(test_acts), cmocka_unit_test(test_outdated),
		cmocka_unit_test(test_reach) };
	const struct CMUnitTest rest[] = { cmocka_unit_test(test_reach) };
	bool offered = set_up(NULL) == 0 && is_offered();
	tear_down(NULL);
	memcpy(strchr(top, '\0') - 6, "XXXXXX", 6);
	if (!offered)
		print_message("seccomp and Landlock are not both offered: nothing is tried\n");
	return offered ? cmocka_run_group_tests(all, set_up, tear_down)
		       : cmocka_run_group_tests(rest, set_up, tear_down);
}
