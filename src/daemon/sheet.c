#include "daemon/sheet.h"

#include "base/buf.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#define CELL_MAX 256 /* octets of a cell for people */

/* ---- filling ---- */

void sheet_init(struct sheet *s, const char *name, const char *const *titles, bool single)
{
	*s = (struct sheet){ .name = name, .titles = titles, .single = single };
	while (titles[s->columns])
		s->columns++;
}

void sheet_free(struct sheet *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->cells[i].text);
	free(s->cells);
	s->cells = NULL;
	s->n = s->cap = 0;
}

static void add(struct sheet *s, struct cell cell)
{
	if (s->n == s->cap) {
		size_t cap = 2 * s->cap + s->columns;
		struct cell *grown = realloc(s->cells, cap * sizeof(*grown));
		if (!grown) {
			s->failed = true;
			free(cell.text);
			return;
		}
		s->cells = grown;
		s->cap = cap;
	}
	s->cells[s->n++] = cell;
}

void sheet_text(struct sheet *s, const char *text)
{
	char clean[CELL_MAX];
	struct buf b = BUF(clean);
	struct cell cell = { .kind = CELL_TEXT, .value = NAN };
	if (text) {
		buf_put_clean(&b, str_of(text));
		cell.text = strdup(buf_z(&b));
		s->failed = s->failed || !cell.text;
	}
	add(s, cell);
}

void sheet_value(struct sheet *s, enum cell_kind kind, double value)
{
	add(s, (struct cell){ .kind = kind, .value = value });
}

/* ---- for people ---- */

static void put_seconds(struct buf *out, double s)
{
	unsigned long long whole = (unsigned long long)s;
	if (s == 0)
		buf_puts(out, "0 s");
	else if (s < 1)
		buf_printf(out, s < 0.1 ? "%.1f ms" : "%.0f ms", s * 1000);
	else if (s < 120)
		buf_printf(out, s < 10 ? "%.1f s" : "%.0f s", s);
	else if (whole < 3600)
		buf_printf(out, "%llu min", whole / 60);
	else if (whole < 86400)
		buf_printf(out, "%llu h %llu min", whole / 3600, whole / 60 % 60);
	else
		buf_printf(out, "%llu d %llu h", whole / 86400, whole / 3600 % 24);
}

static void put_time(struct buf *out, double seconds)
{
	char text[64];
	time_t t = (time_t)seconds;
	struct tm tm;
	if (localtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &tm))
		buf_puts(out, text);
}

static void put_cell(struct buf *out, const struct cell *c)
{
	if (c->kind == CELL_TEXT ? !c->text : isnan(c->value)) {
		buf_putc(out, '-');
		return;
	}
	switch (c->kind) {
	case CELL_TEXT: buf_puts(out, c->text); break;
	case CELL_COUNT: buf_printf(out, "%.0f", c->value); break;
	case CELL_SECONDS: put_seconds(out, c->value); break;
	case CELL_SHARE: buf_printf(out, "%.1f %%", 100 * c->value); break;
	case CELL_TIME: put_time(out, c->value); break;
	case CELL_BOOL: buf_puts(out, c->value != 0 ? "yes" : "no"); break;
	}
}

/* Columns on a terminal, if every character takes one. */
static size_t width_of(struct str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.at[i] & 0xC0) != 0x80;
	return n;
}

static size_t cell_width(const struct cell *c)
{
	char text[CELL_MAX];
	struct buf b = BUF(text);
	put_cell(&b, c);
	return width_of(buf_str(&b));
}

static size_t column_width(const struct sheet *s, size_t column)
{
	size_t most = strlen(s->titles[column]);
	for (size_t i = column; i < s->n; i += s->columns) {
		size_t n = cell_width(&s->cells[i]);
		most = n > most ? n : most;
	}
	return most;
}

/* Two blanks, then the text in its column; numbers stand at the right end of theirs. */
static void print_padded(FILE *out, struct str text, size_t width, bool right, bool last)
{
	int pad = (int)(width - width_of(text));
	fprintf(out, "  %*s%.*s%*s", right ? pad : 0, "", (int)text.len, text.at, right || last ? 0 : pad, "");
}

static void print_table(const struct sheet *s, FILE *out)
{
	size_t widths[32] = { 0 };
	for (size_t c = 0; c < s->columns; c++) {
		widths[c] = column_width(s, c);
		print_padded(out, str_of(s->titles[c]), widths[c], s->cells[c].kind != CELL_TEXT, c + 1 == s->columns);
	}
	fputs("\n", out);
	for (size_t i = 0, c = 0; i < s->n; i++) {
		char text[CELL_MAX];
		struct buf b = BUF(text);
		bool last = c + 1 == s->columns;
		put_cell(&b, &s->cells[i]);
		print_padded(out, buf_str(&b), widths[c], s->cells[i].kind != CELL_TEXT, last);
		fputs(last ? "\n" : "", out);
		c = last ? 0 : c + 1;
	}
}

static void print_lines(const struct sheet *s, FILE *out)
{
	for (size_t c = 0; c < s->n; c++) {
		char text[CELL_MAX];
		struct buf b = BUF(text);
		put_cell(&b, &s->cells[c]);
		fprintf(out, "  %-20s %s\n", s->titles[c], buf_z(&b));
	}
}

static void print_for_people(const struct sheet *s, FILE *out)
{
	fprintf(out, "%s\n", s->name);
	if (s->single)
		print_lines(s, out);
	else
		print_table(s, out);
}

/* ---- for programs ---- */

/* Cells are clean: only two octets need an escape. */
static void print_string(FILE *out, const char *z)
{
	fputc('"', out);
	for (; *z; z++) {
		if (*z == '"' || *z == '\\')
			fputc('\\', out);
		fputc(*z, out);
	}
	fputc('"', out);
}

static void print_key(FILE *out, const char *title)
{
	fputc('"', out);
	for (; *title; title++)
		fputc(*title == ' ' ? '_' : *title, out);
	fputs("\": ", out);
}

static void print_json_cell(const struct cell *c, FILE *out)
{
	if (c->kind == CELL_TEXT ? !c->text : !isfinite(c->value))
		fputs("null", out);
	else if (c->kind == CELL_TEXT)
		print_string(out, c->text);
	else if (c->kind == CELL_BOOL)
		fputs(c->value != 0 ? "true" : "false", out);
	else
		fprintf(out, c->kind == CELL_SECONDS || c->kind == CELL_SHARE ? "%.6g" : "%.0f", c->value);
}

static void print_json(const struct sheet *s, FILE *out)
{
	print_key(out, s->name);
	if (s->single && s->n == 0)
		fputs("null", out);
	fputs(s->single ? "" : "[", out);
	for (size_t i = 0; i < s->n; i++) {
		size_t c = i % s->columns;
		fputs(c ? ", " : i ? ",\n  {" : s->single ? "{" : "\n  {", out);
		print_key(out, s->titles[c]);
		print_json_cell(&s->cells[i], out);
		fputs(c + 1 == s->columns ? "}" : "", out);
	}
	fputs(s->single ? "" : "]", out);
}

void sheets_print(const struct sheet *sheets, size_t n, FILE *out, bool json)
{
	bool first = true;
	fputs(json ? "{\n" : "", out);
	for (const struct sheet *s = sheets; s < sheets + n; s++) {
		if (!json && s->n == 0)
			continue;
		if (!first)
			fputs(json ? ",\n" : "\n", out);
		first = false;
		if (json)
			print_json(s, out);
		else
			print_for_people(s, out);
	}
	fputs(json ? "\n}\n" : "", out);
}
