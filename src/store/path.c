/*
 * Usage of an mbox file, a tree of them, or a Maildir, by its absolute path. Nothing outside of the roots is looked at,
 * and links may lead from one of them into the others only. Only reads.
 */
#include "store/path.h"

#include "store/maildirpp.h"
#include "store/place.h"
#include "store/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define ROW(member) offsetof(struct path_conf, member)

static const struct opt rows[] = {
	{ .name = "roots",
		.type = OPT_LIST,
		.offset = ROW(roots),
		.required = true,
		.check = place_check_root,
		.help = "The directories below which a path may be asked about." },
	{ .name = "user",
		.type = OPT_STRING,
		.offset = ROW(user),
		.def = "mail",
		.help = "The user as whom the files are read." },
	{ .name = "helpers",
		.type = OPT_NUMBER,
		.offset = ROW(helpers),
		.def = "2",
		.min = 1,
		.max = 64,
		.help = "How many processes read them." },
	OPT_END,
};

struct path {
	struct beneath *roots; /* each with all the others as its further places */
	size_t n;
	struct maildirpp maildirpp;
};

static void path_reach(const void *conf, struct reach *reach)
{
	const struct path_conf *c = conf;
	reach->files = true;
	for (size_t i = 0; i < c->roots.n; i++)
		reach_add(reach, str_of(c->roots.at[i]));
}

static void path_close(void *state)
{
	struct path *p = state;
	for (size_t i = 0; i < p->n; i++)
		beneath_done(&p->roots[i]);
	free(p->roots);
	recount_memory_free(p->maildirpp.memory);
	free(p);
}

static void *path_open(const void *conf, struct err *err)
{
	const struct path_conf *c = conf;
	struct path *p = calloc(1, sizeof(*p));
	if (!p) {
		err_set(err, "out of memory");
		return NULL;
	}
	p->roots = calloc(c->roots.n ? c->roots.n : 1, sizeof(*p->roots));
	p->maildirpp.memory = recount_memory_new();
	bool good = p->roots && p->maildirpp.memory;
	while (good && p->n < c->roots.n) {
		good = beneath_init(&p->roots[p->n], c->roots.at[p->n], c->roots.at, c->roots.n);
		p->n += good;
	}
	if (!good) {
		err_set(err, "out of memory");
		path_close(p);
		return NULL;
	}
	return p;
}

/* Past slashes, and past names that are `.`, which lead nowhere. */
static const char *skip_still(const char *path)
{
	for (path += strspn(path, "/"); path[0] == '.' && (path[1] == '/' || path[1] == '\0');
		path += strspn(path, "/"))
		path++;
	return path;
}

/* What of `path` stands below `root`, compared by whole names; null when it is not below it, or is the root itself. */
static const char *below(const char *path, const char *root)
{
	size_t n = strlen(root);
	while (n > 0 && root[n - 1] == '/')
		n--;
	if (strncmp(path, root, n) != 0 || path[n] != '/')
		return NULL;
	path = skip_still(path + n);
	return *path ? path : NULL;
}

/* The innermost root that the path lies below, and the name there; null: none. */
static struct beneath *find_root(struct path *p, const char *path, const char **name)
{
	struct beneath *best = NULL;
	for (struct str rest = str_of(path); rest.at;)
		if (str_eq(str_cut(&rest, '/'), STR("..")))
			return NULL;
	for (size_t i = 0; i < p->n; i++) {
		const char *rest = below(path, p->roots[i].places[0]);
		if (rest && (!best || strlen(rest) < strlen(*name))) {
			best = &p->roots[i];
			*name = rest;
		}
	}
	return best;
}

/* 1: a directory with new/ or cur/ in it; 0: another directory or a file; -1 with errno. */
static int is_maildir(struct beneath *b, const char *name)
{
	int fd = beneath_open(b, name, O_PATH);
	if (fd < 0)
		return -1;
	bool is = faccessat(fd, "cur/.", F_OK, 0) == 0 || faccessat(fd, "new/.", F_OK, 0) == 0;
	close(fd);
	return is;
}

static void ask_tree(struct beneath *b, const char *name, struct facts *facts, struct buf *note)
{
	char text[MAILBOX_PATH_MAX * 4];
	struct buf failed = BUF(text);
	struct tree_sum sum = { 0 };
	if (!tree_add(b, name, &sum, &failed)) {
		beneath_why(b, buf_z(&failed), errno, note);
		return;
	}
	facts->state = sum.found ? FACTS_FOUND : FACTS_NO_MAILBOX;
	facts->source = SOURCE_STAT;
	facts->firm = true;
	facts->usage = sum.octets;
}

static void path_ask(void *state, const struct mailbox *mailbox, bool firm, struct facts *facts, struct buf *note)
{
	struct path *p = state;
	char path[MAILBOX_PATH_MAX + 1];
	const char *name = NULL;
	(void)firm; /* nobody asks twice here */
	*facts = (struct facts){ .state = FACTS_FAILED };
	struct beneath *b = str_copy_z(path, sizeof(path), mailbox->address) ? find_root(p, path, &name) : NULL;
	if (!b) {
		buf_put_clean(note, mailbox->address);
		buf_puts(note, " is outside of roots");
		return;
	}
	if (!beneath_ready(b)) {
		beneath_why(b, "", errno, note);
		return;
	}
	switch (is_maildir(b, name)) {
	case 1: maildirpp_ask(&p->maildirpp, b, name, NULL, true, facts, note); return;
	case 0:
		ask_tree(b, name, facts, note);
		if (facts->state != FACTS_FAILED)
			buf_put_clean(note, mailbox->address);
		return;
	default:
		if (errno == ENOENT || errno == ENAMETOOLONG)
			facts->state = FACTS_NO_MAILBOX;
		beneath_why(b, name, errno, note);
	}
}

const struct store_kind path_type = {
	.name = "path",
	.opts = rows,
	.conf_size = sizeof(struct path_conf),
	.rule = RULE_EXIM,
	.reach = path_reach,
	.open = path_open,
	.ask = path_ask,
	.close = path_close,
};
