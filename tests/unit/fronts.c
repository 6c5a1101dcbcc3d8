/*
 * The fronts policy and exim-quotad, called directly: what a dialogue of tests/talk cannot show.
 */
#include "front/front.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

extern const struct front policy_front, exim_quotad_front;

/* One listener of a front with no option set, and its connections. */
struct listener {
	const struct front *front;
	void *conf, *shared;
	unsigned number;
};

static void *zeroed(size_t octets)
{
	void *p = calloc(1, octets ? octets : 1);
	assert_non_null(p);
	return p;
}

static struct listener open_listener(const struct front *front, unsigned number)
{
	return (struct listener){ front, zeroed(front->conf_size), zeroed(front->shared_size), number };
}

static void close_listener(struct listener *l)
{
	free(l->conf);
	free(l->shared);
}

static void *open_session(const struct listener *l, const char *host)
{
	static const struct hash_key key = { 1, 2 };
	const struct front_peer peer = { .host = str_of(host), .key = &key, .listener = l->number };
	void *session = zeroed(l->front->session_size);
	l->front->start(session, l->conf, l->shared, &peer);
	return session;
}

static char out_space[1024];

static enum front_step feed(const struct listener *l, void *session, struct str in, size_t *eaten, struct query *q)
{
	struct buf out = BUF(out_space);
	*q = (struct query){ 0 };
	return l->front->feed(session, in, eaten, q, &out);
}

static const struct opt *row(const struct opt *rows, const char *name)
{
	while (rows->name && strcmp(rows->name, name) != 0)
		rows++;
	assert_non_null(rows->name);
	return rows;
}

static void test_tables(void **state)
{
	static const char *const names[] = { "pass", "full", "too_large", "unknown", "error" };
	(void)state;
	assert_string_equal(policy_front.name, "policy");
	assert_string_equal(exim_quotad_front.name, "exim-quotad");
	assert_null(exim_quotad_front.opts->name);
	const struct opt *words = row(policy_front.opts, "words");
	assert_int_equal(words->type, OPT_SECTION);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct opt *word = row(words->rows, names[i]);
		assert_int_equal(word->type, OPT_STRING);
		assert_true(words->offset + word->offset + sizeof(char *) <= policy_front.conf_size);
		assert_null(word->def);
		assert_non_null(word->help);
	}
}

static void test_word_check(void **state)
{
	const struct opt *word = row(row(policy_front.opts, "words")->rows, "full");
	char text[402];
	struct err err;
	(void)state;
	memset(text, 'a', sizeof(text));
	assert_true(word->check(STR("OVER"), &err));
	assert_true(word->check(STR("452 4.2.2 Postfach voll f\xC3\xBCr alle"), &err));
	assert_true(word->check((struct str){ text, 400 }, &err));
	assert_false(word->check((struct str){ text, 401 }, &err));
	assert_false(word->check(STR(""), &err));
	assert_false(word->check(STR("two\nlines"), &err));
	assert_false(word->check(STR("tab\there"), &err));
	assert_false(word->check(STR("nul\0here"), &err));
	assert_false(word->check(STR("\x7F"), &err));
	assert_false(word->check(STR("\xFF"), &err));
}

/* The id of a transaction says which message: same listener, host and instance, whatever the connection. */
static void test_transaction_ids(void **state)
{
	static const struct {
		unsigned listener;
		const char *host, *request;
	} who[] = {
		{ 1, "192.0.2.1", "recipient=a@x\ninstance=1\n\n" },
		{ 2, "192.0.2.1", "recipient=a@x\ninstance=1\n\n" },
		{ 1, "192.0.2.2", "recipient=a@x\ninstance=1\n\n" },
		{ 1, "", "recipient=a@x\ninstance=1\n\n" },
		{ 1, "192.0.2.1", "recipient=a@x\ninstance=2\n\n" },
		{ 1, "192.0.2.11", "recipient=a@x\ninstance=\n\n" },
		{ 1, "192.0.2.1", "recipient=a@x\ninstance=11\n\n" },
	};
	enum { N = sizeof(who) / sizeof(who[0]) };
	struct query q[N], again;
	size_t eaten;
	(void)state;
	for (size_t i = 0; i < N; i++) {
		struct listener l = open_listener(&policy_front, who[i].listener);
		void *session = open_session(&l, who[i].host), *other = open_session(&l, who[i].host);
		assert_int_equal(feed(&l, session, str_of(who[i].request), &eaten, &q[i]), FRONT_ASK);
		assert_int_equal(feed(&l, other, str_of(who[i].request), &eaten, &again), FRONT_ASK);
		assert_true(hash_eq(q[i].transaction, again.transaction));
		for (size_t k = 0; k < i; k++)
			assert_false(hash_eq(q[i].transaction, q[k].transaction));
		free(session);
		free(other);
		close_listener(&l);
	}
	assert_true(hash_is_none(q[5].transaction));
}

/* After FRONT_ENDED the same request comes again: at the same place, longer, or moved. */
static void test_again_after_ended(void **state)
{
	static const char first[] = "recipient=a@x\ninstance=1\n\n";
	static const char second[] = "recipient=b@x\ninstance=2\n\nrecipient=c@x\n\n";
	const size_t one = sizeof(first) - 1;
	struct listener l = open_listener(&policy_front, 1);
	(void)state;
	for (int moved = 0; moved < 2; moved++) {
		void *session = open_session(&l, "");
		struct query q, old;
		size_t eaten = 99;
		assert_int_equal(feed(&l, session, str_of(first), &eaten, &old), FRONT_ASK);
		char *at = strdup(second), *copy = strdup(second);
		assert_int_equal(feed(&l, session, (struct str){ at, one }, &eaten, &q), FRONT_ENDED);
		assert_int_equal(eaten, 0);
		assert_true(hash_eq(q.transaction, old.transaction));
		if (moved)
			memset(at, '#', one);
		char *now = moved ? copy : at;
		assert_int_equal(feed(&l, session, str_of(now), &eaten, &q), FRONT_ASK);
		assert_int_equal(eaten, one);
		assert_true(q.address.at == now + strlen("recipient=") && q.address.len == 3);
		assert_false(hash_eq(q.transaction, old.transaction));
		assert_int_equal(feed(&l, session, str_of(now + one), &eaten, &q), FRONT_ASK);
		assert_true(hash_is_none(q.transaction) && q.address.at[0] == 'c');
		assert_int_equal(policy_front.end(session, &q), FRONT_ENDED);
		assert_int_equal(policy_front.end(session, &q), FRONT_MORE);
		free(at);
		free(copy);
		free(session);
	}
	close_listener(&l);
}

/* Two connections of one listener at once: what one learns about END-OF-MESSAGE the other uses. */
static void test_listener_learns(void **state)
{
	struct listener l = open_listener(&policy_front, 1);
	void *a = open_session(&l, "192.0.2.1"), *b = open_session(&l, "192.0.2.2");
	struct query q;
	size_t eaten;
	(void)state;
	assert_int_equal(feed(&l, b, STR("recipient=b@x\ninstance=1\n\n"), &eaten, &q), FRONT_ASK);
	assert_int_equal(feed(&l, a, STR("recipient=a@x\ninstance=1\n\n"), &eaten, &q), FRONT_ASK);
	assert_int_equal(feed(&l, a, STR("protocol_state=END-OF-MESSAGE\ninstance=1\n\n"), &eaten, &q), FRONT_ASK);
	assert_true(q.stage == STAGE_END_OF_MESSAGE && q.address.len == 0);
	assert_int_equal(policy_front.end(a, &q), FRONT_ENDED);
	assert_int_equal(policy_front.end(b, &q), FRONT_ABANDONED);
	free(a);
	free(b);
	close_listener(&l);
}

/* An answer that does not fit is not sent in part. */
static void test_no_room(void **state)
{
	struct listener l = open_listener(&policy_front, 1);
	void *session = open_session(&l, "");
	struct query q;
	struct answer a = { 0 };
	size_t eaten;
	(void)state;
	assert_int_equal(feed(&l, session, STR("recipient=b@x\n\n"), &eaten, &q), FRONT_ASK);
	struct buf out = { .at = out_space, .cap = 13 };
	assert_int_equal(policy_front.answer(session, &q, &a, &out), FRONT_CLOSE);
	assert_int_equal(out.len, 0);
	assert_non_null(policy_front.complaint(session));
	out = (struct buf){ .at = out_space, .cap = 14 };
	assert_int_equal(policy_front.answer(session, &q, &a, &out), FRONT_SEND);
	assert_memory_equal(out_space, "action=DUNNO\n\n", 14);
	free(session);
	close_listener(&l);
}

/* A request of request_max octets is one, a longer one is none, however much is fed at once. */
static void test_request_max(void **state)
{
	(void)state;
	for (size_t over = 0; over < 2; over++) {
		struct listener l = open_listener(&policy_front, 1);
		size_t len = policy_front.request_max + over, eaten;
		void *session = open_session(&l, "");
		char *request = zeroed(len);
		struct query q;
		memset(request, 'a', len);
		memcpy(request, "recipient=b@x\nb=", 16);
		memcpy(request + len - 2, "\n\n", 2);
		enum front_step step = feed(&l, session, (struct str){ request, len }, &eaten, &q);
		assert_int_equal(step, over ? FRONT_CLOSE : FRONT_ASK);
		free(request);
		free(session);
		close_listener(&l);
	}
}

/* Figures count only of a mailbox that was found; what else may stand in the facts is not sent. */
static void test_quotad_states(void **state)
{
	static const enum facts_state states[] = { FACTS_FAILED, FACTS_FOUND, FACTS_NO_MAILBOX, FACTS_NOT_OURS };
	struct listener l = open_listener(&exim_quotad_front, 1);
	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		void *session = open_session(&l, "");
		struct query q;
		struct answer a = { .facts = { .state = states[i], .usage = 4711 } };
		struct buf out = BUF(out_space);
		size_t eaten;
		assert_int_equal(feed(&l, session, STR("/var/mail/joe\n"), &eaten, &q), FRONT_ASK);
		assert_true(q.kind == QUERY_PATH && q.purpose == PURPOSE_REPORT);
		assert_true(hash_is_none(q.transaction));
		assert_int_equal(exim_quotad_front.answer(session, &q, &a, &out), FRONT_CLOSE);
		assert_string_equal(buf_z(&out), states[i] == FACTS_FOUND ? "4711\n" : "0\n");
		free(session);
	}
	close_listener(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_word_check),
		cmocka_unit_test(test_transaction_ids),
		cmocka_unit_test(test_again_after_ended),
		cmocka_unit_test(test_listener_learns),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_request_max),
		cmocka_unit_test(test_quotad_states),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
