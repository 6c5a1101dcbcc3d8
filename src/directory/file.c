/*
 * A directory of plain files: tables of aliases as Postfix reads them (virtual(5), aliases(5)), of mailboxes with their
 * limits, Dovecot's passwd-files, and the users of the system. Looked up in the order in which Postfix delivers: alias,
 * mailbox of the whole address, then, where names without a domain hold, alias, mailbox and user of the local part. Only
 * reads, runs nothing, and asks no other directory: what an alias names is for the gate to follow.
 */
#include "core/address.h"
#include "directory/alias_text.h"
#include "directory/directory.h"
#include "directory/file_conf.h"
#include "directory/files.h"
#include "io/confine.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#define INCLUDE_MAX ((size_t)1 << 20) /* octets of a file that an alias includes */
#define PASSWD_MAX 16384 /* octets of one user's line */

struct file {
	const struct file_conf *conf;
	struct files files;
};

/* One question on its way. */
struct question {
	const struct file_conf *conf;
	const struct table *table;
	struct str whole, local, domain; /* in small letters */
	struct buf *targets, *note;
};

static bool add_all(struct files *f, const struct opt_list *paths, enum table_form form)
{
	for (size_t i = 0; i < paths->n; i++)
		if (!files_add(f, paths->at[i], form))
			return false;
	return true;
}

/* An alias may include any file, wherever the postmaster likes to have it. */
static void file_reach(const void *conf, struct reach *reach)
{
	const struct file_conf *c = conf;
	reach->files = true;
	reach->users = c->system_users;
	if (c->aliases.n || c->system_aliases.n)
		reach_add(reach, STR("/"));
	for (size_t i = 0; i < c->mailboxes.n; i++)
		reach_add_file(reach, str_of(c->mailboxes.at[i]));
	for (size_t i = 0; i < c->passwd.n; i++)
		reach_add_file(reach, str_of(c->passwd.at[i]));
}

static void *file_open(const void *conf, struct err *err)
{
	const struct file_conf *c = conf;
	struct file *f = calloc(1, sizeof(*f));
	if (!f) {
		err_set(err, "no memory");
		return NULL;
	}
	f->conf = c;
	if (!add_all(&f->files, &c->aliases, FORM_VIRTUAL) || !add_all(&f->files, &c->system_aliases, FORM_ALIASES) ||
		!add_all(&f->files, &c->mailboxes, FORM_MAILBOXES) || !add_all(&f->files, &c->passwd, FORM_PASSWD)) {
		err_set(err, "more than %d files in one directory", FILES_MAX);
		free(f);
		return NULL;
	}
	files_refresh(&f->files); /* when they cannot be read, every question says so, and they are looked at again */
	return f;
}

static void file_close(void *state)
{
	struct file *f = state;
	files_done(&f->files);
	free(f);
}

/* ---- mailboxes ---- */

static bool is_named(const struct file_conf *c, struct str domain)
{
	for (size_t i = 0; i < c->domains.n; i++)
		if (str_eq_nocase(str_of(c->domains.at[i]), domain))
			return true;
	return false;
}

/* Names without a domain hold in it. */
static bool is_local(const struct file_conf *c, struct str domain)
{
	return domain.len == 0 || c->domains.n == 0 || is_named(c, domain);
}

/* What a name without domain holds for is one itself: "a@b"@domain is not a@b. */
static bool is_bare(struct str s)
{
	return str_find(s, '@') == s.len;
}

static void put_place(struct question *q, const struct table_entry *e)
{
	if (!q->note->len)
		buf_printf(q->note, "%s:%u", e->path, e->line);
}

enum user { USER_FOUND, USER_NONE, USER_FAILED };

/* A name that passwd could hold; NSS modules are not shown others. */
static bool is_user_name(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!letter && c != '_' && c != '.' && (i == 0 || (c != '-' && c != '+' && c != '$')))
			return false;
	}
	return s.len > 0;
}

/* *home looks into `text`, of PASSWD_MAX octets. */
static enum user find_user(struct str name, char *text, struct str *home)
{
	char z[LOCAL_MAX + 1];
	struct passwd entry, *found = NULL;
	if (!is_user_name(name) || !str_copy_z(z, sizeof(z), name))
		return USER_NONE;
	int error = getpwnam_r(z, &entry, text, PASSWD_MAX, &found);
	if (found)
		*home = str_of(entry.pw_dir);
	else if (error && error != ENOENT && error != ESRCH)
		return USER_FAILED;
	return found ? USER_FOUND : USER_NONE;
}

/* Puts the mailbox of the address into the answer; else the files and the system know none, or could not tell. */
static enum user put_mailbox(struct question *q, struct str whole, struct str local, struct str domain)
{
	char text[PASSWD_MAX];
	struct target t = { .kind = TARGET_MAILBOX, .address = whole };
	bool bare = is_bare(local) && is_local(q->conf, domain);
	const struct table_entry *e = table_find(q->table, TABLE_MAILBOX, whole);
	if (!e && bare)
		e = table_find(q->table, TABLE_MAILBOX, local);
	if (e) {
		t.limit = e->limit;
		t.home = e->value;
		put_place(q, e);
		target_put(q->targets, &t);
		return USER_FOUND;
	}
	enum user user = bare && q->conf->system_users ? find_user(local, text, &t.home) : USER_NONE;
	if (user == USER_FOUND) {
		if (!q->note->len)
			buf_puts(q->note, "a user of the system");
		target_put(q->targets, &t);
	}
	return user;
}

/* ---- aliases ---- */

/* An address that an alias names: a mailbox, or to be looked up in its turn. */
static void put_address(struct question *q, struct str named, bool final)
{
	struct address a;
	char text[ADDRESS_MAX + 1];
	struct buf whole = BUF(text);
	struct target t = { .kind = final ? TARGET_MAILBOX : TARGET_ADDRESS, .address = named };
	if (address_parse(&a, named, FOLD_ALL) != ADDRESS_OK) {
		target_put(q->targets, &t); /* what it means is not ours to say: @domain */
		return;
	}
	struct str domain = a.domain;
	buf_put(&whole, a.whole);
	if (a.domain.len == 0 && q->domain.len) {
		/* it is another name of the domain of the alias */
		domain = q->domain;
		buf_putc(&whole, '@');
		buf_put(&whole, domain);
	}
	t.address = buf_str(&whole);
	if ((final || str_eq(t.address, q->whole)) && put_mailbox(q, t.address, a.local, domain) == USER_FOUND)
		return;
	target_put(q->targets, &t);
}

static void put_elsewhere(struct question *q, struct str what)
{
	const struct target t = { .kind = TARGET_ELSEWHERE, .address = what };
	target_put(q->targets, &t);
}

/* What an alias names; `include` false: stands in an included file already, which includes no further. */
static void put_targets(struct question *q, struct str value, bool include);

/* The addresses of a list. One that cannot be read has room: it is nobody's mailbox. */
static void put_included(struct question *q, struct str path)
{
	char z[4096];
	struct text text = { 0 };
	struct stat st;
	struct err err = { "its path is too long" };
	struct lines lines;
	struct str line;
	const char *why;
	if (!str_copy_z(z, sizeof(z), path) || !text_read(&text, z, INCLUDE_MAX, &st, &err)) {
		buf_printf(q->note, "; a list that cannot be read has room: %s", err.text);
		put_elsewhere(q, path);
		return;
	}
	lines_init(&lines, text, true);
	while (lines_next(&lines, &line, &why))
		put_targets(q, line, false);
	if (why)
		buf_printf(q->note, "; %s:%u: %s", z, lines.line, why);
	free(text.at);
}

static void put_targets(struct question *q, struct str value, bool include)
{
	struct alias_target t;
	while (!q->targets->full && alias_next(&value, &t)) {
		switch (t.kind) {
		case ALIAS_ADDRESS: put_address(q, t.text, false); break;
		case ALIAS_FINAL: put_address(q, t.text, true); break;
		case ALIAS_ELSEWHERE: put_elsewhere(q, t.text); break;
		case ALIAS_INCLUDE:
			if (include)
				put_included(q, t.text);
			else
				put_elsewhere(q, t.text);
			break;
		}
	}
}

static enum listing answer_alias(struct question *q, const struct table_entry *e)
{
	put_place(q, e);
	put_targets(q, e->value, true);
	if (q->targets->full) {
		/* more than may be expanded: it counts as one with room, as every expansion past the bounds */
		q->targets->len = 0;
		q->targets->full = false;
		buf_puts(q->note, ": names more than can be looked up, and counts as having room");
	}
	if (q->targets->len == 0)
		put_elsewhere(q, STR(""));
	return LISTING_TARGETS;
}

/* ---- questions ---- */

/* It stands nowhere. Of domains with aliases only the mailboxes may be in other places. */
static enum listing absent(const struct question *q)
{
	const struct file_conf *c = q->conf;
	bool local = is_local(c, q->domain);
	bool bare = c->system_users || table_has_bare(q->table);
	if (c->mailboxes.n + c->passwd.n == 0 && !c->system_users)
		return LISTING_UNLISTED;
	if ((bare && local) || (q->domain.len && is_named(c, q->domain)) ||
		table_find(q->table, TABLE_DOMAIN, q->domain))
		return LISTING_NO_ADDRESS;
	if ((c->system_aliases.n && local) || table_find(q->table, TABLE_ALIAS_DOMAIN, q->domain))
		return LISTING_UNLISTED;
	return LISTING_NOT_OURS;
}

/* Of a catch-all that stands for another domain, @old @new, the new one; else empty. */
static struct str other_domain(const struct table_entry *e)
{
	struct str value = e->value;
	struct alias_target t;
	bool stands = e->key.at[0] == '@' && alias_next(&value, &t) && t.kind == ALIAS_ADDRESS && t.text.at[0] == '@';
	return stands ? str_from(t.text, 1) : (struct str){ "", 0 };
}

static const struct table_entry *find_alias(const struct question *q)
{
	const struct table_entry *e = table_find(q->table, TABLE_ALIAS, q->whole);
	if (e && other_domain(e).len)
		return NULL;
	if (e || !is_bare(q->local))
		return e;
	/* virtual(5) tables serve many domains: which of them are local must be said */
	if (is_named(q->conf, q->domain) && (e = table_find(q->table, TABLE_ALIAS, q->local)))
		return e;
	if (is_local(q->conf, q->domain) && !table_find(q->table, TABLE_MAILBOX, q->whole))
		return table_find(q->table, TABLE_SYSTEM_ALIAS, q->local);
	return NULL;
}

/* What the files say of the address itself; LISTING_NOT_OURS when they do not know it. */
static enum listing look_up(struct question *q)
{
	const struct table_entry *e = find_alias(q);
	if (e)
		return answer_alias(q, e);
	if (q->local.len == 0 && (e = table_find(q->table, TABLE_MAILBOX, q->whole))) {
		put_place(q, e);
		put_elsewhere(q, STR("")); /* the mailbox of a catch-all has no address of its own */
		return LISTING_TARGETS;
	}
	switch (put_mailbox(q, q->whole, q->local, q->domain)) {
	case USER_FOUND: return LISTING_TARGETS;
	case USER_FAILED: buf_puts(q->note, "the users of the system could not be looked up"); return LISTING_FAILED;
	case USER_NONE: break;
	}
	return LISTING_NOT_OURS;
}

static struct str join(struct buf *out, struct str local, struct str domain)
{
	buf_put(out, local);
	buf_putc(out, '@');
	buf_put(out, domain);
	return buf_str(out);
}

/* The address without an extension has an alias of its own, for which the gate asks next. */
static bool has_base(const struct question *q)
{
	for (size_t i = 1; i < q->local.len; i++) {
		char text[ADDRESS_MAX + 1];
		struct buf whole = BUF(text);
		if ((q->local.at[i] == '+' || q->local.at[i] == '-') &&
			table_find(q->table, TABLE_ALIAS, join(&whole, (struct str){ q->local.at, i }, q->domain)))
			return true;
	}
	return false;
}

/* The domain stands for another: the address is what the same local part is there, and does not exist if it does not
   exist there. One domain behind another is for the gate to follow. */
static enum listing look_behind(const struct question *q, const struct table_entry *e, struct str other)
{
	char text[ADDRESS_MAX + 1];
	struct buf whole = BUF(text);
	struct address a;
	struct question behind = *q;
	size_t before = q->targets->len;
	join(&whole, q->local.len ? q->local : STR("x"), other);
	if (whole.full || address_parse(&a, buf_str(&whole), FOLD_ALL) != ADDRESS_OK)
		return absent(q);
	behind.whole = q->local.len ? a.whole : str_from(a.whole, 1);
	behind.local = q->local;
	behind.domain = a.domain;
	put_place(&behind, e);
	enum listing listing = look_up(&behind);
	if (listing == LISTING_NOT_OURS)
		listing = absent(&behind);
	if (listing == LISTING_FAILED || listing == LISTING_NO_ADDRESS || q->local.len == 0)
		return listing;
	if (listing != LISTING_TARGETS && has_base(q))
		return LISTING_UNLISTED;
	q->targets->len = before;
	q->targets->full = false;
	target_put(q->targets, &(struct target){ .kind = TARGET_ADDRESS, .address = behind.whole });
	return LISTING_TARGETS;
}

static enum listing answer(struct question *q)
{
	char text[DOMAIN_MAX + 2];
	struct buf any = BUF(text);
	enum listing listing = look_up(q);
	if (listing != LISTING_NOT_OURS)
		return listing;
	const struct table_entry *e = table_find(q->table, TABLE_ALIAS, join(&any, STR(""), q->domain));
	struct str other = e ? other_domain(e) : STR("");
	return other.len ? look_behind(q, e, other) : absent(q);
}

static char small(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static enum listing file_ask(void *state, const struct mailbox *m, struct buf *targets, struct buf *note)
{
	struct file *f = state;
	char text[ADDRESS_MAX + 1];
	files_refresh(&f->files);
	if (!f->files.table || m->address.len > ADDRESS_MAX || m->local.len > m->address.len) {
		buf_puts(note, f->files.table ? "no address is that long" : f->files.trouble.text);
		return LISTING_FAILED;
	}
	for (size_t i = 0; i < m->address.len; i++)
		text[i] = small(m->address.at[i]);
	size_t domain = m->domain.len <= m->address.len ? m->address.len - m->domain.len : 0;
	struct question q = {
		.conf = f->conf,
		.table = f->files.table,
		.whole = { text, m->address.len },
		.local = { text, m->local.len },
		.domain = { text + domain, m->address.len - domain },
		.targets = targets,
		.note = note,
	};
	enum listing listing = answer(&q);
	if (f->files.trouble.text[0]) {
		buf_printf(note, "%sas it was before: %s", note->len ? "; " : "", f->files.trouble.text);
		note_be_odd(note);
	}
	return listing;
}

const struct directory_type file_directory = {
	.name = "file",
	.opts = file_opts,
	.conf_size = sizeof(struct file_conf),
	.check = file_conf_check,
	.reach = file_reach,
	.open = file_open,
	.ask = file_ask,
	.close = file_close,
};
