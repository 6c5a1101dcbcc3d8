/*
 * seccomp filters, see seccomp(2) and io/filter.h: which calls of the kernel a process has left. Helpers that read
 * files have the shortest list; each longer one begins with the shorter. A nursery hands its filter down to whatever its
 * helpers run, so it forbids what no mail program ever does, and no more.
 *
 * A filter sees numbers, not what pointers point to: openat2(2) passes, and where it may lead is Landlock's to say.
 */
#include "io/confine_inside.h"

#if CONFINED && HAVE_SECCOMP

#include "io/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <seccomp.h> /* numbers of calls, negative where this machine has none; nothing else of it */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALL(name) SCMP_SYS(name)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Reading what is open or may be opened, memory, time, and the socket to the daemon. */
static const int calls_files[] = { CALL(access), CALL(brk), CALL(clock_getres), CALL(clock_gettime),
	CALL(clock_gettime64), CALL(clock_nanosleep), CALL(clock_nanosleep_time64), CALL(close), CALL(close_range),
	CALL(dup), CALL(exit), CALL(exit_group), CALL(faccessat), CALL(faccessat2), CALL(fcntl), CALL(fcntl64),
	CALL(fstat), CALL(fstat64), CALL(fstatat64), CALL(fstatfs), CALL(fstatfs64), CALL(futex), CALL(futex_time64),
	CALL(getcwd), CALL(getdents64), CALL(getegid), CALL(getegid32), CALL(geteuid), CALL(geteuid32), CALL(getgid),
	CALL(getgid32), CALL(getgroups), CALL(getgroups32), CALL(getpid), CALL(getppid), CALL(getrandom),
	CALL(getresgid), CALL(getresuid), CALL(getrusage), CALL(gettid), CALL(gettimeofday), CALL(getuid),
	CALL(getuid32), CALL(_llseek), CALL(lseek), CALL(lstat), CALL(lstat64), CALL(madvise), CALL(membarrier),
	CALL(mremap), CALL(munmap), CALL(nanosleep), CALL(newfstatat), CALL(openat2), CALL(poll), CALL(ppoll),
	CALL(ppoll_time64), CALL(pread64), CALL(preadv), CALL(pselect6), CALL(pselect6_time64), CALL(read),
	CALL(readlink), CALL(readlinkat), CALL(readv), CALL(recv), CALL(recvfrom), CALL(restart_syscall), CALL(rseq),
	CALL(rt_sigaction), CALL(rt_sigpending), CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(rt_sigtimedwait),
	CALL(sched_getaffinity), CALL(sched_yield), CALL(select), CALL(set_robust_list), CALL(sigaltstack),
	CALL(sigreturn), CALL(stat), CALL(stat64), CALL(statfs), CALL(statfs64), CALL(statx), CALL(sysinfo), CALL(time),
	CALL(uname), CALL(write), CALL(writev) };

/* Asking which users there are: modules are loaded, and servers on this machine are connected to. */
static const int calls_users[] = { CALL(connect), CALL(epoll_create), CALL(epoll_create1), CALL(epoll_ctl),
	CALL(epoll_wait), CALL(epoll_pwait), CALL(epoll_pwait2), CALL(eventfd), CALL(eventfd2), CALL(flock),
	CALL(getpeername), CALL(getrlimit), CALL(getsockname), CALL(getsockopt), CALL(mmap), CALL(mmap2),
	CALL(mprotect), CALL(pipe), CALL(pipe2), CALL(recvmmsg), CALL(recvmmsg_time64), CALL(recvmsg), CALL(send),
	CALL(sendmmsg), CALL(sendmsg), CALL(sendto), CALL(setsockopt), CALL(shutdown), CALL(socketpair),
	CALL(timerfd_create), CALL(timerfd_settime), CALL(timerfd_settime64) };

/* Clients of other servers, with threads that look up names; SQLite, which writes beside a file that it only reads. */
static const int calls_network[] = { CALL(bind), CALL(dup2), CALL(dup3), CALL(fallocate), CALL(fchmod), CALL(fchown),
	CALL(fchown32), CALL(fdatasync), CALL(fsync), CALL(ftruncate), CALL(ftruncate64), CALL(get_robust_list),
	CALL(mlock), CALL(mlock2), CALL(msync), CALL(munlock), CALL(open), CALL(openat), CALL(pwrite64), CALL(pwritev),
	CALL(sched_getparam), CALL(sched_getscheduler), CALL(set_tid_address), CALL(umask), CALL(unlink),
	CALL(unlinkat) };

/* Sockets that listen, the log, and the nursery's end. */
static const int calls_daemon[] = { CALL(accept), CALL(accept4), CALL(chmod), CALL(chown), CALL(chown32),
	CALL(fchmodat), CALL(fchownat), CALL(lchown), CALL(lchown32), CALL(listen), CALL(sendfile), CALL(sendfile64),
	CALL(setrlimit), CALL(wait4), CALL(waitid), CALL(waitpid) };

/* Only an attacker makes these. Libraries are known to try others that look as bad (io_uring_setup, keyctl), and to do
   without. */
static const int calls_deadly[] = { CALL(bpf), CALL(chroot), CALL(delete_module), CALL(finit_module), CALL(fsconfig),
	CALL(fsmount), CALL(fsopen), CALL(init_module), CALL(ioperm), CALL(iopl), CALL(kexec_file_load),
	CALL(kexec_load), CALL(mknod), CALL(mknodat), CALL(mount), CALL(mount_setattr), CALL(move_mount),
	CALL(open_by_handle_at), CALL(open_tree), CALL(perf_event_open), CALL(pidfd_getfd), CALL(pivot_root),
	CALL(process_vm_readv), CALL(process_vm_writev), CALL(ptrace), CALL(reboot), CALL(setns), CALL(swapoff),
	CALL(swapon), CALL(umount2), CALL(unshare), CALL(userfaultfd) };

/* A thread is made by clone; clone3, whose flags a filter cannot see, is not there, and the C library does without. */
static const int calls_processes[] = { CALL(execve), CALL(execveat), CALL(fork), CALL(vfork) };

/* In one that only reads files. */
static const int calls_sockets[] = { CALL(accept), CALL(accept4), CALL(bind), CALL(connect), CALL(listen), CALL(socket),
	CALL(socketcall), CALL(socketpair) };

#define WRITING (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)

static void add(struct filter *f, uint32_t action, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		filter_add(f, action, calls[i]);
}

static struct filter_bits bits(unsigned argument, uint64_t mask, uint64_t value)
{
	return (struct filter_bits){ argument, mask, value };
}

static struct filter_bits equal(unsigned argument, uint64_t value)
{
	return (struct filter_bits){ argument, UINT64_MAX, value };
}

/* Where the C library's functions for sockets are all one call, whose first argument says which. */
static void add_multiplexed(struct filter *f, const int *which, size_t n)
{
	for (size_t i = 0; i < n; i++)
		filter_add_if(f, SECCOMP_RET_ALLOW, CALL(socketcall), equal(0, (uint64_t)which[i]));
}

/* ---- what each has ---- */

/* Nothing becomes executable, nothing is opened for writing, and the socket is written to as it is connected. */
static void add_only_files(struct filter *f)
{
	static const int mapping[] = { CALL(mmap), CALL(mmap2), CALL(mprotect) };
	for (size_t i = 0; i < COUNT(mapping); i++) {
		filter_add_if(f, SECCOMP_RET_ALLOW, mapping[i], bits(2, PROT_EXEC, 0));
		filter_add_if(f, SECCOMP_RET_KILL_PROCESS, mapping[i], bits(2, PROT_EXEC, PROT_EXEC));
	}
	filter_add_if(f, SECCOMP_RET_ALLOW, CALL(sendto), equal(4, 0));
	filter_add(f, SECCOMP_RET_ALLOW, CALL(send));
	add_multiplexed(f, (const int[]){ SYS_SEND, SYS_RECV }, 2);
	add(f, SECCOMP_RET_KILL_PROCESS, calls_sockets, COUNT(calls_sockets));
}

static void add_reading(struct filter *f)
{
	filter_add_if(f, SECCOMP_RET_ALLOW, CALL(open), bits(1, WRITING, 0));
	filter_add_if(f, SECCOMP_RET_ALLOW, CALL(openat), bits(2, WRITING, 0));
}

static void add_sockets(struct filter *f, const int *families, size_t n)
{
	for (size_t i = 0; i < n; i++)
		filter_add_if(f, SECCOMP_RET_ALLOW, CALL(socket), equal(0, (uint64_t)families[i]));
}

/* Also what its libraries set up for a socket or a terminal, and no more of ioctl(2). */
static void add_network(struct filter *f)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
	static const unsigned long controls[] = { FIONBIO, FIOCLEX, FIONREAD, TCGETS };
	static const int names[] = { PR_GET_NAME, PR_SET_NAME };
	add_multiplexed(f, (const int[]){ SYS_BIND }, 1);
	add(f, SECCOMP_RET_ALLOW, calls_network, COUNT(calls_network));
	add_sockets(f, families, COUNT(families));
	for (size_t i = 0; i < COUNT(controls); i++)
		filter_add_if(f, SECCOMP_RET_ALLOW, CALL(ioctl), equal(1, controls[i]));
	for (size_t i = 0; i < COUNT(names); i++)
		filter_add_if(f, SECCOMP_RET_ALLOW, CALL(prctl), equal(0, (uint64_t)names[i]));
	filter_add_if(f, SECCOMP_RET_ALLOW, CALL(clone), bits(0, CLONE_THREAD, CLONE_THREAD));
	filter_add_if(f, SECCOMP_RET_ALLOW, CALL(prlimit64), equal(0, 0)); /* its own */
}

static void add_users(struct filter *f)
{
	static const int families[] = { AF_UNIX };
	static const int multiplexed[] = { SYS_SOCKET, SYS_CONNECT, SYS_GETSOCKNAME, SYS_GETPEERNAME, SYS_SOCKETPAIR,
		SYS_SEND, SYS_RECV, SYS_SENDTO, SYS_RECVFROM, SYS_SHUTDOWN, SYS_SETSOCKOPT, SYS_GETSOCKOPT, SYS_SENDMSG,
		SYS_RECVMSG, SYS_RECVMMSG, SYS_SENDMMSG };
	add_multiplexed(f, multiplexed, COUNT(multiplexed));
	add(f, SECCOMP_RET_ALLOW, calls_users, COUNT(calls_users));
	add_sockets(f, families, COUNT(families));
}

static void add_allowed(struct filter *f, enum confine_kind kind, const struct reach *reach)
{
	bool files = kind == CONFINE_HELPER && reach->files;
	add(f, SECCOMP_RET_ALLOW, calls_files, COUNT(calls_files));
	filter_add_if(f, SECCOMP_RET_ALLOW, CALL(tgkill), equal(0, (uint64_t)getpid())); /* abort(3) */
	if (files)
		add_reading(f);
	if (files && !reach->users)
		add_only_files(f);
	else
		add_users(f);
	if (!files)
		add_network(f);
	if (kind == CONFINE_DAEMON) {
		add(f, SECCOMP_RET_ALLOW, calls_daemon, COUNT(calls_daemon));
		add_multiplexed(f, (const int[]){ SYS_LISTEN, SYS_ACCEPT, SYS_ACCEPT4 }, 3);
	}
	filter_add_if(f, SECCOMP_RET_KILL_PROCESS, CALL(clone), bits(0, CLONE_THREAD, 0));
	add(f, SECCOMP_RET_KILL_PROCESS, calls_processes, COUNT(calls_processes));
	add(f, SECCOMP_RET_KILL_PROCESS, calls_deadly, COUNT(calls_deadly));
}

static void build(struct filter *f, enum confine_kind kind, const struct reach *reach)
{
	switch (kind) {
	case CONFINE_NURSERY:
		/* programs of the postmaster's inherit it: they are told no, and do not die */
		add(f, SECCOMP_RET_ERRNO | EPERM, calls_deadly, COUNT(calls_deadly));
		break;
	case CONFINE_DAEMON:
	case CONFINE_HELPER: add_allowed(f, kind, reach); break;
	case CONFINE_NOTHING: break;
	}
}

bool confine_calls(enum confine_kind kind, const struct reach *reach, int *held, struct err *err)
{
	bool allows = kind == CONFINE_DAEMON || kind == CONFINE_HELPER;
	struct filter f;
	*held = 0;
	/* ENOSYS, EINVAL: the kernel was built without */
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0 || !filter_init(&f))
		return true;
	build(&f, kind, reach);
	*held = filter_load(&f, allows ? SECCOMP_RET_ERRNO | ENOSYS : SECCOMP_RET_ALLOW, err);
	return *held;
}

#else

bool confine_calls(enum confine_kind kind, const struct reach *reach, int *held, struct err *err)
{
	(void)kind, (void)reach, (void)err;
	*held = 0;
	return true;
}

#endif
