/*
 * Usage and limits in an SQL database, where Dovecot (dict-sql, or the quota_clone plugin) keeps them in the tables of a mail
 * administration program, or the postmaster's own. What a stranger typed is bound to a prepared statement as a value. Only
 * reads.
 *
 * One row is one mailbox: octets used, messages, the limit of octets, the limit of messages, as many of these as there
 * are columns. NULL for octets: a mailbox into which nothing was delivered yet. No row: the same, or no such mailbox, as
 * the option `missing` says. Dovecot's figures are below 0 for moments in which it counts anew; nobody can tell then.
 */
#include "io/sql.h"
#include "base/limit_text.h"
#include "io/sql_options.h"
#include "store/store.h"

#include <stdlib.h>

enum column { COLUMN_OCTETS, COLUMN_MESSAGES, COLUMN_LIMIT, COLUMN_MESSAGE_LIMIT, COLUMNS };

static const char *const column_names[COLUMNS] = {
	[COLUMN_OCTETS] = "octets",
	[COLUMN_MESSAGES] = "messages",
	[COLUMN_LIMIT] = "the limit",
	[COLUMN_MESSAGE_LIMIT] = "the limit of messages",
};

/* What it means that there is no row. */
enum missing { MISSING_UNKNOWN, MISSING_EMPTY };

static const char *const missing_names[] = { "unknown", "empty", NULL };

struct sql_conf {
	struct sql_options db;
	int preset;
	const char *query; /* null: as the preset has it */
	int missing; /* enum missing */
};

#define ROW(member) offsetof(struct sql_conf, member)

static const struct opt rows[] = {
	SQL_PLACE_ROWS(sql_conf),
	{ .name = "preset",
		.type = OPT_CHOICE,
		.offset = ROW(preset),
		.choices = sql_usage_preset_names,
		.def = "none",
		.help = "Whose tables these are: the query is known then, and names usage and limit. postfixadmin: "
			"quota2; iredmail: used_quota; mailcow: quota2, and mailcow-replica: quota2replica; modoboa: "
			"admin_quota; dovecot: the table quota of Dovecot's manual, which has no limits and lists "
			"those "
			"only who have got mail." },
	{ .name = "query",
		.type = OPT_STRING,
		.offset = ROW(query),
		.help = "A SELECT that finds the usage of a mailbox, in the place of a preset's. Its parameters are :u "
			"(address), :n (local part) and :d (domain). Its columns: octets used, messages, the limit of "
			"octets, the limit of messages; only the first must be there. NULL for octets: nothing was "
			"delivered yet. A limit that is NULL, 0 or less is none. No row: no such mailbox." },
	{ .name = "missing",
		.type = OPT_CHOICE,
		.offset = ROW(missing),
		.choices = missing_names,
		.def = "unknown",
		.help = "What it means that there is no row: unknown, there is no such mailbox; or empty, nothing was "
			"delivered yet, for tables of usage alone whose mailboxes a directory lists." },
	SQL_UNIT_ROW(sql_conf, "the limit of octets"),
	SQL_TIMEOUT_ROW(sql_conf),
	OPT_END,
};

/* The values of a question; the presets, which directories share, have longer names for them. */
enum value { VALUE_U, VALUE_N, VALUE_D, VALUE_ADDRESS, VALUE_LOCAL, VALUE_DOMAIN, VALUES };

static const char *const value_names[] = { "u", "n", "d", "address", "local", "domain", NULL };

/* What the options come to. */
struct plan {
	struct sql_place place;
	struct sql_query query;
	uint64_t unit;
};

/* What was found of one mailbox. */
struct finding {
	unsigned rows;
	uint64_t figure[COLUMNS]; /* of the first one */
	bool anew; /* usage is below 0 */
	char nonsense[128]; /* the first value that makes no sense; empty: none */
	bool in_limit; /* that is one of a limit */
};

struct sql_store {
	struct plan plan;
	enum missing missing;
	struct sql *sql;
	struct finding found;
};

static bool plan_init(struct plan *p, const struct sql_conf *c, struct err *err)
{
	const struct sql_preset *preset = sql_preset(c->preset);
	const char *query = c->query ? c->query : preset->usage;
	struct err why;
	if (!query)
		return err_set(err, "either `preset` or `query` is needed");
	p->unit = sql_options_unit(&c->db, preset);
	if (!sql_place_parse(&p->place, str_of(c->db.uri), &why))
		return err_set(err, "`uri`: %s", why.text);
	if (!sql_query_init(&p->query, p->place.driver, 0, str_of(query), value_names, &why))
		return err_set(err, "`query`: %s", why.text);
	return true;
}

static bool sql_check(const void *conf, struct err *err)
{
	struct plan *p = malloc(sizeof(*p));
	bool good = p ? plan_init(p, conf, err) : err_set(err, "out of memory");
	free(p);
	return good;
}

/* A query that asks for the local part alone would find our joe for joe@elsewhere. */
static bool sql_told_domain(const void *conf)
{
	struct plan *p = calloc(1, sizeof(*p));
	bool good = p && plan_init(p, conf, NULL), told = false;
	for (unsigned i = 0; good && i < p->query.n; i++)
		told = told || (p->query.value[i] != VALUE_N && p->query.value[i] != VALUE_LOCAL);
	free(p);
	return told;
}

/* Into the tables of the presets Dovecot writes. */
static const char *sql_doubt(const void *conf)
{
	const struct sql_conf *c = conf;
	return c->query || !sql_preset(c->preset)->usage ? NULL : DOUBT_DOVECOT;
}

static void sql_store_close(void *state)
{
	struct sql_store *s = state;
	sql_close(s->sql);
	free(s);
}

static void *sql_store_open(const void *conf, struct err *err)
{
	const struct sql_conf *c = conf;
	struct sql_store *s = calloc(1, sizeof(*s));
	if (!s) {
		err_set(err, "out of memory");
		return NULL;
	}
	s->missing = (enum missing)c->missing;
	if (plan_init(&s->plan, c, err)) {
		s->sql = sql_open(&s->plan.place, c->db.password_file, c->db.timeout);
		if (s->sql)
			return s;
		err_set(err, "out of memory");
	}
	free(s);
	return NULL;
}

/* ---- rows ---- */

/* Sums and products may come as 1048576.0000: what is behind the point is dropped. */
static struct str whole_part(struct str s)
{
	struct str whole = { s.at, str_find(s, '.') };
	uint64_t n;
	return whole.len + 1 < s.len && str_u64(whole, &n) && str_u64(str_from(s, whole.len + 1), &n) ? whole : s;
}

static bool is_negative(struct str s)
{
	uint64_t n;
	return s.len > 1 && s.at[0] == '-' && str_u64(whole_part(str_from(s, 1)), &n);
}

static bool read_usage(struct finding *f, enum column column, struct str s)
{
	if (is_negative(s)) {
		f->anew = true;
		return true;
	}
	return str_u64(whole_part(s), &f->figure[column]);
}

/* Octets, or, without a unit, messages. */
static bool read_limit(uint64_t *out, struct str s, uint64_t unit)
{
	uint32_t messages = 0;
	if (s.len == 0 || is_negative(s))
		return true;
	if (unit)
		return limit_octets(whole_part(s), unit, out);
	bool good = limit_messages(whole_part(s), &messages);
	*out = messages;
	return good;
}

static bool read_figure(struct finding *f, enum column column, struct str s, uint64_t unit)
{
	switch (column) {
	case COLUMN_OCTETS:
	case COLUMN_MESSAGES: return read_usage(f, column, s);
	case COLUMN_LIMIT: return read_limit(&f->figure[column], s, unit);
	case COLUMN_MESSAGE_LIMIT: return read_limit(&f->figure[column], s, 0);
	case COLUMNS: break;
	}
	return true;
}

static void remember(struct finding *f, enum column column, struct str value)
{
	struct buf out = BUF(f->nonsense);
	if (f->nonsense[0])
		return;
	buf_printf(&out, "%s: \"", column_names[column]);
	buf_put_clean(&out, (struct str){ value.at, value.len < 40 ? value.len : 40 });
	buf_puts(&out, "\" is no number");
	buf_z(&out);
	f->in_limit = column == COLUMN_LIMIT || column == COLUMN_MESSAGE_LIMIT;
}

static void on_row(void *arg, const struct sql_cell *cells, unsigned n)
{
	struct sql_store *s = arg;
	struct finding *f = &s->found;
	if (f->rows++)
		return;
	for (enum column i = 0; i < n && i < COLUMNS; i++)
		if (cells[i].value.at && !read_figure(f, i, str_trim(cells[i].value), s->plan.unit))
			remember(f, i, cells[i].value);
}

/* ---- the answer ---- */

static uint32_t count_of(uint64_t n)
{
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static void answer_found(const struct finding *f, struct facts *facts, struct buf *note)
{
	*facts = (struct facts){ .state = FACTS_FOUND,
		.source = SOURCE_DATABASE,
		.firm = true,
		.usage = f->figure[COLUMN_OCTETS] > INT64_MAX ? INT64_MAX : f->figure[COLUMN_OCTETS],
		.messages = count_of(f->figure[COLUMN_MESSAGES]),
		.limit = f->figure[COLUMN_LIMIT],
		.message_limit = count_of(f->figure[COLUMN_MESSAGE_LIMIT]) };
	buf_puts(note, f->rows ? ": a row" : ": no row yet");
	if (f->rows > 1)
		buf_printf(note, " (the first of %u)", f->rows);
	if (f->nonsense[0])
		buf_printf(note, ", %s", f->nonsense);
}

static void answer(const struct sql_store *s, struct facts *facts, struct buf *note)
{
	const struct finding *f = &s->found;
	if (f->rows == 0 && s->missing == MISSING_UNKNOWN) {
		facts->state = FACTS_NO_MAILBOX;
		buf_puts(note, ": no row");
	} else if (f->anew) {
		buf_puts(note, ": usage below 0: Dovecot is counting anew");
	} else if (f->nonsense[0] && !f->in_limit) {
		buf_printf(note, ": %s", f->nonsense);
	} else {
		answer_found(f, facts, note);
	}
	if (f->nonsense[0])
		note_be_odd(note);
}

static void sql_store_ask(void *state, const struct mailbox *m, bool firm, struct facts *facts, struct buf *note)
{
	struct sql_store *s = state;
	const struct str values[VALUES] = { m->address, m->local, m->domain, m->address, m->local, m->domain };
	struct err err = { "" };
	(void)firm; /* there are no firmer ones */
	*facts = (struct facts){ .state = FACTS_FAILED };
	if (!str_is_utf8(m->address) || m->address.len > ADDRESS_MAX) {
		facts->state = FACTS_NO_MAILBOX;
		buf_puts(note, "no database holds such an address");
		return;
	}
	s->found = (struct finding){ 0 };
	sql_place_put(&s->plan.place, note);
	if (sql_ask(s->sql, &s->plan.query, values, on_row, s, &err))
		answer(s, facts, note);
	else
		buf_printf(note, ": %s", err.text);
}

static void sql_store_server(const void *conf, struct buf *out)
{
	sql_server_put(((const struct sql_conf *)conf)->db.uri, out);
}

static enum heard sql_store_heard(void *state)
{
	return sql_heard(((struct sql_store *)state)->sql);
}

const struct store_kind sql_type = {
	.name = "sql",
	.opts = rows,
	.conf_size = sizeof(struct sql_conf),
	.rule = RULE_FITS,
	.check = sql_check,
	.doubt = sql_doubt,
	.told_domain = sql_told_domain,
	.server = sql_store_server,
	.heard = sql_store_heard,
	.open = sql_store_open,
	.ask = sql_store_ask,
	.close = sql_store_close,
};
