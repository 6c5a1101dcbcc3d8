/* Replies: what is accepted and what is said about the others, and what the SMTP client sees. */
#include "core/verdict.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define TEN(s) s s s s s s s s s s
#define FOUR_HUNDRED(s) TEN(TEN(s)) TEN(TEN(s)) TEN(TEN(s)) TEN(TEN(s))

static void accepts_replies_that_can_be_sent(void **state)
{
	(void)state;
	static const struct {
		const char *in;
		unsigned code, subject, detail;
		const char *text;
	} cases[] = {
		{ "452 4.2.2 Quota exceeded for %u, try again later", 452, 2, 2,
			"Quota exceeded for %u, try again later" },
		{ "552 5.2.3 x", 552, 2, 3, "x" },
		{ "  450  4.0.0   two  blanks ", 450, 0, 0, "two  blanks" },
		{ "559 5.999.120 x", 559, 999, 120, "x" },
		{ "400 4.2.2 x", 400, 2, 2, "x" },
		{ "522 5.2.2 x", 522, 2, 2, "x" },
		{ "422 4.2.2 x", 422, 2, 2, "x" },
		{ "452 4.2.2 100%% of %u", 452, 2, 2, "100%% of %u" },
		{ "452 4.2.2 voll f\xC3\xBCr %u", 452, 2, 2, "voll f\xC3\xBCr %u" },
		{ "452 4.2.2 " FOUR_HUNDRED("x"), 452, 2, 2, FOUR_HUNDRED("x") },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct reply r = { 0 };
		struct err err = { "" };
		bool ok = reply_parse(&r, str_of(cases[i].in), &err);
		if (!ok || r.code != cases[i].code || r.subject != cases[i].subject || r.detail != cases[i].detail ||
			!str_eq(r.text, str_of(cases[i].text)))
			fail_msg("\"%s\": got %u x.%u.%u: %s", cases[i].in, r.code, r.subject, r.detail, err.text);
	}
}

/* Each sentence names what is wrong: `want` is part of it. */
static void says_what_is_wrong_with_others(void **state)
{
	(void)state;
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "", "the reply is empty" },
		{ "   ", "the reply is empty" },
		{ "Mailbox full", "\"Mailbox\" is no reply code" },
		{ "45 4.2.2 x", "\"45\" is no reply code" },
		{ "4522 4.2.2 x", "\"4522\" is no reply code" },
		{ "250 2.0.0 x", "\"250\" is no reply code" },
		{ "354 x", "\"354\" is no reply code" },
		{ "399 4.2.2 x", "\"399\" is no reply code" },
		{ "600 5.2.2 x", "\"600\" is no reply code" },
		{ "+52 4.2.2 x", "\"+52\" is no reply code" },
		{ "452\t4.2.2 x", "\"452?4.2.2\" is no reply code" },
		{ "452-4.2.2 x", "\"452-4.2.2\" is no reply code" },
		{ "462 4.2.2 x", "no reply code 462" },
		{ "592 5.2.2 x", "no reply code 592" },
		{ "421 4.2.2 x", "421 makes the mail server end the connection" },
		{ "521 5.2.2 x", "521 makes the mail server end the connection" },
		{ "452", "\"\" where an enhanced code such as 4.2.2" },
		{ "552 Mailbox full", "\"Mailbox\" where an enhanced code such as 5.2.2" },
		{ "452 4.2 x", "\"4.2\" where an enhanced code" },
		{ "452 4.2. x", "\"4.2.\" where an enhanced code" },
		{ "452 4..2 x", "\"4..2\" where an enhanced code" },
		{ "452 .2.2 x", "\".2.2\" where an enhanced code" },
		{ "452 4.2.2.2 x", "\"4.2.2.2\" where an enhanced code" },
		{ "452 4.1000.2 x", "\"4.1000.2\" where an enhanced code" },
		{ "452 4.02.2 x", "\"4.02.2\" where an enhanced code" },
		{ "452 5.2.2 x", "it must begin with 4" },
		{ "552 4.2.2 x", "it must begin with 5" },
		{ "552 2.0.0 x", "it must begin with 5" },
		{ "452 4.2.2", "has no text" },
		{ "452 4.2.2  ", "has no text" },
		{ "452 4.2.2 x" FOUR_HUNDRED("x"), "has 401 octets; 400 are allowed" },
		{ "452 4.2.2 a\nb", "one line of printable" },
		{ "452 4.2.2 a\r\n250 ok", "one line of printable" },
		{ "452 4.2.2 a\tb", "one line of printable" },
		{ "452 4.2.2 a\x7F", "one line of printable" },
		{ "452 4.2.2 a\xC2\x85z", "one line of printable" },
		{ "452 4.2.2 a\xE2\x80\xA8z", "one line of printable" },
		{ "452 4.2.2 a\xE2\x80\xA9", "one line of printable" },
		{ "452 4.2.2 a\xC3", "one line of printable" },
		{ "452 4.2.2 at 100%", "ends with a single %" },
		{ "452 4.2.2 %d is full", "\"%d\" in the reply is no variable" },
		{ "452 4.2.2 100% of it", "\"% \" in the reply is no variable" },
		{ "452 4.2.2 %%%n", "\"%n\" in the reply is no variable" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct reply r = { .code = 7 };
		struct err err = { "" };
		if (reply_parse(&r, str_of(cases[i].in), &err) || !strstr(err.text, cases[i].want) || r.code != 7)
			fail_msg("\"%s\": got \"%s\", want \"%s\"", cases[i].in, err.text, cases[i].want);
		assert_false(reply_parse(&r, str_of(cases[i].in), NULL));
	}
	assert_false(reply_parse(&(struct reply){ 0 }, STR("452 4.2.2 a\0b"), NULL));
	assert_false(reply_parse(&(struct reply){ 0 }, (struct str){ NULL, 0 }, NULL));
}

static void prints_the_address_cleaned(void **state)
{
	(void)state;
	static const struct {
		const char *reply, *address, *want;
	} cases[] = {
		{ "452 4.2.2 Quota exceeded for %u, try again later", "joe@example.org",
			"452 4.2.2 Quota exceeded for joe@example.org, try again later" },
		{ "552 5.2.3 %u%u 100%%", "j", "552 5.2.3 jj 100%" },
		{ "552 5.2.3 %%u", "j", "552 5.2.3 %u" },
		{ "552 5.2.3 %u", "%u%%@x", "552 5.2.3 %u%%@x" },
		{ "552 5.2.3 %u.", "j\r\n250 ok\x7F", "552 5.2.3 j??250 ok?." },
		{ "552 5.2.3 %u.", "j\xC3\xB6", "552 5.2.3 j\xC3\xB6." },
		{ "552 5.2.3 %u.", "j\xC3", "552 5.2.3 j?." },
		{ "552 5.2.3 %u.", "", "552 5.2.3 ." },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[600];
		struct buf out = BUF(text);
		struct reply r;
		assert_true(reply_parse(&r, str_of(cases[i].reply), NULL));
		reply_print(&out, &r, str_of(cases[i].address));
		assert_false(out.full);
		assert_string_equal(buf_z(&out), cases[i].want);
	}
}

/* 512 octets with CRLF, RFC 5321 section 4.5.3.1.5; a cut leaves no half character. */
static void prints_no_more_than_a_line_may_hold(void **state)
{
	(void)state;
	char text[1024], address[511];
	struct reply r;
	for (size_t len = 0; len < 8; len++) {
		struct buf out = BUF(text);
		assert_true(reply_parse(&r, STR("452 4.2.2 %u%u is full"), NULL));
		memset(address, 'a', len);
		for (size_t i = len; i + 2 <= sizeof(address) - 1; i += 2)
			memcpy(address + i, "\xC3\xB6", 2);
		reply_print(&out, &r, (struct str){ address, len + (sizeof(address) - 1 - len) / 2 * 2 });
		assert_true(out.len <= 510 && out.len >= 509);
		assert_false(out.full);
		assert_true(str_is_utf8(buf_str(&out)));
	}
	char small[8];
	struct buf out = BUF(small);
	reply_print(&out, &r, STR("joe"));
	assert_true(out.full);
}

static void every_reason_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(reason_name(REASON_ROOM), "room");
	assert_string_equal(reason_name(REASON_NO_LIMIT), "no-limit");
	assert_string_equal(reason_name(REASON_FULL_LONG), "full-long");
	for (int i = 0; i < REASON_COUNT; i++)
		assert_true(strlen(reason_name((enum reason)i)) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_replies_that_can_be_sent),
		cmocka_unit_test(says_what_is_wrong_with_others),
		cmocka_unit_test(prints_the_address_cleaned),
		cmocka_unit_test(prints_no_more_than_a_line_may_hold),
		cmocka_unit_test(every_reason_has_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
