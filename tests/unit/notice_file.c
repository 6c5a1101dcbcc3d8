/* The file of the section notify: read as it was written, and whatever octet of it is another, it is not believed. */
#include "wire/notice_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct notice_head head = { { 0x0102030405060708, 9 }, 10000 };
static const struct notice_record joe = {
	.mailbox = { 5, 6 }, .told = 1700000000000, .told_full = 3, .stands = 80, .highest = 100, .full = true
};

static void test_as_written(void **state)
{
	char octets[NOTICE_HEAD_OCTETS];
	struct notice_head h;
	struct notice_record r;
	(void)state;
	notice_head_encode(octets, &head);
	assert_memory_equal(octets, "quotagate-notify\0\0\0\1\0\0\0\x30\0\0\0\0\0\0\x27\x10\1\2\3\4\5\6\7\10", 40);
	assert_true(notice_head_decode(&h, octets));
	assert_int_equal(h.records, head.records);
	assert_memory_equal(&h.key, &head.key, sizeof(h.key));
	notice_record_encode(octets, &joe, &head.key);
	assert_true(notice_record_decode(&r, octets, &head.key));
	assert_true(hash_eq(r.mailbox, joe.mailbox));
	assert_int_equal(r.told, joe.told);
	assert_int_equal(r.told_full, joe.told_full);
	assert_int_equal(r.stands, joe.stands);
	assert_int_equal(r.highest, joe.highest);
	assert_true(r.full);
	assert_false(notice_record_decode(&r, octets, &(struct hash_key){ 1, 9 }));
}

static void test_no_mailbox(void **state)
{
	static const char zeros[NOTICE_RECORD_OCTETS];
	const struct notice_record none = { .stands = 80 };
	char octets[NOTICE_RECORD_OCTETS];
	struct notice_record r = joe;
	(void)state;
	notice_record_encode(octets, &none, &head.key);
	assert_memory_equal(octets, zeros, sizeof(zeros));
	assert_true(notice_record_decode(&r, octets, &head.key));
	assert_true(hash_is_none(r.mailbox));
}

static void test_damage(void **state)
{
	char octets[NOTICE_HEAD_OCTETS];
	struct notice_head h;
	struct notice_record r;
	(void)state;
	notice_head_encode(octets, &head);
	for (size_t bit = 0; bit < 8 * NOTICE_HEAD_OCTETS; bit++) {
		octets[bit / 8] ^= (char)(1 << bit % 8);
		assert_false(notice_head_decode(&h, octets));
		octets[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_true(notice_head_decode(&h, octets));
	notice_record_encode(octets, &joe, &head.key);
	for (size_t bit = 0; bit < 8 * NOTICE_RECORD_OCTETS; bit++) {
		octets[bit / 8] ^= (char)(1 << bit % 8);
		assert_false(notice_record_decode(&r, octets, &head.key));
		octets[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_true(notice_record_decode(&r, octets, &head.key));
}

/* Well written, and yet it makes no sense. */
static void test_nonsense(void **state)
{
	struct notice_record wrong[] = { joe, joe, joe, joe };
	char octets[NOTICE_HEAD_OCTETS];
	struct notice_head h = { head.key, 0 };
	struct notice_record r;
	(void)state;
	notice_head_encode(octets, &h);
	assert_false(notice_head_decode(&h, octets));
	h.records = NOTICE_RECORDS_MAX + 1;
	notice_head_encode(octets, &h);
	assert_false(notice_head_decode(&h, octets));
	wrong[0].stands = 101;
	wrong[1].highest = 101;
	wrong[2].told = -1;
	wrong[3].told_full = INT64_MIN;
	for (size_t i = 0; i < 4; i++) {
		notice_record_encode(octets, &wrong[i], &head.key);
		assert_false(notice_record_decode(&r, octets, &head.key));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_written),
		cmocka_unit_test(test_no_mailbox),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_nonsense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
