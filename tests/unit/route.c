/* Which section holds for an address, and which store is meant by a name or a salt. */
#include "core/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const sorted[] = { "", "-", "a", "a.example", "a.example.org", "a1", "aa", "b", "B.example",
	"b.example2", "c_d", "z", "\xC3\xA4.example" };

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static void domains_are_ordered_without_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sorted); i++)
		for (size_t j = 0; j < COUNT(sorted); j++)
			assert_int_equal(
				sign(route_compare(str_of(sorted[i]), str_of(sorted[j]))), sign((int)i - (int)j));
	assert_int_equal(route_compare(STR("A.Example"), STR("a.eXAMPLE")), 0);
	assert_true(route_compare(STR("a["), STR("A{")) != 0); /* letters alone have a case */
}

/* Every number of sections: each is found, and nothing else is. */
static void sections_are_found(void **state)
{
	(void)state;
	struct route_domain domains[COUNT(sorted)] = { 0 };
	struct route r = { .domains = domains };
	struct address a;
	bool ours;
	for (size_t i = 0; i < COUNT(sorted) - 1; i++)
		domains[i].name = str_of(sorted[i + 1]);
	for (r.n_domains = 0; r.n_domains < COUNT(sorted); r.n_domains++)
		for (size_t i = 0; i < COUNT(sorted) - 1; i++) {
			a.domain = str_of(sorted[i + 1]);
			const struct route_domain *found = route_find(&r, &a, &ours);
			assert_int_equal(ours, i < r.n_domains);
			assert_ptr_equal(found, ours ? &domains[i] : &r.any);
		}
	r.n_domains = COUNT(sorted) - 1;
	static const char *const others[] = { "a.exampl", "a.example.", "A", "b.EXAMPLE", "zz", "\xC3\xA4" };
	static const bool known[] = { false, false, true, true, false, false };
	for (size_t i = 0; i < COUNT(others); i++) {
		a.domain = str_of(others[i]);
		(void)route_find(&r, &a, &ours);
		assert_int_equal(ours, known[i]);
	}
	a.domain = STR("");
	assert_ptr_equal(route_find(&r, &a, &ours), &r.bare);
	assert_true(ours);
}

static void stores_by_name_and_by_salt(void **state)
{
	(void)state;
	const struct route_store stores[] = {
		{ .name = STR("vmail"), .salt = 1 },
		{ .name = STR("paths"), .salt = 2, .path = true },
		{ .name = STR("Vmail"), .salt = 2 },
	};
	const struct route r = { .stores = stores, .n_stores = COUNT(stores) };
	assert_ptr_equal(route_store_named(&r, STR("vmail")), &stores[0]);
	assert_ptr_equal(route_store_named(&r, STR("Vmail")), &stores[2]);
	assert_null(route_store_named(&r, STR("paths"))); /* answers for paths only */
	assert_null(route_store_named(&r, STR("vmai")));
	assert_null(route_store_named(&r, STR("")));
	assert_ptr_equal(route_path_store(&r, 2), &stores[1]);
	assert_null(route_path_store(&r, 1));
	assert_null(route_path_store(&(struct route){ 0 }, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(domains_are_ordered_without_case),
		cmocka_unit_test(sections_are_found),
		cmocka_unit_test(stores_by_name_and_by_salt),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
