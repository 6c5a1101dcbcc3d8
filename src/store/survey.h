/*
 * A look at a few Maildirs, for `quotagate config`: who writes their maildirsize? Bounded in depth and number, as the
 * user who calls it; what cannot be read is passed over.
 */
#ifndef STORE_SURVEY_H
#define STORE_SURVEY_H

#include "base/buf.h"

struct survey {
	unsigned seen; /* maildirsize files read */
	unsigned foreign; /* of these, not written by Courier's hand */
	char example[512]; /* the first of them */
};

/* Any name fits a part of the template that holds a variable. Of a template that begins with %h nothing is seen. */
void survey_maildirs(struct survey *, struct str template);

#endif
