#include "directory/files.h"

#include "io/log.h"

#include <time.h>

#define LOOK_EVERY SECONDS(1)
#define STILL SECONDS(1) /* since the last change, for a file to be whole */
#define TRY_EVERY SECONDS(30) /* what could not be read, though it has not changed: memory or a disk may be back */

static msec clock_of(clockid_t which)
{
	struct timespec t = { 0 };
	clock_gettime(which, &t);
	return SECONDS(t.tv_sec) + t.tv_nsec / 1000000;
}

static struct stamp look(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? stamp_of(&st) : (struct stamp){ 0 };
}

bool files_add(struct files *f, const char *path, enum table_form form)
{
	if (f->n == FILES_MAX)
		return false;
	f->all[f->n++] = (struct files_one){ .path = path, .form = form };
	return true;
}

/* Null with the reason when one of them cannot be read or makes no sense. Each is stamped as it was when opened. */
static struct table *read_all(struct files *f, struct err *err)
{
	struct table *t = table_new();
	if (!t) {
		err_set(err, "no memory for the tables");
		return NULL;
	}
	for (size_t i = 0; i < f->n; i++) {
		struct files_one *one = &f->all[i];
		struct text text;
		struct stat st;
		bool there = text_read(&text, one->path, LINES_FILE_MAX, &st, err);
		if (st.st_ino)
			one->read = stamp_of(&st);
		if (!there || !table_add(t, one->form, one->path, text, err)) {
			table_free(t);
			return NULL;
		}
	}
	return t;
}

static void note_trouble(struct files *f, const struct err *err)
{
	if (strcmp(f->trouble.text, err->text) == 0)
		return;
	f->trouble = *err;
	if (err->text[0])
		log_line(LOG_LEVEL_WARNING, "event=directory-file-unread serving=%s reason=\"%s\"",
			f->table ? "old" : "nothing", err->text);
	else
		log_line(LOG_LEVEL_INFO, "event=directory-files-read entries=%zu", table_count(f->table));
}

static void reread(struct files *f)
{
	struct err err = { "" };
	/* what stands behind a file that fails is not read, and is tried again with it */
	for (size_t i = 0; i < f->n; i++)
		f->all[i].read = f->all[i].seen;
	struct table *t = read_all(f, &err);
	if (t) {
		table_free(f->table);
		f->table = t;
	}
	note_trouble(f, &err);
}

/* True when some file has changed, and none is still being written; always with `anyway`. */
static bool is_due(struct files *f, bool anyway)
{
	msec now = clock_of(CLOCK_REALTIME);
	bool changed = false, still = true;
	for (size_t i = 0; i < f->n; i++) {
		struct files_one *one = &f->all[i];
		struct stamp stamp = look(one->path);
		msec age = now - (SECONDS(stamp.mtime.tv_sec) + stamp.mtime.tv_nsec / 1000000);
		if (!stamp_eq(&stamp, &one->read)) {
			changed = true;
			still = still && (stamp_eq(&stamp, &one->seen) || age >= STILL);
		}
		one->seen = stamp;
	}
	return anyway || (changed && still);
}

void files_refresh(struct files *f)
{
	msec now = clock_of(CLOCK_MONOTONIC);
	bool first = f->looked == 0;
	if (!first && now - f->looked < LOOK_EVERY)
		return;
	f->looked = now ? now : 1;
	bool again = f->trouble.text[0] && now - f->tried >= TRY_EVERY;
	if (!is_due(f, first || again))
		return;
	f->tried = now;
	reread(f);
}

void files_done(struct files *f)
{
	table_free(f->table);
	f->table = NULL;
}
