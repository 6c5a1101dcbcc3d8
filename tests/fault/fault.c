/*
 * A library to be preloaded into the daemon: it makes chosen calls fail, as a kernel without memory or descriptors would,
 * and moves the clock of the calendar. What is to fail stands in a file that FAULT_PLAN names, a struct plan in the
 * machine's byte order, mapped by all processes that are forked from the first, so that a test may change its mind while
 * they run. Without the variable, or when the file cannot be had, nothing fails. Calls that libc makes inside itself are not
 * seen, but for its allocations. It relies on glibc's dlsym(), which does not allocate on success.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Which process this is: the daemon until it names itself otherwise. */
enum role { DAEMON = 1, NURSERY = 2, HELPER = 4, READER = 8, ASIDE = 16 };

/* The order is that of CALLS in tests/e2e/fault_plan.py. */
enum call {
	ALLOC,
	ACCEPT,
	READ,
	RECV,
	RECVMSG,
	WRITE,
	SEND,
	SENDMSG,
	OPEN,
	OPENAT2,
	READDIR,
	STAT,
	SOCKET,
	CONNECT,
	BIND,
	LISTEN,
	SOCKETPAIR,
	PIPE,
	FORK,
	EPOLL_CTL,
	EPOLL_WAIT,
	POLL,
	MMAP,
	RANDOM,
	FCNTL,
	EPOLL_CREATE,
	LIBRARY_ALLOC, /* those of libconfuse, which it does not survive */
};

/* tests/e2e/fault_plan.py has the same. `seen` and `struck` are ours to count, the rest is the test's. */
struct plan {
	uint32_t roles, calls; /* sets of the above; none: nothing is counted */
	int32_t error; /* errno; -n: the process gets the signal n instead */
	uint32_t nth, times; /* the first that fails, counted from 1, and how many */
	uint32_t seen, struck;
	int32_t shift; /* seconds by which the calendar is ahead */
	uint64_t files, memory; /* limits of the daemon: descriptors, octets of addresses; 0: as they were */
};

static struct plan none, *plan = &none;
static uint32_t mine = DAEMON;

__attribute__((constructor)) static void open_plan(void)
{
	const char *path = getenv("FAULT_PLAN");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		plan = map;
}

/* True when this call is to fail; errno is set then. */
static bool strike(enum call call)
{
	uint32_t n;

	if (!(plan->roles & mine) || !(plan->calls & 1U << call))
		return false;
	n = __atomic_add_fetch(&plan->seen, 1, __ATOMIC_RELAXED);
	if (n < plan->nth || n - plan->nth >= plan->times)
		return false;
	__atomic_add_fetch(&plan->struck, 1, __ATOMIC_RELAXED);
	if (plan->error < 0)
		raise(-plan->error);
	else
		errno = plan->error;
	return plan->error > 0;
}

/* POSIX's way round the rule that an object pointer is no function pointer. */
#define NEXT(name)                                                                                                     \
	do {                                                                                                           \
		if (!next)                                                                                             \
			*(void **)&next = dlsym(RTLD_NEXT, name);                                                      \
	} while (0)

/* A function of the same name that fails with `bad`, or does what it always did. */
#define FAILING(call, type, bad, name, parameters, arguments)                                                          \
	FAILING_IF(strike(call), type, bad, name, parameters, arguments)
#define FAILING_IF(condition, type, bad, name, parameters, arguments)                                                  \
	type name parameters                                                                                           \
	{                                                                                                              \
		static type(*next) parameters;                                                                         \
		if (condition)                                                                                         \
			return bad;                                                                                    \
		NEXT(#name);                                                                                           \
		return next arguments;                                                                                 \
	}

/* ---- memory ---- */

static unsigned parsing; /* how deep in libconfuse */

/* While libconfuse is at work, what the program itself allocates is told from the rest by who calls. */
static enum call whose(const void *caller)
{
	Dl_info program, of;

	if (!(plan->calls & (1U << ALLOC | 1U << LIBRARY_ALLOC)) || !dladdr(caller, &of))
		return ALLOC;
	return parsing && dladdr((void *)getauxval(AT_ENTRY), &program) && of.dli_fbase != program.dli_fbase
		       ? LIBRARY_ALLOC
		       : ALLOC;
}

#define ALLOC_BY_CALLER whose(__builtin_return_address(0))

FAILING(ALLOC_BY_CALLER, void *, NULL, malloc, (size_t n), (n))
FAILING(ALLOC_BY_CALLER, void *, NULL, calloc, (size_t n, size_t size), (n, size))
FAILING(ALLOC_BY_CALLER, void *, NULL, realloc, (void *p, size_t n), (p, n))

/* Of libconfuse. Its own types are not needed to pass them on. */
int cfg_parse_fp(void *cfg, void *file);
void *cfg_init(void *options, int flags);

int cfg_parse_fp(void *cfg, void *file)
{
	static int (*next)(void *, void *);
	int n;

	NEXT("cfg_parse_fp");
	parsing++;
	n = next(cfg, file);
	parsing--;
	return n;
}

void *cfg_init(void *options, int flags)
{
	static void *(*next)(void *, int);
	void *made;

	NEXT("cfg_init");
	parsing++;
	made = next(options, flags);
	parsing--;
	return made;
}

FAILING(ALLOC, void *, NULL, aligned_alloc, (size_t align, size_t n), (align, n))
FAILING(ALLOC, int, ENOMEM, posix_memalign, (void **out, size_t align, size_t n), (out, align, n))
FAILING(MMAP, void *, MAP_FAILED, mmap, (void *at, size_t len, int prot, int flags, int fd, off_t from),
	(at, len, prot, flags, fd, from))

/* The same under the name that is used where offsets are not asked to be of 64 bits. */
void *mmap_as_of_old(void *, size_t, int, int, int, off_t) __asm__("mmap")
	__attribute__((nothrow, leaf, alias("mmap64")));

/* ---- sockets ---- */

FAILING(ACCEPT, int, -1, accept4, (int fd, __SOCKADDR_ARG from, socklen_t *restrict len, int flags),
	(fd, from, len, flags))
FAILING(SOCKET, int, -1, socket, (int domain, int type, int protocol), (domain, type, protocol))
FAILING(CONNECT, int, -1, connect, (int fd, __CONST_SOCKADDR_ARG to, socklen_t len), (fd, to, len))
FAILING(BIND, int, -1, bind, (int fd, __CONST_SOCKADDR_ARG to, socklen_t len), (fd, to, len))
FAILING(LISTEN, int, -1, listen, (int fd, int n), (fd, n))
FAILING(SOCKETPAIR, int, -1, socketpair, (int domain, int type, int protocol, int pair[2]),
	(domain, type, protocol, pair))
FAILING(RECV, ssize_t, -1, recv, (int fd, void *at, size_t len, int flags), (fd, at, len, flags))
FAILING(RECVMSG, ssize_t, -1, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))
FAILING(SEND, ssize_t, -1, send, (int fd, const void *at, size_t len, int flags), (fd, at, len, flags))
FAILING(SENDMSG, ssize_t, -1, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))

/* ---- files ---- */

/* What calls in the program become where it is fortified; no header has them. */
ssize_t __read_chk(int fd, void *at, size_t len, size_t room);
int __open64_2(const char *path, int flags);
int __openat64_2(int folder, const char *path, int flags);

FAILING(WRITE, ssize_t, -1, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
FAILING(OPEN, int, -1, __open64_2, (const char *path, int flags), (path, flags))
FAILING(OPEN, int, -1, __openat64_2, (int folder, const char *path, int flags), (folder, path, flags))
FAILING(READDIR, struct dirent64 *, NULL, readdir64, (DIR * folder), (folder))
FAILING(OPEN, DIR *, NULL, fdopendir, (int fd), (fd))
FAILING(STAT, int, -1, fstat64, (int fd, struct stat64 *st), (fd, st))
FAILING(STAT, int, -1, fstatat64, (int folder, const char *path, struct stat64 *st, int flags),
	(folder, path, st, flags))

/* Pipes are how a process wakes itself: they do not fail. */
static bool strike_but_pipe(enum call call, int fd)
{
	struct stat st;

	return plan->calls & 1U << call && !(syscall(SYS_fstat, fd, &st) == 0 && S_ISFIFO(st.st_mode)) && strike(call);
}

FAILING_IF(strike_but_pipe(READ, fd), ssize_t, -1, read, (int fd, void *at, size_t len), (fd, at, len))
FAILING_IF(strike_but_pipe(READ, fd), ssize_t, -1, __read_chk, (int fd, void *at, size_t len, size_t room),
	(fd, at, len, room))
FAILING_IF(strike_but_pipe(WRITE, fd), ssize_t, -1, write, (int fd, const void *at, size_t len), (fd, at, len))

/* The mode, which may be missing, costs nothing to pass on. */
int open64(const char *path, int flags, ...)
{
	static int (*next)(const char *, int, ...);
	va_list ap;
	mode_t mode;

	if (strike(OPEN))
		return -1;
	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	NEXT("open64");
	return next(path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
	static int (*next)(int, const char *, int, ...);
	va_list ap;
	mode_t mode;

	if (strike(OPEN))
		return -1;
	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	NEXT("openat64");
	return next(folder, path, flags, mode);
}

int fcntl64(int fd, int what, ...)
{
	static int (*next)(int, int, ...);
	va_list ap;
	void *argument;

	if (strike(FCNTL))
		return -1;
	va_start(ap, what);
	argument = va_arg(ap, void *);
	va_end(ap);
	NEXT("fcntl64");
	return next(fd, what, argument);
}

long syscall(long number, ...)
{
	static long (*next)(long, ...);
	va_list ap;
	long a[6];

	if (number == SYS_openat2 && strike(OPENAT2))
		return -1;
	va_start(ap, number);
	for (size_t i = 0; i < sizeof(a) / sizeof(a[0]); i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	NEXT("syscall");
	return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- processes and what is waited for ---- */

/* A process may always change its own soft limit; others may not. */
static void limit(int which, uint64_t to, rlim_t *usual)
{
	struct rlimit now;

	if ((to == 0 && *usual == 0) || getrlimit(which, &now) != 0)
		return;
	if (*usual == 0)
		*usual = now.rlim_cur;
	now.rlim_cur = to ? to : *usual;
	setrlimit(which, &now);
}

static bool strike_in_turn(void)
{
	static rlim_t files, memory;

	if (mine == DAEMON) {
		limit(RLIMIT_NOFILE, plan->files, &files);
		limit(RLIMIT_AS, plan->memory, &memory);
	}
	return strike(EPOLL_WAIT);
}

FAILING(FORK, pid_t, -1, _Fork, (void), ())
FAILING(PIPE, int, -1, pipe2, (int pair[2], int flags), (pair, flags))
FAILING(EPOLL_CREATE, int, -1, epoll_create1, (int flags), (flags))
FAILING_IF(strike_in_turn(), int, -1, epoll_wait, (int of, struct epoll_event *events, int n, int wait),
	(of, events, n, wait))
FAILING_IF(strike_in_turn(), int, -1, epoll_pwait,
	(int of, struct epoll_event *events, int n, int wait, const sigset_t *mask), (of, events, n, wait, mask))
FAILING(POLL, int, -1, poll, (struct pollfd * fds, nfds_t n, int wait), (fds, n, wait))
FAILING(POLL, int, -1, ppoll, (struct pollfd * fds, nfds_t n, const struct timespec *wait, const sigset_t *mask),
	(fds, n, wait, mask))
FAILING(RANDOM, ssize_t, -1, getrandom, (void *at, size_t len, unsigned flags), (at, len, flags))

/* Only a descriptor that is not in there yet costs the kernel memory, and can be refused. */
int epoll_ctl(int of, int what, int fd, struct epoll_event *event)
{
	static int (*next)(int, int, int, struct epoll_event *);
	int n;

	NEXT("epoll_ctl");
	n = next(of, what, fd, event);
	if (n != 0 || what != EPOLL_CTL_ADD || !strike(EPOLL_CTL))
		return n;
	next(of, EPOLL_CTL_DEL, fd, event);
	errno = plan->error;
	return -1;
}

static enum role role_of(const char *name)
{
	if (strcmp(name, "qg-nursery") == 0)
		return NURSERY;
	if (strcmp(name, "qg-aside") == 0)
		return ASIDE;
	return strcmp(name, "qg-config") == 0 ? READER : HELPER;
}

/* The names that the processes of the daemon give themselves say who they are. */
int prctl(int what, ...)
{
	static int (*next)(int, ...);
	va_list ap;
	unsigned long a[4];

	va_start(ap, what);
	for (size_t i = 0; i < sizeof(a) / sizeof(a[0]); i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	if (what == PR_SET_NAME)
		mine = role_of((const char *)a[0]);
	NEXT("prctl");
	return next(what, a[0], a[1], a[2], a[3]);
}

/* ---- the calendar ---- */

int clock_gettime(clockid_t clock, struct timespec *t)
{
	static int (*next)(clockid_t, struct timespec *);
	int n;

	NEXT("clock_gettime");
	n = next(clock, t);
	if (n == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		t->tv_sec += plan->shift;
	return n;
}

time_t time(time_t *out)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_REALTIME_COARSE, &t);
	if (out)
		*out = t.tv_sec;
	return t.tv_sec;
}
