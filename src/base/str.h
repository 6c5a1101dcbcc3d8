/*
 * A slice: octets that belong to somebody else, not NUL-terminated, any octet allowed.
 * Nothing here allocates; a slice is valid as long as the buffer it looks into.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *at;
	size_t len; /* octets */
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })

static inline struct str str_of(const char *z)
{
	return (struct str){ z, z ? strlen(z) : 0 };
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline bool str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.at, prefix.at, prefix.len) == 0);
}

/* The slice from octet `from` on, empty when there is none. To a null `at` nothing is added, not even 0: C has no such sum. */
static inline struct str str_from(struct str s, size_t from)
{
	size_t n = from < s.len ? from : s.len;
	return n ? (struct str){ s.at + n, s.len - n } : s;
}

/* ASCII letters compare without case; every other octet as it is. */
bool str_eq_nocase(struct str a, struct str b);

/* The index of the first (last) `c`, or s.len when there is none. */
size_t str_find(struct str s, char c);
size_t str_rfind(struct str s, char c);

/* Does `word` stand somewhere in s? The case of ASCII letters does not count. */
bool str_holds_nocase(struct str s, struct str word);

/* Cuts *rest at the first `sep` and returns what stood before it; the separator is dropped. Without one, all of *rest
   is returned and *rest becomes empty with a null `at`, so `while (rest.at)` walks every field, empty ones too. */
struct str str_cut(struct str *rest, char sep);

/* Without the blanks and tabs at both ends. */
struct str str_trim(struct str s);

/* An unsigned decimal number of one digit or more and nothing else. False when it is not one. A number above
   UINT64_MAX becomes UINT64_MAX. */
bool str_u64(struct str s, uint64_t *out);

/* True when s is made of printable characters of ASCII, without a blank (VCHAR of RFC 5234). */
bool str_is_visible(struct str s);

/* True when s is well-formed UTF-8 (RFC 3629) without NUL. */
bool str_is_utf8(struct str s);

/* Copies s and a NUL into out; false, with out empty, when s does not fit or holds a NUL. */
bool str_copy_z(char *out, size_t cap, struct str s);

#endif
