#include "base/pages.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define WORTH_WHILE                                                                                                    \
	((size_t)4 << 20) /* octets: a table of fewer pages fits into what the processor remembers of them */

void pages_are_for_look_ups(void *at, size_t octets)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)at + page - 1) / page * page, to = ((uintptr_t)at + octets) / page * page;
	if (octets >= WORTH_WHILE)
		(void)madvise((char *)at + (from - (uintptr_t)at), to - from, MADV_HUGEPAGE);
}
