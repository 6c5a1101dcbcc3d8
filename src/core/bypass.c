#include "core/bypass.h"

bool bypass_check_address(struct str pattern, struct err *err)
{
	size_t at = str_rfind(pattern, '@');
	if (pattern.len < 2 || at == pattern.len)
		return err_set(err, "expected joe@example.org, joe@ (in every domain) or @example.org");
	return true;
}

static bool matches(struct str pattern, struct str address)
{
	size_t at = str_rfind(address, '@');
	struct str local = { address.at, at }, domain = str_from(address, at);
	if (pattern.at[0] == '@')
		return str_eq_nocase(pattern, domain);
	if (pattern.at[pattern.len - 1] == '@')
		return str_eq_nocase((struct str){ pattern.at, pattern.len - 1 }, local);
	return str_eq_nocase(pattern, address);
}

static bool any(const char *const *patterns, size_t n, struct str address)
{
	for (size_t i = 0; i < n && address.len; i++)
		if (matches(str_of(patterns[i]), address))
			return true;
	return false;
}

static bool is_client(const struct bypass *b, struct str text)
{
	struct network address;
	if (b->n_clients == 0 || !network_address(&address, text))
		return false;
	for (size_t i = 0; i < b->n_clients; i++)
		if (network_has(&b->clients[i], &address))
			return true;
	return false;
}

bool bypass_has(const struct bypass *b, const struct query *q)
{
	return any(b->recipients, b->n_recipients, q->address) || any(b->senders, b->n_senders, q->sender) ||
	       is_client(b, q->client);
}
