/* Slices, buffers, the hash against the vectors that its authors published, and the list. */
#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define assert_str(got, want)                                                                                          \
	do {                                                                                                           \
		struct str got_ = (got), want_ = str_of(want);                                                         \
		assert_int_equal(got_.len, want_.len);                                                                 \
		assert_true(str_eq(got_, want_));                                                                      \
	} while (0)

static void str_compares(void **state)
{
	(void)state;
	assert_true(str_eq((struct str){ NULL, 0 }, STR("")));
	assert_true(str_eq(STR("a\0b"), STR("a\0b")));
	assert_false(str_eq(STR("a\0b"), STR("a\0c")));
	assert_false(str_eq(STR("a"), STR("ab")));
	assert_true(str_eq_nocase(STR("SIZE"), STR("size")));
	assert_false(str_eq_nocase(STR("\xC3\x84"), STR("\xC3\xA4")));
	assert_false(str_eq_nocase(STR("[@"), STR("{`")));
	assert_true(str_starts(STR("abc"), STR("ab")));
	assert_true(str_starts(STR("abc"), (struct str){ NULL, 0 }));
	assert_false(str_starts(STR("a"), STR("ab")));
	assert_str(str_of(NULL), "");
}

static void str_slices(void **state)
{
	(void)state;
	assert_str(str_from(STR("abc"), 1), "bc");
	assert_str(str_from(STR("abc"), 3), "");
	assert_str(str_from(STR("abc"), 9), "");
	assert_int_equal(str_find(STR("a@b@c"), '@'), 1);
	assert_int_equal(str_rfind(STR("a@b@c"), '@'), 3);
	assert_int_equal(str_find(STR("abc"), '@'), 3);
	assert_int_equal(str_rfind(STR("abc"), '@'), 3);
	assert_int_equal(str_find((struct str){ NULL, 0 }, '@'), 0);
	assert_str(str_trim(STR(" \t a b\t ")), "a b");
	assert_str(str_trim(STR(" \t ")), "");
}

static void str_cut_walks_every_field(void **state)
{
	(void)state;
	static const char *const want[] = { "a", "", "b", "" };
	struct str rest = STR("a,,b,");
	size_t n = 0;
	while (rest.at) {
		assert_true(n < COUNT(want));
		assert_str(str_cut(&rest, ','), want[n]);
		n++;
	}
	assert_int_equal(n, COUNT(want));
}

static void str_u64_reads_decimal(void **state)
{
	(void)state;
	static const struct {
		const char *in;
		bool ok;
		uint64_t want;
	} cases[] = {
		{ "0", true, 0 },
		{ "007", true, 7 },
		{ "18446744073709551614", true, UINT64_MAX - 1 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "18446744073709551616", true, UINT64_MAX },
		{ "99999999999999999999999999", true, UINT64_MAX },
		{ "", false, 0 },
		{ "-1", false, 0 },
		{ "+1", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "0x1", false, 0 },
		{ "99999999999999999999999999x", false, 0 },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t n = 0;
		if (str_u64(str_of(cases[i].in), &n) != cases[i].ok || n != cases[i].want)
			fail_msg("str_u64(\"%s\"): got %llu", cases[i].in, (unsigned long long)n);
	}
}

static void str_is_utf8_follows_rfc3629(void **state)
{
	(void)state;
	static const struct {
		const char *in;
		bool want;
	} cases[] = {
		{ "", true },
		{ "joe", true },
		{ "j\xC3\xB6", true },
		{ "\xE2\x82\xAC", true },
		{ "\xF0\x9F\x93\xAC", true },
		{ "\xF4\x8F\xBF\xBF", true }, /* U+10FFFF */
		{ "\xF4\x90\x80\x80", false }, /* above it */
		{ "\xC3", false },
		{ "\xE2\x82", false },
		{ "\xF0\x9F\x93", false },
		{ "\x80", false },
		{ "\xC0\xAF", false }, /* overlong */
		{ "\xC1\xBF", false },
		{ "\xE0\x80\xAF", false },
		{ "\xF0\x80\x80\xAF", false },
		{ "\xED\xA0\x80", false }, /* a surrogate */
		{ "\xC3\xC3", false },
		{ "\xFF", false },
	};
	for (size_t i = 0; i < COUNT(cases); i++)
		if (str_is_utf8(str_of(cases[i].in)) != cases[i].want)
			fail_msg("str_is_utf8: case %zu should be %d", i, cases[i].want);
	assert_false(str_is_utf8(STR("a\0b")));
	assert_true(str_is_utf8((struct str){ NULL, 0 }));
}

static void str_copy_z_copies_whole_or_nothing(void **state)
{
	(void)state;
	char out[4] = "xyz";
	assert_true(str_copy_z(out, sizeof(out), STR("abc")));
	assert_string_equal(out, "abc");
	assert_false(str_copy_z(out, sizeof(out), STR("abcd")));
	assert_string_equal(out, "");
	assert_false(str_copy_z(out, sizeof(out), STR("a\0b")));
	assert_string_equal(out, "");
	assert_true(str_copy_z(out, sizeof(out), (struct str){ NULL, 0 }));
	assert_string_equal(out, "");
	assert_false(str_copy_z(out, 0, STR("")));
}

static void buf_cuts_and_remembers(void **state)
{
	(void)state;
	char text[6];
	struct buf b = BUF(text);
	buf_puts(&b, "abc");
	buf_putc(&b, 'd');
	buf_put_u64(&b, 10);
	assert_false(b.full);
	assert_str(buf_str(&b), "abcd10");
	buf_put(&b, (struct str){ NULL, 0 });
	assert_false(b.full);
	buf_putc(&b, 'x');
	assert_true(b.full);
	assert_str(buf_str(&b), "abcd10");
	assert_string_equal(buf_z(&b), "abcd1");
	b = BUF(text);
	buf_puts(&b, "1234567");
	assert_true(b.full);
	assert_str(buf_str(&b), "123456");
}

static void buf_put_u64_writes_every_digit(void **state)
{
	(void)state;
	static const uint64_t numbers[] = { 0, 9, 10, 1000, UINT32_MAX, UINT64_MAX };
	for (size_t i = 0; i < COUNT(numbers); i++) {
		char text[24], want[24];
		struct buf b = BUF(text);
		buf_put_u64(&b, numbers[i]);
		snprintf(want, sizeof(want), "%llu", (unsigned long long)numbers[i]);
		assert_string_equal(buf_z(&b), want);
	}
}

static void buf_put_clean_leaves_one_printable_line(void **state)
{
	(void)state;
	char text[64];
	struct buf b = BUF(text);
	buf_put_clean(&b, STR("a b\r\n\0\x7F~"));
	assert_str(buf_str(&b), "a b????~");
	b = BUF(text);
	buf_put_clean(&b, STR("j\xC3\xB6rg"));
	assert_str(buf_str(&b), "j\xC3\xB6rg");
	b = BUF(text);
	buf_put_clean(&b, STR("j\xC3rg"));
	assert_str(buf_str(&b), "j?rg");
}

static void buf_printf_fits_or_cuts(void **state)
{
	(void)state;
	char text[6];
	struct buf b = BUF(text), empty = { 0 };
	buf_printf(&b, "%d%s", 12, "ab");
	assert_str(buf_str(&b), "12ab");
	assert_false(b.full);
	buf_printf(&b, "xyz");
	assert_true(b.full);
	assert_str(buf_str(&b), "12abx");
	buf_printf(&empty, "x");
	assert_true(empty.full);
	assert_string_equal(buf_z(&empty), "");
}

static void err_keeps_one_cut_sentence(void **state)
{
	(void)state;
	struct err err;
	assert_false(err_set(&err, "%s is %d", "it", 7));
	assert_string_equal(err.text, "it is 7");
	assert_false(err_set(&err, "%600d", 1));
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_false(err_set(NULL, "nobody asks"));
}

/* vectors.h of the reference implementation: key 00 01 .. 0f, message 00 01 .. of the given length. */
static void hash_is_siphash_2_4_128(void **state)
{
	(void)state;
	static const struct {
		size_t len;
		uint64_t a, b; /* the 16 octets as two little-endian numbers */
	} vectors[] = {
		{ 0, 0xe6a825ba047f81a3, 0x930255c71472f66d },
		{ 1, 0x44af996bd8c187da, 0x45fc229b11597634 },
		{ 2, 0xc75da4a48d227781, 0xe4ff0af6de8ba3fc },
		{ 7, 0x53c1dbd8beebf1a1, 0x3982f01fa64ab8c0 },
		{ 8, 0x61f55862baa9623b, 0xb49714f364e2830f },
		{ 15, 0x11a8b03399e99354, 0xd9c3cf970fec087e },
		{ 16, 0xbb54b067caa4e26e, 0x77052385bf1533fd },
		{ 63, 0x4a83502f77d15051, 0x7cbd3f979a063e50 },
	};
	const struct hash_key key = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	unsigned char message[64];
	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (unsigned char)i;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		struct hash h = hash_of(&key, message, vectors[i].len);
		if (!hash_eq(h, (struct hash){ vectors[i].a, vectors[i].b }))
			fail_msg("length %zu: got %016llx %016llx", vectors[i].len, (unsigned long long)h.a,
				(unsigned long long)h.b);
	}
	assert_true(hash_is_none((struct hash){ 0 }));
	assert_false(hash_is_none(hash_of(&key, NULL, 0)));
}

struct node {
	int value;
	struct list link;
};

static void list_keeps_order(void **state)
{
	(void)state;
	struct list head;
	struct node nodes[3] = { { .value = 1 }, { .value = 2 }, { .value = 3 } };
	int sum = 0, n = 0;
	list_init(&head);
	assert_true(list_empty(&head));
	for (size_t i = 0; i < COUNT(nodes); i++)
		list_insert(&head, &nodes[i].link);
	list_each (at, &head)
		sum = sum * 10 + list_of(at, struct node, link)->value;
	assert_int_equal(sum, 123);
	list_remove(&nodes[1].link);
	list_remove(&nodes[1].link);
	assert_true(list_empty(&nodes[1].link));
	list_each_safe (at, &head) {
		list_remove(at);
		n++;
	}
	assert_int_equal(n, 2);
	assert_true(list_empty(&head));
}

static void scanning_finds_every_octet(void **state)
{
	char block[SCAN_BLOCK];
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		uint64_t expected = 0;
		for (unsigned i = 0; i < SCAN_BLOCK; i++) {
			/* neighbours differ by the lowest and by the highest bit: a carry would show */
			unsigned octet = i % 5 == 0 ? c : i % 5 == 1 ? c ^ 1 : i % 5 == 2 ? c ^ 0x80 : i * 37;
			block[i] = (char)octet;
			expected |= (uint64_t)((octet & 0xFF) == c) << i;
		}
		assert_int_equal(scan_block(block, (char)c), expected);
		assert_int_equal(scan_block_plain(block, (char)c), expected);
		assert_int_equal(scan_first(expected), 0);
		assert_int_equal(
			scan_below(expected & ~UINT64_C(1)), (UINT64_C(1) << scan_first(expected & ~UINT64_C(1))) - 1);
	}
	assert_int_equal(scan_first(UINT64_C(1) << 63), 63);
	assert_int_equal(scan_below(UINT64_C(1) << 63), UINT64_MAX >> 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(str_compares),
		cmocka_unit_test(str_slices),
		cmocka_unit_test(str_cut_walks_every_field),
		cmocka_unit_test(str_u64_reads_decimal),
		cmocka_unit_test(str_is_utf8_follows_rfc3629),
		cmocka_unit_test(str_copy_z_copies_whole_or_nothing),
		cmocka_unit_test(buf_cuts_and_remembers),
		cmocka_unit_test(buf_put_u64_writes_every_digit),
		cmocka_unit_test(buf_put_clean_leaves_one_printable_line),
		cmocka_unit_test(buf_printf_fits_or_cuts),
		cmocka_unit_test(err_keeps_one_cut_sentence),
		cmocka_unit_test(hash_is_siphash_2_4_128),
		cmocka_unit_test(list_keeps_order),
		cmocka_unit_test(scanning_finds_every_octet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
