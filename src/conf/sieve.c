/*
 * A recursive descent over the statements, no deeper than sections may lie in one another. Each token that passes is
 * written on the line on which it stood; a statement of an unknown name is read to its end and not written.
 */
#include "conf/sieve.h"

#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "conf/lex.h"

#define INSERTED 32 /* octets that one opening brace may cost at most: a marker and a title */

struct sieve {
	struct conf *conf;
	const char *file;
	struct lexer lex;
	struct buf out;
	int out_line;
	bool mute; /* what is read does not pass */
	int cut;
};

static bool statements(struct sieve *s, const struct scope *scope, const struct token *opened);

/* ${ is an environment variable to libconfuse, in strings with double quotes. */
static void put_disarmed(struct buf *out, struct str raw)
{
	for (size_t i = 0; i < raw.len; i++) {
		if (raw.at[i] == '\\' && i + 1 < raw.len)
			buf_putc(out, raw.at[i++]);
		else if (raw.at[i] == '$')
			buf_putc(out, '\\');
		buf_putc(out, raw.at[i]);
	}
}

static void emit(struct sieve *s, const struct token *t)
{
	if (s->mute)
		return;
	for (; s->out_line < t->line; s->out_line++)
		buf_putc(&s->out, '\n');
	buf_putc(&s->out, ' ');
	if (t->raw.at[0] == '"')
		put_disarmed(&s->out, t->raw);
	else
		buf_put(&s->out, t->raw);
	for (size_t i = 0; i < t->raw.len; i++)
		s->out_line += t->raw.at[i] == '\n';
}

static struct token take(struct sieve *s)
{
	struct token t = lex_next(&s->lex);
	if (t.wrong)
		conf_wrong(s->conf, s->file, t.line, "%s", t.wrong);
	return t;
}

/* The rest cannot be understood. What the lexer told already needs no second word. Always false. */
static bool stop(struct sieve *s, const struct token *t, const char *expected)
{
	int shown = t->raw.len < 60 ? (int)t->raw.len : 60;
	s->cut = t->line;
	if (t->wrong)
		return false;
	if (t->kind == TOKEN_END)
		conf_wrong(s->conf, s->file, t->line, "the file ends here; expected %s", expected);
	else
		conf_wrong(s->conf, s->file, t->line, "unexpected `%.*s`; expected %s; reading ended here", shown,
			t->raw.at, expected);
	return false;
}

static bool is_text(const struct token *t)
{
	return t->kind == TOKEN_WORD || t->kind == TOKEN_STRING;
}

/* Up to the brace that closes the one just taken. */
static bool skip_braces(struct sieve *s)
{
	for (size_t depth = 1; depth;) {
		struct token t = lex_next(&s->lex);
		if (t.kind == TOKEN_BROKEN)
			conf_wrong(s->conf, s->file, t.line, "%s", t.wrong);
		if (t.kind == TOKEN_BROKEN || t.kind == TOKEN_END)
			return stop(s, &t, "`}`");
		depth += t.kind == TOKEN_OPEN;
		depth -= t.kind == TOKEN_CLOSE;
	}
	return true;
}

static bool list(struct sieve *s)
{
	for (;;) {
		struct token t = take(s);
		if (is_text(&t)) {
			emit(s, &t);
			t = take(s);
			if (t.kind != TOKEN_COMMA && t.kind != TOKEN_CLOSE)
				return stop(s, &t, "`,` or `}`");
		} else if (t.kind != TOKEN_CLOSE) {
			return stop(s, &t, "a value or `}`");
		}
		emit(s, &t);
		if (t.kind == TOKEN_CLOSE)
			return true;
	}
}

static bool value(struct sieve *s)
{
	struct token t = take(s);
	if (!is_text(&t) && t.kind != TOKEN_OPEN)
		return stop(s, &t, "a value");
	emit(s, &t);
	return t.kind == TOKEN_OPEN ? list(s) : true;
}

static bool muted_value(struct sieve *s)
{
	s->mute = true;
	bool ok = value(s);
	s->mute = false;
	return ok;
}

static bool option(struct sieve *s, const struct token *name)
{
	struct token t = take(s);
	if (t.kind == TOKEN_OPEN) {
		conf_wrong(s->conf, s->file, name->line, "`%.*s` is an option, not a section; expected `%.*s = VALUE`",
			(int)name->raw.len, name->raw.at, (int)name->raw.len, name->raw.at);
		return skip_braces(s);
	}
	if (t.kind != TOKEN_EQUALS) {
		char expected[128];
		struct buf b = BUF(expected);
		buf_printf(&b, "`=` after `%.*s`", (int)name->raw.len, name->raw.at);
		return stop(s, &t, buf_z(&b));
	}
	emit(s, name);
	emit(s, &t);
	return value(s);
}

static bool section(struct sieve *s, const struct token *name, const struct name *known)
{
	struct token title = { .raw = STR("\"\""), .line = name->line };
	struct token t = take(s);

	if (t.kind == TOKEN_EQUALS) {
		conf_wrong(s->conf, s->file, name->line, "`%s` is a section, not an option; expected `%s %s{`",
			known->text, known->text, known->titled ? "NAME " : "");
		return muted_value(s);
	}
	if (is_text(&t)) {
		if (!known->titled)
			conf_wrong(s->conf, s->file, t.line, "a `%s` section has no name; expected `{`", known->text);
		title = t;
		t = take(s);
	}
	if (t.kind != TOKEN_OPEN)
		return stop(s, &t, known->titled ? "a name and `{`" : "`{`");
	emit(s, name);
	if (known->titled)
		emit(s, &title);
	emit(s, &t);
	buf_printf(&s->out, " " SIEVE_MARK "=%d", name->line);
	return statements(s, &known->scope, name);
}

static bool unknown(struct sieve *s, const struct scope *scope, const struct token *name)
{
	char hint[96];
	struct token t = take(s);
	const char *what = "option or section";
	int shown = name->raw.len < 60 ? (int)name->raw.len : 60;

	if (t.kind == TOKEN_EQUALS)
		what = "option";
	if (is_text(&t))
		t = take(s);
	if (t.kind == TOKEN_OPEN)
		what = "section";
	scope_hint(scope, name->raw, hint);
	if (scope->kind || scope->inside)
		conf_wrong(s->conf, s->file, name->line, "unknown %s `%.*s` in a `%s` section%s", what, shown,
			name->raw.at, scope->inside ? scope->inside : scope->kind->name, hint);
	else
		conf_wrong(s->conf, s->file, name->line, "unknown %s `%.*s`%s", what, shown, name->raw.at, hint);
	if (t.kind == TOKEN_EQUALS)
		return muted_value(s);
	return t.kind == TOKEN_OPEN ? skip_braces(s) : stop(s, &t, "`=` or `{`");
}

static bool include(struct sieve *s, const struct scope *scope, const struct token *name)
{
	struct token left = take(s), file = take(s), right = take(s);

	if (left.kind != TOKEN_LEFT || !is_text(&file))
		return stop(s, left.kind != TOKEN_LEFT ? &left : &file, "`include(\"FILE\")`");
	if (right.kind != TOKEN_RIGHT)
		return stop(s, &right, "`)`");
	if (scope->kind || scope->inside) {
		conf_wrong(s->conf, s->file, name->line, "`include` stands outside of all sections");
		return true;
	}
	emit(s, name);
	emit(s, &left);
	emit(s, &file);
	emit(s, &right);
	return true;
}

/* What stands in a section, or with `opened` null in a file. */
static bool statements(struct sieve *s, const struct scope *scope, const struct token *opened)
{
	for (;;) {
		bool ok;
		struct token t = take(s);
		if (t.kind == TOKEN_END && !opened)
			return true;
		if (t.kind == TOKEN_CLOSE && opened) {
			emit(s, &t);
			return true;
		}
		if (t.kind == TOKEN_END) {
			conf_wrong(s->conf, s->file, opened->line,
				"the section that begins here is not closed; expected `}`");
			s->cut = t.line;
			return false;
		}
		if (t.kind != TOKEN_WORD || t.wrong)
			return stop(s, &t, "the name of an option or a section");
		struct name known = scope_find(scope, t.raw);
		if (known.kind == NAME_OPTION)
			ok = option(s, &t);
		else if (known.kind == NAME_SECTION)
			ok = section(s, &t, &known);
		else if (str_eq(t.raw, STR("include")))
			ok = include(s, scope, &t);
		else
			ok = unknown(s, scope, &t);
		if (!ok)
			return false;
	}
}

bool sieve(struct conf *c, const char *file, struct str text, struct sieved *out)
{
	struct sieve s = { .conf = c, .file = file, .lex = { text, 1 }, .out_line = 1 };
	struct scope top = { .kinds = c->kinds, .n_kinds = c->n_kinds };
	size_t cap = 3 * text.len + 64;

	/* A token costs a blank, and a wrong one of a single octet becomes two quotes; a $ costs one octet more. */
	for (size_t i = 0; i < text.len; i++)
		cap += text.at[i] == '{' ? INSERTED : text.at[i] == '$';
	s.out = (struct buf){ .at = malloc(cap), .cap = cap };
	if (!s.out.at)
		return false;
	statements(&s, &top, NULL);
	do
		buf_putc(&s.out, '\n');
	while (s.out_line++ < s.cut);
	assert(!s.out.full);
	*out = (struct sieved){ s.out.at, s.out.len, s.cut };
	return true;
}
