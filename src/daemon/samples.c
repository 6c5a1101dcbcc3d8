#include "daemon/samples.h"

#include "base/buf.h"

#include <math.h>
#include <stdlib.h>

#define VALUE_MAX 64

/* Cuts one label, key="value", from the head of *rest, and the comma behind it. False when it is none. */
static bool cut_label(struct str *rest, struct str *key, struct str *value)
{
	size_t equals = str_find(*rest, '='), i = equals + 2;
	if (equals == 0 || equals + 1 >= rest->len || rest->at[equals + 1] != '"')
		return false;
	*key = (struct str){ rest->at, equals };
	while (i < rest->len && rest->at[i] != '"')
		i += rest->at[i] == '\\' ? 2 : 1;
	if (i >= rest->len)
		return false;
	*value = (struct str){ rest->at + equals + 2, i - equals - 2 };
	*rest = str_from(*rest, i + 1);
	if (rest->len && rest->at[0] == ',')
		*rest = str_from(*rest, 1);
	else if (rest->len && rest->at[0] != '}')
		return false;
	return true;
}

static bool is_name(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
		if (!letter && (i == 0 || c < '0' || c > '9'))
			return false;
	}
	return s.len > 0;
}

static bool read_value(struct str text, double *out)
{
	char z[VALUE_MAX], *end;
	if (text.len == 0 || text.at[0] == ' ' || !str_copy_z(z, sizeof(z), text))
		return false;
	*out = strtod(z, &end);
	return *end == '\0';
}

static bool read_line(struct sample *s, struct str line)
{
	size_t brace = str_find(line, '{'), blank = str_find(line, ' ');
	struct str rest, key, value;
	s->name = (struct str){ line.at, brace < blank ? brace : blank };
	s->labels = (struct str){ line.at, 0 };
	rest = str_from(line, s->name.len);
	if (brace < blank) {
		rest = str_from(rest, 1);
		s->labels = rest;
		while (rest.len && rest.at[0] != '}')
			if (!cut_label(&rest, &key, &value))
				return false;
		s->labels.len -= rest.len;
		rest = str_from(rest, 1);
	}
	return is_name(s->name) && rest.len && rest.at[0] == ' ' && read_value(str_from(rest, 1), &s->value);
}

bool samples_read(struct samples *s, struct str text, struct err *err)
{
	size_t lines = 0, number = 1;
	struct str last = STR("");
	for (size_t i = 0; i < text.len; i++)
		lines += text.at[i] == '\n';
	*s = (struct samples){ .at = calloc(lines + 1, sizeof(*s->at)) };
	if (!s->at)
		return err_set(err, "out of memory");
	for (; text.len; number++) {
		struct str line = str_cut(&text, '\n');
		last = line;
		if (line.len == 0 || line.at[0] == '#')
			continue;
		if (s->n > lines || !read_line(&s->at[s->n++], line))
			return err_set(err, "line %zu of the metrics makes no sense", number);
	}
	return str_eq(last, STR("# EOF")) || err_set(err, "the metrics end too early");
}

void samples_free(struct samples *s)
{
	free(s->at);
	*s = (struct samples){ 0 };
}

static bool begins_with(struct str labels, struct str first)
{
	return str_starts(labels, first) && (first.len == 0 || labels.len == first.len || labels.at[first.len] == ',');
}

static bool has_label(struct str labels, struct str wanted)
{
	struct str rest = labels, key, value;
	while (rest.len) {
		const char *at = rest.at;
		if (!cut_label(&rest, &key, &value))
			return false;
		if (str_eq(wanted, (struct str){ at, (size_t)(value.at + value.len + 1 - at) }))
			return true;
	}
	return false;
}

double samples_sum(const struct samples *s, const char *name, struct str first, const char *label)
{
	struct str wanted = str_of(name);
	double sum = NAN;
	for (const struct sample *x = s->at; x < s->at + s->n; x++)
		if (str_eq(x->name, wanted) && begins_with(x->labels, first) &&
			(!label || has_label(x->labels, str_of(label))))
			sum = isnan(sum) ? x->value : sum + x->value;
	return sum;
}

void sample_label(const struct sample *s, const char *key, char *out, size_t cap)
{
	struct buf b = { .at = out, .cap = cap };
	struct str rest = s->labels, found, value;
	while (rest.len && cut_label(&rest, &found, &value)) {
		if (!str_eq(found, str_of(key)))
			continue;
		for (size_t i = 0; i < value.len; i++) {
			bool escaped = value.at[i] == '\\' && i + 1 < value.len;
			i += escaped;
			buf_putc(&b, escaped && value.at[i] == 'n' ? '\n' : value.at[i]);
		}
	}
	buf_z(&b);
}
