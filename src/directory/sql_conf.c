#include "directory/sql_conf.h"

#include <stdlib.h>

static const char *const value_names[] = { "address", "local", "domain", NULL };

const char *const sql_question_names[SQL_QUESTIONS] = {
	[SQL_MAILBOX] = "mailbox_query",
	[SQL_ALIAS] = "alias_query",
	[SQL_ALIAS_DOMAIN] = "alias_domain_query",
	[SQL_DOMAIN] = "domain_query",
};

#define ROW(member) offsetof(struct sql_conf, member)

const struct opt sql_opts[] = {
	SQL_PLACE_ROWS(sql_conf),
	{ .name = "preset",
		.type = OPT_CHOICE,
		.offset = ROW(preset),
		.choices = sql_preset_names,
		.def = "none",
		.help = "Whose tables these are: the queries are known then. A query that is written stands in the "
			"place of the preset's. iredmail is iRedMail 0.9.7 and later." },
	{ .name = "mailbox_query",
		.type = OPT_STRING,
		.offset = ROW(query[SQL_MAILBOX]),
		.help = "A SELECT that finds the mailbox of an address. Its parameters are :address, :local and "
			":domain. Columns are known by their names: quota (0, less, or no number but `none`, "
			"`unlimited` or `-`: no limit; NULL: names none), messages (likewise), home, host, store; any "
			"others are passed over. No row: no such mailbox." },
	{ .name = "alias_query",
		.type = OPT_STRING,
		.offset = ROW(query[SQL_ALIAS]),
		.help = "A SELECT that finds where mail for an address goes instead, or as well: the first column of "
			"each row holds addresses with commas or blanks between them. An alias that names itself keeps "
			"a copy. A catch-all is asked for with an empty :local and :address @domain; @other in the "
			"answer stands for the same local part there." },
	{ .name = "alias_domain_query",
		.type = OPT_STRING,
		.offset = ROW(query[SQL_ALIAS_DOMAIN]),
		.help = "A SELECT that finds the domain that stands behind :domain, in the first column. Asked when "
			"the address itself is not known." },
	{ .name = "domain_query",
		.type = OPT_STRING,
		.offset = ROW(query[SQL_DOMAIN]),
		.help = "A SELECT with a row when :domain is ours. Without it, all domains that the directory is "
			"asked about are." },
	SQL_UNIT_ROW(sql_conf, "quota"),
	SQL_TIMEOUT_ROW(sql_conf),
	OPT_END,
};

bool sql_plan_init(struct sql_plan *p, const struct sql_conf *c, struct err *err)
{
	const struct sql_preset *preset = sql_preset(c->preset);
	*p = (struct sql_plan){ .password_file = c->db.password_file,
		.timeout = c->db.timeout,
		.unit = sql_options_unit(&c->db, preset),
		.alias_alone = preset->alias_alone };
	struct err why;
	if (!sql_place_parse(&p->place, str_of(c->db.uri), &why))
		return err_set(err, "`uri`: %s", why.text);
	for (unsigned i = 0; i < SQL_QUESTIONS; i++) {
		const char *text = c->query[i] ? c->query[i] : preset->query[i];
		p->has[i] = text != NULL;
		if (text && !sql_query_init(&p->query[i], p->place.driver, i, str_of(text), value_names, &why))
			return err_set(err, "`%s`: %s", sql_question_names[i], why.text);
	}
	if (!p->has[SQL_MAILBOX] && !p->has[SQL_ALIAS])
		return err_set(err, "without a `preset`, `mailbox_query` or `alias_query` is needed");
	return true;
}

bool sql_conf_check(const void *conf, struct err *err)
{
	struct sql_plan *p = malloc(sizeof(*p));
	bool good = p ? sql_plan_init(p, conf, err) : err_set(err, "out of memory");
	free(p);
	return good;
}
