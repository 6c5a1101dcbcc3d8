/* Why a set-up step failed: one sentence for the postmaster, without a final full stop or newline. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

struct err {
	char text[512];
};

/* Stores the sentence (cut to fit) and returns false, so that `return err_set(err, ...)` ends a failed step.
   `err` may be null. */
__attribute__((format(printf, 2, 3))) bool err_set(struct err *err, const char *format, ...);

#endif
