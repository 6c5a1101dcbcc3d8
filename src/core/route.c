#include "core/route.h"

static int lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

int route_compare(struct str a, struct str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	for (size_t i = 0; i < n; i++)
		if (lower(a.at[i]) != lower(b.at[i]))
			return lower(a.at[i]) - lower(b.at[i]);
	return a.len < b.len ? -1 : a.len > b.len;
}

const struct route_domain *route_find(const struct route *r, const struct address *a, bool *ours)
{
	size_t low = 0, high = r->n_domains;
	*ours = true;
	if (a->domain.len == 0)
		return &r->bare;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = route_compare(a->domain, r->domains[middle].name);
		if (order == 0)
			return &r->domains[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	*ours = false;
	return &r->any;
}

const struct route_store *route_path_store(const struct route *r, uint64_t salt)
{
	for (size_t i = 0; i < r->n_stores; i++)
		if (r->stores[i].path && r->stores[i].salt == salt)
			return &r->stores[i];
	return NULL;
}

const struct route_store *route_store_named(const struct route *r, struct str name)
{
	for (size_t i = 0; i < r->n_stores; i++)
		if (!r->stores[i].path && str_eq(r->stores[i].name, name))
			return &r->stores[i];
	return NULL;
}
