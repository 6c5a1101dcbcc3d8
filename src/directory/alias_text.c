#include "directory/alias_text.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

static bool separates(char c)
{
	return c == ',' || is_blank(c);
}

static struct str trim(struct str s)
{
	while (s.len && is_blank(s.at[0]))
		s = str_from(s, 1);
	while (s.len && is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

/* The index of the first octet outside of quotes for which `stops` holds; s.len when there is none. */
static size_t find_outside(struct str s, bool (*stops)(char))
{
	bool quoted = false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '\\')
			i++;
		else if (s.at[i] == '"')
			quoted = !quoted;
		else if (!quoted && stops(s.at[i]))
			return i;
	}
	return s.len;
}

static bool is_colon(char c)
{
	return c == ':';
}

static bool is_comma(char c)
{
	return c == ',';
}

const char *alias_split(struct str line, enum alias_form form, struct str *key, struct str *value)
{
	size_t n = 0;
	switch (form) {
	case ALIAS_VIRTUAL: n = find_outside(line, is_blank); break;
	case ALIAS_SYSTEM: n = find_outside(line, is_colon); break;
	}
	*key = trim((struct str){ line.at, n });
	*value = trim(str_from(line, form == ALIAS_SYSTEM && n < line.len ? n + 1 : n));
	if (form == ALIAS_SYSTEM && n == line.len)
		return "has no colon; `name: target, target` is expected";
	if (form == ALIAS_VIRTUAL && key->len > 1 && key->at[key->len - 1] == ':')
		return "has a colon behind its key, as aliases(5) has; such a file belongs to system_aliases";
	if (key->len == 0)
		return "has no key";
	return value->len ? NULL : "names no target";
}

const char *alias_key(struct str key, struct address *text, struct str *out)
{
	enum address_fault fault;
	if (key.len > 1 && key.at[0] == '@' && key.len <= DOMAIN_MAX + 2) {
		char any[DOMAIN_MAX + 3] = "x"; /* a catch-all is no address, but with any local part it is one */
		memcpy(any + 1, key.at, key.len);
		fault = address_parse(text, (struct str){ any, key.len + 1 }, FOLD_ALL);
		*out = str_from(text->whole, 1);
	} else {
		fault = address_parse(text, key, FOLD_ALL);
		*out = text->whole;
	}
	return fault == ADDRESS_OK ? NULL : address_fault_text(fault);
}

/* Quotes around all of it are taken away; those of a local part stay for the address to be parsed. */
static struct str unquote(struct str s)
{
	if (s.len < 2 || s.at[0] != '"')
		return s;
	size_t i = 1;
	while (i < s.len && s.at[i] != '"')
		i += s.at[i] == '\\' ? 2 : 1;
	return i == s.len - 1 ? (struct str){ s.at + 1, s.len - 2 } : s;
}

static struct alias_target classify(struct str s)
{
	static const struct str include = { ":include:", sizeof(":include:") - 1 };
	struct str start = { s.at, s.len < include.len ? s.len : include.len };
	if (str_eq_nocase(start, include))
		return (struct alias_target){ ALIAS_INCLUDE, unquote(trim(str_from(s, include.len))) };
	if (s.len == 0 || s.at[0] == '|' || s.at[0] == '/' || s.at[0] == ':')
		return (struct alias_target){ ALIAS_ELSEWHERE, s };
	if (s.at[0] == '\\' && s.len > 1)
		return (struct alias_target){ ALIAS_FINAL, str_from(s, 1) };
	return (struct alias_target){ ALIAS_ADDRESS, s };
}

bool alias_next(struct str *value, struct alias_target *out)
{
	while (value->len && separates(value->at[0]))
		*value = str_from(*value, 1);
	if (value->len == 0)
		return false;
	/* a command without quotes ends at the comma: its arguments are no addresses */
	size_t n = find_outside(*value, value->at[0] == '|' ? is_comma : separates);
	*out = classify(unquote((struct str){ value->at, n }));
	*value = str_from(*value, n);
	return true;
}
