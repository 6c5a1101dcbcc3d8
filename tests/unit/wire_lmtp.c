/*
 * Replies of LMTP and SMTP servers, and mailboxes in their commands. Every input lies right before a page that may not be
 * read, and every strict prefix of a good reply says "more".
 */
#include "wire/lmtp.h"

#include "brink.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void assert_str(struct str got, const char *want)
{
	if (!str_eq(got, str_of(want)))
		fail_msg("got \"%.*s\", expected \"%s\"", (int)got.len, got.at, want);
}

#define CYRUS_UNKNOWN                                                                                                  \
	"550-Mailbox unknown.  Either there is no mailbox associated with this\r\n"                                    \
	"550-name or you do not have authorization to see it.\r\n550 5.1.1 User unknown\r\n"

static const struct {
	const char *in;
	unsigned code, subject, detail;
	bool enhanced;
	const char *text;
	enum lmtp_meaning meaning;
} replies[] = {
	{ "250 2.1.5 OK\r\n", 250, 1, 5, true, "OK", LMTP_TAKEN },
	{ "250 ok\n", 250, 0, 0, false, "ok", LMTP_TAKEN },
	{ "250\r\n", 250, 0, 0, false, "", LMTP_TAKEN },
	{ "250 \r\n", 250, 0, 0, false, "", LMTP_TAKEN },
	{ "250 2.1.5\r\n", 250, 1, 5, true, "", LMTP_TAKEN },
	{ "552 5.2.2 <u> Quota exceeded (mailbox for user is full)\r\n", 552, 2, 2, true,
		"<u> Quota exceeded (mailbox for user is full)", LMTP_FULL },
	{ "452 4.2.2 Over quota SESSIONID=<a-1>\r\n", 452, 2, 2, true, "Over quota SESSIONID=<a-1>", LMTP_FULL },
	{ "554 5.2.2 Quota exceeded\r\n", 554, 2, 2, true, "Quota exceeded", LMTP_FULL },
	{ "452 mailbox full\r\n", 452, 0, 0, false, "mailbox full", LMTP_FULL },
	{ "552 storage\r\n", 552, 0, 0, false, "storage", LMTP_FULL },
	{ "552 5.2.3 too large\r\n", 552, 2, 3, true, "too large", LMTP_TOO_LARGE },
	{ "552 5.3.4 too large\r\n", 552, 3, 4, true, "too large", LMTP_TOO_LARGE },
	{ CYRUS_UNKNOWN, 550, 1, 1, true, "User unknown", LMTP_NO_MAILBOX },
	{ "550 5.1.10 null MX\r\n", 550, 1, 10, true, "null MX", LMTP_NO_MAILBOX },
	{ "550 unknown user\r\n", 550, 0, 0, false, "unknown user", LMTP_NO_MAILBOX },
	{ "553 no such\r\n", 553, 0, 0, false, "no such", LMTP_NO_MAILBOX },
	/* Of what speaks of something else nobody knows whether there is such a mailbox. */
	{ "550 Mailbox quota exceeded\r\n", 550, 0, 0, false, "Mailbox quota exceeded", LMTP_UNKNOWN },
	{ "550 relay not permitted\r\n", 550, 0, 0, false, "relay not permitted", LMTP_UNKNOWN },
	{ "550 Relaying Denied\r\n", 550, 0, 0, false, "Relaying Denied", LMTP_UNKNOWN },
	{ "550-Sender verify failed\r\n550 Rejected\r\n", 550, 0, 0, false, "Rejected", LMTP_UNKNOWN },
	{ "551 <full@relay.example>: User not local\r\n", 551, 0, 0, false, "<full@relay.example>: User not local",
		LMTP_NO_MAILBOX },
	{ "550 full@relay.example unknown\r\n", 550, 0, 0, false, "full@relay.example unknown", LMTP_NO_MAILBOX },
	{ "550 Unrouteable address\r\n", 550, 0, 0, false, "Unrouteable address", LMTP_NO_MAILBOX },
	{ "550\r\n", 550, 0, 0, false, "", LMTP_NO_MAILBOX },
	{ "450 4.1.1 not verified yet\r\n", 450, 1, 1, true, "not verified yet", LMTP_UNKNOWN },
	{ "550 5.7.1 not allowed\r\n", 550, 7, 1, true, "not allowed", LMTP_UNKNOWN },
	{ "554 relay\r\n", 554, 0, 0, false, "relay", LMTP_UNKNOWN },
	{ "451 4.3.0 internal\r\n", 451, 3, 0, true, "internal", LMTP_UNKNOWN },
	{ "452 4.3.1 disk\r\n", 452, 3, 1, true, "disk", LMTP_UNKNOWN },
	{ "452 4.5.3 too many\r\n", 452, 5, 3, true, "too many", LMTP_UNKNOWN },
	{ "354 go\r\n", 354, 0, 0, false, "go", LMTP_UNKNOWN },
	{ "421 4.3.2 bye\r\n", 421, 3, 2, true, "bye", LMTP_CLOSING },
	/* An enhanced code of another class, or none, is text. */
	{ "552 4.2.2 odd\r\n", 552, 0, 0, false, "4.2.2 odd", LMTP_FULL },
	{ "452 4.2.2odd\r\n", 452, 0, 0, false, "4.2.2odd", LMTP_FULL },
	{ "452 4.2 odd\r\n", 452, 0, 0, false, "4.2 odd", LMTP_FULL },
	{ "452 4.2222.2 odd\r\n", 452, 0, 0, false, "4.2222.2 odd", LMTP_FULL },
	{ "250-a\n250-\r\n250 b\r\n", 250, 0, 0, false, "b", LMTP_TAKEN },
};

static void test_replies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(replies); i++) {
		struct lmtp_reply r;
		struct str in = str_of(replies[i].in);
		for (size_t len = 0; len < in.len; len++)
			if (lmtp_reply_decode(&r, at_brink((struct str){ in.at, len })) != 0)
				fail_msg("%zu octets of \"%s\" do not say more", len, replies[i].in);
		assert_int_equal(lmtp_reply_decode(&r, at_brink(in)), in.len);
		assert_int_equal(r.code, replies[i].code);
		assert_int_equal(r.enhanced, replies[i].enhanced);
		assert_int_equal(r.subject, replies[i].subject);
		assert_int_equal(r.detail, replies[i].detail);
		assert_str(r.text, replies[i].text);
		assert_str(r.lines, replies[i].in);
		if (lmtp_meaning(&r) != replies[i].meaning)
			fail_msg("\"%s\" means %d", replies[i].in, lmtp_meaning(&r));
	}
}

static void test_one_after_the_other(void **state)
{
	struct lmtp_reply r;
	(void)state;
	struct str in = at_brink(STR("250 2.1.0 ok\r\n452 4.2.2 full\r\n250 2.0.0 ok\r\n"));
	ssize_t n = lmtp_reply_decode(&r, in);
	assert_int_equal(n, 14);
	in = str_from(in, (size_t)n);
	assert_int_equal(lmtp_reply_decode(&r, in), 16);
	assert_int_equal(r.code, 452);
}

static void test_malformed(void **state)
{
	static const char *const bad[] = { "\r\n", "25\r\n", "25x ok\r\n", "2500 ok\r\n", "250_ok\r\n", "199 ok\r\n",
		"600 ok\r\n", " 250 ok\r\n", "* OK\r\n", "HTTP/1.1 200 OK\r\n", "250-a\r\n251 b\r\n", "250-a\r\n\r\n",
		"250-a\r\n25\r\n" };
	struct lmtp_reply r;
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (lmtp_reply_decode(&r, at_brink(str_of(bad[i]))) >= 0)
			fail_msg("\"%s\" is taken", bad[i]);
	assert_true(lmtp_reply_decode(&r, at_brink(STR("250 o\0k\r\n"))) < 0);
}

/* However a server goes on and on. */
static void test_bounds(void **state)
{
	static char text[2 * LMTP_REPLY_MAX];
	struct lmtp_reply r;
	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "250 ", 4);
	assert_int_equal(lmtp_reply_decode(&r, at_brink((struct str){ text, LMTP_REPLY_MAX - 1 })), 0);
	assert_true(lmtp_reply_decode(&r, at_brink((struct str){ text, LMTP_REPLY_MAX })) < 0);
	text[LMTP_REPLY_MAX - 1] = '\n';
	assert_int_equal(lmtp_reply_decode(&r, at_brink((struct str){ text, sizeof(text) })), LMTP_REPLY_MAX);
	text[LMTP_REPLY_MAX - 1] = 'x';
	text[LMTP_REPLY_MAX] = '\n';
	assert_true(lmtp_reply_decode(&r, at_brink((struct str){ text, sizeof(text) })) < 0);
	for (size_t i = 0; i + 5 <= sizeof(text); i += 5)
		memcpy(text + i, "250-\n", 5);
	assert_true(lmtp_reply_decode(&r, at_brink((struct str){ text, LMTP_REPLY_MAX + 5 })) < 0);
}

static void test_offers(void **state)
{
	struct lmtp_reply r;
	struct str parameters;
	(void)state;
	struct str in =
		at_brink(STR("250-mail.test SIZE\r\n250-PIPELINING\r\n250-size 1000\r\n250-8BITMIME\r\n250 X=y z\r\n"));
	assert_true(lmtp_reply_decode(&r, in) > 0);
	assert_true(lmtp_offers(&r, STR("PIPELINING"), &parameters));
	assert_str(parameters, "");
	assert_true(lmtp_offers(&r, STR("SIZE"), &parameters));
	assert_str(parameters, "1000");
	assert_true(lmtp_offers(&r, STR("X=y"), &parameters));
	assert_false(lmtp_offers(&r, STR("SMTPUTF8"), &parameters));
	assert_false(lmtp_offers(&r, STR("PIPE"), &parameters));
	assert_true(lmtp_reply_decode(&r, at_brink(STR("250 mail.test\r\n"))) > 0);
	assert_false(lmtp_offers(&r, STR("mail.test"), &parameters)); /* that is its name */
}

static void test_mailboxes(void **state)
{
	static const struct {
		const char *local, *domain, *want;
		bool utf8;
	} rows[] = {
		{ "joe", "example.org", "<joe@example.org>", false },
		{ "joe", "", "<joe>", false },
		{ "joe+a.b", "example.org", "<joe+a.b@example.org>", false },
		{ "joe x", "example.org", "<\"joe x\"@example.org>", false },
		{ ".joe", "example.org", "<\".joe\"@example.org>", false },
		{ "joe.", "example.org", "<\"joe.\"@example.org>", false },
		{ "j..e", "example.org", "<\"j..e\"@example.org>", false },
		{ "j\"o\\e", "example.org", "<\"j\\\"o\\\\e\"@example.org>", false },
		{ "a@b>", "example.org", "<\"a@b>\"@example.org>", false },
		{ "joe", "[192.0.2.1]", "<joe@[192.0.2.1]>", false },
		{ "j\xc3\xb6", "example.org", NULL, false },
		{ "j\xc3\xb6", "example.org", "<j\xc3\xb6@example.org>", true },
		{ "joe", "\xc3\xb6.example", NULL, false },
		{ "joe\r\nDATA", "example.org", NULL, true },
		{ "joe\n", "example.org", NULL, true },
		{ "jo\x7f", "example.org", NULL, true },
		{ "joe", "example.org> SIZE=1", NULL, true },
		{ "", "example.org", NULL, true },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[64];
		struct buf out = BUF(text);
		bool good =
			lmtp_put_mailbox(&out, at_brink(str_of(rows[i].local)), str_of(rows[i].domain), rows[i].utf8);
		assert_int_equal(good, rows[i].want != NULL);
		assert_str(buf_str(&out), rows[i].want ? rows[i].want : "");
	}
	char text[10];
	struct buf out = BUF(text);
	assert_false(lmtp_put_mailbox(&out, STR("joe"), STR("example.org"), false));
	assert_int_equal(out.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_one_after_the_other),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_mailboxes),
	};
	return cmocka_run_group_tests(tests, brink_make, NULL);
}
