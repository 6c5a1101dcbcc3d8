/*
 * The file of the section notify that outlives the daemon: who was told that his mailbox is nearly full. A head, and behind
 * it records of one size, each of one mailbox or of none. All numbers have their highest octet first.
 *
 *     head      "quotagate-notify", version (4), octets of a record (4), records (8), key (16), zeros (8), check (8)
 *     record    mailbox (16), when a mark was told (8), when a refusal was (8), mark it stands at (1), highest mark told
 *               (1), whether a refusal was told (1), zeros (5), check (8); of no mailbox: zeros
 *
 * The checks are SipHash, of the head with a key of zeros and of records with the file's own: they tell what was torn or
 * damaged, not what somebody wrote who could read the key.
 */
#ifndef WIRE_NOTICE_FILE_H
#define WIRE_NOTICE_FILE_H

#include "base/hash.h"
#include "base/time.h"

#define NOTICE_HEAD_OCTETS 64
#define NOTICE_RECORD_OCTETS 48
#define NOTICE_RECORDS_MAX 10000000

struct notice_head {
	struct hash_key key; /* also that of the mailboxes' hashes */
	uint64_t records; /* 1 to NOTICE_RECORDS_MAX */
};

struct notice_record {
	struct hash mailbox; /* none: an empty record */
	msec told, told_full; /* since 1970, not negative */
	uint8_t stands, highest; /* percent, at most 100 */
	bool full;
};

/* False: this is no head of ours. Reads NOTICE_HEAD_OCTETS. */
bool notice_head_decode(struct notice_head *, const char *octets);
void notice_head_encode(char *octets, const struct notice_head *);

/* False: it is damaged. Reads NOTICE_RECORD_OCTETS. */
bool notice_record_decode(struct notice_record *, const char *octets, const struct hash_key *);
void notice_record_encode(char *octets, const struct notice_record *, const struct hash_key *);

#endif
