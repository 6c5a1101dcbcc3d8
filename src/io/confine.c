#include "io/confine.h"

#include "io/confine_inside.h"

#include <string.h>
#include <sys/stat.h>

/* This process's own: a process is confined once, and what it was confined to does not change. */
static struct {
	enum confine_kind kind; /* a nursery hands it down to its successor */
	int seccomp, landlock; /* 0: does not hold */
	const struct reach *reach; /* null: no path that could become outdated */
	struct inode {
		dev_t dev;
		ino_t ino; /* both 0: it was not there */
	} inodes[REACH_MAX];
} held;

void reach_init(struct reach *r)
{
	*r = (struct reach){ .files = false };
	r->text = BUF(r->octets);
}

void reach_add(struct reach *r, struct str path)
{
	const char *at = r->octets + r->text.len;
	for (size_t i = 0; i < r->n; i++)
		if (str_eq(str_of(r->paths[i]), path))
			return;
	buf_put(&r->text, path);
	buf_putc(&r->text, '\0');
	if (r->text.full || r->n == REACH_MAX)
		r->full = true;
	else
		r->paths[r->n++] = at;
}

void reach_add_file(struct reach *r, struct str path)
{
	size_t slash = str_rfind(path, '/');
	reach_add(r, (struct str){ path.at, slash ? slash : 1 });
}

static struct inode look(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? (struct inode){ st.st_dev, st.st_ino } : (struct inode){ 0, 0 };
}

bool confine(enum confine_kind kind, const struct reach *reach, struct err *err)
{
	if (kind == CONFINE_NOTHING || kind == held.kind)
		return true;
	if (kind == CONFINE_HELPER && reach->full)
		return err_set(err,
			"more than %d paths, or %zu octets of them, cannot be read by one helper: see confine",
			REACH_MAX, sizeof(reach->octets));
	/* before the rules are made: what changes in between counts as outdated, not as unnoticed */
	for (size_t i = 0; kind == CONFINE_HELPER && i < reach->n; i++)
		held.inodes[i] = look(reach->paths[i]);
	if (!confine_paths(kind, reach, &held.landlock, err) || !confine_calls(kind, reach, &held.seccomp, err))
		return false;
	held.kind = kind;
	if (held.landlock && kind == CONFINE_HELPER && reach->files)
		held.reach = reach;
	return true;
}

bool confine_outdated(void)
{
	for (size_t i = 0; held.reach && i < held.reach->n; i++) {
		struct inode now = look(held.reach->paths[i]), then = held.inodes[i];
		if ((now.dev || now.ino) && (now.dev != then.dev || now.ino != then.ino))
			return true;
	}
	return false;
}

void confine_put(struct buf *out)
{
	buf_printf(out, "seccomp=%s landlock=", held.seccomp ? "yes" : "no");
	if (held.landlock)
		buf_put_u64(out, (uint64_t)held.landlock);
	else
		buf_puts(out, "no");
}
