/* What the names of messages tell, and the memory of earlier counts. */
#include "store/recount.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_size_of_name(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		bool named;
		uint64_t octets;
	} rows[] = {
		{ "1700000000.M1P2.host,S=100:2,S", true, 100 }, /* Courier, Exim */
		{ "1700000000.M1P2.host,S=100,W=103:2,S", true, 100 }, /* Dovecot */
		{ "1.a,W=103,S=100", true, 100 },
		{ "1.a,S=0", true, 0 },
		{ "1.a,S=1,S=2:2,", true, 2 },
		{ "1.a:2,,S=100", false, 0 },
		{ "1.a,S=100x:2,", false, 0 },
		{ "1.a,S=:2,", false, 0 },
		{ "1.a,S=-1:2,", false, 0 },
		{ "1.a,s=100:2,", false, 0 },
		{ ",S=", false, 0 },
		{ ",S", false, 0 },
		{ "", false, 0 },
		{ "1.a,S=99999999999999999999999:2,", true, UINT64_MAX },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t octets = 0;
		assert_int_equal(recount_size_of_name(rows[i].name, &octets), rows[i].named);
		if (rows[i].named)
			assert_int_equal(octets, rows[i].octets);
	}
}

static void test_is_trashed(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		bool trashed;
	} rows[] = {
		{ "1.a:2,T", true },
		{ "1.a,S=5:2,FRST", true },
		{ "1.a:2,STab", true },
		{ "1.a:2,S", false },
		{ "1.a:2,", false },
		{ "1.a:2,aT", false },
		{ "1.T:1,T", false },
		{ "T", false },
		{ "", false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(recount_is_trashed(rows[i].name), rows[i].trashed);
}

static struct recount_print print_of(uint64_t mailbox, uint64_t settled)
{
	return (struct recount_print){ { mailbox, 1 }, { 7, 7 }, settled };
}

static void test_memory(void **state)
{
	(void)state;
	struct recount_memory *m = recount_memory_new();
	struct recount_sum sum;
	struct recount_print print = print_of(1, false);
	assert_false(recount_memory_get(m, &print, &sum));
	recount_memory_put(m, &print, (struct recount_sum){ 10, 1 });
	assert_false(recount_memory_get(m, &print, &sum));
	print.settled = true;
	recount_memory_put(m, &print, (struct recount_sum){ 10, 1 });
	assert_true(recount_memory_get(m, &print, &sum));
	assert_int_equal(sum.octets, 10);
	assert_int_equal(sum.messages, 1);
	print.state.a++;
	assert_false(recount_memory_get(m, &print, &sum));
	recount_memory_put(m, &print, (struct recount_sum){ 20, 2 });
	assert_true(recount_memory_get(m, &print, &sum));
	assert_int_equal(sum.octets, 20);
	recount_memory_free(m);
}

/* However many mailboxes come by, the one that is used stays, and none is taken for another. */
static void test_memory_is_bounded(void **state)
{
	(void)state;
	struct recount_memory *m = recount_memory_new();
	struct recount_sum sum;
	struct recount_print kept = print_of(0, true);
	unsigned found = 0;
	recount_memory_put(m, &kept, (struct recount_sum){ 0, 1 });
	for (uint64_t i = 1; i < 100000; i++) {
		struct recount_print print = print_of(i, true);
		recount_memory_put(m, &print, (struct recount_sum){ i, 1 });
		assert_true(recount_memory_get(m, &kept, &sum));
	}
	for (uint64_t i = 0; i < 100000; i++) {
		struct recount_print print = print_of(i, true);
		if (recount_memory_get(m, &print, &sum)) {
			found++;
			assert_int_equal(sum.octets, i);
		}
	}
	assert_int_equal(found, 4096);
	recount_memory_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size_of_name),
		cmocka_unit_test(test_is_trashed),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_memory_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
