#include "daemon/unread.h"

#include "daemon/as_helper.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef void teller(const struct conf_section *, const struct opt *, const char *path, const char *user);

static void print(const struct conf_section *s, const struct opt *row, const char *path, const char *user)
{
	fprintf(stderr, "quotagate: warning: %s %s: user %s, who reads the %s, cannot read %s\n", s->kind->name,
		s->title, user, row->name, path);
}

static void put_in_log(const struct conf_section *s, const struct opt *row, const char *path, const char *user)
{
	log_line(LOG_LEVEL_WARNING,
		"event=unreadable %s=%s option=%s file=\"%s\" user=%s note=\"this user reads it, and cannot\"",
		s->kind->name, s->title, row->name, path, user);
}

static int is_unreadable(const void *path)
{
	return access(path, R_OK) != 0;
}

/* Those of its kind's own tables, which no subsection has any of. */
static void look(const struct config *c, const struct conf_section *s, const struct config_helper *h, teller *tell)
{
	const struct passwd *pw = h->user ? NULL : getpwuid(h->uid);
	const char *user = pw ? pw->pw_name : h->user ? h->user : "-";
	for (const struct opt *const *rows = s->variant->opts; *rows; rows++)
		for (const struct opt *row = *rows; row->name; row++) {
			const char *path = NULL;
			if (row->helper_reads)
				memcpy(&path, (const char *)s->own + row->offset, sizeof(path));
			if (path && as_helper(c, h, is_unreadable, path) == 1)
				tell(s, row, path, user);
		}
}

static const struct config_helper *helper_of(const struct config *c, const struct conf_section *s)
{
	bool store = strcmp(s->kind->name, "store") == 0;
	for (size_t i = 0; store && i < c->route.n_stores; i++)
		if (strcmp(c->stores[i].name, s->title) == 0)
			return &c->stores[i].helper;
	for (size_t i = 0; strcmp(s->kind->name, "directory") == 0 && i < c->route.n_directories; i++)
		if (strcmp(c->directories[i].name, s->title) == 0)
			return &c->directories[i].helper;
	return NULL;
}

static void look_at_all(const struct config *c, teller *tell)
{
	for (const struct conf_section *s = NULL; (s = conf_next(c->conf, s));) {
		const struct config_helper *h = s->variant ? helper_of(c, s) : NULL;
		if (h)
			look(c, s, h, tell);
	}
}

void unread_print(const struct config *c)
{
	look_at_all(c, print);
}

void unread_log(const struct config *c)
{
	look_at_all(c, put_in_log);
}
