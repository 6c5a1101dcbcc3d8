#include "base/str.h"

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

bool str_eq_nocase(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.at[i]) != lower(b.at[i]))
			return false;
	return true;
}

size_t str_find(struct str s, char c)
{
	const char *p = s.len ? memchr(s.at, c, s.len) : NULL;
	return p ? (size_t)(p - s.at) : s.len;
}

bool str_holds_nocase(struct str s, struct str word)
{
	for (size_t at = 0; at + word.len <= s.len; at++)
		if (str_eq_nocase((struct str){ s.at + at, word.len }, word))
			return true;
	return false;
}

size_t str_rfind(struct str s, char c)
{
	for (size_t i = s.len; i > 0; i--)
		if (s.at[i - 1] == c)
			return i - 1;
	return s.len;
}

struct str str_cut(struct str *rest, char sep)
{
	size_t i = str_find(*rest, sep);
	struct str head = { rest->at, i };
	if (i == rest->len)
		*rest = (struct str){ NULL, 0 };
	else
		*rest = (struct str){ rest->at + i + 1, rest->len - i - 1 };
	return head;
}

struct str str_trim(struct str s)
{
	while (s.len && (s.at[0] == ' ' || s.at[0] == '\t'))
		s.at++, s.len--;
	while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}

bool str_u64(struct str s, uint64_t *out)
{
	uint64_t n = 0;
	bool huge = false;
	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned d = (unsigned char)s.at[i] - (unsigned)'0';
		if (d > 9)
			return false;
		huge = huge || n > (UINT64_MAX - d) / 10;
		n = huge ? UINT64_MAX : n * 10 + d;
	}
	*out = n;
	return true;
}

/* The length of the well-formed sequence at p, 0 when it is none. The table is RFC 3629 section 4. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
	unsigned char lo = 0x80, hi = 0xBF;
	size_t n;
	if (p[0] < 0x80)
		return p[0] != 0;
	if (p[0] >= 0xC2 && p[0] <= 0xDF)
		n = 2;
	else if (p[0] >= 0xE0 && p[0] <= 0xEF)
		n = 3;
	else if (p[0] >= 0xF0 && p[0] <= 0xF4)
		n = 4;
	else
		return 0;
	if (p[0] == 0xE0)
		lo = 0xA0;
	else if (p[0] == 0xED)
		hi = 0x9F;
	else if (p[0] == 0xF0)
		lo = 0x90;
	else if (p[0] == 0xF4)
		hi = 0x8F;
	if (left < n || p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (p[i] < 0x80 || p[i] > 0xBF)
			return 0;
	return n;
}

bool str_is_utf8(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.at;
	for (size_t i = 0; i < s.len;) {
		size_t n = utf8_sequence(p + i, s.len - i);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

bool str_is_visible(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] <= ' ' || s.at[i] > '~')
			return false;
	return true;
}

bool str_copy_z(char *out, size_t cap, struct str s)
{
	if (cap == 0)
		return false;
	out[0] = '\0';
	if (s.len >= cap || (s.len && memchr(s.at, '\0', s.len)))
		return false;
	if (s.len)
		memcpy(out, s.at, s.len);
	out[s.len] = '\0';
	return true;
}
