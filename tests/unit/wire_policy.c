/*
 * The codec of policy delegation. Every input lies right before a page that may not be read, every strict prefix of a
 * good request says "more", and octet by octet gives what all at once gives.
 */
#include "wire/policy.h"

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

#define POSTFIX_REQUEST                                                                                                \
	"request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nclient_address=198.51.100.7\n"         \
	"client_name=mail.example.net\nclient_port=40000\nreverse_client_name=mail.example.net\n"                      \
	"server_address=192.0.2.25\nserver_port=25\nhelo_name=mail.example.net\nsender=ann@example.net\n"              \
	"recipient=joe@example.com\nrecipient_count=0\nqueue_id=4XkFr03zTdz1\ninstance=5e1.68a1c2d3.8f3a1.0\n"         \
	"size=48213\netrn_domain=\nstress=\nsasl_method=plain\nsasl_username=ann\nsasl_sender=\nccert_subject=\n"      \
	"ccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\nencryption_protocol=TLSv1.3\n"                  \
	"encryption_cipher=TLS_AES_256_GCM_SHA384\nencryption_keysize=256\npolicy_context=\n"                          \
	"compatibility_level=3.8\nmail_version=3.8.1\n\n"

static void test_postfix_request(void **state)
{
	struct policy_request r;
	(void)state;
	struct str in = at_brink(STR(POSTFIX_REQUEST));
	assert_int_equal(policy_decode(&r, in), in.len);
	assert_str(r.request, STR("smtpd_access_policy"));
	assert_str(r.protocol_state, STR("RCPT"));
	assert_str(r.client_address, STR("198.51.100.7"));
	assert_str(r.sender, STR("ann@example.net"));
	assert_str(r.recipient, STR("joe@example.com"));
	assert_str(r.recipient_count, STR("0"));
	assert_str(r.queue_id, STR("4XkFr03zTdz1"));
	assert_str(r.instance, STR("5e1.68a1c2d3.8f3a1.0"));
	assert_str(r.size, STR("48213"));
	assert_str(r.sasl_username, STR("ann"));
	assert_ptr_equal(r.request.at, in.at + strlen("request="));
}

/* The outcome: octets eaten, or -1. The recipient: null, where none is expected. */
static const struct {
	struct str in;
	ssize_t outcome;
	const char *recipient;
} cases[] = {
	{ CONST_STR("recipient=joe@x\n\n"), 17, "joe@x" },
	{ CONST_STR("recipient=joe@x\n\nrecipient=sue@x\n\n"), 17, "joe@x" },
	{ CONST_STR("recipient=joe@x\r\n\r\n"), 19, "joe@x" },
	{ CONST_STR("recipient=joe@x\r\r\n\n"), 19, "joe@x\r" },
	{ CONST_STR("recipient=\n\n"), 12, "" },
	{ CONST_STR("recipient=joe@x\nrecipient=sue@x\n\n"), 33, "joe@x" },
	{ CONST_STR("recipient=\nrecipient=sue@x\n\n"), 28, "" },
	{ CONST_STR("recipient==a=@x\n\n"), 17, "=a=@x" },
	{ CONST_STR("recipient= joe@x \n\n"), 19, " joe@x " },
	{ CONST_STR("Recipient=joe@x\n\n"), 17, NULL },
	{ CONST_STR("recipien_=joe@x\n\n"), 17, NULL },
	{ CONST_STR("recipient =joe@x\n\n"), 18, NULL },
	{ CONST_STR(" recipient=joe@x\n\n"), 18, NULL },
	{ CONST_STR("x=\n\n"), 4, NULL },
	{ CONST_STR("=\n\n"), 3, NULL },
	{ CONST_STR("=recipient=joe@x\n\n"), 18, NULL },
	{ CONST_STR("recipient=j\xC3\xBCrgen@x\n\n"), 21, "j\xC3\xBCrgen@x" },
	{ CONST_STR("recipient=\xFF\xFE@x\n\n"), 16, "\xFF\xFE@x" },
	{ CONST_STR("sizes=1\nsendes=\nrequesu=\nqueue_ie=\nsasl_usernam_=\nclient_addres_=\nrecipient_coun_=\n\n"), 84,
		NULL },
	{ CONST_STR("\n"), -1, NULL },
	{ CONST_STR("\r\n"), -1, NULL },
	{ CONST_STR("\nrecipient=joe@x\n\n"), -1, NULL },
	{ CONST_STR("recipient\n\n"), -1, NULL },
	{ CONST_STR("recipient=joe@x\nrubbish\n\n"), -1, NULL },
	{ CONST_STR("recipient=joe@x\n \n"), -1, NULL },
	{ CONST_STR("recipient=joe@x\n\r\r\n"), -1, NULL },
	{ CONST_STR("recipient=joe\0@x\n\n"), -1, NULL },
	{ CONST_STR("reci\0pient=joe@x\n\n"), -1, NULL },
	{ CONST_STR("unknown=\0\nrecipient=joe@x\n\n"), -1, NULL },
	{ CONST_STR("recipient=joe@x\n\0\n"), -1, NULL },
	{ CONST_STR(""), 0, NULL },
	{ CONST_STR("recipient=joe@x\n"), 0, NULL },
	{ CONST_STR("recipient=joe@x\n\r"), 0, NULL },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy_request r;
		struct str in = at_brink(cases[i].in);
		ssize_t n = policy_decode(&r, in);
		if (n != cases[i].outcome)
			fail_msg("case %zu: %zd, expected %zd", i, n, cases[i].outcome);
		if (n <= 0)
			continue;
		assert_int_equal(!r.recipient.at, !cases[i].recipient);
		assert_str(r.recipient, str_of(cases[i].recipient));
		assert_null(r.size.at);
	}
}

/* The first octet at which the outcome is known, by both functions, with the input in ever new memory. */
static void test_octet_by_octet(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy_request r;
		size_t checked = 0;
		ssize_t n = 0;
		for (size_t len = 0; len <= cases[i].in.len && n == 0; len++) {
			struct str in = at_brink((struct str){ cases[i].in.at, len });
			n = policy_decode(&r, in);
			if (n != policy_span(in, &checked) || checked > len)
				fail_msg("case %zu: decode and span do not agree at octet %zu", i, len);
			assert_true(n <= 0 || n == (ssize_t)len);
		}
		assert_int_equal(n, cases[i].outcome);
	}
}

static void test_every_prefix(void **state)
{
	static const struct str good = CONST_STR(POSTFIX_REQUEST);
	struct policy_request r;
	(void)state;
	for (size_t len = 0; len < good.len; len++) {
		size_t checked = 0;
		struct str in = at_brink((struct str){ good.at, len });
		assert_int_equal(policy_decode(&r, in), 0);
		assert_int_equal(policy_span(in, &checked), 0);
	}
}

static void test_size(void **state)
{
	static const struct {
		const char *text;
		uint64_t octets;
	} sizes[] = {
		{ "", 0 },
		{ "0", 0 },
		{ "-1", 0 },
		{ "+1", 0 },
		{ " 1", 0 },
		{ "1 ", 0 },
		{ "1k", 0 },
		{ "0x10", 0 },
		{ "1", 1 },
		{ "0001", 1 },
		{ "9223372036854775806", INT64_MAX - 1 },
		{ "9223372036854775807", INT64_MAX },
		{ "9223372036854775808", INT64_MAX },
		{ "18446744073709551615", INT64_MAX },
		{ "18446744073709551616", INT64_MAX },
		{ "99999999999999999999", INT64_MAX },
	};
	(void)state;
	assert_int_equal(policy_size((struct str){ NULL, 0 }), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_int_equal(policy_size(at_brink(str_of(sizes[i].text))), sizes[i].octets);
}

static void test_encode(void **state)
{
	char space[64];
	struct buf out = BUF(space);
	(void)state;
	policy_encode(&out, STR("452 4.2.2 Full"));
	assert_str(buf_str(&out), STR("action=452 4.2.2 Full\n\n"));
	out = (struct buf){ .at = space, .cap = 23 };
	policy_encode(&out, STR("452 4.2.2 Full, later"));
	assert_true(out.full);
}

static void test_request_encode(void **state)
{
	char space[1024];
	struct buf out = BUF(space);
	struct policy_request back, r = {
		.recipient = STR("joe@x"),
		.size = STR("5"),
		.sender = STR(""),
	};
	(void)state;
	assert_true(policy_request_encode(&out, &r));
	assert_str(buf_str(&out), STR("request=smtpd_access_policy\nsender=\nrecipient=joe@x\nsize=5\n\n"));
	assert_int_equal(policy_decode(&back, buf_str(&out)), out.len);
	assert_str(back.recipient, r.recipient);
	assert_str(back.size, r.size);
	assert_non_null(back.sender.at);
	assert_null(back.instance.at);

	size_t fits = out.len;
	for (size_t cap = 0; cap < fits; cap++) {
		struct buf small = { .at = space, .cap = cap };
		assert_false(policy_request_encode(&small, &r));
		assert_true(small.len == 0 && !small.full);
	}
}

/* Nobody may slip a line of his own into a request. */
static void test_request_encode_refuses(void **state)
{
	static const struct str bad[] = {
		CONST_STR("joe@x\nsize=0"),
		CONST_STR("\n"),
		CONST_STR("joe\0@x"),
		CONST_STR("joe@x\r"),
	};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char space[256] = "before";
		struct buf out = { .at = space, .len = 6, .cap = sizeof(space) };
		struct policy_request r = { .recipient = bad[i], .size = STR("1") };
		assert_false(policy_request_encode(&out, &r));
		assert_str(buf_str(&out), STR("before"));
	}
}

static void test_reply(void **state)
{
	static const struct {
		const char *in, *action; /* null: none, or malformed */
		bool good;
	} rows[] = {
		{ "action=DUNNO\n\n", "DUNNO", true },
		{ "action=\n\n", "", true },
		{ "action=452 4.2.2 a=b\r\n\r\n", "452 4.2.2 a=b", true },
		{ "other=1\naction=OK\naction=REJECT\n\n", "OK", true },
		{ "other=1\n\n", NULL, true },
		{ "\n", NULL, false },
		{ "action\n\n", NULL, false },
		{ "action=0123456789012345678901234567890123456789\n\n", NULL, false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct str in = str_of(rows[i].in), action;
		ssize_t n = policy_reply_decode(&action, at_brink(in), 40);
		assert_int_equal(n > 0, rows[i].good);
		if (!rows[i].good)
			continue;
		assert_int_equal(n, in.len);
		assert_int_equal(action.at != NULL, rows[i].action != NULL);
		assert_str(action, str_of(rows[i].action));
		for (size_t len = 0; len < in.len; len++)
			assert_int_equal(policy_reply_decode(&action, at_brink((struct str){ in.at, len }), 40), 0);
	}
	assert_true(policy_reply_decode(&(struct str){ 0 }, at_brink(STR("action=\0\n\n")), 40) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_postfix_request),
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_octet_by_octet),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_request_encode),
		cmocka_unit_test(test_request_encode_refuses),
	};
	return cmocka_run_group_tests(tests, brink_make, NULL);
}
