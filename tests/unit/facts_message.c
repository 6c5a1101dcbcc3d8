/*
 * The messages between quotagates. Every input lies right before a page that may not be read; there is one way to write a
 * message, so what is not written like that is malformed.
 */
#include "wire/facts_message.h"

#include "brink.h"

#define SPACE 4096
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct facts_request question = {
	.kind = FACTS_QUESTION,
	.asker = 0x0102030405060708,
	.sequence = 0x1112131415161718,
	.id = 0x2122232425262728,
	.time = 0x3132333435363738,
	.transaction = { 0x4142434445464748, 0x494A4B4C4D4E4F50 },
	.size = 0x5152535455565758,
	.limit = 0x6162636465666768,
	.message_limit = 0x71727374,
	.charge = true,
	.limit_named = true,
	.end_of_message = true,
	.firm = true,
	.spent = 0x2A2B2C2D2E2F3031,
	.spent_messages = 0x81828384,
	.held = 0x91929394,
	.address = { "joe@example.com", 15 },
};

static const struct facts_reply reply = {
	.asker = 0x0102030405060708,
	.sequence = 0x1112131415161718,
	.id = 0x2122232425262728,
	.time = 0x3132333435363738,
	.state = FACTS_REPLY_FOUND,
	.source = 2,
	.rule = 4,
	.firm = true,
	.foreign = true,
	.charged = true,
	.stale = true,
	.messages = 0x81828384,
	.message_limit = 0x91929394,
	.charge_messages = 0xA1A2A3A4,
	.usage = 0x4142434445464748,
	.limit = 0x494A4B4C4D4E4F50,
	.charge = 0x5152535455565758,
	.age = 0x595A5B5C5D5E5F60,
	.full_for = 0x6162636465666768,
	.loan = 0x696A6B6C6D6E6F70,
	.loan_messages = 0xB1B2B3B4,
	.loan_life = 0xC1C2C3C4,
	.note = { "counted", 7 },
};

/* Octet for octet as quotagate-facts(7) has them. */
#define QUESTION                                                                                                       \
	"QG\1\1\0\0\0\0"                                                                                               \
	"\x01\x02\x03\x04\x05\x06\x07\x08\x11\x12\x13\x14\x15\x16\x17\x18"                                             \
	"!\"#$%&'(12345678ABCDEFGHIJKLMNOPQRSTUVWXabcdefghqrst\x0F\0\0\x0F"                                            \
	"*+,-./01\x81\x82\x83\x84\x91\x92\x93\x94joe@example.com"
#define REPLY                                                                                                          \
	"QG\1\x81\0\0\0\0"                                                                                             \
	"\x01\x02\x03\x04\x05\x06\x07\x08\x11\x12\x13\x14\x15\x16\x17\x18"                                             \
	"!\"#$%&'(12345678\1\2\4\x0F\x81\x82\x83\x84\x91\x92\x93\x94\xA1\xA2\xA3\xA4"                                  \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnop\xB1\xB2\xB3\xB4\xC1\xC2\xC3\xC4\7counted"

static void test_question(void **state)
{
	char want[FACTS_REQUEST_MIN] = QUESTION, got[FACTS_MESSAGE_MAX];
	struct buf out = BUF(got);
	struct facts_request back;
	(void)state;
	assert_true(facts_request_encode(&out, &question));
	assert_int_equal(out.len, sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
	assert_int_equal(facts_request_decode(&back, at_brink(buf_str(&out))), out.len);
	assert_true(str_eq(back.address, question.address));
	memset(got, 0, sizeof(got));
	out.len = 0;
	assert_true(facts_request_encode(&out, &back));
	assert_memory_equal(got, want, sizeof(want));
}

static void test_reply(void **state)
{
	char want[sizeof(REPLY) - 1 + SEAL_OCTETS] = REPLY, got[FACTS_MESSAGE_MAX];
	struct buf out = BUF(got);
	struct facts_reply back;
	(void)state;
	facts_reply_encode(&out, &reply, FACTS_REQUEST_MIN);
	assert_int_equal(out.len, sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
	assert_int_equal(facts_reply_decode(&back, at_brink(buf_str(&out))), out.len);
	assert_true(str_eq(back.note, reply.note));
	memset(got, 0, sizeof(got));
	out.len = 0;
	facts_reply_encode(&out, &back, FACTS_REQUEST_MIN);
	assert_memory_equal(got, want, sizeof(want));
}

/* A good message, of which `len` octets at `at` are then overwritten with `octets`. */
struct change {
	size_t at;
	struct str octets;
	bool good;
};

#define CHANGE(at, octets, good)                                                                                       \
	{                                                                                                              \
		at, { octets, sizeof(octets) - 1 }, good                                                               \
	}

static const struct change request_changes[] = {
	CHANGE(0, "QG\1\1", true), CHANGE(0, "qG", false), CHANGE(0, "Qg", false), CHANGE(2, "\0", false),
	CHANGE(2, "\2", false), CHANGE(3, "\0", false), CHANGE(3, "\2", false), /* an event without one */
	CHANGE(3, "\3", false), CHANGE(3, "\x81", false),
	CHANGE(4, "\xFF\xFF\xFF\xFF", true), /* the key's name is the seal's business */
	CHANGE(8, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
		true),
	CHANGE(32, "\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", true), CHANGE(32, "\x80", false),
	CHANGE(40, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", true), CHANGE(56, "\x80", false), CHANGE(64, "\x80", false),
	CHANGE(76, "\x0D", false), /* a limit that is not named */
	CHANGE(76, "\x1F", true), /* a limit that is a default */
	CHANGE(76, "\x3F", false), CHANGE(76, "\x8F", false), CHANGE(77, "\1", false), /* a question with an event */
	CHANGE(77, "\5", false), CHANGE(78, "\0\0", false), /* what was the address is padding that is not zero */
	CHANGE(78, "\0\x0E", false), CHANGE(78, "\0\x10", true), CHANGE(78, "\0\x40", true),
	CHANGE(78, "\0\x41", false), /* would have to be longer */
	CHANGE(78, "\1\x0F", false), CHANGE(78, "\xFF\xFF", false), CHANGE(80, "\x80", false),
	CHANGE(96, "\n\0\xFF", true), /* the gate judges addresses */
	CHANGE(111, "\1", false), CHANGE(159, "\1", false), CHANGE(160, "\1", true), /* the seal */
};

static const struct change reply_changes[] = {
	CHANGE(0, "QG\1\x81", true),
	CHANGE(0, "QQ", false),
	CHANGE(2, "\2", false),
	CHANGE(3, "\1", false),
	CHANGE(3, "\x80", false),
	CHANGE(4, "\xFF\xFF\xFF\xFF", true),
	CHANGE(32, "\x80", false),
	CHANGE(40, "\0", true),
	CHANGE(40, "\5", true),
	CHANGE(40, "\6", false),
	CHANGE(40, "\xFF", false),
	CHANGE(41, "\4", true),
	CHANGE(41, "\x08", true),
	CHANGE(41, "\x09", false),
	CHANGE(42, "\x08", true),
	CHANGE(42, "\x09", false),
	CHANGE(43, "\0", true),
	CHANGE(43, "\x1F", true),
	CHANGE(43, "\x20", false),
	CHANGE(56, "\x80", false),
	CHANGE(64, "\x80", false),
	CHANGE(72, "\x80", false),
	CHANGE(80, "\x80", false),
	CHANGE(88, "\x80", false),
	CHANGE(96, "\x80", false),
	CHANGE(112, "\6", false),
	CHANGE(112, "\x08", false),
	CHANGE(112, "\xFF", false),
	CHANGE(120, "\1", true),
};

static void make(char *at, size_t len, const char *good, const struct change *c)
{
	memset(at, 0, len);
	memcpy(at, good, len - SEAL_OCTETS);
	memcpy(at + c->at, c->octets.at, c->octets.len);
}

static void test_changes(void **state)
{
	struct facts_request q;
	struct facts_reply p;
	(void)state;
	for (size_t i = 0; i < COUNT(request_changes); i++) {
		char text[FACTS_REQUEST_MIN], good[FACTS_REQUEST_MIN] = QUESTION;
		make(text, sizeof(text), good, &request_changes[i]);
		if ((facts_request_decode(&q, at_brink((struct str){ text, sizeof(text) })) > 0) !=
			request_changes[i].good)
			fail_msg("request %zu, octet %zu", i, request_changes[i].at);
	}
	for (size_t i = 0; i < COUNT(reply_changes); i++) {
		char text[sizeof(REPLY) - 1 + SEAL_OCTETS];
		make(text, sizeof(text), REPLY, &reply_changes[i]);
		if ((facts_reply_decode(&p, at_brink((struct str){ text, sizeof(text) })) > 0) != reply_changes[i].good)
			fail_msg("reply %zu, octet %zu", i, reply_changes[i].at);
	}
}

/* What has not come whole, or has something behind it, is no message. */
static void test_lengths(void **state)
{
	char text[SPACE] = { 0 };
	struct buf out = { .at = text, .cap = FACTS_MESSAGE_MAX };
	struct facts_request q;
	struct facts_reply p;
	(void)state;
	assert_true(facts_request_encode(&out, &question));
	for (size_t len = 0; len <= SPACE; len++)
		if ((facts_request_decode(&q, at_brink((struct str){ text, len })) > 0) != (len == out.len))
			fail_msg("a request of %zu octets", len);
	memset(text, 0, sizeof(text));
	out.len = 0;
	facts_reply_encode(&out, &reply, FACTS_REQUEST_MIN);
	for (size_t len = 0; len <= SPACE; len++)
		if ((facts_reply_decode(&p, at_brink((struct str){ text, len })) > 0) != (len == out.len))
			fail_msg("a reply of %zu octets", len);
}

static void test_events(void **state)
{
	static const struct {
		enum facts_event event;
		bool transaction, address, good;
	} cases[] = {
		{ FACTS_EVENT_NONE, true, true, false },
		{ FACTS_EVENT_NONE, true, false, false },
		{ FACTS_EVENT_ARRIVED, true, false, true },
		{ FACTS_EVENT_ARRIVED, true, true, false },
		{ FACTS_EVENT_ARRIVED, false, false, false },
		{ FACTS_EVENT_ENDED, true, false, true },
		{ FACTS_EVENT_ENDED, true, true, false },
		{ FACTS_EVENT_ABANDONED, true, false, true },
		{ FACTS_EVENT_ABANDONED, false, false, false },
		{ FACTS_EVENT_WITHDRAWN, true, true, true },
		{ FACTS_EVENT_WITHDRAWN, true, false, false },
		{ FACTS_EVENT_WITHDRAWN, false, true, false },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[FACTS_MESSAGE_MAX];
		struct buf out = BUF(text);
		struct facts_request back, q = { .kind = FACTS_EVENT, .event = cases[i].event, .size = 5 };
		q.transaction.b = cases[i].transaction;
		if (cases[i].address)
			q.address = question.address;
		assert_true(facts_request_encode(&out, &q));
		if ((facts_request_decode(&back, at_brink(buf_str(&out))) > 0) != cases[i].good)
			fail_msg("case %zu", i);
	}
}

/* Every length of address, and what an encoder makes of what cannot be said. */
static void test_request_bounds(void **state)
{
	char text[FACTS_MESSAGE_MAX], address[FACTS_ADDRESS_MAX + 1];
	struct facts_request back, q = { .kind = FACTS_QUESTION, .limit = 7, .message_limit = 7, .time = -1 };
	(void)state;
	memset(address, 'a', sizeof(address));
	q.size = q.spent = UINT64_MAX;
	for (size_t len = 1; len <= FACTS_ADDRESS_MAX; len++) {
		struct buf out = BUF(text);
		q.address = (struct str){ address, len };
		assert_true(facts_request_encode(&out, &q));
		assert_false(out.full);
		assert_int_equal(facts_request_decode(&back, at_brink(buf_str(&out))), out.len);
		assert_true(str_eq(back.address, q.address));
	}
	assert_true(back.size == INT64_MAX && back.spent == INT64_MAX && back.time == 0);
	assert_true(!back.limit_named && back.limit == 0 && back.message_limit == 0);
	struct buf out = BUF(text);
	q.address.len = sizeof(address);
	assert_false(facts_request_encode(&out, &q));
	assert_int_equal(out.len, 0);
}

static void test_reply_bounds(void **state)
{
	static const struct {
		size_t note, most, comes;
	} cases[] = {
		{ 0, FACTS_REQUEST_MIN, 0 },
		{ FACTS_NOTE_MAX, FACTS_REQUEST_MIN, FACTS_NOTE_MAX },
		{ FACTS_NOTE_MAX + 1, FACTS_REQUEST_MIN, FACTS_NOTE_MAX },
		{ FACTS_NOTE_MAX + 1, FACTS_REQUEST_MIN + 1, FACTS_NOTE_MAX + 1 },
		{ 300, FACTS_MESSAGE_MAX, 255 },
	};
	char note[300], text[FACTS_MESSAGE_MAX];
	(void)state;
	memset(note, 'a', sizeof(note));
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct facts_reply back, p = { .usage = UINT64_MAX, .note = { note, cases[i].note } };
		struct buf out = BUF(text);
		facts_reply_encode(&out, &p, cases[i].most);
		assert_true(out.len <= cases[i].most && !out.full);
		assert_int_equal(facts_reply_decode(&back, at_brink(buf_str(&out))), out.len);
		assert_int_equal(back.note.len, cases[i].comes);
		assert_true(back.usage == INT64_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_question),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_request_bounds),
		cmocka_unit_test(test_reply_bounds),
	};
	return cmocka_run_group_tests(tests, brink_make, NULL);
}
