/*
 * libconfuse's tokens, read by the rules of its scanner, so that what we see is what it will see. Nothing here
 * allocates; tokens are slices of the text.
 */
#ifndef CONF_LEX_H
#define CONF_LEX_H

#include "base/str.h"

#define TOKEN_OCTETS_MAX 4096 /* of a word or a string; libconfuse grows its strings by 32 octets at a time */

enum token_kind {
	TOKEN_END,
	TOKEN_WORD, /* without quotes */
	TOKEN_STRING, /* raw holds the quotes */
	TOKEN_EQUALS, /* = or += */
	TOKEN_OPEN, /* { */
	TOKEN_CLOSE, /* } */
	TOKEN_LEFT, /* ( */
	TOKEN_RIGHT, /* ) */
	TOKEN_COMMA,
	TOKEN_BROKEN, /* no token can be told from here on: `wrong` says why */
};

struct token {
	enum token_kind kind;
	struct str raw;
	int line; /* on which it begins */
	const char *wrong; /* null: nothing. Otherwise raw is an empty string in quotes, to go on with */
};

struct lexer {
	struct str rest;
	int line;
};

struct token lex_next(struct lexer *lex);

#endif
