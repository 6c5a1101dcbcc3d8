/*
 * From :names to placeholders. The text is the postmaster's; nothing of an address ever passes here. What servers read
 * differently (a ? or $1 of their own) is refused, so that every placeholder is one of ours.
 */
#include "io/sql_driver.h"

struct scan {
	struct str rest;
	char last; /* the octet before the rest */
	struct buf out;
	const struct sql_driver *driver;
	const char *const *names;
	struct sql_query *query;
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char peek(const struct scan *s, size_t i)
{
	return i < s->rest.len ? s->rest.at[i] : '\0';
}

/* Copies n octets as they are. */
static void copy(struct scan *s, size_t n)
{
	n = n < s->rest.len ? n : s->rest.len;
	if (n == 0)
		return;
	buf_put(&s->out, (struct str){ s->rest.at, n });
	s->last = s->rest.at[n - 1];
	s->rest = str_from(s->rest, n);
}

/* A string or a quoted name, to its closing quote; a doubled quote is two strings side by side. */
static bool copy_quoted(struct scan *s, struct err *err)
{
	char quote = peek(s, 0);
	bool escapes = quote != '`' && (s->driver->backslashes || s->last == 'E' || s->last == 'e');
	size_t i = 1;
	while (i < s->rest.len && s->rest.at[i] != quote)
		i += escapes && s->rest.at[i] == '\\' ? 2 : 1;
	if (i >= s->rest.len)
		return err_set(err, "the %c is not closed", quote);
	copy(s, i + 1);
	return true;
}

static bool copy_comment(struct scan *s, struct err *err)
{
	if (peek(s, 0) == '-') {
		copy(s, str_find(s->rest, '\n'));
		return true;
	}
	size_t i = 2;
	while (i + 1 < s->rest.len && !(s->rest.at[i] == '*' && s->rest.at[i + 1] == '/'))
		i++;
	if (i + 1 >= s->rest.len)
		return err_set(err, "the comment is not closed");
	copy(s, i + 2);
	return true;
}

static bool put_placeholder(struct scan *s, struct err *err)
{
	struct str name = str_from(s->rest, 1);
	size_t len = 0, which = 0;
	while (len < name.len && (is_letter(name.at[len]) || is_digit(name.at[len])))
		len++;
	name.len = len;
	while (s->names[which] && !str_eq(name, str_of(s->names[which])))
		which++;
	if (!s->names[which])
		return err_set(err, "there is no parameter :%.*s", (int)name.len, name.at);
	if (s->query->n == SQL_PARAMETERS_MAX)
		return err_set(err, "more than %d parameters", SQL_PARAMETERS_MAX);
	s->query->value[s->query->n++] = (unsigned char)which;
	buf_putc(&s->out, s->driver->dollars ? '$' : '?');
	if (s->driver->dollars)
		buf_put_u64(&s->out, s->query->n);
	s->rest = str_from(s->rest, 1 + len);
	s->last = '?';
	return true;
}

static bool step(struct scan *s, struct err *err)
{
	char c = peek(s, 0), next = peek(s, 1);
	if (c == '\'' || c == '"' || c == '`')
		return copy_quoted(s, err);
	if ((c == '-' && next == '-') || (c == '/' && next == '*'))
		return copy_comment(s, err);
	if (c == ':' && next == ':') {
		copy(s, 2);
		return true;
	}
	if (c == ':' && is_letter(next))
		return put_placeholder(s, err);
	if (c == '?' || (c == '$' && is_digit(next)))
		return err_set(err, "parameters are written as names, not as %c", c);
	copy(s, 1);
	return true;
}

bool sql_query_init(struct sql_query *q, const struct sql_driver *driver, unsigned slot, struct str text,
	const char *const *names, struct err *err)
{
	*q = (struct sql_query){ .slot = slot };
	struct scan s = { .rest = text, .out = BUF(q->text), .driver = driver, .names = names, .query = q };
	while (s.rest.len)
		if (!step(&s, err))
			return false;
	if (q->n == 0)
		return err_set(err, "the query has no parameter, so its answer would be the same for every address");
	buf_z(&s.out);
	return !s.out.full || err_set(err, "the query is longer than %d octets", SQL_QUERY_MAX - 1);
}
