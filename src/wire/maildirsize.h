/*
 * The file `maildirsize` of a Maildir++, as every writer of it writes it (README.maildirquota of courier):
 *
 *   file  = line1 LF *( delta LF )
 *   line1 = [ limit *( "," limit ) ]      limit = digits "S" (octets) / digits "C" (messages) / digits (octets: vpopmail)
 *   delta = octets 1*blank messages       signed decimal, blanks and tabs around them; the totals are the sums
 *
 * Pure: it looks at the octets that were read and at nothing else. Whether a file is too old to be believed is the
 * store's business.
 */
#ifndef WIRE_MAILDIRSIZE_H
#define WIRE_MAILDIRSIZE_H

#include "base/str.h"

/* A file of this many octets or more is to be counted anew: its totals are not believed, its first line is. */
#define MAILDIRSIZE_MAX 5120

struct maildirsize {
	uint64_t limit; /* octets; 0: none named. More than INT64_MAX becomes that */
	uint32_t message_limit; /* 0: none named */
	uint64_t usage; /* octets; 0 when not valid */
	uint32_t messages;
	unsigned lines; /* data lines, the unfinished one not counted */
	bool valid; /* usage and messages are the file's totals */
	bool foreign; /* some line is not as Courier writes it: another program delivers here, with a rule of its own */
	const char *why; /* not valid: what is wrong, for a note; else null */
};

/* Reads the first octets of a file, at most MAILDIRSIZE_MAX of them (what stands behind is not looked at). Never fails:
   a file that makes no sense has no limits and is not valid.
    - Unknown letters and other text on line 1 are passed over; of two limits of one kind the last one counts.
    - A last data line without LF is still being written and is passed over (Dovecot does so too; half a number is
      worse than none). Line 1 may lack it: somebody wrote it by hand.
    - A NUL anywhere: broken, no limits either. A data line that is none, no data line at all, a negative total, sums
      beyond 63 bits, MAILDIRSIZE_MAX octets: not valid, but the limits hold.
    - vpopmail writes negative numbers as unsigned ones: 2^63 and above mean the number less 2^64. */
void maildirsize_decode(struct maildirsize *out, struct str in);

#endif
