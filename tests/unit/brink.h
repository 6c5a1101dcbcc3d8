/* Input for codecs and parsers that ends where memory ends: behind it lies a page that may not be read, so that whoever reads
   one octet too many is ended by the kernel. */
#ifndef TESTS_BRINK_H
#define TESTS_BRINK_H

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define BRINK_MAX ((size_t)131072) /* octets of an input */

static char *brink_end;

/* The set-up of a group of tests. */
static int brink_make(void **state)
{
	(void)state;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *at = mmap(NULL, BRINK_MAX + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED || mprotect(at + BRINK_MAX, page, PROT_NONE) != 0)
		return -1;
	brink_end = at + BRINK_MAX;
	return 0;
}

/* A copy right before the brink, for as long as there is no other. */
static struct str at_brink(struct str s)
{
	assert_true(s.len <= BRINK_MAX);
	char *at = brink_end - s.len;
	if (s.len)
		memmove(at, s.at, s.len);
	return (struct str){ at, s.len };
}

#endif
