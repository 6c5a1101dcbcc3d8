/* The table of mailboxes: what it keeps of facts, whom it puts out, and what a mailbox costs. */
#include "core/cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct hash key_of(const char *kind, unsigned n)
{
	static const struct hash_key key = { 1, 2 };
	char name[32];
	int len = snprintf(name, sizeof(name), "%s%u", kind, n);
	return hash_of(&key, name, (size_t)len);
}

static void mailbox_costs_at_most_148_octets(void **state)
{
	(void)state;
	assert_true(sizeof(struct entry) + sizeof(uint32_t) <= 148);
	assert_int_equal(sizeof(struct tally), 72);
}

static void facts_come_back_as_they_went_in(void **state)
{
	(void)state;
	static const struct facts cases[] = {
		{ .state = FACTS_FOUND },
		{ .state = FACTS_FAILED },
		{ .state = FACTS_NO_MAILBOX, .taken = 1 },
		{ .state = FACTS_NOT_OURS, .firm = true, .taken = UINT32_MAX },
		{ .state = FACTS_FOUND, .taken = (msec)UINT32_MAX + 1 },
		{ .state = FACTS_FOUND, .taken = (INT64_C(1) << 40) - 1 },
		{ .state = FACTS_FOUND,
			.firm = true,
			.foreign = true,
			.source = SOURCE_STAT,
			.messages = UINT32_MAX,
			.message_limit = UINT32_MAX,
			.usage = UINT64_MAX,
			.limit = UINT64_MAX,
			.full_since = 77000 },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct facts *in = &cases[i];
		struct entry e = { .wanted = true };
		entry_set_facts(&e, in);
		struct facts out = entry_facts(&e);
		assert_int_equal(out.state, in->state);
		assert_int_equal(out.source, in->source);
		assert_int_equal(out.firm, in->firm);
		assert_int_equal(out.foreign, in->foreign);
		assert_int_equal(out.messages, in->messages);
		assert_int_equal(out.message_limit, in->message_limit);
		assert_true(out.usage == in->usage && out.limit == in->limit);
		assert_true(out.taken == in->taken && out.full_since == in->full_since);
		assert_true(e.wanted);
	}
}

static void mailboxes_are_found_again(void **state)
{
	(void)state;
	static const size_t sizes[] = { 1, 2, 7, 1000 };
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct cache *c = cache_new(sizes[i]);
		assert_null(cache_find(c, key_of("user", 0)));
		for (unsigned n = 0; n < sizes[i]; n++)
			cache_make(c, key_of("user", n), 0)->usage = n;
		assert_int_equal(cache_count(c), sizes[i]);
		for (unsigned n = 0; n < sizes[i]; n++) {
			struct entry *e = cache_find(c, key_of("user", n));
			assert_int_equal(e->usage, n);
			assert_ptr_equal(e, cache_make(c, key_of("user", n), 0));
			assert_ptr_equal(e, cache_at(c, cache_index(c, e)));
		}
		assert_null(cache_find(c, key_of("user", (unsigned)sizes[i])));
		assert_int_equal(cache_evicted(c), 0);
		cache_free(c);
	}
}

static void unwanted_are_put_out_first(void **state)
{
	(void)state;
	struct cache *c = cache_new(4);
	for (unsigned n = 0; n < 4; n++)
		cache_make(c, key_of("user", n), 0)->usage = 100 + n;
	cache_find(c, key_of("user", 0));
	cache_find(c, key_of("user", 2));
	struct entry *new = cache_make(c, key_of("new", 0), 0);
	assert_int_equal(new->usage, 0);
	assert_int_equal(cache_evicted(c), 1);
	assert_null(cache_find(c, key_of("user", 1)));
	assert_non_null(cache_find(c, key_of("user", 0)));
	assert_non_null(cache_find(c, key_of("user", 2)));
	assert_non_null(cache_find(c, key_of("user", 3)));
	assert_int_equal(cache_count(c), 4);
	cache_free(c);
}

/* That all were asked for since the hand came by is no reason to remember nothing. */
static void there_is_a_place_when_all_are_wanted(void **state)
{
	(void)state;
	struct cache *c = cache_new(1000);
	for (unsigned n = 0; n < 1000; n++) {
		cache_make(c, key_of("user", n), 0);
		cache_find(c, key_of("user", n));
	}
	for (unsigned n = 0; n < 1000; n++) {
		assert_non_null(cache_make(c, key_of("new", n), 0));
		assert_non_null(cache_find(c, key_of("new", n)));
	}
	cache_free(c);
}

static void rule_5_a_mailbox_with_charges_is_not_evicted(void **state)
{
	(void)state;
	struct cache *c = cache_new(3);
	tally_open(&cache_make(c, key_of("open", 0), 0)->tally, 10);
	tally_end(&cache_make(c, key_of("ended", 0), 0)->tally, (struct charge){ 10, 1 }, 100, 60);
	cache_make(c, key_of("plain", 0), 0);
	for (unsigned n = 0; n < 100; n++)
		assert_non_null(cache_make(c, key_of("new", n), 100));
	assert_int_equal(tally_sum(&cache_find(c, key_of("open", 0))->tally).octets, 10);
	assert_int_equal(tally_sum(&cache_find(c, key_of("ended", 0))->tally).octets, 10);
	/* A look-up now would drop them. */
	for (unsigned n = 0; n < 100; n++)
		assert_non_null(cache_make(c, key_of("newer", n), 101));
	assert_null(cache_find(c, key_of("ended", 0)));
	assert_non_null(cache_find(c, key_of("open", 0)));
	cache_free(c);
}

static void no_place_when_all_hold_charges(void **state)
{
	(void)state;
	struct cache *c = cache_new(3);
	for (unsigned n = 0; n < 3; n++)
		tally_open(&cache_make(c, key_of("user", n), 0)->tally, 1);
	assert_null(cache_make(c, key_of("new", 0), 0));
	assert_non_null(cache_make(c, key_of("user", 1), 0));
	assert_int_equal(cache_evicted(c), 0);
	tally_unopen(&cache_find(c, key_of("user", 1))->tally, 1);
	assert_non_null(cache_make(c, key_of("new", 0), 0));
	assert_null(cache_find(c, key_of("user", 1)));
	cache_free(c);
}

static void evicted_place_is_empty_again(void **state)
{
	(void)state;
	struct cache *c = cache_new(1);
	struct entry *e = cache_make(c, key_of("user", 0), 0);
	entry_set_facts(e, &(struct facts){ .state = FACTS_FOUND, .usage = 5, .full_since = 9000, .taken = 7 });
	tally_end(&e->tally, (struct charge){ 10, 1 }, 5, 60);
	e = cache_make(c, key_of("user", 1), 6);
	assert_int_equal(entry_facts(e).state, FACTS_FAILED);
	assert_int_equal(entry_facts(e).full_since, 0);
	assert_int_equal(tally_sum(&e->tally).messages, 0);
	cache_free(c);
}

/* A stranger tries a million names; 1000 users go on getting mail, each of them once in 1000 tries. */
static void scan_does_not_push_out_the_regular(void **state)
{
	(void)state;
	struct cache *c = cache_new(3000);
	unsigned lost = 0;
	for (unsigned n = 0; n < 1000; n++)
		cache_make(c, key_of("regular", n), 0);
	for (unsigned n = 0; n < 1000000; n++) {
		assert_non_null(cache_make(c, key_of("unknown", n), 0));
		if (!cache_find(c, key_of("regular", n % 1000))) {
			cache_make(c, key_of("regular", n % 1000), 0);
			lost++;
		}
	}
	assert_int_equal(lost, 0);
	assert_int_equal(cache_count(c), 3000);
	cache_free(c);
}

/* The greatest numbers that fit into an entry stand for any; nothing that was lent becomes that. */
static void a_loan_lets_in_what_was_lent(void **state)
{
	(void)state;
	static const struct {
		struct loan loan;
		struct charge charge;
		msec now;
		bool may;
	} cases[] = {
		{ { 7, 3, 4096, 0 }, { 4096, 3 }, 9999, true },
		{ { 7, 3, 4096, 0 }, { 4097, 3 }, 9999, false },
		{ { 7, 3, 4096, 0 }, { 4096, 4 }, 9999, false },
		{ { 7, 3, 4096, 0 }, { 4096, 3 }, 10000, false },
		{ { 0, 3, 4096, 0 }, { 1, 1 }, 0, false },
		{ { 7, 3, 4097, 0 }, { 4097, 3 }, 0, false },
		{ { 7, 3, UINT64_MAX, 0 }, { UINT64_MAX, 3 }, 0, true },
		{ { 7, 3, UINT64_MAX - 1, 0 }, { UINT64_MAX, 3 }, 0, false },
		{ { 7, 3, UINT64_C(1) << 42, 0 }, { UINT64_C(1) << 42, 3 }, 0, false },
		{ { 7, UINT32_MAX, 4096, 0 }, { 4096, UINT32_MAX }, 0, true },
		{ { 7, UINT32_MAX - 1, 4096, 0 }, { 4096, 65535 }, 0, false },
		{ { 7, 65535, 4096, 0 }, { 4096, 65536 }, 0, false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct entry e = { 0 };
		entry_set_loan(&e, &cases[i].loan, SECONDS(10));
		assert_int_equal(entry_may_let_in(&e, cases[i].charge, cases[i].now), cases[i].may);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mailbox_costs_at_most_148_octets),
		cmocka_unit_test(facts_come_back_as_they_went_in),
		cmocka_unit_test(mailboxes_are_found_again),
		cmocka_unit_test(unwanted_are_put_out_first),
		cmocka_unit_test(there_is_a_place_when_all_are_wanted),
		cmocka_unit_test(rule_5_a_mailbox_with_charges_is_not_evicted),
		cmocka_unit_test(no_place_when_all_hold_charges),
		cmocka_unit_test(evicted_place_is_empty_again),
		cmocka_unit_test(a_loan_lets_in_what_was_lent),
		cmocka_unit_test(scan_does_not_push_out_the_regular),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
