/*
 * Values. Sizes are powers of 1024 (k M G T in either case), durations need a unit (ms s m h d), for 5 alone could be
 * seconds or minutes; overflow is an error and never a wrong number.
 */
#include "conf/value.h"

#include <stdio.h>

#include "conf/scope.h"

#define CHOICES_MAX 64

struct unit {
	const char *suffix;
	uint64_t factor;
};

/* The largest first. */
static const struct unit sizes[] = {
	{ "T", UINT64_C(1) << 40 },
	{ "G", UINT64_C(1) << 30 },
	{ "M", UINT64_C(1) << 20 },
	{ "k", UINT64_C(1) << 10 },
	{ "", 1 },
};
static const struct unit times[] = {
	{ "d", 86400000 },
	{ "h", 3600000 },
	{ "m", 60000 },
	{ "s", 1000 },
	{ "ms", 1 },
};
#define UNITS 5

uint64_t value_least(const struct opt *row)
{
	return row->min;
}

uint64_t value_most(const struct opt *row)
{
	uint64_t whole = row->type == OPT_DURATION ? INT64_MAX : row->type == OPT_MODE ? 0777 : UINT64_MAX;
	return row->max ? row->max : whole;
}

void value_put_number(struct buf *b, enum opt_type type, uint64_t n)
{
	const struct unit *unit = type == OPT_DURATION ? times : sizes;
	if (type == OPT_MODE) {
		buf_printf(b, "0%03o", (unsigned)n);
		return;
	}
	if (type == OPT_NUMBER || n == 0) {
		buf_put_u64(b, n);
		return;
	}
	while (n % unit->factor)
		unit++;
	buf_put_u64(b, n / unit->factor);
	buf_puts(b, unit->suffix);
}

static void put_choices(struct buf *b, const char *const *choices)
{
	for (size_t i = 0; choices[i]; i++) {
		if (i)
			buf_puts(b, choices[i + 1] ? ", " : " or ");
		buf_puts(b, choices[i]);
	}
}

void value_put_expected(struct buf *b, const struct opt *row)
{
	switch (row->type) {
	case OPT_BOOL: buf_puts(b, "true or false"); break;
	case OPT_NUMBER: buf_puts(b, "a number"); break;
	case OPT_OCTETS: buf_puts(b, "octets such as 4096, 512k or 200M"); break;
	case OPT_DURATION: buf_puts(b, "a time with its unit such as 300ms, 30s, 2m, 1h or 1d"); break;
	case OPT_MODE: buf_puts(b, "permissions in octal such as 0660"); break;
	case OPT_CHOICE: put_choices(b, row->choices); break;
	case OPT_STRING: buf_puts(b, "a string"); break;
	case OPT_LIST: buf_puts(b, "a list such as {a, b}"); break;
	case OPT_SECTION: buf_puts(b, "a section in braces"); break;
	}
	bool number = row->type == OPT_NUMBER || row->type == OPT_OCTETS || row->type == OPT_DURATION;
	if (!number || (!row->min && !row->max))
		return;
	buf_puts(b, row->max ? ", from " : ", at least ");
	value_put_number(b, row->type, row->min);
	if (row->max) {
		buf_puts(b, " to ");
		value_put_number(b, row->type, row->max);
	}
}

#define SHOWN 100 /* octets of a value, at most */

/* A value as messages may show it: of a URI what may be a password, before the "@" or among what is asked for, belongs into
   no log. */
static const char *shown(char out[SHOWN + 1], const char *text)
{
	const char *name = strstr(text, "://"), *host = name ? strrchr(name, '@') : NULL;
	if (host)
		snprintf(out, SHOWN + 1, "%.*s...%s", (int)(name + 3 - text), text, host);
	else
		snprintf(out, SHOWN + 1, "%s", text);
	if (name)
		out[strcspn(out, "?")] = '\0';
	return out;
}

static bool unexpected(const struct opt *row, const char *text, const char *hint, struct err *err)
{
	char expected[256], value[SHOWN + 1];
	struct buf b = BUF(expected);
	value_put_expected(&b, row);
	return err_set(err, "bad value `%s` for `%s`%s; expected %s", shown(value, text), row->name, hint, buf_z(&b));
}

/* Digits and one of the units; a bare number only where `bare` allows it. */
static bool scaled(struct str s, const struct unit units[UNITS], bool bare, uint64_t *out)
{
	size_t digits = 0;
	uint64_t n = 0;

	for (; digits < s.len && s.at[digits] >= '0' && s.at[digits] <= '9'; digits++)
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(s.at[digits] - '0'), &n))
			return false;
	struct str suffix = str_from(s, digits);
	if (!digits || (!suffix.len && !bare && n))
		return false;
	if (!suffix.len) {
		*out = n;
		return true;
	}
	for (size_t i = 0; i < UNITS; i++)
		if (units == sizes ? str_eq_nocase(suffix, str_of(units[i].suffix))
				   : str_eq(suffix, str_of(units[i].suffix)))
			return !__builtin_mul_overflow(n, units[i].factor, out);
	return false;
}

static bool octal(struct str s, uint64_t *out)
{
	uint64_t n = 0;
	if (s.len < 3 || s.len > 4)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '7')
			return false;
		n = n * 8 + (uint64_t)(s.at[i] - '0');
	}
	*out = n;
	return true;
}

static bool boolean(struct str s, bool *out)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };
	for (size_t i = 0; i < 6; i++) {
		if (!str_eq_nocase(s, str_of(words[i])))
			continue;
		*out = i % 2;
		return true;
	}
	return false;
}

static bool number(const struct opt *row, const char *text, uint64_t *n, struct err *err)
{
	struct str s = str_of(text);
	const char *hint = "";
	bool ok;

	*n = 0;
	if (row->type == OPT_OCTETS)
		ok = scaled(s, sizes, true, n);
	else if (row->type == OPT_DURATION)
		ok = str_eq(s, STR("off")) || scaled(s, times, false, n);
	else if (row->type == OPT_MODE)
		ok = octal(s, n);
	else
		ok = str_u64(s, n) && (*n < UINT64_MAX || str_eq(s, STR("18446744073709551615")));
	if (!ok && row->type == OPT_DURATION && str_u64(s, n))
		hint = ", which has no unit";
	if (ok && *n >= value_least(row) && *n <= value_most(row))
		return true;
	return unexpected(row, text, hint, err);
}

static bool choice(const struct opt *row, const char *text, int *out, struct err *err)
{
	char hint[96];
	struct buf b = BUF(hint);
	size_t n = 0;

	for (; row->choices[n]; n++) {
		if (strcmp(row->choices[n], text) != 0)
			continue;
		*out = (int)n;
		return true;
	}
	const char *guess = nearest(str_of(text), row->choices, n);
	if (guess)
		buf_printf(&b, ", did you mean %s?", guess);
	return unexpected(row, text, buf_z(&b), err);
}

static bool passes(const struct opt *row, const char *text, struct err *err)
{
	struct err why = { "" };
	char value[SHOWN + 1];
	if (!row->check || row->check(str_of(text), &why))
		return true;
	return err_set(err, "bad value `%s` for `%s`: %s", shown(value, text), row->name, why.text);
}

static bool list(struct conf *c, const struct opt *row, struct opt_list *out, const struct entry *e,
	const struct word **bad, struct err *err)
{
	const char **at = conf_alloc(c, (e->n + 1) * sizeof(*at));
	size_t n = 0;

	if (!at)
		return err_set(err, "out of memory");
	for (const struct word *w = e->words; w; w = w->next) {
		*bad = w;
		if (!passes(row, w->text, err))
			return false;
		at[n++] = w->text;
	}
	*out = (struct opt_list){ at, n };
	return true;
}

bool value_store(struct conf *c, const struct opt *row, void *base, const struct entry *e, const struct word **bad,
	struct err *err)
{
	void *to = (char *)base + row->offset;
	const char *text = e->words ? e->words->text : "";
	uint64_t n = 0;

	*bad = NULL;
	if (row->type == OPT_LIST)
		return list(c, row, to, e, bad, err);
	if (e->n != 1)
		return err_set(err, "`%s` takes one value, not %zu", row->name, e->n);
	*bad = e->words;
	switch (row->type) {
	case OPT_BOOL: return boolean(str_of(text), to) || unexpected(row, text, "", err);
	case OPT_CHOICE: return choice(row, text, to, err);
	case OPT_STRING: *(const char **)to = text; return passes(row, text, err);
	case OPT_NUMBER:
	case OPT_OCTETS:
	case OPT_DURATION:
	case OPT_MODE:
		if (!number(row, text, &n, err))
			return false;
		break;
	case OPT_LIST:
	case OPT_SECTION: return err_set(err, "`%s` is a section", row->name);
	}
	if (row->type == OPT_MODE)
		*(unsigned *)to = (unsigned)n;
	else if (row->type == OPT_DURATION)
		*(int64_t *)to = (int64_t)n;
	else
		*(uint64_t *)to = n;
	return true;
}
