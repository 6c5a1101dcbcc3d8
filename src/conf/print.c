/*
 * The effective configuration as a file. Every string stands in quotes, so that it reads back whatever is in it, and so
 * does a word that would not be read as one without them.
 */
#include "conf/inside.h"
#include "conf/value.h"

#include <string.h>

static void put_string(FILE *out, const char *z)
{
	fputc('"', out);
	for (; *z; z++) {
		unsigned char c = (unsigned char)*z;
		if (c < ' ' || c == 0x7f)
			fprintf(out, "\\x%02x", c);
		else if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void put_word(FILE *out, const char *z)
{
	if (z[strcspn(z, " #\"'={}()+,*")])
		put_string(out, z);
	else
		fputs(z, out);
}

static void put_number(FILE *out, enum opt_type type, uint64_t n)
{
	char text[32];
	struct buf b = BUF(text);
	value_put_number(&b, type, n);
	fputs(buf_z(&b), out);
}

static void put_value(FILE *out, const struct opt *row, const void *at)
{
	switch (row->type) {
	case OPT_BOOL: fputs(*(const bool *)at ? "true" : "false", out); break;
	case OPT_NUMBER:
	case OPT_OCTETS: put_number(out, row->type, *(const uint64_t *)at); break;
	case OPT_DURATION: put_number(out, row->type, (uint64_t) * (const int64_t *)at); break;
	case OPT_MODE: put_number(out, row->type, *(const unsigned *)at); break;
	case OPT_CHOICE: put_word(out, row->choices[*(const int *)at]); break;
	case OPT_STRING: put_string(out, *(const char *const *)at); break;
	case OPT_LIST: {
		const struct opt_list *list = at;
		fputc('{', out);
		for (size_t i = 0; i < list->n; i++) {
			fputs(i ? ", " : "", out);
			put_string(out, list->at[i]);
		}
		fputc('}', out);
		break;
	}
	case OPT_SECTION: break;
	}
}

/* An option that is neither written nor has a default is left out, and a section of nothing else. */
static bool shows(const struct opt *row, const void *base, const struct written *w)
{
	const void *at = (const char *)base + row->offset;
	if (row->type == OPT_STRING)
		return *(const char *const *)at != NULL;
	if (row->type != OPT_SECTION)
		return row->def || written_entry(w, str_of(row->name));
	const struct written *sub = written_sub(w, str_of(row->name));
	bool any = sub != NULL;
	for (const struct opt *inside = row->rows; inside && inside->name && !any; inside++)
		any = shows(inside, at, NULL);
	return any;
}

/* `settled` is an option to be shown all the same, or null. */
static void put_rows(
	FILE *out, const struct opt *rows, const void *base, const struct written *w, const char *settled, int depth)
{
	for (const struct opt *row = rows; row && row->name; row++) {
		const void *at = (const char *)base + row->offset;
		if (!shows(row, base, w) && !(settled && strcmp(row->name, settled) == 0))
			continue;
		if (row->type == OPT_SECTION) {
			fprintf(out, "%.*s%s {\n", depth, "\t\t", row->name);
			put_rows(out, row->rows, at, written_sub(w, str_of(row->name)), NULL, depth + 1);
			fprintf(out, "%.*s}\n", depth, "\t\t");
			continue;
		}
		fprintf(out, "%.*s%s = ", depth, "\t\t", row->name);
		put_value(out, row, at);
		fputc('\n', out);
	}
}

static bool is_plain(const char *title)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	return title[0] && strspn(title, plain) == strlen(title);
}

void conf_print(const struct conf *c, FILE *out)
{
	for (const struct conf_section *s = c->sections; s; s = s->next) {
		bool top = !s->kind->name[0];
		if (!top) {
			fprintf(out, "%s%s ", s == c->sections ? "" : "\n", s->kind->name);
			if (s->title && is_plain(s->title))
				fputs(s->title, out);
			else if (s->title)
				put_string(out, s->title);
			fputs(s->title ? " {\n" : "{\n", out);
		}
		if (s->variant)
			fprintf(out, "\t%s = %s\n", s->kind->choose, s->variant->name);
		put_rows(out, s->kind->opts, s->common, s->written, s->settled, top ? 0 : 1);
		for (const struct opt *const *t = s->variant ? s->variant->opts : NULL; t && *t; t++)
			put_rows(out, *t, s->own, s->written, NULL, 1);
		if (!top)
			fputs("}\n", out);
	}
}
