/*
 * The answer of a quota.cgi, and of quotagate's own front http, one line of text:
 *
 *   WORD " " u " " size " " quota [" " messages " " message-quota] [CR] [LF]
 *
 * WORD is OK or OVERQUOTA, u what was asked about, exactly as it was asked (it may hold blanks), the rest are decimal
 * numbers; a quota of 0 is none. A mailbox that is not known there is answered "OK u 0 0", as one without usage and quota
 * is, so that the two cannot be told apart.
 */
#ifndef WIRE_QUOTA_CGI_H
#define WIRE_QUOTA_CGI_H

#include "base/str.h"

struct quota_cgi {
	bool over; /* the server's own verdict, on an empty message */
	uint64_t usage, quota; /* octets, at most INT64_MAX; quota 0: none */
	uint32_t messages, message_quota; /* 0: not told, or none */
};

/* > 0: octets eaten, which is all of `in`; < 0: malformed, or an answer about somebody else than `asked`. */
int quota_cgi_decode(struct quota_cgi *, struct str in, struct str asked);

#endif
