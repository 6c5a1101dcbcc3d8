/*
 * The file of who was told that his mailbox is nearly full. What is believed has one way to be written; what makes sense is
 * read as it was written, what makes none is not; and a changed octet is not believed.
 */
#include "wire/notice_file.h"
#include "fuzz.h"

#define WHOLE (NOTICE_HEAD_OCTETS + NOTICE_RECORD_OCTETS)

static uint64_t take(struct octets *in, size_t octets)
{
	struct str s = fuzz_take(in, octets);
	uint64_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n = n << 8 | (unsigned char)s.at[i];
	return n;
}

/* Octets of anybody's. */
static void read_any(const char *octets)
{
	char again[NOTICE_HEAD_OCTETS];
	struct notice_head head;
	struct notice_record r;
	if (notice_head_decode(&head, octets)) {
		notice_head_encode(again, &head);
		fuzz_require(memcmp(again, octets, NOTICE_HEAD_OCTETS) == 0, "a head has one form");
	}
	if (notice_record_decode(&r, octets + NOTICE_HEAD_OCTETS, &head.key)) {
		notice_record_encode(again, &r, &head.key);
		fuzz_require(
			memcmp(again, octets + NOTICE_HEAD_OCTETS, NOTICE_RECORD_OCTETS) == 0, "a record has one form");
	}
}

static void change(struct octets *in, char *octets, unsigned n)
{
	unsigned at = fuzz_choose(in, n);
	octets[at] ^= (char)(1 << fuzz_choose(in, 8));
}

static bool makes_sense(const struct notice_record *r)
{
	return hash_is_none(r->mailbox) || (r->told >= 0 && r->told_full >= 0 && r->stands <= 100 && r->highest <= 100);
}

static void write_head(struct octets *in)
{
	struct notice_head head;
	head.key.k0 = take(in, 8);
	head.key.k1 = take(in, 8);
	head.records = take(in, 4);
	char octets[NOTICE_HEAD_OCTETS];
	struct notice_head read;
	notice_head_encode(octets, &head);
	bool good = head.records > 0 && head.records <= NOTICE_RECORDS_MAX;
	fuzz_require(notice_head_decode(&read, octets) == good, "a head that makes sense is believed");
	fuzz_require(read.key.k0 == head.key.k0 && read.key.k1 == head.key.k1 && read.records == head.records,
		"as it was written");
	change(in, octets, sizeof(octets));
	fuzz_require(!notice_head_decode(&read, octets), "a changed head is not believed");
}

static void write_record(struct octets *in)
{
	struct hash_key key;
	struct notice_record r;
	key.k0 = take(in, 8);
	key.k1 = take(in, 8);
	r.mailbox.a = take(in, 8);
	r.mailbox.b = take(in, 8);
	r.told = (msec)take(in, 8);
	r.told_full = (msec)take(in, 8);
	r.stands = (uint8_t)take(in, 1);
	r.highest = (uint8_t)take(in, 1);
	r.full = fuzz_choose(in, 2);
	char octets[NOTICE_RECORD_OCTETS], again[NOTICE_RECORD_OCTETS];
	struct notice_record read;
	notice_record_encode(octets, &r, &key);
	bool good = notice_record_decode(&read, octets, &key);
	fuzz_require(good == makes_sense(&r), "a record that makes sense is believed");
	notice_record_encode(again, &read, &key);
	fuzz_require(!good || memcmp(again, octets, sizeof(octets)) == 0, "as it was written");
	change(in, octets, sizeof(octets));
	fuzz_require(!notice_record_decode(&read, octets, &key), "a changed record is not believed");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct octets in = OCTETS(data, size);
	char any[WHOLE] = { 0 };
	if (size)
		memcpy(any, data, size < WHOLE ? size : WHOLE);
	read_any(any);
	write_head(&in);
	write_record(&in);
	return 0;
}
