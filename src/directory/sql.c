/*
 * A directory in an SQL database, by the tables of a mail administration program or by the postmaster's own queries. What a
 * stranger typed is bound to prepared statements as a value; it is never part of a query's text. Only reads.
 */
#include "base/limit_text.h"
#include "core/address.h"
#include "directory/alias_text.h"
#include "directory/directory.h"
#include "directory/sql_conf.h"

#include <stdlib.h>

/* What is found of one address; a row's texts are copied, for they last no longer than the row. */
struct finding {
	unsigned mailboxes; /* rows */
	struct target mailbox; /* the first of them; its texts are in `text` */
	char text[2048];
	char aliases[TARGETS_MAX]; /* rows, each with a NUL behind */
	struct buf goes;
	char domain[DOMAIN_MAX + 1]; /* an @domain among the aliases, or what the alias domain stands for */
	char oddity[128]; /* a value that makes no sense */
};

struct sql_book {
	struct sql_plan plan;
	struct sql *sql;
	struct finding found;
};

static void sql_directory_close(void *state)
{
	struct sql_book *d = state;
	sql_close(d->sql);
	free(d);
}

static void *sql_directory_open(const void *conf, struct err *err)
{
	struct sql_book *d = calloc(1, sizeof(*d));
	if (!d) {
		err_set(err, "out of memory");
		return NULL;
	}
	if (sql_plan_init(&d->plan, conf, err)) {
		d->sql = sql_open(&d->plan.place, d->plan.password_file, d->plan.timeout);
		if (d->sql)
			return d;
		err_set(err, "out of memory");
	}
	free(d);
	return NULL;
}

/* ---- rows ---- */

static struct str cell_text(const struct sql_cell *c)
{
	return c->value.at ? str_trim(c->value) : (struct str){ "", 0 };
}

static bool is_negative(struct str s)
{
	uint64_t n;
	return s.len > 1 && s.at[0] == '-' && str_u64(str_from(s, 1), &n);
}

static void remember_oddity(struct finding *f, const struct sql_cell *c)
{
	struct buf out = BUF(f->oddity);
	buf_printf(&out, "%s \"", c->name);
	buf_put_clean(&out, (struct str){ c->value.at, c->value.len < 40 ? c->value.len : 40 });
	buf_puts(&out, "\" is no limit");
	buf_z(&out);
}

static void take_limit(struct finding *f, const struct sql_cell *c, uint64_t unit, bool of_messages)
{
	struct limit *limit = &f->mailbox.limit;
	struct str s = cell_text(c);
	bool good = is_negative(s);
	if (s.len == 0)
		return;
	if (!good && of_messages)
		good = limit_messages(s, &limit->messages);
	else if (!good)
		good = limit_octets(s, unit, &limit->octets);
	if (good)
		limit->named = true;
	else
		remember_oddity(f, c);
}

/* Keeps a text of the row beyond the row; one that does not fit, or holds a NUL, counts as not told. */
static struct str keep(struct buf *texts, const struct sql_cell *c)
{
	struct str s = cell_text(c);
	const char *at = texts->at + texts->len;
	if (s.len > texts->cap - texts->len || str_find(s, '\0') < s.len)
		return (struct str){ at, 0 };
	buf_put(texts, s);
	return (struct str){ at, s.len };
}

static void on_mailbox(void *arg, const struct sql_cell *cells, unsigned n)
{
	struct sql_book *d = arg;
	struct finding *f = &d->found;
	struct buf texts = BUF(f->text);
	if (f->mailboxes++)
		return;
	for (unsigned i = 0; i < n; i++) {
		struct str name = str_of(cells[i].name);
		if (str_eq_nocase(name, STR("quota")))
			take_limit(f, &cells[i], d->plan.unit, false);
		else if (str_eq_nocase(name, STR("messages")))
			take_limit(f, &cells[i], 1, true);
		else if (str_eq_nocase(name, STR("home")))
			f->mailbox.home = keep(&texts, &cells[i]);
		else if (str_eq_nocase(name, STR("host")))
			f->mailbox.host = keep(&texts, &cells[i]);
		else if (str_eq_nocase(name, STR("store")))
			f->mailbox.store = keep(&texts, &cells[i]);
	}
}

static void on_alias(void *arg, const struct sql_cell *cells, unsigned n)
{
	struct finding *f = arg;
	if (n == 0 || cells[0].value.len == 0)
		return;
	buf_put(&f->goes, cells[0].value);
	buf_putc(&f->goes, '\0');
}

/* The first that names one. */
static void on_domain(void *arg, const struct sql_cell *cells, unsigned n)
{
	struct finding *f = arg;
	struct str s = n ? cell_text(&cells[0]) : (struct str){ "", 0 };
	if (s.len && s.at[0] == '@')
		s = str_from(s, 1);
	if (!f->domain[0])
		str_copy_z(f->domain, sizeof(f->domain), s);
}

static void on_any(void *arg, const struct sql_cell *cells, unsigned n)
{
	bool *any = arg;
	(void)cells, (void)n;
	*any = true;
}

/* ---- questions ---- */

/* A question that is not configured has no rows. */
static bool put_question(
	struct sql_book *d, enum sql_question what, const struct mailbox *m, sql_row *row, void *arg, struct buf *note)
{
	const struct str values[SQL_VALUES] = {
		[SQL_ADDRESS] = m->address, [SQL_LOCAL] = m->local, [SQL_OF_DOMAIN] = m->domain
	};
	struct err err = { "" };
	if (!d->plan.has[what] || sql_ask(d->sql, &d->plan.query[what], values, row, arg, &err))
		return true;
	sql_place_put(&d->plan.place, note);
	buf_printf(note, ": %s: %s", sql_question_names[what], err.text);
	return false;
}

/* The alias targets that were found, row by row: a quote that is not closed ends with its row. */
struct walk {
	struct str rows, row;
};

static bool walk_next(struct walk *w, struct alias_target *t)
{
	while (!alias_next(&w->row, t)) {
		if (w->rows.len == 0)
			return false;
		w->row = str_cut(&w->rows, '\0');
	}
	return true;
}

/* Sees whether an alias is for the whole domain: @other. */
static void find_rewriting(struct finding *f)
{
	struct walk walk = { .rows = buf_str(&f->goes) };
	struct alias_target t;
	while (!f->domain[0] && walk_next(&walk, &t))
		if (t.kind == ALIAS_ADDRESS && t.text.len && t.text.at[0] == '@')
			str_copy_z(f->domain, sizeof(f->domain), str_from(t.text, 1));
}

/* Mailbox and aliases of one address. */
static bool find(struct sql_book *d, const struct mailbox *m, struct buf *note)
{
	struct finding *f = &d->found;
	f->mailboxes = 0;
	f->mailbox = (struct target){ .kind = TARGET_MAILBOX };
	f->goes = (struct buf){ .at = f->aliases, .cap = sizeof(f->aliases) };
	f->domain[0] = f->oddity[0] = '\0';
	if (!put_question(d, SQL_MAILBOX, m, on_mailbox, d, note) || !put_question(d, SQL_ALIAS, m, on_alias, f, note))
		return false;
	find_rewriting(f);
	if (!f->goes.full)
		return true;
	buf_puts(note, "the aliases of ");
	buf_put_clean(note, m->address);
	buf_puts(note, " are too long");
	return false;
}

/* ---- targets ---- */

/* Appends one. True when the address stands for itself. */
static bool put_target(struct sql_book *d, const struct alias_target *t, const struct mailbox *m, struct buf *out)
{
	struct address a;
	struct target target = { .kind = TARGET_ADDRESS, .address = t->text };
	bool address = (t->kind == ALIAS_ADDRESS || t->kind == ALIAS_FINAL) &&
		       address_parse(&a, t->text, FOLD_NONE) == ADDRESS_OK;
	bool own = address && str_eq_nocase(a.whole, m->address);
	if (own && d->found.mailboxes)
		target = d->found.mailbox;
	else if (!address || (own && d->plan.alias_alone))
		target.kind = TARGET_ELSEWHERE; /* its own, but no mailbox: a mailing list, or one that is off */
	target_put(out, &target);
	return own;
}

/* PostfixAdmin's "joe#example.org@autoreply.example.net" beside joe@example.org: it answers the mail, and takes none. */
static bool is_vacation(struct str target, const struct mailbox *m)
{
	size_t n = m->local.len + 1 + m->domain.len;
	return target.len > n && target.at[n] == '@' && target.at[m->local.len] == '#' &&
	       str_eq_nocase((struct str){ target.at, m->local.len }, m->local) &&
	       str_eq_nocase((struct str){ target.at + m->local.len + 1, m->domain.len }, m->domain);
}

/* Appends what was found. False when it is nothing. */
static bool put_targets(struct sql_book *d, const struct mailbox *m, struct buf *targets, unsigned *aliases)
{
	struct finding *f = &d->found;
	struct walk walk = { .rows = buf_str(&f->goes) };
	struct alias_target t;
	bool own = false;
	*aliases = 0;
	while (!targets->full && walk_next(&walk, &t)) {
		if (t.kind == ALIAS_ADDRESS && (t.text.len == 0 || t.text.at[0] == '@' || is_vacation(t.text, m)))
			continue;
		own = put_target(d, &t, m, targets) || own;
		++*aliases;
	}
	if (f->mailboxes && !own && (*aliases == 0 || !d->plan.alias_alone))
		target_put(targets, &f->mailbox);
	return *aliases || f->mailboxes;
}

static void put_note(const struct sql_book *d, unsigned aliases, struct buf *note)
{
	const struct finding *f = &d->found;
	sql_place_put(&d->plan.place, note);
	buf_puts(note, f->mailboxes ? ": a mailbox" : ":");
	if (f->mailboxes > 1)
		buf_printf(note, " (the first of %u rows)", f->mailboxes);
	if (f->mailboxes && f->mailbox.limit.named && f->mailbox.limit.octets)
		buf_printf(note, ", limit %llu", (unsigned long long)f->mailbox.limit.octets);
	else if (f->mailboxes && f->mailbox.limit.named)
		buf_puts(note, ", without limit");
	if (f->oddity[0])
		buf_printf(note, ", %s", f->oddity);
	if (aliases)
		buf_printf(note, "%s %u alias target%s", f->mailboxes ? "," : "", aliases, aliases == 1 ? "" : "s");
	if (f->oddity[0])
		note_be_odd(note);
}

/* ---- domains that stand for others ---- */

/* Which domain stands behind that of m: from the aliases found, its table, or an alias of the whole domain. */
static bool find_alias_domain(struct sql_book *d, const struct mailbox *m, struct buf *note)
{
	struct finding *f = &d->found;
	char text[DOMAIN_MAX + 1];
	struct buf whole = BUF(text);
	if (f->domain[0] || m->domain.len == 0)
		return true;
	if (!put_question(d, SQL_ALIAS_DOMAIN, m, on_domain, f, note))
		return false;
	if (f->domain[0] || m->local.len == 0)
		return true;
	buf_putc(&whole, '@');
	buf_put(&whole, m->domain);
	const struct mailbox any = { .address = buf_str(&whole), .local = { "", 0 }, .domain = m->domain };
	return whole.full || find(d, &any, note);
}

/* The address in the other domain. It is named only if it is known there, so that nobody@alias does not exist. */
static enum listing ask_behind(
	struct sql_book *d, const struct mailbox *m, struct str domain, struct buf *targets, struct buf *note)
{
	char text[ADDRESS_MAX + 1];
	struct buf whole = BUF(text);
	unsigned aliases;
	buf_put(&whole, m->local);
	buf_putc(&whole, '@');
	buf_put(&whole, domain);
	const struct mailbox other = { .address = buf_str(&whole), .local = m->local, .domain = domain };
	if (whole.full)
		return LISTING_NO_ADDRESS;
	if (!find(d, &other, note))
		return LISTING_FAILED;
	size_t before = targets->len;
	if (!put_targets(d, &other, targets, &aliases))
		return LISTING_NO_ADDRESS;
	if (m->local.len) { /* known: to be asked about itself */
		const struct target target = { .kind = TARGET_ADDRESS, .address = other.address };
		targets->len = before;
		targets->full = false;
		target_put(targets, &target);
	}
	sql_place_put(&d->plan.place, note);
	buf_puts(note, ": the domain stands for ");
	buf_put_clean(note, domain);
	return LISTING_TARGETS;
}

/* ---- the answer ---- */

static enum listing ask_domain(struct sql_book *d, const struct mailbox *m, struct buf *note)
{
	bool ours = false;
	if (!put_question(d, SQL_DOMAIN, m, on_any, &ours, note))
		return LISTING_FAILED;
	sql_place_put(&d->plan.place, note);
	if (d->plan.has[SQL_DOMAIN] && !ours) {
		buf_puts(note, ": the domain is not listed");
		return LISTING_NOT_OURS;
	}
	buf_puts(note, ": no row");
	return d->plan.has[SQL_MAILBOX] ? LISTING_NO_ADDRESS : LISTING_UNLISTED;
}

static enum listing ask_unknown(struct sql_book *d, const struct mailbox *m, struct buf *targets, struct buf *note)
{
	char domain[DOMAIN_MAX + 1];
	if (!find_alias_domain(d, m, note))
		return LISTING_FAILED;
	memcpy(domain, d->found.domain, sizeof(domain)); /* the next finding overwrites it */
	if (domain[0] && !str_eq_nocase(str_of(domain), m->domain)) {
		enum listing listing = ask_behind(d, m, str_of(domain), targets, note);
		if (listing != LISTING_NO_ADDRESS)
			return listing;
	}
	return ask_domain(d, m, note);
}

static enum listing sql_directory_ask(void *state, const struct mailbox *m, struct buf *targets, struct buf *note)
{
	struct sql_book *d = state;
	enum listing listing = LISTING_TARGETS;
	unsigned aliases;
	if (str_find(m->address, '\0') < m->address.len || m->address.len > ADDRESS_MAX) {
		buf_puts(note, "no database holds such an address");
		return LISTING_NO_ADDRESS;
	}
	if (!find(d, m, note))
		return LISTING_FAILED;
	if (put_targets(d, m, targets, &aliases))
		put_note(d, aliases, note);
	else
		listing = ask_unknown(d, m, targets, note);
	if (listing != LISTING_TARGETS || !targets->full)
		return listing;
	note->len = 0;
	buf_puts(note, "the aliases of ");
	buf_put_clean(note, m->address);
	buf_puts(note, " are too many");
	return LISTING_FAILED;
}

static void sql_directory_server(const void *conf, struct buf *out)
{
	sql_server_put(((const struct sql_conf *)conf)->db.uri, out);
}

static enum heard sql_directory_heard(void *state)
{
	return sql_heard(((struct sql_book *)state)->sql);
}

const struct directory_type sql_directory = {
	.name = "sql",
	.opts = sql_opts,
	.conf_size = sizeof(struct sql_conf),
	.check = sql_conf_check,
	.server = sql_directory_server,
	.heard = sql_directory_heard,
	.open = sql_directory_open,
	.ask = sql_directory_ask,
	.close = sql_directory_close,
};
