#include "io/safe.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME_ROOM 64

/* ---- what is kept ---- */

static void drop(struct safe_file *f)
{
	secret_done(&f->secret);
	free(f->path);
	*f = (struct safe_file){ .path = NULL };
}

static struct safe_file *find(struct safe *s, const char *path)
{
	for (size_t i = 0; i < SAFE_FILES_MAX; i++)
		if (s->files[i].path && strcmp(s->files[i].path, path) == 0)
			return &s->files[i];
	return NULL;
}

static struct safe_file *find_room(struct safe *s)
{
	for (size_t i = 0; i < SAFE_FILES_MAX; i++)
		if (!s->files[i].path)
			return &s->files[i];
	return NULL;
}

/* That there is no place or no memory for it matters only when the file can be read no more, and is told then. */
static void keep(struct safe *s, const char *path, const struct secret *secret)
{
	struct safe_file *f = find(s, path);
	if (f)
		drop(f);
	else
		f = find_room(s);
	if (!f)
		return;
	*f = (struct safe_file){ .path = strdup(path), .asked_for = true };
	if (!f->path || !secret_copy(&f->secret, secret))
		drop(f);
}

void safe_sweep(struct safe *s)
{
	s->swept = true;
	for (size_t i = 0; i < SAFE_FILES_MAX; i++) {
		if (!s->files[i].asked_for)
			drop(&s->files[i]);
		s->files[i].asked_for = false;
	}
}

void safe_done(struct safe *s)
{
	for (size_t i = 0; i < SAFE_FILES_MAX; i++)
		drop(&s->files[i]);
}

/* ---- what may not be read ---- */

/* Adds to what is wrong whose right is lacking, and what gives it. */
static enum secret_state advise(
	const struct safe *s, const char *wrong, const char *lacking, const char *mode, struct err *err)
{
	char user[NAME_ROOM], group[NAME_ROOM];
	const struct passwd *pw = getpwuid(geteuid());
	const struct group *gr = getgrgid(getegid());
	snprintf(user, sizeof(user), "%lu", (unsigned long)geteuid());
	snprintf(group, sizeof(group), "%lu", (unsigned long)getegid());
	err_set(err, "%s: user %s may not %s (chgrp %s and chmod %s it%s)", wrong, pw ? pw->pw_name : user, lacking,
		gr ? gr->gr_name : group, mode, s->swept ? ", or restart" : "");
	return SECRET_FORBIDDEN;
}

/* `wrong` is why it cannot be read. */
static enum secret_state recall(struct safe *s, struct secret *out, const char *path, const struct secret_rule *rule,
	const struct err *wrong, struct err *err)
{
	struct safe_file *f = find(s, path);
	struct stamp stamp;
	enum secret_state state = secret_look(&stamp, path, rule, err);
	if (state == SECRET_FORBIDDEN)
		return advise(s, wrong->text,
			f ? "look into its folder, where it may have changed" : "look into its folder", "750", err);
	if (state == SECRET_BAD)
		return state;
	if (!f)
		return advise(s, wrong->text, "read it", "640", err);
	if (!stamp_eq(&stamp, &f->secret.stamp))
		return advise(s, wrong->text, "read it, and it has changed since it was read", "640", err);
	f->asked_for = true;
	if (secret_copy(out, &f->secret))
		return SECRET_READ;
	err_set(err, "%s: out of memory", path);
	return SECRET_BAD;
}

enum secret_state safe_read(
	struct safe *s, struct secret *out, const char *path, const struct secret_rule *rule, struct err *err)
{
	struct err wrong;
	enum secret_state state = secret_read(out, path, rule, &wrong);
	if (state == SECRET_READ)
		keep(s, path, out);
	else if (state == SECRET_FORBIDDEN)
		state = recall(s, out, path, rule, &wrong, err);
	else if (err)
		*err = wrong;
	return state;
}
