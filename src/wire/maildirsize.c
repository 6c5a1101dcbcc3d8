#include "wire/maildirsize.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The digits that s begins with. */
static struct str digits_of(struct str s)
{
	size_t n = 0;
	while (n < s.len && is_digit(s.at[n]))
		n++;
	return (struct str){ s.at, n };
}

static uint64_t at_most(uint64_t n, uint64_t max)
{
	return n < max ? n : max;
}

/* One field of line 1, a number first. */
static void decode_limit(struct maildirsize *m, struct str field)
{
	struct str digits = digits_of(field);
	uint64_t n;
	if (!str_u64(digits, &n))
		return;
	char letter = field.len > digits.len ? field.at[digits.len] : '\0';
	if (letter == 'C')
		m->message_limit = (uint32_t)at_most(n, UINT32_MAX);
	else if (letter == 'S' || !is_letter(letter))
		m->limit = at_most(n, INT64_MAX);
	/* Courier leaves out a limit that is none. */
	if (n == 0 || (letter != 'C' && letter != 'S'))
		m->foreign = true;
}

static void decode_limits(struct maildirsize *m, struct str line)
{
	while (line.at) {
		struct str field = str_cut(&line, ',');
		while (field.len && is_blank(field.at[0]))
			field = str_from(field, 1);
		decode_limit(m, field);
	}
}

static struct str skip_blanks(struct str s)
{
	while (s.len && is_blank(s.at[0]))
		s = str_from(s, 1);
	return s;
}

/* A number that vpopmail may have written as an unsigned one. False when it does not fit. */
static bool decode_digits(struct str digits, int64_t *out)
{
	uint64_t n;
	if (!str_u64(digits, &n) || (n == UINT64_MAX && !str_eq(digits, STR("18446744073709551615"))))
		return false;
	*out = n > INT64_MAX ? -(int64_t)(UINT64_MAX - n) - 1 : (int64_t)n;
	return true;
}

/* Takes a signed number off *rest. False when there is none, or it does not fit. */
static bool take_number(struct str *rest, int64_t *out)
{
	bool negative = rest->len && rest->at[0] == '-';
	struct str digits = digits_of(str_from(*rest, negative));
	if (!decode_digits(digits, out) || (negative && *out < 0))
		return false;
	*rest = str_from(*rest, negative + digits.len);
	if (negative)
		*out = -*out;
	return true;
}

/* Courier sets both numbers to the right of 12 columns; earlier ones padded the line to 14 octets with its LF. */
static bool is_padded(struct str line)
{
	size_t end = 0, blanks = 0;
	for (size_t i = 0; i < line.len; i++)
		blanks += line.at[i] == ' ';
	if (line.len == 13 && blanks > 1)
		return true;
	while (end < line.len && line.at[end] == ' ')
		end++;
	while (end < line.len && line.at[end] != ' ')
		end++;
	return end >= 12 && line.len - end >= 13;
}

/* Adds a data line to the totals. Null, or what is wrong. */
static const char *decode_delta(struct maildirsize *m, struct str line, int64_t *octets, int64_t *messages)
{
	int64_t o, n;
	struct str rest = skip_blanks(line);
	m->lines++;
	m->foreign = m->foreign || !is_padded(line);
	if (!take_number(&rest, &o) || !rest.len || !is_blank(rest.at[0]))
		return "a line of maildirsize is no pair of numbers";
	rest = skip_blanks(rest);
	if (!take_number(&rest, &n) || skip_blanks(rest).len)
		return "a line of maildirsize is no pair of numbers";
	if (__builtin_add_overflow(*octets, o, octets) || __builtin_add_overflow(*messages, n, messages))
		return "the numbers in maildirsize are too large";
	return NULL;
}

static const char *decode_totals(struct maildirsize *m, struct str rest)
{
	const char *why = NULL;
	int64_t octets = 0, messages = 0;
	for (size_t lf; (lf = str_find(rest, '\n')) < rest.len; rest = str_from(rest, lf + 1)) {
		const char *wrong = decode_delta(m, (struct str){ rest.at, lf }, &octets, &messages);
		why = why ? why : wrong;
	}
	if (why)
		return why;
	if (m->lines == 0)
		return "maildirsize has no totals";
	if (octets < 0 || messages < 0)
		return "the total in maildirsize is negative";
	m->usage = (uint64_t)octets;
	m->messages = (uint32_t)at_most((uint64_t)messages, UINT32_MAX);
	return NULL;
}

void maildirsize_decode(struct maildirsize *out, struct str in)
{
	bool long_file = in.len >= MAILDIRSIZE_MAX;
	*out = (struct maildirsize){ 0 };
	if (in.len > MAILDIRSIZE_MAX)
		in.len = MAILDIRSIZE_MAX;
	if (in.len && memchr(in.at, '\0', in.len)) {
		out->why = "maildirsize has a NUL in it";
		return;
	}
	size_t lf = str_find(in, '\n');
	decode_limits(out, (struct str){ in.at, lf });
	out->why = decode_totals(out, str_from(in, lf + 1));
	if (long_file) {
		out->usage = out->messages = 0;
		out->why = "maildirsize has grown to 5120 octets";
	}
	out->valid = !out->why;
}
