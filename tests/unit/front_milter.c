/*
 * The front of milters, called directly: what a dialogue of tests/talk/milter cannot show.
 */
#include "front/front.h"
#include "wire/milter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

extern const struct front milter_front;

static char out_space[2048];
static struct opt_list no_mailers; /* the conf: its only member */

static void *zeroed(size_t octets)
{
	void *p = calloc(1, octets);
	assert_non_null(p);
	return p;
}

static enum front_step feed(void *session, struct str in, size_t *eaten, struct query *q)
{
	struct buf out = BUF(out_space);
	*q = (struct query){ 0 };
	return milter_front.feed(session, in, eaten, q, &out);
}

static void *open_session(uint64_t connection)
{
	static const struct hash_key key = { 1, 2 };
	const struct front_peer peer = {
		.host = STR("192.0.2.1"), .key = &key, .listener = 1, .connection = connection
	};
	void *session = zeroed(milter_front.session_size);
	struct query q;
	size_t eaten;
	milter_front.start(session, &no_mailers, NULL, &peer);
	assert_int_equal(feed(session, STR("\0\0\0\x0DO\0\0\0\6\0\0\1\xFF\0\x1F\xFF\xFF"), &eaten, &q), FRONT_SEND);
	return session;
}

/* Sends a command of strings. */
static enum front_step say(void *session, unsigned char command, const char *first, const char *second, struct query *q)
{
	static char space[8192];
	struct buf packet = BUF(space);
	const struct str strings[] = { str_of(first), str_of(second) };
	size_t eaten;
	assert_true(milter_strings_encode(&packet, command, NULL, strings, !first ? 0 : second ? 2 : 1));
	enum front_step step = feed(session, buf_str(&packet), &eaten, q);
	assert_true(step == FRONT_ABANDONED ? eaten == 0 : eaten == packet.len || step == FRONT_CLOSE);
	return step;
}

static enum front_step answer(void *session, const struct query *q, enum action action)
{
	static const struct reply full = { .code = 452, .subject = 2, .detail = 2, .text = { "Full", 4 } };
	const struct answer a = { .verdict = { .action = action, .reply = &full } };
	struct buf out = BUF(out_space);
	return milter_front.answer(session, q, &a, &out);
}

static void test_table(void **state)
{
	(void)state;
	assert_string_equal(milter_front.name, "milter");
	assert_true(milter_front.quick_ack && !milter_front.datagrams);
	assert_int_equal(milter_front.conf_size, sizeof(struct opt_list));
	assert_string_equal(milter_front.opts->name, "mailers");
	assert_int_equal(milter_front.opts->type, OPT_LIST);
	assert_null(milter_front.opts->def);
	assert_false(milter_front.opts->check(STR(""), NULL));
	assert_true(milter_front.opts->check(STR("cyrusv2"), NULL));
	assert_false(milter_front.opts->check(
		STR("0123456789012345678901234567890123456789012345678901234567890123"), NULL));
}

/* The id of a transaction says which connection and which MAIL of it. */
static void test_transaction_ids(void **state)
{
	struct hash seen[6];
	struct query q;
	size_t n = 0;
	(void)state;
	for (uint64_t connection = 1; connection <= 2; connection++) {
		void *session = open_session(connection);
		for (int mail = 0; mail < 3; mail++) {
			assert_int_equal(say(session, 'M', "<ann@example.net>", NULL, &q), FRONT_SEND);
			assert_int_equal(say(session, 'R', "<joe@example.com>", NULL, &q), FRONT_ASK);
			assert_false(hash_is_none(q.transaction));
			for (size_t i = 0; i < n; i++)
				assert_false(hash_eq(seen[i], q.transaction));
			seen[n++] = q.transaction;
			assert_int_equal(answer(session, &q, ACTION_PASS), FRONT_SEND);
			assert_int_equal(say(session, 'E', NULL, NULL, &q), FRONT_ENDED);
			assert_true(hash_eq(q.transaction, seen[n - 1]));
			assert_int_equal(milter_front.end(session, &q), FRONT_MORE);
		}
		free(session);
	}
}

/* A transaction is open from MAIL on, and given up exactly once. */
static void test_end(void **state)
{
	void *session = open_session(1);
	struct query q, first;
	(void)state;
	assert_int_equal(milter_front.end(session, &q), FRONT_MORE);
	assert_int_equal(say(session, 'M', "<ann@example.net>", NULL, &q), FRONT_SEND);
	assert_int_equal(say(session, 'R', "<joe@example.com>", NULL, &first), FRONT_ASK);
	/* the connection may go while the question is asked */
	assert_int_equal(milter_front.end(session, &q), FRONT_ABANDONED);
	assert_true(hash_eq(q.transaction, first.transaction));
	assert_int_equal(milter_front.end(session, &q), FRONT_MORE);
	free(session);
}

/* Addresses of any length: a sender too long is as not told, a recipient too long is asked about as it is, and of several
   at the end of the message. */
static void test_long_addresses(void **state)
{
	char sender[600] = "", recipient[600] = "";
	(void)state;
	for (size_t len = 511; len <= 513; len++) {
		void *session = open_session(1);
		struct query q;
		sender[0] = recipient[0] = '<';
		memset(sender + 1, 'a', len);
		memset(recipient + 1, 'b', len);
		memcpy(sender + len + 1, ">", 2);
		memcpy(recipient + len + 1, ">", 2);
		assert_int_equal(say(session, 'M', sender, NULL, &q), FRONT_SEND);
		assert_int_equal(!milter_front.complaint(session), len <= 512);
		assert_int_equal(say(session, 'R', recipient, NULL, &q), FRONT_ASK);
		assert_int_equal(q.sender.len, len <= 512 ? len : 0);
		assert_int_equal(q.address.len, len);
		assert_int_equal(answer(session, &q, ACTION_PASS), FRONT_SEND);
		size_t eaten;
		assert_int_equal(feed(session,
					 STR("\0\0\0\x0F"
					     "DE{msg_size}\0"
					     "9\0"),
					 &eaten, &q),
			FRONT_SEND);
		assert_int_equal(say(session, 'E', NULL, NULL, &q), FRONT_ASK);
		assert_int_equal(q.stage, STAGE_END_OF_MESSAGE);
		assert_int_equal(q.address.len, len <= 512 ? len : 0);
		assert_int_equal(answer(session, &q, ACTION_PASS), FRONT_ENDED);
		free(session);
	}
}

/* An answer that does not fit is not sent in part. */
static void test_no_room(void **state)
{
	void *session = open_session(1);
	struct query q;
	const struct answer a = { .verdict = { .action = ACTION_PASS } };
	struct buf out = { .at = out_space, .cap = 4 };
	(void)state;
	assert_int_equal(say(session, 'M', "<ann@example.net>", NULL, &q), FRONT_SEND);
	assert_int_equal(say(session, 'R', "<joe@example.com>", NULL, &q), FRONT_ASK);
	assert_int_equal(milter_front.answer(session, &q, &a, &out), FRONT_CLOSE);
	assert_true(out.len == 0 && !out.full);
	assert_non_null(milter_front.complaint(session));
	free(session);
}

/* What goes out are the letters that end nothing: never accept, discard or skip. */
static void test_letters(void **state)
{
	void *session = open_session(1);
	struct query q;
	(void)state;
	assert_int_equal(say(session, 'M', "<ann@example.net>", NULL, &q), FRONT_SEND);
	assert_memory_equal(out_space, "\0\0\0\1c", 5);
	for (enum action action = ACTION_PASS; action <= ACTION_REJECT; action++) {
		assert_int_equal(say(session, 'R', "<joe@example.com>", NULL, &q), FRONT_ASK);
		assert_int_equal(answer(session, &q, action), FRONT_SEND);
		assert_int_equal(out_space[4], action == ACTION_PASS ? 'c' : 'y');
	}
	free(session);
}

/* The longest packet is one; its length alone tells when it is longer. */
static void test_longest_packet(void **state)
{
	void *session = open_session(1);
	struct query q;
	size_t eaten;
	char *packet = zeroed(MILTER_PACKET_MAX);
	(void)state;
	assert_int_equal(say(session, 'M', "<ann@example.net>", NULL, &q), FRONT_SEND);
	memcpy(packet, "\0\1\0\0B", 5);
	assert_int_equal(feed(session, (struct str){ packet, MILTER_PACKET_MAX - 1 }, &eaten, &q), FRONT_MORE);
	assert_int_equal(feed(session, (struct str){ packet, MILTER_PACKET_MAX }, &eaten, &q), FRONT_SEND);
	assert_int_equal(eaten, MILTER_PACKET_MAX);
	assert_int_equal(milter_front.request_max, MILTER_PACKET_MAX);
	assert_int_equal(feed(session, STR("\0\1\0\1"), &eaten, &q), FRONT_CLOSE);
	free(packet);
	free(session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_transaction_ids),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_long_addresses),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_letters),
		cmocka_unit_test(test_longest_packet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
