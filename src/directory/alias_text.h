/*
 * One line of a table of aliases, and the targets it names.
 *	virtual(5)	key target, target	the key: user@domain, @domain, user
 *	aliases(5)	key: target, target	the key: user, in quotes if need be
 * Targets stand between commas or blanks; quotes keep blanks together: "|command", :include:/path, "john smith"@domain.
 * Never allocates.
 */
#ifndef DIRECTORY_ALIAS_TEXT_H
#define DIRECTORY_ALIAS_TEXT_H

#include "core/address.h"

enum alias_form {
	ALIAS_VIRTUAL, /* virtual(5) */
	ALIAS_SYSTEM, /* aliases(5) */
};

/* Splits a logical line. Null, or why the line is none of its form. */
const char *alias_split(struct str line, enum alias_form, struct str *key, struct str *value);

/* Writes a key as questions are asked: unquoted, small letters; *out is `text` and fits. Null, or what is wrong. */
const char *alias_key(struct str key, struct address *text, struct str *out);

enum alias_kind {
	ALIAS_ADDRESS,
	ALIAS_FINAL, /* \user: a mailbox, not to be looked up as an alias again */
	ALIAS_INCLUDE, /* :include:PATH; the text is the path */
	ALIAS_ELSEWHERE, /* |command, /file, :fail: and the like */
};

struct alias_target {
	enum alias_kind kind;
	struct str text; /* without the quotes around all of it; never empty for an address */
};

/* Takes the next target off the value; false at its end. */
bool alias_next(struct str *value, struct alias_target *);

#endif
