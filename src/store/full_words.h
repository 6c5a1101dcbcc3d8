/*
 * The words by which a server says that a mailbox is full, where nothing else in its answer does: an option of stores that
 * are given answers made for people.
 */
#ifndef STORE_FULL_WORDS_H
#define STORE_FULL_WORDS_H

#include "base/opt.h"

/* For `check` of such an option: a word may hold blanks, but not be empty. */
bool full_words_check(struct str word, struct err *);

/* Does the text hold one of them? Case does not count. */
bool full_words_hold(const struct opt_list *words, struct str text);

#endif
