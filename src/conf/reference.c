/* The reference of all options, from the rows: as plain text, and as the option part of quotagate.conf(5) in man(7). */
#include "conf/conf.h"
#include "conf/value.h"

#define WIDTH 78

struct page {
	FILE *out;
	enum conf_format format;
};

/* Text of ours with what roff would take for itself made harmless. */
static void put_roff(FILE *out, const char *z)
{
	if (*z == '.' || *z == '\'')
		fputs("\\&", out);
	for (; *z; z++) {
		if (*z == '\\')
			fputs("\\e", out);
		else if (*z == '-')
			fputs("\\-", out);
		else if (*z == '"')
			fputs("\\(dq", out);
		else if (*z == '\'')
			fputs("\\(aq", out);
		else if (*z == '`')
			fputs("\\(ga", out);
		else if (*z == ')' && z[1] == '(')
			fputs(")\\:", out); /* a filter of LDAP may be broken here */
		else
			fputc(*z, out);
	}
}

static void put_wrapped(FILE *out, const char *text, int indent)
{
	struct str rest = str_of(text);
	int column = WIDTH + 1;

	while (rest.at) {
		struct str word = str_cut(&rest, ' ');
		if (!word.len)
			continue;
		if (column + 1 + (int)word.len > WIDTH) {
			fprintf(out, "%s%*s", column > WIDTH ? "" : "\n", indent, "");
			column = indent;
		} else {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", (int)word.len, word.at);
		column += (int)word.len;
	}
	fputc('\n', out);
}

static void put_paragraph(const struct page *p, const char *text, int indent)
{
	if (!text || !*text)
		return;
	if (p->format == CONF_MAN) {
		put_roff(p->out, text);
		fputc('\n', p->out);
	} else {
		put_wrapped(p->out, text, indent);
	}
}

static void put_heading(const struct page *p, const char *name, const char *rest)
{
	if (p->format == CONF_MAN) {
		fputs(".SS \"", p->out);
		put_roff(p->out, name);
		put_roff(p->out, rest);
		fputs("\"\n", p->out);
	} else {
		fprintf(p->out, "\n%s%s\n", name, rest);
	}
}

static void put_type(struct buf *b, const struct opt *row)
{
	switch (row->type) {
	case OPT_BOOL: buf_puts(b, "true | false"); break;
	case OPT_NUMBER: buf_puts(b, "number"); break;
	case OPT_OCTETS: buf_puts(b, "size"); break;
	case OPT_DURATION: buf_puts(b, "time"); break;
	case OPT_STRING: buf_puts(b, "string"); break;
	case OPT_LIST: buf_puts(b, "{string, ...}"); break;
	case OPT_MODE: buf_puts(b, "mode"); break;
	case OPT_SECTION: buf_puts(b, "{ ... }"); break;
	case OPT_CHOICE:
		for (size_t i = 0; row->choices[i]; i++) {
			buf_puts(b, i ? " | " : "");
			buf_puts(b, row->choices[i]);
		}
		break;
	}
}

static void put_limits(struct buf *b, const struct opt *row)
{
	bool number = row->type == OPT_NUMBER || row->type == OPT_OCTETS || row->type == OPT_DURATION;
	if (row->required)
		buf_puts(b, "Required. ");
	if (row->def)
		buf_printf(b, row->type == OPT_STRING ? "Default: \"%s\". " : "Default: %s. ", row->def);
	if (number && row->min) {
		buf_puts(b, "At least ");
		value_put_number(b, row->type, row->min);
		buf_puts(b, row->max ? ", " : ". ");
	}
	if (number && row->max) {
		buf_puts(b, row->min ? "at most " : "At most ");
		value_put_number(b, row->type, row->max);
		buf_puts(b, ". ");
	}
}

/* `inside` is the section inside a section that the rows belong to, or null. */
static void put_rows(const struct page *p, const struct opt *rows, const char *inside)
{
	for (const struct opt *row = rows; row && row->name; row++) {
		char type[512], name[128], limits[512];
		struct buf t = BUF(type), n = BUF(name), l = BUF(limits);
		put_type(&t, row);
		buf_printf(&n, "%s%s%s", inside ? inside : "", inside ? " { " : "", row->name);
		put_limits(&l, row);
		const char *equals = row->type == OPT_SECTION ? " " : " = ", *end = inside ? " }" : "";
		if (p->format == CONF_MAN) {
			fputs(".TP\n\\fB", p->out);
			put_roff(p->out, buf_z(&n));
			fprintf(p->out, "\\fP%s\\fI", equals);
			put_roff(p->out, buf_z(&t));
			fprintf(p->out, "\\fP%s\n", end);
		} else {
			fprintf(p->out, "  %s%s%s%s\n", buf_z(&n), equals, buf_z(&t), end);
		}
		put_paragraph(p, row->help, 6);
		put_paragraph(p, buf_z(&l), 6);
		if (row->type == OPT_SECTION)
			put_rows(p, row->rows, row->name);
	}
}

static void put_variant(const struct page *p, const struct conf_kind *k, const struct conf_variant *v)
{
	char heading[256];
	struct buf h = BUF(heading);

	buf_printf(&h, " of %s %s", k->choose, v->name);
	put_heading(p, k->name, buf_z(&h));
	put_paragraph(p, v->help, 2);
	if (!v->help && (!v->opts || !*v->opts || !(*v->opts)->name))
		put_paragraph(p, "No options of its own.", 2);
	for (const struct opt *const *t = v->opts; t && *t; t++)
		put_rows(p, *t, NULL);
}

static void put_kind(const struct page *p, const struct conf_kind *k)
{
	if (!k->name[0])
		put_heading(p, "Outside of all sections", "");
	else
		put_heading(p, k->name, k->titled ? " NAME { ... }" : " { ... }");
	put_paragraph(p, k->help, 2);
	if (k->choose) {
		const char *names[CONF_VARIANTS_MAX + 1] = { NULL };
		const struct opt rows[] = {
			{ .name = k->choose, .type = OPT_CHOICE, .choices = names, .required = true }, OPT_END
		};
		for (size_t i = 0; i < k->n_variants && i < CONF_VARIANTS_MAX; i++)
			names[i] = k->variants[i].name;
		put_rows(p, rows, NULL);
	}
	put_rows(p, k->opts, NULL);
	for (size_t i = 0; i < k->n_variants; i++)
		put_variant(p, k, &k->variants[i]);
}

void conf_print_options(const struct conf_kind *kinds, size_t n, FILE *out, enum conf_format format)
{
	const struct page page = { out, format };
	for (size_t i = 0; i < n; i++)
		put_kind(&page, &kinds[i]);
}
