/*
 * The codec of the milter protocol. Every input lies right before a page that may not be read, every strict prefix of a
 * packet says "more", and what the MTA's side writes the filter's side reads.
 */
#include "wire/milter.h"

#include "brink.h"

#include <stdlib.h>

/* STR() for static tables: a compound literal is no constant. */
#define CONST_STR(literal)                                                                                             \
	{                                                                                                              \
		literal, sizeof(literal) - 1                                                                           \
	}

static void assert_str(struct str got, struct str want)
{
	if (!str_eq(got, want))
		fail_msg("got \"%.*s\", expected \"%.*s\"", (int)got.len, got.at, (int)want.len, want.at);
}

/* ---- packets ---- */

static const struct {
	struct str in;
	ssize_t outcome; /* octets eaten, or -1 */
	unsigned char command;
	size_t data;
} packets[] = {
	{ CONST_STR("\0\0\0\1c"), 5, 'c', 0 },
	{ CONST_STR("\0\0\0\1cmore"), 5, 'c', 0 },
	{ CONST_STR("\0\0\0\5Rabcd"), 9, 'R', 4 },
	{ CONST_STR("\0\0\0\1\0"), 5, 0, 0 },
	{ CONST_STR("\0\0\0\1\xFF"), 5, 0xFF, 0 },
	{ CONST_STR(""), 0, 0, 0 },
	{ CONST_STR("\0\0\0"), 0, 0, 0 },
	{ CONST_STR("\0\0\0\1"), 0, 0, 0 },
	{ CONST_STR("\0\0\0\5Rabc"), 0, 0, 0 },
	{ CONST_STR("\0\1\0\0B"), 0, 0, 0 },
	{ CONST_STR("\0\0\0\0"), -1, 0, 0 },
	{ CONST_STR("\0\0\0\0c"), -1, 0, 0 },
	{ CONST_STR("\0\1\0\1B"), -1, 0, 0 },
	{ CONST_STR("\x80\0\0\1c"), -1, 0, 0 },
	{ CONST_STR("\xFF\xFF\xFF\xFF"), -1, 0, 0 },
};

static void test_packets(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		struct milter_packet p;
		struct str in = at_brink(packets[i].in);
		ssize_t n = milter_decode(&p, in);
		if (n != packets[i].outcome)
			fail_msg("packet %zu: %zd, expected %zd", i, n, packets[i].outcome);
		if (n <= 0)
			continue;
		assert_int_equal(p.command, packets[i].command);
		assert_int_equal(p.data.len, packets[i].data);
		assert_ptr_equal(p.data.at, in.at + 5);
	}
}

static void test_every_prefix(void **state)
{
	static const struct str whole = CONST_STR("\0\0\0\x16M<a@example.net>\0SIZE\0");
	struct milter_packet p;
	(void)state;
	for (size_t len = 0; len < whole.len; len++)
		assert_int_equal(milter_decode(&p, at_brink((struct str){ whole.at, len })), 0);
	assert_int_equal(milter_decode(&p, at_brink(whole)), whole.len);
}

/* The longest packet, by one octet too long, and buffers that are too small for it. */
static void test_encode_limits(void **state)
{
	static char data[65536], space[MILTER_PACKET_MAX + 16];
	struct buf out = BUF(space);
	struct milter_packet p;
	(void)state;
	memset(data, 'a', sizeof(data));
	assert_true(milter_encode(&out, 'B', (struct str){ data, 65535 }));
	assert_int_equal(out.len, MILTER_PACKET_MAX);
	assert_int_equal(milter_decode(&p, at_brink(buf_str(&out))), MILTER_PACKET_MAX);
	assert_int_equal(p.data.len, 65535);
	out.len = 0;
	assert_false(milter_encode(&out, 'B', (struct str){ data, 65536 }));
	assert_true(out.len == 0 && !out.full);
	for (size_t cap = 0; cap < 9; cap++) {
		struct buf small = { .at = space, .cap = cap };
		assert_false(milter_encode(&small, 'B', (struct str){ data, 4 }));
		assert_true(small.len == 0 && !small.full);
	}
	out = (struct buf){ .at = space, .len = 3, .cap = 12 };
	assert_true(milter_encode(&out, 'B', (struct str){ data, 4 }));
	assert_memory_equal(space + 3, "\0\0\0\5Baaaa", 9);
}

/* ---- negotiation ---- */

static void test_agree(void **state)
{
	static const struct {
		uint32_t version, protocol;
		bool good;
		uint32_t our_version, our_protocol;
	} cases[] = {
		{ 6, 0x1FFFFF, true, 6, 0x373 },
		{ 99, 0xFFFFFFFF, true, 6, 0x373 },
		{ 0xFFFFFFFF, 0, true, 6, 0 },
		{ 6, 0x313, true, 6, 0x313 },
		{ 5, 0x3FF, true, 5, 0x373 },
		{ 4, 0x3FF, true, 4, 0x373 },
		{ 3, 0x3FF, true, 3, 0x173 },
		{ 2, 0x3FF, true, 2, 0x73 },
		{ 2, 0x7F, true, 2, 0x73 },
		{ 1, 0x3F, false, 0, 0 },
		{ 0, 0x3F, false, 0, 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct milter_options offer = { cases[i].version, 0x1FF, cases[i].protocol }, ours = { 0 };
		assert_int_equal(milter_agree(&ours, &offer, 0x373), cases[i].good);
		assert_int_equal(ours.version, cases[i].our_version);
		assert_int_equal(ours.protocol, cases[i].our_protocol);
		assert_int_equal(ours.actions, 0);
	}
}

static void test_options(void **state)
{
	static const struct str wire = CONST_STR("\0\0\0\x25O\0\0\0\6\0\0\1\xFF\0\x1F\xFF\xFF\0\0\0\2i {auth}\0\0\0\0\5"
						 "i\0\0\0\0\0\0");
	const struct milter_options o = { 6, 0x1FF, 0x1FFFFF };
	const struct milter_list lists[] = { { 2, STR("i {auth}") }, { 5, STR("i") }, { 0, STR("") } };
	struct milter_options back;
	struct milter_packet p;
	struct milter_list list;
	struct str rest;
	char space[64];
	struct buf out = BUF(space);
	(void)state;
	assert_true(milter_options_encode(&out, &o, lists, 3));
	assert_str(buf_str(&out), wire);
	assert_int_equal(milter_decode(&p, at_brink(buf_str(&out))), out.len);
	assert_true(milter_options_decode(&back, p.data, &rest));
	assert_memory_equal(&back, &o, sizeof(o));
	for (size_t i = 0; i < 3; i++) {
		assert_true(milter_list_decode(&list, &rest));
		assert_int_equal(list.stage, lists[i].stage);
		assert_str(list.names, lists[i].names);
	}
	assert_false(milter_list_decode(&list, &rest));
	assert_int_equal(rest.len, 0);
	for (size_t len = 0; len < 12; len++)
		assert_false(milter_options_decode(&back, at_brink((struct str){ p.data.at, len }), &rest));
	rest = at_brink(STR("\0\0\0\1i"));
	assert_false(milter_list_decode(&list, &rest));
	out.len = 0;
	assert_false(milter_options_encode(&out, &o, &(struct milter_list){ 0, STR("a\0b") }, 1));
	assert_int_equal(out.len, 0);
}

/* ---- commands ---- */

static const struct {
	struct str data;
	bool good;
	const char *address;
	uint64_t size;
} envelopes[] = {
	{ CONST_STR("<a@x>\0"), true, "a@x", 0 },
	{ CONST_STR("<>\0"), true, "", 0 },
	{ CONST_STR("\0"), true, "", 0 },
	{ CONST_STR(" <a@x> \0"), true, "a@x", 0 },
	{ CONST_STR("a@x\0"), true, "a@x", 0 },
	{ CONST_STR("a@x SIZE=1\0"), true, "a@x", 1 },
	{ CONST_STR("<a@x>\0SIZE=1\0"), true, "a@x", 1 },
	{ CONST_STR("<a@x>\0BODY=7BIT\0size=12\0SIZE=13\0"), true, "a@x", 12 },
	{ CONST_STR("<a@x>\0SIZE=12"
		    "\0\0\0"),
		true, "a@x", 12 },
	{ CONST_STR("<a@x> SIZE=1\0"), true, "a@x", 1 },
	{ CONST_STR("<a@x>SIZE=1\0"), true, "a@x", 1 },
	{ CONST_STR("<a@x>  BODY=7BIT  SIZE=1 \0"), true, "a@x", 1 },
	{ CONST_STR("<a b@x>\0"), true, "a b@x", 0 },
	{ CONST_STR("<\"a>b\"@x> SIZE=1\0"), true, "\"a>b\"@x", 1 },
	{ CONST_STR("<\"a\\\">b\"@x> SIZE=1\0"), true, "\"a\\\">b\"@x", 1 },
	{ CONST_STR("<\"a>b@x> SIZE=1\0"), true, "<\"a>b@x> SIZE=1", 0 },
	{ CONST_STR("<\"a\\\0"), true, "<\"a\\", 0 },
	{ CONST_STR("<a@x\0SIZE=1\0"), true, "<a@x", 1 },
	{ CONST_STR("<a@x>\0SIZE=9223372036854775807\0"), true, "a@x", INT64_MAX },
	{ CONST_STR("<a@x>\0SIZE=9223372036854775808\0"), true, "a@x", INT64_MAX },
	{ CONST_STR("<a@x>\0SIZE=99999999999999999999\0"), true, "a@x", INT64_MAX },
	{ CONST_STR("<a@x>\0SIZE=\0"), true, "a@x", 0 },
	{ CONST_STR("<a@x>\0SIZE=-1\0"), true, "a@x", 0 },
	{ CONST_STR("<a@x>\0SIZE=1k\0"), true, "a@x", 0 },
	{ CONST_STR("<a@x>\0SIZE\0"), true, "a@x", 0 },
	{ CONST_STR("<a@x>\0XSIZE=1\0"), true, "a@x", 0 },
	{ CONST_STR(""), false, NULL, 0 },
	{ CONST_STR("<a@x>"), false, NULL, 0 },
	{ CONST_STR("<a@x>\0SIZE=1"), false, NULL, 0 },
};

static void test_envelope(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(envelopes) / sizeof(envelopes[0]); i++) {
		struct milter_envelope e;
		bool good = milter_envelope_decode(&e, at_brink(envelopes[i].data));
		if (good != envelopes[i].good)
			fail_msg("envelope %zu", i);
		if (!good)
			continue;
		assert_str(e.address, str_of(envelopes[i].address));
		assert_int_equal(e.size, envelopes[i].size);
	}
}

static void test_macros(void **state)
{
	static const struct str bad[] = { CONST_STR(""), CONST_STR("Ri"), CONST_STR("Ri\0"), CONST_STR("Ri\0x"),
		CONST_STR("Ri\0x\0j"), CONST_STR("Ri\0x\0j\0") };
	struct str rest, name, value;
	unsigned char command;
	(void)state;
	assert_true(milter_macros_decode(&command, at_brink(STR("Ri\0Qid\0{auth}\0\0")), &rest));
	assert_int_equal(command, 'R');
	assert_true(milter_macro_decode(&name, &value, &rest));
	assert_str(name, STR("i"));
	assert_str(value, STR("Qid"));
	assert_true(milter_macro_decode(&name, &value, &rest));
	assert_str(name, STR("{auth}"));
	assert_str(value, STR(""));
	assert_false(milter_macro_decode(&name, &value, &rest));
	assert_true(milter_macros_decode(&command, at_brink(STR("R")), &rest));
	assert_int_equal(rest.len, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(milter_macros_decode(&command, at_brink(bad[i]), &rest));
}

static void test_connect(void **state)
{
	static const struct {
		struct str data;
		const char *address; /* null: malformed */
	} cases[] = {
		{ CONST_STR("mx.example.net\0"
			    "4\0\x19"
			    "192.0.2.1\0"),
			"192.0.2.1" },
		{ CONST_STR("[192.0.2.1]\0"
			    "4\0\0"
			    "192.0.2.1\0"),
			"192.0.2.1" },
		{ CONST_STR("mx\0"
			    "6\0\x19"
			    "IPv6:2001:db8::1\0"),
			"IPv6:2001:db8::1" },
		{ CONST_STR("localhost\0L\0\0/run/smtp\0"), "" },
		{ CONST_STR("unknown\0U"), "" },
		{ CONST_STR("unknown\0U\0\0\0"), "" },
		{ CONST_STR(""), NULL },
		{ CONST_STR("mx"), NULL },
		{ CONST_STR("mx\0"), NULL },
		{ CONST_STR("mx\0"
			    "4"),
			NULL },
		{ CONST_STR("mx\0"
			    "4\0"),
			NULL },
		{ CONST_STR("mx\0"
			    "4\0\x19"),
			NULL },
		{ CONST_STR("mx\0"
			    "4\0\x19"
			    "192.0.2.1"),
			NULL },
		{ CONST_STR("mx\0"
			    "5\0\x19"
			    "192.0.2.1\0"),
			NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str address;
		bool good = milter_connect_decode(&address, at_brink(cases[i].data));
		if (good != (cases[i].address != NULL))
			fail_msg("case %zu", i);
		if (good)
			assert_str(address, str_of(cases[i].address));
	}
}

static void test_strings_encode(void **state)
{
	const struct str mail[] = { STR("<a@x>"), STR("SIZE=5") }, bad[] = { STR("<a\0@x>") };
	const struct str macro[] = { STR("i"), STR("Q1") };
	char space[64];
	struct buf out = BUF(space);
	(void)state;
	assert_true(milter_strings_encode(&out, MILTER_MAIL, NULL, mail, 2));
	assert_str(buf_str(&out), STR("\0\0\0\x0EM<a@x>\0SIZE=5\0"));
	out.len = 0;
	assert_true(milter_strings_encode(&out, MILTER_MACRO, "M", macro, 2));
	assert_str(buf_str(&out), STR("\0\0\0\7DMi\0Q1\0"));
	assert_false(milter_strings_encode(&out, MILTER_RCPT, NULL, bad, 1));
	assert_int_equal(out.len, 11);
	struct buf small = { .at = space, .cap = 17 };
	assert_false(milter_strings_encode(&small, MILTER_MAIL, NULL, mail, 2));
	assert_int_equal(small.len, 0);
}

/* ---- replies ---- */

static const struct {
	struct str line;
	const char *wire; /* null: refused */
} refusals[] = {
	{ CONST_STR("452 4.2.2 Full"), "452 4.2.2 Full" },
	{ CONST_STR("552 5.2.3 100% full"), "552 5.2.3 100%% full" },
	{ CONST_STR("452 4.2.2 %%s%"), "452 4.2.2 %%%%s%%" },
	{ CONST_STR("452 full, without an enhanced code"), "452 full, without an enhanced code" },
	{ CONST_STR("452 4.2.2 Voll f\xC3\xBCr heute"), "452 4.2.2 Voll f\xC3\xBCr heute" },
	{ CONST_STR(""), NULL },
	{ CONST_STR("452"), NULL },
	{ CONST_STR("452 "), NULL },
	{ CONST_STR("452-4.2.2 Full"), NULL },
	{ CONST_STR("252 2.2.2 Full"), NULL },
	{ CONST_STR("652 6.2.2 Full"), NULL },
	{ CONST_STR("4x2 4.2.2 Full"), NULL },
	{ CONST_STR("45x 4.2.2 Full"), NULL },
	{ CONST_STR("452 5.2.2 Full"), NULL },
	{ CONST_STR("552 4.2.2 Full"), NULL },
	{ CONST_STR("552 2.2.2 Full"), NULL },
	{ CONST_STR("452 4.2.2 Full\r\n250 fine"), NULL },
	{ CONST_STR("452 4.2.2 Full\0"), NULL },
	{ CONST_STR("452 4.2.2 Full\x7F"), NULL },
};

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		char space[64] = "", text[64];
		struct buf out = BUF(space), back = BUF(text);
		struct milter_packet p;
		bool good = milter_refusal_encode(&out, at_brink(refusals[i].line));
		if (good != (refusals[i].wire != NULL))
			fail_msg("refusal %zu", i);
		if (!good) {
			assert_int_equal(out.len, 0);
			continue;
		}
		assert_int_equal(milter_decode(&p, at_brink(buf_str(&out))), out.len);
		assert_int_equal(p.command, 'y');
		/* Sendmail wants exactly one NUL, at the end. */
		assert_int_equal(p.data.len, strlen(refusals[i].wire) + 1);
		assert_string_equal(p.data.at, refusals[i].wire);
		assert_true(milter_refusal_decode(&back, p.data));
		assert_str(buf_str(&back), refusals[i].line);
	}
}

static void test_refusal_decode(void **state)
{
	static const struct str bad[] = { CONST_STR(""), CONST_STR("452 4.2.2 Full"), CONST_STR("452 4.2.2 Full\0\0"),
		CONST_STR("452 4.2.2 100% full\0"), CONST_STR("452 4.2.2 100%\0"), CONST_STR("452 5.2.2 Full\0") };
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[64];
		struct buf line = BUF(text);
		assert_false(milter_refusal_decode(&line, at_brink(bad[i])));
	}
}

/* A long text is cut where it may be, and never ends in half a character or half a pair of percent signs. */
static void test_refusal_length(void **state)
{
	char text[1200], space[1200], seen[1200];
	struct milter_packet p;
	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		struct buf line = BUF(text), out = BUF(space), back = BUF(seen);
		buf_puts(&line, "452 4.2.2 ");
		for (size_t i = 0; i < shift; i++)
			buf_putc(&line, 'x');
		while (line.len < 1000)
			buf_puts(&line, shift % 2 ? "%\xC3\xBC" : "\xF0\x9F\x93\xAC%");
		assert_true(milter_refusal_encode(&out, buf_str(&line)));
		assert_int_equal(milter_decode(&p, buf_str(&out)), out.len);
		assert_in_range(p.data.len, MILTER_TEXT_MAX - 4, MILTER_TEXT_MAX + 1);
		assert_true(milter_refusal_decode(&back, p.data));
		assert_true(str_is_utf8(buf_str(&back)));
		assert_true(str_starts(buf_str(&line), buf_str(&back)));
	}
	for (size_t cap = 0; cap < 20; cap++) {
		struct buf small = { .at = space, .cap = cap };
		bool fits = milter_refusal_encode(&small, STR("452 4.2.2 Full"));
		assert_true(fits == (cap >= 20) && small.len == 0 && !small.full);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_encode_limits),
		cmocka_unit_test(test_agree),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_envelope),
		cmocka_unit_test(test_macros),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_strings_encode),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_refusal_decode),
		cmocka_unit_test(test_refusal_length),
	};
	return cmocka_run_group_tests(tests, brink_make, NULL);
}
