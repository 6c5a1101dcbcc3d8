/* Limits as directories and databases write them: 200M, 1g, 4096; 0, "-", "none" and "unlimited" mean that there is no
   limit (0). */
#ifndef BASE_LIMIT_TEXT_H
#define BASE_LIMIT_TEXT_H

#include "base/str.h"

/* Octets: a number with a suffix k, M, G or T (powers of 1024, either case, perhaps with B or iB behind); without one it
   counts in `unit`s. False when it is none, or too large. */
bool limit_octets(struct str, uint64_t unit, uint64_t *out);

bool limit_messages(struct str, uint32_t *out);

#endif
