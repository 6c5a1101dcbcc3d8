#include "base/limit_text.h"

static bool is_unlimited(struct str s)
{
	return str_eq(s, STR("-")) || str_eq_nocase(s, STR("none")) || str_eq_nocase(s, STR("unlimited"));
}

/* What the letters behind a number multiply it by; 0: they mean nothing. */
static uint64_t factor_of(struct str s, uint64_t unit)
{
	static const char letters[] = "bkmgt";
	if (s.len == 0)
		return unit;
	const char *at = memchr(letters, s.at[0] | 0x20, sizeof(letters) - 1);
	struct str more = str_from(s, 1);
	if (!at || (at == letters && more.len))
		return 0;
	if (more.len && !str_eq_nocase(more, STR("b")) && !str_eq_nocase(more, STR("ib")))
		return 0;
	return UINT64_C(1) << (10 * (at - letters));
}

bool limit_octets(struct str s, uint64_t unit, uint64_t *out)
{
	size_t digits = 0;
	uint64_t n, factor;
	*out = 0;
	if (is_unlimited(s))
		return true;
	while (digits < s.len && s.at[digits] >= '0' && s.at[digits] <= '9')
		digits++;
	factor = factor_of(str_from(s, digits), unit);
	if (!str_u64((struct str){ s.at, digits }, &n) || !factor || __builtin_mul_overflow(n, factor, &n) ||
		n > INT64_MAX)
		return false;
	*out = n;
	return true;
}

bool limit_messages(struct str s, uint32_t *out)
{
	uint64_t n = 0;
	if (!is_unlimited(s) && !str_u64(s, &n))
		return false;
	*out = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
	return true;
}
