#include "store/place.h"

#include "core/template.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <unistd.h>

#define VARIABLES (TEMPLATE_ADDRESS | TEMPLATE_LOCAL | TEMPLATE_DOMAIN | TEMPLATE_HOME)

static bool is_dots(struct str name)
{
	return str_eq(name, STR(".")) || str_eq(name, STR(".."));
}

bool place_check(struct str template, struct err *err)
{
	bool home = str_starts(template, STR("%h"));
	if (!home && !str_starts(template, STR("/")))
		return err_set(err, "a path must begin with / or %%h");
	if (home && template.len > 2 && template.at[2] != '/')
		return err_set(err, "%%h must be followed by /");
	int vars = template_vars(home ? str_from(template, 2) : template, VARIABLES & ~TEMPLATE_HOME, err);
	if (vars < 0)
		return false;
	for (struct str rest = template; rest.at;)
		if (is_dots(str_cut(&rest, '/')))
			return err_set(err, "a path must not have . or .. in it");
	return true;
}

bool place_check_root(struct str path, struct err *err)
{
	return str_starts(path, STR("/")) || err_set(err, "a path must begin with /");
}

bool place_told_domain(const char *template)
{
	int vars = template ? template_vars(str_of(template), VARIABLES, NULL) : 0;
	return vars > 0 && (vars & (TEMPLATE_ADDRESS | TEMPLATE_DOMAIN));
}

/* The length of the root in the template: up to the last slash before the first variable. */
static size_t root_length(struct str template)
{
	size_t slash = 0;
	for (size_t i = 0; i < template.len; i++) {
		if (template.at[i] == '/')
			slash = i;
		else if (template.at[i] == '%' && ++i < template.len && template.at[i] != '%')
			break;
	}
	return slash;
}

/* Only plain text and %% stand before the first variable. False when it is longer than a path may be. */
static bool put_root(struct buf *root, const char *template)
{
	static const struct mailbox nobody;
	size_t len = root_length(str_of(template));
	return template_expand(root, (struct str){ template, len ? len : 1 }, &nobody, template_put_path);
}

void place_reach(const char *template, struct opt_list roots, struct reach *reach)
{
	char path[PATH_MAX];
	struct buf root = BUF(path);
	bool home = str_starts(str_of(template), STR("%h"));
	reach->files = true;
	reach->users = reach->users || home;
	if (home)
		reach_add(reach, STR("/"));
	else if (put_root(&root, template))
		reach_add(reach, buf_str(&root));
	for (size_t i = 0; i < roots.n; i++)
		reach_add(reach, str_of(roots.at[i]));
}

bool place_init(struct place *p, const char *template, struct opt_list roots, struct err *err)
{
	char path[PATH_MAX];
	struct buf root = BUF(path);
	struct str whole = str_of(template);
	p->home = str_starts(whole, STR("%h"));
	p->roots = (const char *const *)roots.at;
	p->n_roots = roots.n;
	size_t len = p->home ? 2 : root_length(whole);
	p->below = str_from(whole, len + 1);
	p->beneath = (struct beneath){ .fd = -1 };
	if (p->home)
		return true;
	if (!put_root(&root, template))
		return err_set(err, "%.100s: the path is too long", template);
	const char *z = buf_z(&root);
	if (!beneath_init(&p->beneath, z, p->roots, p->n_roots))
		return err_set(err, "out of memory");
	beneath_ready(&p->beneath); /* when it is not there, place_find() tries again and says so */
	return true;
}

void place_done(struct place *p)
{
	beneath_done(&p->beneath);
}

int place_user(struct str name, struct buf *home)
{
	char z[LOGIN_NAME_MAX], text[16384];
	struct passwd entry, *found = NULL;
	if (name.len == 0 || !str_copy_z(z, sizeof(z), name))
		return 0;
	int error = getpwnam_r(z, &entry, text, sizeof(text), &found);
	if (found && home)
		buf_puts(home, entry.pw_dir);
	if (found)
		return 1;
	/* The other ways in which getpwnam(3) may say "no such name". */
	return error == 0 || error == ENOENT || error == ESRCH ? 0 : -1;
}

static bool fail(struct facts *facts, enum facts_state state)
{
	facts->state = state;
	return false;
}

static bool find_home(struct place *p, const struct mailbox *m, struct facts *facts, struct buf *note)
{
	char text[PATH_MAX];
	struct buf home = BUF(text);
	int known = 1;
	if (m->home.len)
		buf_put(&home, m->home);
	else
		known = place_user(m->local, &home);
	if (known < 1) {
		buf_puts(note, known < 0 ? "cannot tell whether there is a user " : "no user ");
		buf_put_clean(note, m->local);
		return fail(facts, known < 0 ? FACTS_FAILED : FACTS_NO_MAILBOX);
	}
	if (home.full || home.len == 0 || home.at[0] != '/' || memchr(home.at, '\0', home.len)) {
		buf_puts(note, "the home directory is no absolute path: ");
		buf_put_clean(note, buf_str(&home));
		return fail(facts, FACTS_FAILED);
	}
	if (!beneath_init(&p->beneath, buf_z(&home), p->roots, p->n_roots)) {
		buf_puts(note, "out of memory");
		return fail(facts, FACTS_FAILED);
	}
	return true;
}

bool place_find(struct place *p, const struct mailbox *m, struct facts *facts, struct buf *note)
{
	struct buf name = BUF(p->name);
	p->name[0] = '\0';
	if (p->home && !find_home(p, m, facts, note))
		return false;
	bool expanded = template_expand(&name, p->below, m, template_put_path);
	buf_z(&name);
	if (!expanded || name.full) {
		buf_puts(note, "no mailbox can have this name: ");
		buf_put_clean(note, m->address);
		return fail(facts, FACTS_NO_MAILBOX);
	}
	if (!beneath_ready(&p->beneath)) {
		beneath_why(&p->beneath, "", errno, note);
		return fail(facts, FACTS_FAILED);
	}
	return true;
}

void place_leave(struct place *p)
{
	if (p->home)
		beneath_done(&p->beneath);
}

bool place_is_bare(const struct place *p)
{
	const struct dirent *e;
	bool bare = true;
	int fd = p->home ? -1 : openat(p->beneath.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (bare && (e = readdir(dir)))
		bare = is_dots(str_of(e->d_name)) || strcmp(e->d_name, "lost+found") == 0;
	closedir(dir);
	return bare;
}
