/*
 * What a client says and hears that asks an IMAP server for quotas (RFC 9208, in the grammar of RFC 3501):
 *
 *   C: q1 GETQUOTAROOT "user/joe"
 *   S: * QUOTAROOT user/joe user/joe                       the mailbox, and what it counts towards; perhaps nothing
 *   S: * QUOTA user/joe (STORAGE 10 512 MESSAGE 3 1000)    used and allowed: units of 1024 octets, messages
 *   S: q1 OK Completed
 *
 * Names may be atoms, quoted strings or literals, resources stand in any order, and those that are not known are passed
 * over. Slices look into the input; nothing is copied or allocated.
 */
#ifndef WIRE_IMAP_QUOTA_H
#define WIRE_IMAP_QUOTA_H

#include "base/buf.h"

#include <sys/types.h>

enum imap_kind {
	IMAP_OTHER, /* without a tag, and nothing of the below */
	IMAP_QUOTAROOT,
	IMAP_QUOTA,
	IMAP_BYE,
	IMAP_CONTINUE, /* the server waits for more of a command */
	IMAP_OK, /* this and the following have a tag, and end a command */
	IMAP_NO,
	IMAP_BAD,
};

struct imap_resource {
	bool limited;
	uint64_t usage, limit; /* at most INT64_MAX, as in RFC 9208; a larger number is that */
};

struct imap_response {
	enum imap_kind kind;
	struct str tag; /* of IMAP_OK, IMAP_NO and IMAP_BAD */
	struct str line; /* of these and of IMAP_BYE: from the word on, "NO [NONEXISTENT] No such mailbox" */
	struct str code,
		text; /* the same, taken apart: what stood in brackets, perhaps nothing, and what stands behind */
	size_t roots; /* of IMAP_QUOTAROOT: how many */
	struct str
		names; /* of IMAP_QUOTAROOT: those of the roots, of IMAP_QUOTA: that of its root; as they were written */
	struct imap_resource storage, messages; /* of IMAP_QUOTA; storage in units of 1024 octets */
};

/* Of two limits that both hold, *r becomes the one that leaves less room. One that is not limited leaves all. */
void imap_resource_merge(struct imap_resource *r, const struct imap_resource *);

/* Takes the next name off *names, and appends it as it is meant, without quotes. False: there is none left. */
bool imap_root_take(struct str *names, struct buf *out);

/* > 0: octets of the response; 0: more is needed; < 0: malformed. */
ssize_t imap_response_decode(struct imap_response *, struct str in);

/* Writes the line that asks for the quota roots of a mailbox, whose name is UTF-8, or GETQUOTA of a root. False, with
   nothing written, when the name is not well-formed. */
bool imap_getquotaroot_encode(struct buf *out, struct str tag, struct str mailbox);
bool imap_getquota_encode(struct buf *out, struct str tag, struct str root);

#endif
