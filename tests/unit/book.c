/* The book of directories' answers: what it keeps, for how many, and who makes room. */
#include "core/book.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct hash key_of(unsigned n)
{
	return (struct hash){ n, 7 };
}

static struct book *make(size_t entries, size_t octets)
{
	struct book *b = book_new(entries, octets);
	assert_non_null(b);
	return b;
}

static void put(struct book *b, unsigned n, const char *targets)
{
	book_put(b, key_of(n), LISTING_TARGETS, str_of(targets), (msec)n);
}

/* Exactly these numbers are in the book, and are asked for in this order. */
static void holds(struct book *b, const char *digits)
{
	assert_int_equal(book_count(b), strlen(digits));
	for (; *digits; digits++)
		assert_non_null(book_find(b, key_of((unsigned)(*digits - '0'))));
}

static void answers_come_back(void **state)
{
	(void)state;
	const struct {
		enum listing listing;
		struct str targets;
		msec taken;
	} cases[] = {
		{ LISTING_NOT_OURS, STR(""), 0 },
		{ LISTING_NO_ADDRESS, STR(""), 1 },
		{ LISTING_UNLISTED, STR(""), 2 },
		{ LISTING_TARGETS, STR("a record\0with a zero"), INT64_MAX },
	};
	struct book *b = make(10, 10000);
	for (unsigned i = 0; i < COUNT(cases); i++)
		book_put(b, key_of(i), cases[i].listing, cases[i].targets, cases[i].taken);
	assert_int_equal(book_count(b), COUNT(cases));
	for (unsigned i = 0; i < COUNT(cases); i++) {
		const struct book_entry *e = book_find(b, key_of(i));
		assert_non_null(e);
		assert_int_equal(e->listing, cases[i].listing);
		assert_true(e->taken == cases[i].taken);
		assert_true(str_eq((struct str){ e->targets, e->len }, cases[i].targets));
	}
	assert_null(book_find(b, key_of(COUNT(cases))));
	assert_null(book_find(b, (struct hash){ 0, 8 })); /* of the same chain */
	book_free(b);
	book_free(NULL);
}

static void keeps_a_copy(void **state)
{
	(void)state;
	struct book *b = make(2, 1000);
	char *record = malloc(3);
	assert_non_null(record);
	memcpy(record, "abc", 3);
	book_put(b, key_of(1), LISTING_TARGETS, (struct str){ record, 3 }, 1);
	memset(record, 'x', 3);
	free(record);
	assert_memory_equal(book_find(b, key_of(1))->targets, "abc", 3);
	book_free(b);
}

static void bounded_in_number(void **state)
{
	(void)state;
	struct book *b = make(3, 100000);
	put(b, 1, "one"), put(b, 2, "two"), put(b, 3, "three");
	holds(b, "123");
	put(b, 4, "four");
	assert_null(book_find(b, key_of(1)));
	holds(b, "234");
	for (unsigned i = 0; i < 1000; i++)
		put(b, 100 + i, "many");
	assert_int_equal(book_count(b), 3);
	book_free(b);
	b = make(1, 100000);
	put(b, 1, "one"), put(b, 2, "two");
	holds(b, "2");
	book_free(b);
}

static void longest_unused_goes(void **state)
{
	(void)state;
	struct book *b = make(3, 100000);
	put(b, 1, "one"), put(b, 2, "two"), put(b, 3, "three");
	assert_non_null(book_find(b, key_of(1)));
	put(b, 4, "four"); /* 2 was not asked for the longest */
	assert_null(book_find(b, key_of(2)));
	holds(b, "314");
	put(b, 3, "replaced"); /* a new answer is a use */
	put(b, 5, "five");
	assert_null(book_find(b, key_of(1)));
	holds(b, "435");
	book_free(b);
}

static void bounded_in_octets(void **state)
{
	(void)state;
	const size_t own = sizeof(struct book_entry);
	char ten[11] = "0123456789";
	struct book *b = make(100, 3 * (own + 10));
	put(b, 1, ten), put(b, 2, ten), put(b, 3, ten);
	holds(b, "123");
	put(b, 4, "");
	holds(b, "234"); /* one octet too many is enough */
	put(b, 5, ten), put(b, 6, ten);
	holds(b, "456");
	book_free(b);
	/* A large one puts out as many as it takes, one that is larger than the book none. */
	char *large = calloc(1, 3 * (own + 10) + 1);
	assert_non_null(large);
	b = make(100, 3 * (own + 10));
	put(b, 1, ten), put(b, 2, ten), put(b, 3, ten);
	book_put(b, key_of(4), LISTING_TARGETS, (struct str){ large, 2 * (own + 10) - own }, 1);
	holds(b, "34");
	book_put(b, key_of(5), LISTING_TARGETS, (struct str){ large, 3 * (own + 10) - own + 1 }, 1);
	holds(b, "34");
	book_put(b, key_of(5), LISTING_TARGETS, (struct str){ large, 3 * (own + 10) - own }, 1);
	holds(b, "5");
	/* Then what was known under its key is not true any more either. */
	book_put(b, key_of(5), LISTING_TARGETS, (struct str){ large, 3 * (own + 10) - own + 1 }, 1);
	holds(b, "");
	book_free(b);
	b = make(100, 0);
	put(b, 1, "");
	holds(b, "");
	book_free(b);
	free(large);
}

static void replaced_answers(void **state)
{
	(void)state;
	const size_t own = sizeof(struct book_entry);
	struct book *b = make(2, 2 * (own + 8));
	put(b, 1, "12345678"), put(b, 2, "abcdefgh");
	for (unsigned i = 0; i < 100; i++) {
		book_put(b, key_of(1), LISTING_TARGETS, i % 2 ? STR("87654321") : STR(""), (msec)i);
		holds(b, "21"); /* in its own place: nobody makes room */
	}
	book_put(b, key_of(1), LISTING_NO_ADDRESS, STR(""), 500);
	const struct book_entry *e = book_find(b, key_of(1));
	assert_int_equal(e->listing, LISTING_NO_ADDRESS);
	assert_int_equal(e->len, 0);
	assert_true(e->taken == 500);
	book_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_come_back),
		cmocka_unit_test(keeps_a_copy),
		cmocka_unit_test(bounded_in_number),
		cmocka_unit_test(longest_unused_goes),
		cmocka_unit_test(bounded_in_octets),
		cmocka_unit_test(replaced_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
