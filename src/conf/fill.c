/*
 * What was written -> structs: chooses variants, fills in defaults, and tells what is missing, what does not belong,
 * and what stands twice.
 */
#include "conf/inside.h"
#include "conf/scope.h"
#include "conf/value.h"

#include <assert.h>

/* Where a table's options are written; `w` null: nowhere, so defaults only. */
struct place {
	struct conf *c;
	const struct written *w;
	const char *file; /* for what is missing */
	int line;
	const char *section; /* how to call it: "store", "words" */
};

static void fill_rows(const struct place *p, const struct opt *rows, void *base);

/* An element of a list's default, perhaps empty: a word, or what stands in quotes. */
static struct str cut_element(struct str *rest)
{
	if (rest->len == 0 || rest->at[0] != '"')
		return str_cut(rest, ' ');
	*rest = str_from(*rest, 1);
	return str_cut(rest, '"');
}

/* A default in the table, as if it were written in the file. */
static void fill_default(const struct place *p, const struct opt *row, void *base)
{
	struct entry e = { .name = row->name };
	struct str rest = str_of(row->def);
	const struct word *bad;
	struct err err;

	e.end = &e.words;
	while (rest.at) {
		struct str text = row->type == OPT_LIST ? cut_element(&rest) : rest;
		struct word *w = conf_alloc(p->c, sizeof(*w));
		if (row->type != OPT_LIST)
			rest.at = NULL;
		else if (!text.len)
			continue;
		if (!w)
			return;
		w->text = conf_copy(p->c, text);
		*e.end = w;
		e.end = &w->next;
		e.n++;
	}
	if (!p->c->failed && !value_store(p->c, row, base, &e, &bad, &err) && !p->c->failed)
		conf_wrong(p->c, p->file, p->line, "the built-in default is wrong: %s", err.text);
}

static void fill_sub(const struct place *p, const struct opt *row, void *base)
{
	const struct written *w = written_sub(p->w, str_of(row->name));
	struct place inside = { p->c, w, w ? w->file : p->file, w ? w->line : p->line, row->name };

	fill_rows(&inside, row->rows, (char *)base + row->offset);
	if (!w && row->required)
		conf_wrong(p->c, p->file, p->line, "a `%s` section needs `%s { }`", p->section, row->name);
	for (const struct written *more = w ? w->next : NULL; more; more = more->next)
		if (strcmp(more->name, row->name) == 0)
			conf_wrong(p->c, more->file, more->line, "a second `%s` section; the first is at %s:%d",
				row->name, w->file, w->line);
}

static void fill_rows(const struct place *p, const struct opt *rows, void *base)
{
	for (const struct opt *row = rows; row && row->name && !p->c->failed; row++) {
		const struct entry *e = written_entry(p->w, str_of(row->name));
		const struct word *bad = NULL;
		struct err err;

		if (row->type == OPT_SECTION)
			fill_sub(p, row, base);
		else if (e && !value_store(p->c, row, base, e, &bad, &err))
			conf_wrong(p->c, bad ? bad->file : e->file, bad ? bad->line : e->line, "%s", err.text);
		else if (!e && row->def)
			fill_default(p, row, base);
		else if (!e && row->required && p->section[0])
			conf_wrong(p->c, p->file, p->line, "this `%s` section needs `%s`", p->section, row->name);
		else if (!e && row->required)
			conf_wrong(p->c, p->file, p->line, "`%s` is missing", row->name);
	}
}

static const struct opt *row_in(const struct opt *rows, const char *name)
{
	for (; rows && rows->name; rows++)
		if (strcmp(rows->name, name) == 0)
			return rows;
	return NULL;
}

/* The row of a name in the tables that are in force for a section; null when it does not belong there. */
static const struct opt *row_of(const struct conf_section *s, const char *name)
{
	const struct opt *row = row_in(s->kind->opts, name);
	for (const struct opt *const *t = s->variant ? s->variant->opts : NULL; t && *t && !row; t++)
		row = row_in(*t, name);
	return row;
}

void conf_settle(struct conf *c, const struct conf_section *s, const char *option, int choice)
{
	const struct opt *row = row_in(s->kind->opts, option);
	assert(row && row->type == OPT_CHOICE && !conf_given(s, option));
	for (struct conf_section *at = c->sections; at; at = at->next)
		if (at == s) {
			*(int *)(void *)((char *)at->common + row->offset) = choice;
			at->settled = row->name;
		}
}

/* Options of other variants. Which variant was meant is unknown when none was named: then nothing is said. */
static void tell_strangers(struct conf *c, const struct conf_section *s)
{
	const struct conf_kind *k = s->kind;
	if (!s->variant)
		return;
	for (const struct entry *e = s->written->entries; e; e = e->next)
		if (!row_of(s, e->name) && strcmp(e->name, k->choose) != 0)
			conf_wrong(c, e->file, e->line, "`%s` does not belong to a `%s` of %s %s", e->name, k->name,
				k->choose, s->variant->name);
	for (const struct written *sub = s->written->subs; sub; sub = sub->next) {
		const struct opt *row = row_of(s, sub->name);
		if (!row)
			conf_wrong(c, sub->file, sub->line, "`%s` does not belong to a `%s` of %s %s", sub->name,
				k->name, k->choose, s->variant->name);
		for (const struct entry *e = row ? sub->entries : NULL; e; e = e->next)
			if (!row_in(row->rows, e->name))
				conf_wrong(c, e->file, e->line, "`%s` in `%s` does not belong to a `%s` of %s %s",
					e->name, sub->name, k->name, k->choose, s->variant->name);
	}
}

static void choose(struct conf *c, struct conf_section *s)
{
	const struct conf_kind *k = s->kind;
	const struct entry *e = written_entry(s->written, str_of(k->choose));
	const char *names[CONF_VARIANTS_MAX + 1] = { NULL };
	struct opt row = { .name = k->choose, .type = OPT_CHOICE, .choices = names };
	const struct word *bad = NULL;
	char expected[256];
	struct buf b = BUF(expected);
	struct err err;
	int chosen = 0;

	for (size_t i = 0; i < k->n_variants && i < CONF_VARIANTS_MAX; i++)
		names[i] = k->variants[i].name;
	value_put_expected(&b, &row);
	if (!e)
		conf_wrong(c, s->file, s->line, "this `%s` section needs `%s`; expected %s", k->name, k->choose,
			buf_z(&b));
	else if (!value_store(c, &row, &chosen, e, &bad, &err))
		conf_wrong(c, bad ? bad->file : e->file, bad ? bad->line : e->line, "%s", err.text);
	else
		s->variant = &k->variants[chosen];
}

static void fill_section(struct conf *c, const struct conf_kind *k, const struct written *w)
{
	struct conf_section *s = conf_alloc(c, sizeof(*s));
	struct place p = { c, w, w->file, w->line, k->name };

	if (!s)
		return;
	*s = (struct conf_section){ .kind = k, .title = w->title, .file = w->file, .line = w->line, .written = w };
	*c->end = s;
	c->end = &s->next;
	if (k->choose)
		choose(c, s);
	s->common = conf_alloc(c, k->size);
	s->own = conf_alloc(c, s->variant ? s->variant->size : 0);
	if (c->failed)
		return;
	fill_rows(&p, k->opts, s->common);
	for (const struct opt *const *t = s->variant ? s->variant->opts : NULL; t && *t; t++)
		fill_rows(&p, *t, s->own);
	tell_strangers(c, s);
}

/* Titles that are missing or stand twice, and second sections of a single kind. */
static void tell_twins(struct conf *c, const struct conf_section *s)
{
	const struct conf_section *first = c->sections;
	if (s->kind->titled && !s->title[0]) {
		conf_wrong(c, s->file, s->line, "a `%s` section needs a name; expected `%s NAME {`", s->kind->name,
			s->kind->name);
		return;
	}
	if (!s->kind->titled && !s->kind->single)
		return;
	while (first->kind != s->kind || (s->title && strcmp(first->title, s->title) != 0))
		first = first->next;
	if (first != s)
		conf_wrong(c, s->file, s->line, "a second `%s%s%s` section; the first is at %s:%d", s->kind->name,
			s->title ? " " : "", s->title ? s->title : "", first->file, first->line);
}

void conf_fill(struct conf *c)
{
	const struct written *next = c->top;
	struct written *absent = conf_alloc(c, sizeof(*absent));

	if (absent)
		*absent = (struct written){ .name = "", .file = c->top->file };
	for (const struct written *w = next; w && !c->failed; w = next) {
		next = w == c->top ? c->top->subs : w->next;
		for (size_t i = 0; i < c->n_kinds; i++)
			if (strcmp(c->kinds[i].name, w->name) == 0)
				fill_section(c, &c->kinds[i], w);
	}
	for (const struct conf_section *s = c->sections; s; s = s->next)
		tell_twins(c, s);
	for (size_t i = 0; i < c->n_kinds && !c->failed; i++)
		if (c->kinds[i].single && !conf_section_get(c, c->kinds[i].name, NULL))
			fill_section(c, &c->kinds[i], absent);
}
