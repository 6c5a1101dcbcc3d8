#include "core/recipients.h"

/* Where the first comma outside of quotes is, or the list's end. */
static size_t find_comma(struct str list)
{
	bool quoted = false;
	for (size_t i = 0; i < list.len; i++) {
		if (list.at[i] == '"')
			quoted = !quoted;
		else if (list.at[i] == '\\' && quoted)
			i++;
		else if (list.at[i] == ',' && !quoted)
			return i;
	}
	return list.len;
}

bool recipients_next(struct str *address, struct str *rest)
{
	for (address->len = 0; address->len == 0 && rest->len;) {
		size_t comma = find_comma(*rest);
		*address = str_trim((struct str){ rest->at, comma });
		*rest = str_from(*rest, comma < rest->len ? comma + 1 : comma);
	}
	return address->len > 0;
}

struct str recipients_at(struct str list, size_t n)
{
	struct str address = STR("");
	while (n > 0 && recipients_next(&address, &list))
		n--;
	return n == 0 ? address : STR("");
}

/* Where it stands, the list's end: nowhere. */
static size_t find(const struct recipients *r, struct str address)
{
	struct str rest = recipients_list(r), one;
	while (recipients_next(&one, &rest))
		if (str_eq(one, address))
			return (size_t)(one.at - r->text);
	return r->len;
}

/* In a list it is told from its neighbours: a comma behind it is seen as one. */
static bool stands_alone(struct str address)
{
	return address.len && str_find(address, '"') == address.len && str_find(address, ',') == address.len &&
	       str_trim(address).len == address.len;
}

void recipients_keep(struct recipients *r, struct str address)
{
	if (!stands_alone(address) || address.len + 1 > sizeof(r->text) - r->len || find(r, address) < r->len)
		return;
	memcpy(r->text + r->len, address.at, address.len);
	r->text[r->len + address.len] = ',';
	r->len += address.len + 1;
}

void recipients_drop(struct recipients *r, struct str address)
{
	size_t at = find(r, address), behind = at + address.len + 1;
	if (at == r->len)
		return;
	memmove(r->text + at, r->text + behind, r->len - behind);
	r->len -= address.len + 1;
}

void recipients_forget(struct recipients *r)
{
	r->len = 0;
}

struct str recipients_list(const struct recipients *r)
{
	return (struct str){ r->text, r->len };
}
