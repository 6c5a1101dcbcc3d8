/*
 * Answers in a listener's own words: the section `words` of the fronts whose protocol leaves the answers to the
 * postmaster. Each front has its own table of rows, for each says something else where no word is set.
 */
#ifndef FRONT_WORDS_H
#define FRONT_WORDS_H

#include "base/opt.h"
#include "core/verdict.h"

#define WORDS_MAX_OCTETS 400

/* Null: not set. */
struct words {
	const char *pass, *full, *too_large, *unknown, *error;
};

/* A row of the section's table. */
#define WORDS_ROW(member, text)                                                                                        \
	{                                                                                                              \
		.name = #member, .type = OPT_STRING, .offset = offsetof(struct words, member), .check = words_check,   \
		.help = text                                                                                           \
	}

/* 1 to WORDS_MAX_OCTETS octets of printable UTF-8 on one line. */
bool words_check(struct str word, struct err *);

/* The word for this verdict, null when none is set: `too_large` goes with `full`, and an unknown mailbox or an error
   that passes goes with `pass`. */
const char *words_choose(const struct words *, const struct verdict *);

#endif
