/*
 * What IMAP servers say of quotas, and what they are asked. Every input lies right before a page that may not be read,
 * and every strict prefix of a good one says "more".
 */
#include "wire/imap_quota.h"
#include "wire/imap_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define SPACE 65536
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char *space_end; /* SPACE octets before it may be used, none behind */

static int make_space(void **state)
{
	(void)state;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *at = mmap(NULL, SPACE + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED || mprotect(at + SPACE, page, PROT_NONE) != 0)
		return -1;
	space_end = at + SPACE;
	return 0;
}

static ssize_t decode(struct imap_response *r, struct str in)
{
	char *at = space_end - in.len;
	if (in.len)
		memcpy(at, in.at, in.len);
	return imap_response_decode(r, (struct str){ at, in.len });
}

/* All of it is one response, of which no part is one. */
static void decode_whole(struct imap_response *r, const char *in)
{
	struct str all = str_of(in);
	for (size_t n = 0; n < all.len; n++)
		if (decode(r, (struct str){ in, n }) != 0)
			fail_msg("%zu octets of \"%s\" are enough", n, in);
	assert_int_equal(decode(r, all), all.len);
}

static void test_quota(void **state)
{
	static const struct {
		const char *in;
		struct imap_resource storage, messages;
	} rows[] = {
		{ "* QUOTA user/joe (STORAGE 12 10)\r\n", { true, 12, 10 }, { 0 } },
		{ "* QUOTA user/joe (STORAGE 12 10)\n", { true, 12, 10 }, { 0 } },
		{ "* QUOTA \"User quota\" (STORAGE 11719 10240)\r\n", { true, 11719, 10240 }, { 0 } },
		{ "* QUOTA \"a \\\" b \\\\\" (STORAGE 1 2)\r\n", { true, 1, 2 }, { 0 } },
		{ "* QUOTA \"\" (STORAGE 1 2)\r\n", { true, 1, 2 }, { 0 } },
		{ "* QUOTA {10}\r\nUser quota (STORAGE 1 2)\r\n", { true, 1, 2 }, { 0 } },
		{ "* QUOTA {10+}\r\nUser\n\" ota (STORAGE 1 2)\r\n", { true, 1, 2 }, { 0 } },
		{ "* QUOTA {0}\r\n (STORAGE 1 2)\r\n", { true, 1, 2 }, { 0 } },
		{ "* QUOTA r (STORAGE 2 1000 MESSAGE 1 1)\r\n", { true, 2, 1000 }, { true, 1, 1 } },
		{ "* QUOTA r (message 1 1 storage 2 1000)\r\n", { true, 2, 1000 }, { true, 1, 1 } },
		{ "* quota r (MAILBOX 3 4 ANNOTATION-STORAGE 1 2 MESSAGE 0 0)\r\n", { 0 }, { true, 0, 0 } },
		{ "* QUOTA r (X-FOO -1 ? STORAGE 2 1000)\r\n", { true, 2, 1000 }, { 0 } },
		{ "* QUOTA NIL (STORAGE 2 1000)\r\n", { true, 2, 1000 }, { 0 } },
		{ "* QUOTA r ()\r\n", { 0 }, { 0 } },
		{ "* QUOTA  r  ( STORAGE  2  1000 ) \r\n", { true, 2, 1000 }, { 0 } },
		{ "* QUOTA r (STORAGE 9 20 STORAGE 5 10)\r\n", { true, 5, 10 }, { 0 } },
		{ "* QUOTA r (STORAGE 9 8 STORAGE 10 10)\r\n", { true, 9, 8 }, { 0 } },
		{ "* QUOTA r (STORAGE 9223372036854775808 99999999999999999999999)\r\n", { true, INT64_MAX, INT64_MAX },
			{ 0 } },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct imap_response r;
		decode_whole(&r, rows[i].in);
		assert_int_equal(r.kind, IMAP_QUOTA);
		assert_memory_equal(&r.storage, &rows[i].storage, sizeof(r.storage));
		assert_memory_equal(&r.messages, &rows[i].messages, sizeof(r.messages));
	}
}

static void test_quotaroot(void **state)
{
	static const struct {
		const char *in;
		size_t roots;
	} rows[] = {
		{ "* QUOTAROOT INBOX \"User quota\"\r\n", 1 },
		{ "* QUOTAROOT user/noq\r\n", 0 },
		{ "* QUOTAROOT INBOX \"\"\r\n", 1 },
		{ "* QUOTAROOT \"a b\" a {3}\r\nb\rc \"d\" \r\n", 3 },
		{ "* quotaroot {5+}\r\nINBOX {0}\r\n\r\n", 1 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct imap_response r;
		decode_whole(&r, rows[i].in);
		assert_int_equal(r.kind, IMAP_QUOTAROOT);
		assert_int_equal(r.roots, rows[i].roots);
	}
}

static void assert_str(struct str is, const char *want)
{
	assert_int_equal(is.len, strlen(want));
	assert_memory_equal(is.at, want, is.len);
}

/* The same root may be written in several ways. */
static void test_names_of_roots(void **state)
{
	static const struct {
		const char *in, *names; /* with | behind each */
	} rows[] = {
		{ "* QUOTAROOT INBOX\r\n", "" },
		{ "* QUOTAROOT INBOX \"User quota\" Second\r\n", "User quota|Second|" },
		{ "* QUOTAROOT \"a b\" a {3}\r\nb\rc \"d\\\"\\\\\" \r\n", "a|b\rc|d\"\\|" },
		{ "* QUOTAROOT {5+}\r\nINBOX {0}\r\n \"\"\r\n", "||" },
		{ "* QUOTA {10}\r\nUser quota (STORAGE 1 2)\r\n", "User quota|" },
		{ "* QUOTA  r  ()\r\n", "r|" },
		{ "* QUOTA \"\" ()\r\n", "|" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[100];
		struct buf out = BUF(text);
		struct imap_response r;
		decode_whole(&r, rows[i].in);
		while (imap_root_take(&r.names, &out))
			buf_putc(&out, '|');
		assert_str(buf_str(&out), rows[i].names);
	}
}

static void test_others(void **state)
{
	static const char *const rows[] = {
		"* OK [CAPABILITY IMAP4rev1] ready {3}\r\n",
		"* 3 EXISTS\r\n",
		"* FLAGS (\\Seen)\r\n",
		"* LIST () \"/\" {4}\r\na\r\nb\r\n",
		"* QUOTAS r (STORAGE\r\n",
		"* \r\n",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct imap_response r;
		decode_whole(&r, rows[i]);
		assert_int_equal(r.kind, IMAP_OTHER);
	}
}

static void test_status(void **state)
{
	static const struct {
		const char *in;
		enum imap_kind kind;
		const char *tag, *line, *code, *text;
	} rows[] = {
		{ "q1 OK Completed\r\n", IMAP_OK, "q1", "OK Completed", "", "Completed" },
		{ "q1 OK\r\n", IMAP_OK, "q1", "OK", "", "" },
		{ "A003 NO Mailbox does not exist\r\n", IMAP_NO, "A003", "NO Mailbox does not exist", "",
			"Mailbox does not exist" },
		{ "q1 no [NONEXISTENT] gone {9}\r\n", IMAP_NO, "q1", "no [NONEXISTENT] gone {9}", "NONEXISTENT",
			"gone {9}" },
		{ "q1 BAD [X\r\n", IMAP_BAD, "q1", "BAD [X", "", "[X" },
		{ "q1 NO []\r\n", IMAP_NO, "q1", "NO []", "", "" },
		{ "* BYE [UNAVAILABLE] down\r\n", IMAP_BYE, "", "BYE [UNAVAILABLE] down", "UNAVAILABLE", "down" },
		{ "+ go on\r\n", IMAP_CONTINUE, "", "", "", "" },
		{ "+\r\n", IMAP_CONTINUE, "", "", "", "" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct imap_response r;
		decode_whole(&r, rows[i].in);
		assert_int_equal(r.kind, rows[i].kind);
		assert_str(r.tag, rows[i].tag);
		assert_str(r.line, rows[i].line);
		assert_str(r.code, rows[i].code);
		assert_str(r.text, rows[i].text);
	}
}

static void test_malformed(void **state)
{
	static const char *const rows[] = {
		"\r\n",
		"*\r\n",
		"hello\r\n",
		"q1\r\n",
		"q1 YES\r\n",
		"q1 PREAUTH\r\n",
		" OK\r\n",
		"HTTP/1.1 400 Bad Request\r\n",
		"* QUOTA\r\n",
		"* QUOTA r\r\n",
		"* QUOTA r (\r\n",
		"* QUOTA r (STORAGE\r\n",
		"* QUOTA r (STORAGE 1\r\n",
		"* QUOTA r (STORAGE 1)\r\n",
		"* QUOTA r (STORAGE 1 2\r\n",
		"* QUOTA r (STORAGE 1 2) x\r\n",
		"* QUOTA r (STORAGE 1 -2)\r\n",
		"* QUOTA r (STORAGE 1.5 2)\r\n",
		"* QUOTA r (STORAGE 1 2 3)\r\n",
		"* QUOTA r (STORAGE (1) 2)\r\n",
		"* QUOTA (STORAGE 1 2)\r\n",
		"* QUOTA \"r (STORAGE 1 2)\r\n",
		"* QUOTA \"r\\\r\n",
		"* QUOTA {99999999999}\r\n",
		"* QUOTAROOT\r\n",
		"* QUOTAROOT (\r\n",
		"* QUOTAROOT INBOX (\r\n",
		"* QUOTAROOT INBOX \"a\r\n",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct imap_response r;
		if (decode(&r, str_of(rows[i])) >= 0)
			fail_msg("\"%s\" is taken for a response", rows[i]);
	}
}

static void test_merge(void **state)
{
	struct imap_resource r = { 0 };
	const struct imap_resource none = { 0 }, wide = { true, 5, 20 }, narrow = { true, 10, 20 },
				   over = { true, 3, 2 };
	(void)state;
	imap_resource_merge(&r, &none);
	assert_false(r.limited);
	imap_resource_merge(&r, &wide);
	imap_resource_merge(&r, &none);
	assert_int_equal(r.usage, 5);
	imap_resource_merge(&r, &over);
	imap_resource_merge(&r, &narrow);
	assert_int_equal(r.usage, 3);
}

static void test_names(void **state)
{
	static const struct {
		const char *name, *want;
	} rows[] = {
		{ "", "" },
		{ "user/joe", "user/joe" },
		{ "a&b", "a&-b" },
		{ "~peter/mail/\xE5\x8F\xB0\xE5\x8C\x97/\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E",
			"~peter/mail/&U,BTFw-/&ZeVnLIqe-" }, /* RFC 3501's example */
		{ "\xC3\xA9", "&AOk-" },
		{ "\xC3\xA9&", "&AOk-&-" },
		{ "\xF0\x9F\x98\x80", "&2D3eAA-" },
		{ "a\r\n", "a&AA0ACg-" },
		{ "\x7F", "&AH8-" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[100];
		struct buf out = BUF(text);
		assert_true(imap_name_encode(&out, str_of(rows[i].name)));
		assert_str(buf_str(&out), rows[i].want);
	}
	char text[100];
	struct buf out = BUF(text);
	assert_false(imap_name_encode(&out, STR("a\xFF")));
	assert_false(imap_name_encode(&out, (struct str){ "a\0b", 3 }));
	assert_int_equal(out.len, 0);
}

static void test_commands(void **state)
{
	char text[100], long_name[200];
	struct buf out = BUF(text);
	(void)state;
	assert_true(imap_getquotaroot_encode(&out, STR("q1"), STR("user/a \"\\b\r\n")));
	assert_str(buf_str(&out), "q1 GETQUOTAROOT \"user/a \\\"\\\\b&AA0ACg-\"\r\n");
	out = BUF(text);
	assert_true(imap_getquota_encode(&out, STR("q2"), STR("")));
	assert_str(buf_str(&out), "q2 GETQUOTA \"\"\r\n");
	out = BUF(text);
	assert_false(imap_getquotaroot_encode(&out, STR("q1"), STR("\xC3")));
	assert_int_equal(out.len, 0);
	memset(long_name, 'x', sizeof(long_name));
	assert_true(imap_getquotaroot_encode(&out, STR("q1"), (struct str){ long_name, sizeof(long_name) }));
	assert_true(out.full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quota),
		cmocka_unit_test(test_quotaroot),
		cmocka_unit_test(test_names_of_roots),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_commands),
	};
	return cmocka_run_group_tests_name("imap_quota", tests, make_space, NULL);
}
