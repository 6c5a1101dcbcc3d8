/*
 * Landlock, see landlock(7), by the bare calls of the kernel: what may be opened, made and removed in the file system,
 * and, where the kernel has come so far, TCP, signals and abstract sockets. Its rights are bits that a rule set handles;
 * what is handled is forbidden but beneath the paths of its rules. A rule is about a directory, not about its name.
 *
 * What it does not cover are names: stat(2) tells size and owner of any file whose folder the user may enter.
 */
#include "io/confine_inside.h"

#if CONFINED

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From landlock(7): the header of Debian 12 ends at version 2 of the interface. */
enum access {
	EXECUTE = 1 << 0,
	WRITE_FILE = 1 << 1,
	READ_FILE = 1 << 2,
	READ_DIR = 1 << 3,
	REMOVE_DIR = 1 << 4,
	REMOVE_FILE = 1 << 5,
	MAKE_CHAR = 1 << 6,
	MAKE_DIR = 1 << 7,
	MAKE_REG = 1 << 8,
	MAKE_SOCK = 1 << 9,
	MAKE_FIFO = 1 << 10,
	MAKE_BLOCK = 1 << 11,
	MAKE_SYM = 1 << 12,
	REFER = 1 << 13, /* since 2: links and renames between folders */
	TRUNCATE = 1 << 14, /* since 3 */
	IOCTL_DEV = 1 << 15, /* since 5 */
};

#define READING (READ_FILE | READ_DIR)
/* What nothing of ours ever does, whichever files a library likes to read or SQLite to write. */
#define UNUSUAL (EXECUTE | REMOVE_DIR | MAKE_CHAR | MAKE_DIR | MAKE_FIFO | MAKE_BLOCK | MAKE_SYM | REFER)
#define EVERYTHING ((IOCTL_DEV << 1) - 1)
#define TCP 3 /* since 4: to bind and to connect */
#define SIGNALS_AND_ABSTRACT_SOCKETS 3 /* since 6: to processes with more rights */

struct rules {
	uint64_t files, net, scope;
};

struct rule {
	uint64_t access;
	int32_t folder; /* or a file */
} __attribute__((packed));

#define RULE_PATH_BENEATH 1
#define VERSION_FLAG 1

/* Bits and members that this kernel knows. */
static size_t fit(struct rules *r, int version)
{
	static const uint64_t known[] = { REFER - 1, TRUNCATE - 1, IOCTL_DEV - 1, IOCTL_DEV - 1, EVERYTHING };
	size_t last = sizeof(known) / sizeof(known[0]) - 1, at = (size_t)version - 1;
	r->files &= known[at < last ? at : last];
	return version >= 6 ? sizeof(*r) : version >= 4 ? offsetof(struct rules, scope) : offsetof(struct rules, net);
}

static struct rules rules_for(enum confine_kind kind, const struct reach *reach)
{
	switch (kind) {
	case CONFINE_HELPER:
		if (reach->files)
			return (struct rules){ EVERYTHING, TCP, SIGNALS_AND_ABSTRACT_SOCKETS };
		return (struct rules){ UNUSUAL, 0, SIGNALS_AND_ABSTRACT_SOCKETS };
	case CONFINE_DAEMON: return (struct rules){ UNUSUAL, 0, SIGNALS_AND_ABSTRACT_SOCKETS };
	case CONFINE_NOTHING:
	case CONFINE_NURSERY: break; /* no rule forbids so little that a program could not want it */
	}
	return (struct rules){ 0, 0, 0 };
}

/* A path that is not there cannot have a rule: see confine_outdated(). */
static bool allow(int set, const char *path, struct err *err)
{
	struct stat st;
	struct rule rule = { .access = READING, .folder = open(path, O_PATH | O_CLOEXEC) };
	if (rule.folder < 0)
		return true;
	if (fstat(rule.folder, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.access = READ_FILE;
	long n = syscall(SYS_landlock_add_rule, set, RULE_PATH_BENEATH, &rule, 0);
	int error = errno;
	close(rule.folder);
	return n == 0 || err_set(err, "landlock: %s: %s", path, strerror(error));
}

/* Where modules of NSS and what they read lie, and the sockets of those that they ask. */
static bool allow_users(int set, struct err *err)
{
	static const char *const places[] = { "/etc", "/usr", "/lib", "/lib32", "/lib64", "/run", "/var/run",
		"/var/lib", "/var/db", "/dev", "/proc", NULL };
	for (size_t i = 0; places[i]; i++)
		if (!allow(set, places[i], err))
			return false;
	return true;
}

static bool allow_reach(int set, const struct reach *reach, struct err *err)
{
	for (size_t i = 0; i < reach->n; i++)
		if (!allow(set, reach->paths[i], err))
			return false;
	return !reach->users || allow_users(set, err);
}

bool confine_paths(enum confine_kind kind, const struct reach *reach, int *held, struct err *err)
{
	struct rules rules = rules_for(kind, reach);
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_FLAG);
	*held = 0;
	if (!rules.files || version < 1)
		return true; /* ENOSYS, EOPNOTSUPP, or a container's EPERM */
	size_t size = fit(&rules, (int)version);
	long set = syscall(SYS_landlock_create_ruleset, &rules, size, 0);
	if (set < 0)
		return err_set(err, "landlock: %s", strerror(errno));
	bool good = !(kind == CONFINE_HELPER && reach->files) || allow_reach((int)set, reach, err);
	if (good && syscall(SYS_landlock_restrict_self, (int)set, 0) != 0)
		good = err_set(err, "landlock: %s", strerror(errno));
	close((int)set);
	*held = good ? (int)version : 0;
	return good;
}

#else

bool confine_paths(enum confine_kind kind, const struct reach *reach, int *held, struct err *err)
{
	(void)kind, (void)reach, (void)err;
	*held = 0;
	return true;
}

#endif
