/*
 * The configuration as a whole: its memory, its complaints, its sections. Everything hangs on one list of blocks, so
 * that there is one way to free it.
 */
#include "conf/inside.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/buf.h"

#define COMPLAINT_MAX 1400 /* octets */

struct block {
	struct block *next;
	max_align_t octets[];
};

void *conf_alloc(struct conf *c, size_t octets)
{
	struct block *b = octets < SIZE_MAX / 2 ? calloc(1, sizeof(*b) + octets) : NULL;
	if (!b) {
		c->failed = true;
		return NULL;
	}
	b->next = c->blocks;
	c->blocks = b;
	return b->octets;
}

const char *conf_copy(struct conf *c, struct str s)
{
	char *z = conf_alloc(c, s.len + 1);
	if (z && s.len)
		memcpy(z, s.at, s.len);
	return z;
}

void conf_free(struct conf *c)
{
	if (!c)
		return;
	for (struct block *b = c->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(c);
}

struct conf *conf_new(const char *file, const struct conf_kind *kinds, size_t n)
{
	struct conf *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->kinds = kinds;
	c->n_kinds = n;
	c->end = &c->sections;
	c->top = conf_alloc(c, sizeof(*c->top));
	const char *name = conf_copy(c, str_of(file));
	if (!c->failed) {
		*c->top = (struct written){ .name = "", .file = name, .line = 1 };
		c->top->end = &c->top->subs;
	}
	return c;
}

struct conf *conf_finish(struct conf *c)
{
	if (c && !c->failed)
		conf_fill(c);
	if (c && !c->failed)
		return c;
	conf_free(c);
	return NULL;
}

static struct conf *load(const char *file, struct str text, const struct conf_kind *kinds, size_t n)
{
	struct conf *c = conf_new(file, kinds, n);
	if (c && !c->failed)
		conf_load(c, text);
	return conf_finish(c);
}

struct conf *conf_read(const char *file, const struct conf_kind *kinds, size_t n)
{
	return load(file, (struct str){ 0 }, kinds, n);
}

struct conf *conf_parse(const char *name, struct str text, const struct conf_kind *kinds, size_t n)
{
	return load(name, text.at ? text : STR(""), kinds, n);
}

static bool comes_before(const struct complaint *a, const char *file, int line)
{
	int order = strcmp(a->file, file);
	return order < 0 || (order == 0 && a->line <= line);
}

/* Keeps the order of file and line; of two in one place the older one first. */
static void keep(struct conf *c, const char *file, int line, struct str text)
{
	size_t at = c->n_complaints;

	if (at == CONF_ERRORS_MAX)
		return;
	const char *kept = conf_copy(c, text);
	const char *name = conf_copy(c, str_of(file));
	if (!kept || !name)
		return;
	for (; at && !comes_before(&c->complaints[at - 1], file, line); at--)
		c->complaints[at] = c->complaints[at - 1];
	c->complaints[at] = (struct complaint){ name, line, kept };
	c->n_complaints++;
}

void conf_keep_complaint(struct conf *c, const char *file, int line, struct str text)
{
	char clean[COMPLAINT_MAX];
	struct buf out = BUF(clean);

	buf_put_clean(&out, text);
	keep(c, file, line, buf_str(&out));
}

__attribute__((format(printf, 4, 0))) static void complain(
	struct conf *c, const char *file, int line, const char *format, va_list ap)
{
	char sentence[900], text[COMPLAINT_MAX];
	struct buf out = BUF(text);

	vsnprintf(sentence, sizeof(sentence), format, ap);
	buf_put_clean(&out, str_of(file));
	buf_printf(&out, line ? ":%d: " : ": ", line);
	buf_put_clean(&out, str_of(sentence));
	keep(c, file, line, buf_str(&out));
}

void conf_wrong(struct conf *c, const char *file, int line, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	complain(c, file, line, format, ap);
	va_end(ap);
}

const struct entry *written_entry(const struct written *w, struct str name)
{
	for (const struct entry *e = w ? w->entries : NULL; e; e = e->next)
		if (str_eq(str_of(e->name), name))
			return e;
	return NULL;
}

const struct written *written_sub(const struct written *w, struct str name)
{
	for (const struct written *sub = w ? w->subs : NULL; sub; sub = sub->next)
		if (str_eq(str_of(sub->name), name))
			return sub;
	return NULL;
}

/* The place of "option", "section" or "section.option"; false when it was not written. */
static bool find(const struct written *w, const char *option, const char **file, int *line)
{
	struct str rest = str_of(option), first = str_cut(&rest, '.');
	const struct written *sub = written_sub(w, first);
	const struct entry *e = rest.at ? written_entry(sub, rest) : written_entry(w, first);

	if (e) {
		*file = e->file;
		*line = e->line;
	} else if (sub && !rest.at) {
		*file = sub->file;
		*line = sub->line;
	}
	return e || (sub && !rest.at);
}

bool conf_given(const struct conf_section *s, const char *option)
{
	const char *file;
	int line;
	return find(s->written, option, &file, &line);
}

void conf_complain(struct conf *c, const struct conf_section *s, const char *option, const char *format, ...)
{
	const char *file = s ? s->file : c->top->file;
	int line = s ? s->line : 0;
	va_list ap;

	if (s && option)
		find(s->written, option, &file, &line);
	va_start(ap, format);
	complain(c, file, line, format, ap);
	va_end(ap);
}

size_t conf_errors(const struct conf *c)
{
	return c->n_complaints;
}

const char *conf_error(const struct conf *c, size_t i)
{
	return i < c->n_complaints ? c->complaints[i].text : NULL;
}

const struct conf_section *conf_next(const struct conf *c, const struct conf_section *at)
{
	return at ? at->next : c->sections;
}

const struct conf_section *conf_section_get(const struct conf *c, const char *kind, const char *title)
{
	for (const struct conf_section *s = c->sections; s; s = s->next) {
		if (strcmp(s->kind->name, kind) != 0)
			continue;
		if (!title || (s->title && strcmp(s->title, title) == 0))
			return s;
	}
	return NULL;
}
