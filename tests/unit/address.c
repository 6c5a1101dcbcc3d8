/* Replays tests/cases/address.cases, each input right before a page that may not be read; and copies. */
#include "core/address.h"

#include "brink.h"
#include "cases.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const faults[] = { "ok", "empty", "too-long", "control", "quote", "domain" };
static const char *const folds[] = { "all", "domain", "none" };

static unsigned hex_digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* Writes `cell` with its braces expanded: {0A} and {a*255}. */
static void expand(struct buf *out, struct str cell)
{
	while (cell.len) {
		size_t open = str_find(cell, '{'), end = str_find(cell, '}');
		buf_put(out, (struct str){ cell.at, open });
		if (open == cell.len)
			return;
		struct str inner = { cell.at + open + 1, end - open - 1 };
		size_t star = str_rfind(inner, '*');
		uint64_t times = 0;
		if (star == inner.len)
			buf_putc(out, (char)(hex_digit(inner.at[0]) << 4 | hex_digit(inner.at[1])));
		else
			assert_true(str_u64(str_from(inner, star + 1), &times));
		while (times-- > 0)
			buf_put(out, (struct str){ inner.at, star });
		cell = str_from(cell, end + 1);
	}
}

/* The next column of a case, without surrounding blanks. */
static struct str column(struct str *rest)
{
	size_t i = 0;
	while (i < rest->len && !str_starts(str_from(*rest, i), STR(" | ")) &&
		!(i + 2 == rest->len && str_starts(str_from(*rest, i), STR(" |"))))
		i++;
	struct str cell = str_trim((struct str){ rest->at, i });
	*rest = str_from(*rest, i + 3);
	return cell;
}

static enum fold fold_of(struct str name)
{
	for (size_t i = 0; i < COUNT(folds); i++)
		if (str_eq(name, str_of(folds[i])))
			return (enum fold)i;
	fail_msg("no fold called \"%.*s\"", (int)name.len, name.at);
	return FOLD_ALL;
}

static void replay_parse(struct cases *cases, enum fold fold, struct str in, struct str rest)
{
	char got_text[2048], want_text[2048];
	struct buf got = BUF(got_text), want = BUF(want_text);
	struct address a;
	enum address_fault fault = address_parse(&a, at_brink(in), fold);
	expand(&want, column(&rest));
	if (want.at[0] != '!') {
		buf_puts(&want, " | ");
		expand(&want, column(&rest));
	}
	if (fault == ADDRESS_OK) {
		buf_put(&got, a.local);
		buf_puts(&got, " | ");
		buf_put(&got, a.domain);
		assert_int_equal(a.whole.len, a.local.len + (a.domain.len ? 1 + a.domain.len : 0));
		assert_ptr_equal(a.local.at, a.whole.at);
		assert_int_equal(a.text[a.whole.len], '\0');
		assert_true(a.local.len && a.local.len <= LOCAL_MAX && a.domain.len <= DOMAIN_MAX);
	} else {
		buf_printf(&got, "! %s", faults[fault]);
	}
	cases_want(cases, buf_str(&got), buf_str(&want));
}

static void replay_base(struct cases *cases, struct str delimiters, struct str in, struct str rest)
{
	char want_text[2048];
	struct buf want = BUF(want_text);
	struct address a, base;
	enum address_fault fault = address_parse(&a, in, FOLD_NONE);
	expand(&want, column(&rest));
	if (fault != ADDRESS_OK) {
		cases_want(cases, str_of(address_fault_text(fault)), buf_str(&want));
		return;
	}
	bool has_base = address_base(&base, &a, delimiters);
	cases_want(cases, has_base ? base.whole : STR("!"), buf_str(&want));
	if (!has_base)
		return;
	assert_true(str_eq(base.domain, a.domain));
	assert_true(str_starts(a.local, base.local));
	assert_true(address_base(&a, &a, delimiters));
	assert_true(str_eq(a.whole, base.whole));
}

static void reads_addresses_as_the_cases_say(void **state)
{
	(void)state;
	struct cases cases;
	struct str rest;
	assert_true(cases_open(&cases, "address.cases"));
	while ((rest = cases_next(&cases)).at) {
		char text[2048];
		struct buf in = BUF(text);
		struct str what = column(&rest);
		expand(&in, column(&rest));
		if (str_starts(what, STR("base")))
			replay_base(&cases, str_trim(str_from(what, 4)), buf_str(&in), rest);
		else
			replay_parse(&cases, fold_of(what), buf_str(&in), rest);
	}
	assert_true(cases_close(&cases));
}

static void a_copy_stands_by_itself(void **state)
{
	(void)state;
	struct address a, b;
	assert_int_equal(address_parse(&a, STR("joe@example.org"), FOLD_ALL), ADDRESS_OK);
	address_copy(&b, &a);
	memset(&a, 'x', sizeof(a));
	assert_true(str_eq(b.whole, STR("joe@example.org")));
	assert_true(str_eq(b.local, STR("joe")));
	assert_true(str_eq(b.domain, STR("example.org")));
	assert_ptr_equal(b.whole.at, b.text);
	assert_ptr_equal(b.domain.at, b.text + 4);
	assert_int_equal(address_parse(&a, STR("joe"), FOLD_ALL), ADDRESS_OK);
	address_copy(&b, &a);
	assert_true(str_eq(b.whole, STR("joe")) && b.domain.len == 0);
}

static void a_fault_leaves_nothing_behind(void **state)
{
	(void)state;
	struct address a;
	assert_int_equal(address_parse(&a, STR("joe@"), FOLD_ALL), ADDRESS_DOMAIN);
	assert_true(a.whole.len == 0 && a.local.len == 0 && a.domain.len == 0);
	assert_int_equal(address_parse(&a, (struct str){ NULL, 0 }, FOLD_ALL), ADDRESS_EMPTY);
	for (int fault = ADDRESS_OK; fault <= ADDRESS_DOMAIN; fault++)
		assert_true(strlen(address_fault_text((enum address_fault)fault)) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_addresses_as_the_cases_say),
		cmocka_unit_test(a_copy_stands_by_itself),
		cmocka_unit_test(a_fault_leaves_nothing_behind),
	};
	return cmocka_run_group_tests(tests, brink_make, NULL);
}
