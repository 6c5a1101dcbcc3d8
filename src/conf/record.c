/*
 * What is written in the files, as octets that go from one process to another. A record ends with NUL, which no text of a
 * file has in it:
 *
 *   "f" file                what follows stands in this file
 *   "s" line " " name       a section begins; "t" title, when it has one, follows at once
 *   "x"                     it ends
 *   "e" line " " name       an option, and then each of its values
 *   "v" line " " text
 *   "c" line " " text       a complaint; a line of 0: of the file as a whole
 *   "z"                     the end: nothing is missing
 *
 * Whoever decodes believes none of it: names must be known where they stand, and all is counted.
 */
#include "base/buf.h"
#include "conf/inside.h"
#include "conf/lex.h"
#include "conf/scope.h"

#include <limits.h>

/* ---- encoding ---- */

struct pen {
	FILE *out;
	const char *file; /* at hand; null: none yet */
};

static void put(struct pen *p, char what, const char *file, int line, const char *text)
{
	if (!p->file || (p->file != file && strcmp(p->file, file) != 0))
		fprintf(p->out, "f%s%c", file, '\0');
	p->file = file;
	fprintf(p->out, "%c%d %s%c", what, line, text, '\0');
}

static void put_mark(const struct pen *p, char what, const char *text)
{
	fprintf(p->out, "%c%s%c", what, text, '\0');
}

static void put_entries(struct pen *p, const struct written *w)
{
	for (const struct entry *e = w->entries; e; e = e->next) {
		put(p, 'e', e->file, e->line, e->name);
		for (const struct word *word = e->words; word; word = word->next)
			put(p, 'v', word->file, word->line, word->text);
	}
}

/* As deep as sections are: two levels. */
static void put_sections(struct pen *p, const struct written *w) // NOLINT(misc-no-recursion)
{
	for (const struct written *sub = w->subs; sub; sub = sub->next) {
		put(p, 's', sub->file, sub->line, sub->name);
		if (sub->title)
			put_mark(p, 't', sub->title);
		put_entries(p, sub);
		put_sections(p, sub);
		put_mark(p, 'x', "");
	}
}

bool conf_encode(const char *file, const struct conf_kind *kinds, size_t n, FILE *out)
{
	struct pen p = { .out = out };
	struct conf *c = conf_new(file, kinds, n);
	if (c && !c->failed)
		conf_load(c, (struct str){ 0 });
	bool good = c && !c->failed;
	if (good) {
		put_entries(&p, c->top);
		put_sections(&p, c->top);
		for (size_t i = 0; i < c->n_complaints; i++)
			put(&p, 'c', c->complaints[i].file, c->complaints[i].line, c->complaints[i].text);
		put_mark(&p, 'z', "");
	}
	conf_free(c);
	return good && !ferror(out);
}

/* ---- decoding ---- */

#define RECORDS_MAX CONF_OCTETS_MAX /* each has been an octet of a file at least */

struct decoder {
	struct conf *c;
	const char *file; /* at hand; null: none was named */
	struct written *open[CONF_NESTED_MAX]; /* the top level first */
	struct scope scopes[CONF_NESTED_MAX]; /* what may stand in them */
	int depth;
	struct entry *entry; /* whose values come; null: none's */
	size_t sections, records;
	bool complete;
};

static bool begin_section(struct decoder *d, int line, struct str text)
{
	if (d->depth + 1 == CONF_NESTED_MAX || d->sections++ == CONF_SECTIONS_MAX)
		return false;
	struct written *parent = d->open[d->depth];
	struct name name = scope_find(&d->scopes[d->depth], text);
	struct written *w = name.kind == NAME_SECTION ? conf_alloc(d->c, sizeof(*w)) : NULL;
	if (!w)
		return false;
	*w = (struct written){ .name = name.text, .title = name.titled ? "" : NULL, .file = d->file, .line = line };
	w->end = &w->subs;
	*parent->end = w;
	parent->end = &w->next;
	d->depth++;
	d->open[d->depth] = w;
	d->scopes[d->depth] = name.scope;
	d->entry = NULL;
	return true;
}

static bool take_title(const struct decoder *d, struct str text)
{
	struct written *w = d->open[d->depth];
	if (!w->title || text.len > TOKEN_OCTETS_MAX)
		return false;
	w->title = conf_copy(d->c, text);
	return w->title;
}

static bool end_section(struct decoder *d)
{
	d->entry = NULL;
	return d->depth-- > 0;
}

/* No two of a name: so there are never more than the tables have rows. */
static bool take_entry(struct decoder *d, int line, struct str text)
{
	struct written *w = d->open[d->depth];
	struct entry **at = &w->entries;
	struct name name = scope_find(&d->scopes[d->depth], text);
	if (name.kind != NAME_OPTION || written_entry(w, text))
		return false;
	while (*at)
		at = &(*at)->next;
	struct entry *e = *at = d->entry = conf_alloc(d->c, sizeof(*e));
	if (!e)
		return false;
	*e = (struct entry){ .name = name.text, .file = d->file, .line = line, .end = &e->words };
	return true;
}

static bool take_value(const struct decoder *d, int line, struct str text)
{
	struct entry *e = d->entry;
	struct word *w = e && text.len <= TOKEN_OCTETS_MAX ? conf_alloc(d->c, sizeof(*w)) : NULL;
	const char *copy = w ? conf_copy(d->c, text) : NULL;
	if (!copy)
		return false;
	*w = (struct word){ .text = copy, .file = d->file, .line = line };
	*e->end = w;
	e->end = &w->next;
	e->n++;
	return true;
}

/* Those that stand on a line of a file. */
static bool take_placed(struct decoder *d, char what, struct str rest)
{
	uint64_t line;
	struct str number = str_cut(&rest, ' ');
	if (!d->file || !rest.at || !str_u64(number, &line) || line > INT_MAX)
		return false;
	switch (what) {
	case 's': return begin_section(d, (int)line, rest);
	case 'e': return take_entry(d, (int)line, rest);
	case 'v': return take_value(d, (int)line, rest);
	case 'c': conf_keep_complaint(d->c, d->file, (int)line, rest); return true;
	default: return false;
	}
}

static bool take(struct decoder *d, struct str record)
{
	char what = record.len ? record.at[0] : '\0';
	struct str text = str_from(record, 1);
	if (d->complete || d->records++ == RECORDS_MAX)
		return false;
	switch (what) {
	case 'f': d->file = conf_copy(d->c, text); return d->file;
	case 't': return take_title(d, text);
	case 'x': return end_section(d);
	case 'z': d->complete = d->depth == 0; return d->complete;
	default: return take_placed(d, what, text);
	}
}

struct conf *conf_decode(const char *file, struct str octets, const struct conf_kind *kinds, size_t n, struct err *err)
{
	struct conf *c = conf_new(file, kinds, n);
	struct decoder d = { .c = c };
	bool good = c && !c->failed && octets.len && octets.at[octets.len - 1] == '\0';
	if (good) {
		d.open[0] = c->top;
		d.scopes[0] = (struct scope){ .kinds = kinds, .n_kinds = n };
		octets.len--; /* what stands after the last NUL would be a record */
	}
	while (good && octets.at)
		good = take(&d, str_cut(&octets, '\0'));
	if (c && !c->failed && !(good && d.complete)) {
		conf_free(c);
		err_set(err, "what is said to be written in the configuration makes no sense");
		return NULL;
	}
	c = conf_finish(c);
	if (!c)
		err_set(err, "out of memory");
	return c;
}
