#include "io/filter.h"

#include <endian.h>
#include <errno.h>
#include <linux/audit.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__) && !defined(__ILP32__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define MACHINE AUDIT_ARCH_I386
#elif defined(__aarch64__) && __BYTE_ORDER == __LITTLE_ENDIAN
#define MACHINE AUDIT_ARCH_AARCH64
#elif defined(__arm__) && defined(__ARM_EABI__) && __BYTE_ORDER == __LITTLE_ENDIAN
#define MACHINE AUDIT_ARCH_ARM
#elif defined(__powerpc64__) && __BYTE_ORDER == __LITTLE_ENDIAN
#define MACHINE AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define MACHINE AUDIT_ARCH_S390X
#elif defined(__riscv) && __riscv_xlen == 64
#define MACHINE AUDIT_ARCH_RISCV64
#elif defined(__mips64) && _MIPS_SIM == _ABI64 && __BYTE_ORDER == __LITTLE_ENDIAN
#define MACHINE AUDIT_ARCH_MIPSEL64
#else
#define MACHINE 0
#endif

#define X32 0x40000000u /* from this number on, calls of x86-64 are those of another kind of program */

#define LOW (__BYTE_ORDER == __LITTLE_ENDIAN ? 0 : 4)
#define HIGH (4 - LOW)

/* An instruction that does not fit makes n FILTER_MAX + 1, which filter_load() sees. */
static void put(struct filter *f, struct sock_filter what)
{
	if (f->n < FILTER_MAX)
		f->code[f->n++] = what;
	else
		f->n = FILTER_MAX + 1;
}

/* The word at this offset of struct seccomp_data. */
static void put_load(struct filter *f, size_t offset)
{
	put(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

/* Goes on when the word loaded is just that, else skips so many. */
static void put_unless_skip(struct filter *f, uint32_t value, uint8_t skip)
{
	put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip));
}

static void put_return(struct filter *f, uint32_t action)
{
	put(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

static void put_mask(struct filter *f, uint32_t mask)
{
	put(f, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
}

/* After it, and after each rule, the number of the call is loaded. */
bool filter_init(struct filter *f)
{
	f->n = 0;
	put_load(f, offsetof(struct seccomp_data, arch));
	put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 1, 0));
	put_return(f, SECCOMP_RET_KILL_PROCESS);
	put_load(f, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
	put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32, 0, 2));
	put(f, (struct sock_filter)BPF_JUMP(
		       BPF_JMP | BPF_JEQ | BPF_K, UINT32_MAX, 1, 0)); /* -1, which is no call at all */
	put_return(f, SECCOMP_RET_KILL_PROCESS);
#endif
	return MACHINE != 0;
}

void filter_add(struct filter *f, uint32_t action, int call)
{
	if (call < 0)
		return;
	put_unless_skip(f, (uint32_t)call, 1);
	put_return(f, action);
}

void filter_add_if(struct filter *f, uint32_t action, int call, struct filter_bits bits)
{
	size_t argument = offsetof(struct seccomp_data, args) + bits.index * sizeof(uint64_t);
	if (call < 0)
		return;
	put_unless_skip(f, (uint32_t)call, 8);
	put_load(f, argument + HIGH);
	put_mask(f, (uint32_t)(bits.mask >> 32));
	put_unless_skip(f, (uint32_t)(bits.value >> 32), 4);
	put_load(f, argument + LOW);
	put_mask(f, (uint32_t)bits.mask);
	put_unless_skip(f, (uint32_t)bits.value, 1);
	put_return(f, action);
	put_load(f, offsetof(struct seccomp_data, nr));
}

bool filter_load(struct filter *f, uint32_t otherwise, struct err *err)
{
	put_return(f, otherwise);
	if (f->n > FILTER_MAX)
		return err_set(err, "seccomp: more than %d instructions", FILTER_MAX);
	const struct sock_fprog program = { (unsigned short)f->n, f->code };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
		return err_set(err, "seccomp: %s", strerror(errno));
	return true;
}
