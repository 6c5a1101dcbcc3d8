/*
 * Mail addresses in the internal form that MTAs hand on: `local@domain` without <>, the local part unquoted
 * (Postfix) or quoted (Exim, milter); RFC 5321 section 4.1.2, RFC 6531 for UTF-8 in both parts.
 */
#ifndef CORE_ADDRESS_H
#define CORE_ADDRESS_H

#include "core/mailbox.h"

enum fold {
	FOLD_ALL, /* ASCII letters of both parts become small */
	FOLD_DOMAIN,
	FOLD_NONE,
};

/* A parsed address keeps its own text, so it may be copied only with address_copy(). */
struct address {
	struct str whole; /* local@domain, or local alone */
	struct str local; /* unquoted, never empty */
	struct str domain; /* empty for a bare user name; no final dot */
	char text[ADDRESS_MAX + 1];
};

enum address_fault {
	ADDRESS_OK,
	ADDRESS_EMPTY,
	ADDRESS_TOO_LONG, /* local part above LOCAL_MAX or domain above DOMAIN_MAX octets */
	ADDRESS_CONTROL, /* NUL, another control character (U+0080 to U+009F as well), or ill-formed UTF-8 */
	ADDRESS_QUOTE, /* a quoted local part that does not end, or not before the @ */
	ADDRESS_DOMAIN, /* empty, an empty label, or other octets than letters, digits, - . _ [ ] : and UTF-8 */
};

/* Splits at the last @ that is not in quotes, takes quotes and backslashes of a quoted local part away, folds case. One
   pair of <> around the whole is taken away. After a fault the three slices of `out` are empty. */
enum address_fault address_parse(struct address *out, struct str in, enum fold fold);

/* The same address without what follows the first of `delimiters` in the local part. False when there is none, or
   nothing would stand before it. `out` may be `in`. */
bool address_base(struct address *out, const struct address *in, struct str delimiters);

void address_copy(struct address *out, const struct address *in);

/* For a log line: "ends within its quotes" and the like. */
const char *address_fault_text(enum address_fault);

#endif
