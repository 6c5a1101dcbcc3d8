/*
 * The recipients of one message as a list, "a@x, b@y": commas between them, blanks around them are skipped, a comma in a
 * quoted local part is none. So Exim's $recipients tells them, and so fronts keep them until the message is here. Bounded,
 * without allocation.
 */
#ifndef CORE_RECIPIENTS_H
#define CORE_RECIPIENTS_H

#include "base/str.h"

#define RECIPIENTS_KEPT 2048 /* octets: some 70 of them */

struct recipients {
	size_t len;
	char text[RECIPIENTS_KEPT];
};

/* Appends one that is not there yet. One that finds no room, or could not be told from several, is left out. */
void recipients_keep(struct recipients *, struct str address);
/* It was refused after all. */
void recipients_drop(struct recipients *, struct str address);
void recipients_forget(struct recipients *);
struct str recipients_list(const struct recipients *);

/* Takes the first off the list. False at its end. Slices look into the list. */
bool recipients_next(struct str *address, struct str *rest);

/* The n-th, from 1; empty: there are not so many. */
struct str recipients_at(struct str list, size_t n);

#endif
