#include "store/recount.h"

#include "base/str.h"
#include "store/folders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define PATH_ROOM 4096

bool recount_size_of_name(const char *name, uint64_t *octets)
{
	size_t base = strcspn(name, ":");
	for (size_t i = base; i-- > 0;) {
		if (strncmp(name + i, ",S=", 3) != 0)
			continue;
		struct str digits = { name + i + 3, strspn(name + i + 3, "0123456789") };
		char end = digits.at[digits.len];
		return (end == '\0' || end == ':' || end == ',') && str_u64(digits, octets);
	}
	return false;
}

bool recount_is_trashed(const char *name)
{
	const char *flags = strstr(name, ":2,");
	if (!flags)
		return false;
	for (flags += 3; *flags >= 'A' && *flags <= 'Z'; flags++)
		if (*flags == 'T')
			return true;
	return false;
}

struct counting {
	struct beneath *beneath;
	const struct recount_rules *rules;
	struct recount_sum sum;
};

static void add(struct recount_sum *sum, uint64_t octets)
{
	if (__builtin_add_overflow(sum->octets, octets, &sum->octets))
		sum->octets = UINT64_MAX;
	sum->messages++;
}

static void count_message(struct counting *c, DIR *dir, const char *name)
{
	struct stat st;
	uint64_t octets;
	if (name[0] == '.' || (c->rules->skip_trash && recount_is_trashed(name)))
		return;
	if (recount_size_of_name(name, &octets))
		add(&c->sum, octets);
	else if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		add(&c->sum, (uint64_t)st.st_size);
}

static bool count_box(void *context, const char *name, bool is_box)
{
	struct counting *c = context;
	const struct dirent *e;
	if (!is_box)
		return true;
	int fd = beneath_open(c->beneath, name, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return errno == ENOENT;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return false;
	}
	while (errno = 0, (e = readdir(dir)))
		count_message(c, dir, e->d_name);
	int error = errno;
	closedir(dir);
	errno = error;
	return error == 0;
}

/* Walks the folders of the Maildir `name` with `visit`; on failure its name goes to `failed`. */
static bool walk(struct beneath *b, const char *name, const struct recount_rules *rules,
	bool (*visit)(void *, const char *, bool), void *context, struct buf *failed)
{
	char path[PATH_ROOM];
	struct folders f = { .beneath = b,
		.fs = rules->fs,
		.skip_trash = rules->skip_trash,
		.path = BUF(path),
		.visit = visit,
		.context = context };
	buf_puts(&f.path, name);
	if (folders_each(&f))
		return true;
	int error = errno;
	buf_puts(failed, buf_z(&f.path));
	errno = error;
	return false;
}

bool recount_count(struct beneath *b, const char *name, const struct recount_rules *rules, struct recount_sum *sum,
	struct buf *failed)
{
	struct counting c = { .beneath = b, .rules = rules };
	bool good = walk(b, name, rules, count_box, &c, failed);
	*sum = c.sum;
	return good;
}

#define GROUPS 512
#define WAYS 8
#define SETTLE 2 /* seconds: coarser than the clock of any file system */

struct memory_entry {
	struct hash mailbox, state; /* mailbox none: free */
	struct recount_sum sum;
	uint64_t used; /* the time of its last use, in uses of the memory */
};

struct recount_memory {
	struct hash_key key;
	uint64_t uses;
	struct memory_entry entries[GROUPS][WAYS];
};

struct recount_memory *recount_memory_new(void)
{
	struct recount_memory *m = calloc(1, sizeof(*m));
	if (m && getrandom(&m->key, sizeof(m->key), 0) != sizeof(m->key)) {
		free(m);
		return NULL;
	}
	return m;
}

void recount_memory_free(struct recount_memory *m)
{
	free(m);
}

struct printing {
	const struct recount_memory *memory;
	struct beneath *beneath;
	struct hash sum; /* of the hashes of all directories: their order does not matter */
	time_t newest;
};

static void print_stat(struct printing *p, const char *name, const struct stat *st)
{
	struct hash parts[2] = { hash_of(&p->memory->key, name, strlen(name)) };
	if (st) {
		const int64_t state[] = { (int64_t)st->st_dev, (int64_t)st->st_ino, st->st_size, st->st_mtim.tv_sec,
			st->st_mtim.tv_nsec, st->st_ctim.tv_sec, st->st_ctim.tv_nsec };
		parts[1] = hash_of(&p->memory->key, state, sizeof(state));
	}
	struct hash h = hash_of(&p->memory->key, parts, sizeof(parts));
	p->sum.a += h.a;
	p->sum.b += h.b;
}

static bool print_directory(void *context, const char *name, bool is_box)
{
	struct printing *p = context;
	struct stat st;
	(void)is_box;
	/* A link is followed wherever it leads: only its target's times are looked at. */
	if (fstatat(p->beneath->fd, name[0] ? name : ".", &st, 0) != 0) {
		print_stat(p, name, NULL);
		return errno == ENOENT;
	}
	print_stat(p, name, &st);
	if (st.st_mtime > p->newest)
		p->newest = st.st_mtime;
	return true;
}

bool recount_print_take(struct recount_print *print, const struct recount_memory *memory, struct beneath *b,
	const char *name, const struct recount_rules *rules, const struct stat *file, struct buf *failed)
{
	struct printing p = { .memory = memory, .beneath = b };
	time_t now = time(NULL);
	if (!walk(b, name, rules, print_directory, &p, failed))
		return false;
	print_stat(&p, "maildirsize", file);
	const struct hash path[2] = { hash_of(&memory->key, b->places[0], strlen(b->places[0])),
		hash_of(&memory->key, name, strlen(name)) };
	print->mailbox = hash_of(&memory->key, path, sizeof(path));
	print->state = p.sum;
	print->settled = p.newest < now - SETTLE;
	return true;
}

bool recount_memory_get(struct recount_memory *m, const struct recount_print *print, struct recount_sum *sum)
{
	struct memory_entry *group = m->entries[print->mailbox.a % GROUPS];
	for (size_t i = 0; i < WAYS; i++) {
		if (!hash_eq(group[i].mailbox, print->mailbox) || !hash_eq(group[i].state, print->state))
			continue;
		group[i].used = ++m->uses;
		*sum = group[i].sum;
		return true;
	}
	return false;
}

void recount_memory_put(struct recount_memory *m, const struct recount_print *print, struct recount_sum sum)
{
	struct memory_entry *group = m->entries[print->mailbox.a % GROUPS], *e = group;
	if (!print->settled)
		return;
	for (size_t i = 0; i < WAYS; i++) {
		if (hash_eq(group[i].mailbox, print->mailbox)) {
			e = &group[i];
			break;
		}
		if (group[i].used < e->used)
			e = &group[i];
	}
	*e = (struct memory_entry){ print->mailbox, print->state, sum, ++m->uses };
}
