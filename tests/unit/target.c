/* The record of targets: what goes in comes out, and no octets whatever lead a reader beyond its end. */
#include "core/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define Z(literal)                                                                                                     \
	{                                                                                                              \
		literal, sizeof(literal) - 1                                                                           \
	} /* STR() is no constant */
#define HEAD 24 /* octets before a target's texts */
#define KIND_AT 20 /* the octet that says its kind; the next says whether its limit is named */

static char text[70000];

static const struct target samples[] = {
	{ .kind = TARGET_MAILBOX },
	{ .kind = TARGET_ADDRESS, .address = Z("joe@a.example") },
	{ .kind = TARGET_ELSEWHERE },
	{ .kind = TARGET_ELSEWHERE, .address = Z("|/usr/bin/vacation joe") },
	{ .kind = TARGET_MAILBOX,
		.address = Z("ann@a.example"),
		.store = Z("vmail"),
		.host = Z("mx1.a.example"),
		.home = Z("/home/ann"),
		.limit = { .named = true, .octets = UINT64_MAX, .messages = UINT32_MAX } },
	{ .kind = TARGET_MAILBOX, .home = Z("/home/\0/zero"), .limit = { .named = true } },
	{ .kind = TARGET_MAILBOX, .host = Z("mx2"), .limit = { .octets = 1, .messages = 2 } },
};

static struct str record_of_samples(struct buf *out)
{
	for (size_t i = 0; i < COUNT(samples); i++)
		target_put(out, &samples[i]);
	assert_false(out->full);
	return buf_str(out);
}

static void same_target(const struct target *got, const struct target *want)
{
	assert_int_equal(got->kind, want->kind);
	assert_true(str_eq(got->address, want->address));
	assert_true(str_eq(got->store, want->store));
	assert_true(str_eq(got->host, want->host));
	assert_true(str_eq(got->home, want->home));
	assert_int_equal(got->limit.named, want->limit.named);
	assert_true(got->limit.octets == want->limit.octets);
	assert_int_equal(got->limit.messages, want->limit.messages);
}

static void what_was_put_comes_back(void **state)
{
	(void)state;
	struct buf out = BUF(text);
	struct str rest = record_of_samples(&out);
	struct target t;
	assert_true(targets_check(rest));
	for (size_t i = 0; i < COUNT(samples); i++) {
		assert_true(target_get(&t, &rest));
		same_target(&t, &samples[i]);
	}
	assert_int_equal(rest.len, 0);
	assert_false(target_get(&t, &rest));
}

static void no_target_at_all_is_well_formed(void **state)
{
	(void)state;
	struct target t;
	struct str rest = STR("");
	assert_true(targets_check(rest));
	assert_false(target_get(&t, &rest));
	assert_true(targets_check((struct str){ NULL, 0 }));
}

/* At every octet, each cut being a block of its own, so that a sanitizer sees a read beyond its end. */
static void truncated_records(void **state)
{
	(void)state;
	struct buf out = BUF(text);
	struct str whole = record_of_samples(&out), rest = whole;
	struct target t;
	size_t ends[COUNT(samples) + 1] = { 0 };
	for (size_t i = 0; target_get(&t, &rest); i++)
		ends[i + 1] = whole.len - rest.len;
	for (size_t len = 0; len < whole.len; len++) {
		char *copy = malloc(len + 1);
		assert_non_null(copy);
		memcpy(copy, whole.at, len);
		copy = realloc(copy, len ? len : 1);
		size_t n = 0, complete = 0;
		while (complete < COUNT(samples) && ends[complete + 1] <= len)
			complete++;
		rest = (struct str){ copy, len };
		while (target_get(&t, &rest))
			n++;
		assert_int_equal(n, complete);
		assert_int_equal(rest.len, len - ends[complete]);
		assert_int_equal(targets_check((struct str){ copy, len }), ends[complete] == len);
		free(copy);
	}
}

static void octets_out_of_range(void **state)
{
	(void)state;
	struct buf out = BUF(text);
	target_put(&out, &samples[1]);
	assert_int_equal(out.len, HEAD + samples[1].address.len);
	for (unsigned value = 0; value < 256; value++) {
		text[KIND_AT] = (char)value;
		assert_int_equal(targets_check(buf_str(&out)), value <= TARGET_ELSEWHERE);
	}
	text[KIND_AT] = TARGET_MAILBOX;
	for (unsigned value = 0; value < 256; value++) {
		text[KIND_AT + 1] = (char)value;
		assert_int_equal(targets_check(buf_str(&out)), value <= 1);
	}
}

/* Every octet of a record set to everything: it is read, or refused, and never left. */
static void damaged_records(void **state)
{
	(void)state;
	struct buf out = BUF(text);
	struct target t;
	target_put(&out, &samples[4]);
	target_put(&out, &samples[1]);
	char *copy = malloc(out.len);
	assert_non_null(copy);
	for (size_t i = 0; i < out.len; i++)
		for (unsigned value = 0; value < 256; value++) {
			struct str rest = { copy, out.len };
			memcpy(copy, text, out.len);
			copy[i] = (char)value;
			while (target_get(&t, &rest)) {
				assert_true(t.address.at >= copy);
				assert_true(t.home.at + t.home.len <= copy + out.len);
			}
			assert_int_equal(targets_check((struct str){ copy, out.len }), rest.len == 0);
		}
	free(copy);
}

static void too_long(void **state)
{
	(void)state;
	static char octets[UINT16_MAX + 1];
	static const struct {
		size_t cap, before; /* of the buffer; octets that are in it already */
		size_t address, home;
		bool fits;
	} cases[] = {
		{ sizeof(text), 0, 0, 0, true },
		{ HEAD, 0, 0, 0, true },
		{ HEAD - 1, 0, 0, 0, false },
		{ HEAD + 10, 0, 4, 6, true },
		{ HEAD + 9, 0, 4, 6, false },
		{ sizeof(text), 0, TARGETS_MAX - HEAD, 0, true },
		{ sizeof(text), 0, TARGETS_MAX - HEAD + 1, 0, false },
		{ sizeof(text), 0, 0, TARGETS_MAX - HEAD + 1, false },
		{ sizeof(text), 0, UINT16_MAX + 1, 0, false },
		{ sizeof(text), 0, 0, UINT16_MAX + 1, false },
		{ sizeof(text), TARGETS_MAX - HEAD, 0, 0, true },
		{ sizeof(text), TARGETS_MAX - HEAD, 1, 0, false },
		{ sizeof(text), TARGETS_MAX, 0, 0, false },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf out = { .at = text, .len = cases[i].before, .cap = cases[i].cap };
		struct target t = { .kind = TARGET_ADDRESS,
			.address = { octets, cases[i].address },
			.home = { octets, cases[i].home } };
		target_put(&out, &t);
		assert_int_equal(out.full, !cases[i].fits);
		assert_int_equal(
			out.len - cases[i].before, cases[i].fits ? HEAD + cases[i].address + cases[i].home : 0);
		struct target none = { .kind = TARGET_ELSEWHERE };
		size_t len = out.len;
		target_put(&out, &none); /* a record that was too long stays so */
		assert_true(out.full || cases[i].fits);
		if (!cases[i].fits)
			assert_int_equal(out.len, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_comes_back),
		cmocka_unit_test(no_target_at_all_is_well_formed),
		cmocka_unit_test(truncated_records),
		cmocka_unit_test(octets_out_of_range),
		cmocka_unit_test(damaged_records),
		cmocka_unit_test(too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
