/*
 * A filter of calls, see seccomp(2), as the program that the kernel runs before each of them: rules in their order, of which
 * the first that fits decides. It needs no memory but its own, so nothing can fail while it is made. (libseccomp builds trees:
 * after an allocation that fails it frees twice, or loads a filter that lacks a part.)
 */
#ifndef IO_FILTER_H
#define IO_FILTER_H

#include "base/err.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_MAX 1024 /* instructions; a rule has two, or nine when it looks at an argument */

struct filter {
	struct sock_filter code[FILTER_MAX];
	size_t n;
};

/* Of argument `index`, counted from 0, these bits have this value. */
struct filter_bits {
	unsigned index;
	uint64_t mask, value;
};

/* Without rules. A call of another kind of machine, such as a 32-bit one, ends the process. False: of this kind of machine the
   filter does not know the number, and none can be made. */
bool filter_init(struct filter *);

/* What becomes of a call: SECCOMP_RET_ALLOW and the like. A negative number is a call that this machine does not have. */
void filter_add(struct filter *, uint32_t action, int call);
void filter_add_if(struct filter *, uint32_t action, int call, struct filter_bits);

/* From now on it holds, for this process and its children, which gain no right by exec. `otherwise`: what becomes of calls that no
   rule fits. False: too many rules, or the kernel does not take it. */
bool filter_load(struct filter *, uint32_t otherwise, struct err *);

#endif
