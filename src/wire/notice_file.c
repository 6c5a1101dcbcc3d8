#include "wire/notice_file.h"

#include <string.h>

#define VERSION 1
#define CHECK_OCTETS 8
#define HEAD_ZEROS 8
#define RECORD_ZEROS 5
#define PERCENT_MAX 100

static const char magic[16] = { 'q', 'u', 'o', 't', 'a', 'g', 'a', 't', 'e', '-', 'n', 'o', 't', 'i', 'f', 'y' };
static const char zeros[NOTICE_RECORD_OCTETS];

/* ---- numbers ---- */

static uint64_t get(const char **at, int octets)
{
	uint64_t n = 0;
	while (octets--)
		n = n << 8 | (unsigned char)*(*at)++;
	return n;
}

static void put(char **at, uint64_t n, int octets)
{
	while (octets--)
		*(*at)++ = (char)(n >> (8 * octets));
}

static bool get_zeros(const char **at, size_t n)
{
	*at += n;
	return memcmp(*at - n, zeros, n) == 0;
}

static void put_zeros(char **at, size_t n)
{
	memset(*at, 0, n);
	*at += n;
}

/* Of all that stands before it. */
static uint64_t check_of(const char *octets, size_t len, const struct hash_key *key)
{
	return hash_of(key, octets, len - CHECK_OCTETS).a;
}

/* ---- the head ---- */

bool notice_head_decode(struct notice_head *out, const char *octets)
{
	const struct hash_key none = { 0, 0 };
	const char *at = octets + sizeof(magic);
	bool known = memcmp(octets, magic, sizeof(magic)) == 0;
	known = get(&at, 4) == VERSION && known;
	known = get(&at, 4) == NOTICE_RECORD_OCTETS && known;
	out->records = get(&at, 8);
	out->key.k0 = get(&at, 8);
	out->key.k1 = get(&at, 8);
	known = get_zeros(&at, HEAD_ZEROS) && known;
	known = get(&at, CHECK_OCTETS) == check_of(octets, NOTICE_HEAD_OCTETS, &none) && known;
	return known && out->records > 0 && out->records <= NOTICE_RECORDS_MAX;
}

void notice_head_encode(char *octets, const struct notice_head *head)
{
	const struct hash_key none = { 0, 0 };
	char *at = octets + sizeof(magic);
	memcpy(octets, magic, sizeof(magic));
	put(&at, VERSION, 4);
	put(&at, NOTICE_RECORD_OCTETS, 4);
	put(&at, head->records, 8);
	put(&at, head->key.k0, 8);
	put(&at, head->key.k1, 8);
	put_zeros(&at, HEAD_ZEROS);
	put(&at, check_of(octets, NOTICE_HEAD_OCTETS, &none), CHECK_OCTETS);
}

/* ---- records ---- */

bool notice_record_decode(struct notice_record *out, const char *octets, const struct hash_key *key)
{
	const char *at = octets;
	*out = (struct notice_record){ .stands = 0 };
	if (memcmp(octets, zeros, NOTICE_RECORD_OCTETS) == 0)
		return true;
	out->mailbox.a = get(&at, 8);
	out->mailbox.b = get(&at, 8);
	uint64_t told = get(&at, 8), told_full = get(&at, 8);
	out->told = (msec)told;
	out->told_full = (msec)told_full;
	out->stands = (uint8_t)get(&at, 1);
	out->highest = (uint8_t)get(&at, 1);
	uint64_t full = get(&at, 1);
	out->full = full;
	return get_zeros(&at, RECORD_ZEROS) && get(&at, CHECK_OCTETS) == check_of(octets, NOTICE_RECORD_OCTETS, key) &&
	       !hash_is_none(out->mailbox) && told <= INT64_MAX && told_full <= INT64_MAX &&
	       out->stands <= PERCENT_MAX && out->highest <= PERCENT_MAX && full <= 1;
}

void notice_record_encode(char *octets, const struct notice_record *is, const struct hash_key *key)
{
	char *at = octets;
	if (hash_is_none(is->mailbox)) {
		put_zeros(&at, NOTICE_RECORD_OCTETS);
		return;
	}
	put(&at, is->mailbox.a, 8);
	put(&at, is->mailbox.b, 8);
	put(&at, (uint64_t)is->told, 8);
	put(&at, (uint64_t)is->told_full, 8);
	put(&at, is->stands, 1);
	put(&at, is->highest, 1);
	put(&at, is->full, 1);
	put_zeros(&at, RECORD_ZEROS);
	put(&at, check_of(octets, NOTICE_RECORD_OCTETS, key), CHECK_OCTETS);
}
