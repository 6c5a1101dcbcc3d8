/* Which names may stand where, from the option tables; and the nearest spelling of a name that may not. */
#include "conf/scope.h"

#include "base/buf.h"

#define SPELLING_MAX 40 /* octets of a name that is worth a guess */

struct collector {
	const struct scope *scope;
	struct name *names;
	size_t n;
	struct str only; /* with `at` set: nothing but this name is of interest */
};

static void collect(struct collector *c, struct name name)
{
	if (c->n == SCOPE_NAMES_MAX || (c->only.at && !str_eq(c->only, str_of(name.text))))
		return;
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->names[i].text, name.text) == 0)
			return;
	c->names[c->n++] = name;
}

static void collect_rows(struct collector *c, const struct opt *rows)
{
	const struct scope *s = c->scope;
	for (; rows && rows->name; rows++) {
		struct name name = { NAME_OPTION, rows->name, false, { s->kinds, s->n_kinds, NULL, NULL } };
		if (rows->type == OPT_SECTION) {
			name.kind = NAME_SECTION;
			name.scope.kind = s->kind;
			name.scope.inside = rows->name;
		}
		if (!s->inside)
			collect(c, name);
		else if (rows->type == OPT_SECTION && strcmp(rows->name, s->inside) == 0)
			for (const struct opt *row = rows->rows; row && row->name; row++)
				collect(c, (struct name){ .kind = NAME_OPTION, .text = row->name });
	}
}

static void collect_kind(struct collector *c, const struct conf_kind *k)
{
	if (k->choose && !c->scope->inside)
		collect(c, (struct name){ .kind = NAME_OPTION, .text = k->choose });
	collect_rows(c, k->opts);
	for (size_t i = 0; i < k->n_variants; i++)
		for (const struct opt *const *table = k->variants[i].opts; table && *table; table++)
			collect_rows(c, *table);
}

static size_t names_of(const struct scope *s, struct str only, struct name *names)
{
	struct collector c = { .scope = s, .names = names, .only = only };
	for (size_t i = 0; i < s->n_kinds; i++) {
		const struct conf_kind *k = &s->kinds[i];
		bool top = k->name[0] == '\0';
		if (s->kind ? k == s->kind : top)
			collect_kind(&c, k);
		if (!s->kind && !s->inside && !top)
			collect(&c,
				(struct name){ NAME_SECTION, k->name, k->titled, { s->kinds, s->n_kinds, k, NULL } });
	}
	return c.n;
}

size_t scope_names(const struct scope *s, struct name names[SCOPE_NAMES_MAX])
{
	return names_of(s, (struct str){ 0 }, names);
}

struct name scope_find(const struct scope *s, struct str name)
{
	struct name found[SCOPE_NAMES_MAX];
	if (names_of(s, name.at ? name : STR(""), found))
		return found[0];
	return (struct name){ .kind = NAME_UNKNOWN };
}

static size_t least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;
	return ab < c ? ab : c;
}

/* Levenshtein's distance: letters to put in, take out or change. Both are shorter than SPELLING_MAX. */
static size_t distance(struct str a, struct str b)
{
	size_t row[SPELLING_MAX];
	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t above = row[j];
			row[j] = least(row[j - 1] + 1, above + 1, diagonal + (a.at[i - 1] != b.at[j - 1]));
			diagonal = above;
		}
	}
	return row[b.len];
}

const char *nearest(struct str s, const char *const *words, size_t n)
{
	const char *best = NULL;
	size_t limit = s.len < 4 ? 1 : s.len < 8 ? 2 : 3;

	for (size_t i = 0; i < n && s.len < SPELLING_MAX; i++) {
		if (strlen(words[i]) >= SPELLING_MAX)
			continue;
		size_t d = distance(s, str_of(words[i]));
		if (d <= limit) {
			best = words[i];
			limit = d ? d - 1 : 0;
		}
	}
	return best;
}

const char *scope_hint(const struct scope *s, struct str name, char out[static 96])
{
	struct name names[SCOPE_NAMES_MAX];
	const char *words[SCOPE_NAMES_MAX];
	struct buf b = { .at = out, .cap = 96 };
	size_t n = scope_names(s, names);

	for (size_t i = 0; i < n; i++)
		words[i] = names[i].text;
	const char *guess = nearest(name, words, n);
	if (guess)
		buf_printf(&b, ": did you mean `%s`?", guess);
	return buf_z(&b);
}
