/*
 * A library to be preloaded into a server: it counts the calls of malloc, calloc, realloc and their kin, per process,
 * in the file that BENCH_COUNT_ALLOC names, so that the benchmark can read them while the server runs. The file is an
 * array of struct count in the machine's byte order. Without the variable, or when the file cannot be had, it counts
 * for itself and is silent. It relies on glibc's dlsym(), which does not allocate on success.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PROCESSES 64

struct count {
	uint64_t pid, calls;
};

/* The file's array; a process takes the next free row when it begins. The last row is shared by whoever comes late. */
static struct count unnamed[PROCESSES], *counts = unnamed, *mine = unnamed;

static void begin(void)
{
	uint64_t none = 0;
	size_t i = 0;

	while (i < PROCESSES - 1 && !__atomic_compare_exchange_n(&counts[i].pid, &none, (uint64_t)getpid(), 0,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		none = 0;
		i++;
	}
	mine = &counts[i];
}

__attribute__((constructor)) static void open_counts(void)
{
	const char *path = getenv("BENCH_COUNT_ALLOC");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	if (fd >= 0) {
		map = ftruncate(fd, sizeof unnamed)
			      ? MAP_FAILED
			      : mmap(NULL, sizeof unnamed, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
		if (map != MAP_FAILED)
			counts = map;
	}
	begin();
	pthread_atfork(NULL, NULL, begin);
}

static void count(void)
{
	__atomic_fetch_add(&mine->calls, 1, __ATOMIC_RELAXED);
}

/* POSIX's way round the rule that an object pointer is no function pointer. */
#define NEXT(name)                                                                                                     \
	do {                                                                                                           \
		count();                                                                                               \
		if (!next)                                                                                             \
			*(void **)&next = dlsym(RTLD_NEXT, name);                                                      \
	} while (0)

void *malloc(size_t n)
{
	static void *(*next)(size_t);

	NEXT("malloc");
	return next(n);
}

void *calloc(size_t n, size_t size)
{
	static void *(*next)(size_t, size_t);

	NEXT("calloc");
	return next(n, size);
}

void *realloc(void *p, size_t n)
{
	static void *(*next)(void *, size_t);

	NEXT("realloc");
	return next(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
	static void *(*next)(size_t, size_t);

	NEXT("aligned_alloc");
	return next(align, n);
}

int posix_memalign(void **out, size_t align, size_t n)
{
	static int (*next)(void **, size_t, size_t);

	NEXT("posix_memalign");
	return next(out, align, n);
}
