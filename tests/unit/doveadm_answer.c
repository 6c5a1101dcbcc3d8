/* The answers of doveadm's HTTP API to quotaGet. */
#include "store/doveadm_answer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ROWS(rows) "[[\"doveadmResponse\",[" rows "],\"0\"]]"
#define ROW(type, value, limit)                                                                                        \
	"{\"root\":\"User quota\",\"type\":\"" type "\",\"value\":\"" value "\",\"limit\":\"" limit                    \
	"\",\"percent\":\"0\"}"
#define CODE(code) "[[\"error\",{\"type\":\"exitCode\",\"exitCode\":" code "},\"0\"]]"

static const struct {
	const char *in;
	enum facts_state state;
	uint64_t usage, limit;
	uint32_t messages, message_limit;
	const char *note; /* is in it */
} answers[] = {
	{ ROWS(ROW("STORAGE", "10", "1024") "," ROW("MESSAGE", "7", "-")), FACTS_FOUND, 10240, 1047553, 7, 0,
		": User quota" },
	{ ROWS(ROW("STORAGE", "0", "-")), FACTS_FOUND, 0, 0, 0, 0, "" },
	{ ROWS(ROW("STORAGE", "3", "0") "," ROW("MESSAGE", "2", "5")), FACTS_FOUND, 3072, 0, 2, 5, "" },
	{ ROWS(ROW("OTHER", "x", "y") "," ROW("STORAGE", "1", "2")), FACTS_FOUND, 1024, 1025, 0, 0, "" },
	/* Dovecot rounds up: a limit of one octet is told as one KiB. */
	{ ROWS(ROW("STORAGE", "1", "1")), FACTS_FOUND, 1024, 1, 0, 0, "" },
	/* Of several roots the one with the least room; of each resource for itself. */
	{ ROWS(ROW("STORAGE", "10", "-") "," ROW("STORAGE", "5", "10") "," ROW("STORAGE", "1", "9")), FACTS_FOUND, 5120,
		9217, 0, 0, "" },
	{ ROWS(ROW("STORAGE", "1", "10") "," ROW("MESSAGE", "9", "-") "," ROW("STORAGE", "1", "-") "," ROW(
		  "MESSAGE", "3", "4")),
		FACTS_FOUND, 1024, 9217, 3, 4, "" },
	{ ROWS(ROW("STORAGE", "12", "10") "," ROW("STORAGE", "9", "10")), FACTS_FOUND, 12288, 9217, 0, 0, "" },
	{ ROWS(ROW("STORAGE", "18446744073709551615", "9007199254740993") "," ROW(
		  "MESSAGE", "4294967296", "4294967296")),
		FACTS_FOUND, INT64_MAX, INT64_MAX - 1023, UINT32_MAX, UINT32_MAX, "" },
	{ "[[\"doveadmResponse\",[{\"type\":\"STORAGE\",\"value\":\"1\",\"limit\":\"2\",\"more\":{\"a\":[1,null]}}],"
	  "\"0\"]]\r\n",
		FACTS_FOUND, 1024, 1025, 0, 0, ": a quota root" },
	{ CODE("67"), FACTS_NO_MAILBOX, 0, 0, 0, 0, ": no such user" },
	{ CODE("68"), FACTS_FOUND, 0, 0, 0, 0, ": this user has no quota" },
	{ CODE("75"), FACTS_FAILED, 0, 0, 0, 0, "exit code 75" },
	{ CODE("-1"), FACTS_FAILED, 0, 0, 0, 0, "exit code -1" },
	{ CODE("\"67\""), FACTS_FAILED, 0, 0, 0, 0, "it says exitCode" },
	{ "[[\"error\",{\"type\":\"unknown\\nMethod\"},\"0\"]]", FACTS_FAILED, 0, 0, 0, 0, "it says unknown?Method" },
	{ "[[\"error\",null,\"0\"]]", FACTS_FAILED, 0, 0, 0, 0, "it says error" },
	{ ROWS(ROW("STORAGE", "error", "error")), FACTS_FAILED, 0, 0, 0, 0, "\"error\" of \"error\"" },
	{ ROWS(ROW("STORAGE", "1", "2") "," ROW("MESSAGE", "", "-")), FACTS_FAILED, 0, 0, 0, 0, "\"\" of \"-\"" },
	{ ROWS("{\"type\":\"STORAGE\",\"value\":1,\"limit\":2}"), FACTS_FAILED, 0, 0, 0, 0, "\"\" of \"\"" },
	{ ROWS(""), FACTS_FAILED, 0, 0, 0, 0, "no quota root" },
	{ ROWS("1,[],\"STORAGE\",null"), FACTS_FAILED, 0, 0, 0, 0, "no quota root" },
	{ "[[\"doveadmResponse\",{},\"0\"]]", FACTS_FAILED, 0, 0, 0, 0, "none of doveadm's" },
	{ "[[\"else\",[],\"0\"]]", FACTS_FAILED, 0, 0, 0, 0, "none of doveadm's" },
	{ "[[\"doveadmResponse\",[" ROW("STORAGE", "1", "2") "],\"r\"]]", FACTS_FAILED, 0, 0, 0, 0,
		"another question" },
	{ "[[\"doveadmResponse\",[]]]", FACTS_FAILED, 0, 0, 0, 0, "another question" },
	{ "[1]", FACTS_FAILED, 0, 0, 0, 0, "another question" },
	{ "{}", FACTS_FAILED, 0, 0, 0, 0, "another question" },
	{ "[]", FACTS_FAILED, 0, 0, 0, 0, "another question" },
	{ "", FACTS_FAILED, 0, 0, 0, 0, "no JSON" },
	{ "\xFF", FACTS_FAILED, 0, 0, 0, 0, "no JSON" },
	{ "<html>", FACTS_FAILED, 0, 0, 0, 0, "no JSON" },
};

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		char text[256];
		struct store_question q = { .note = BUF(text) };
		doveadm_answer_read(str_of(answers[i].in), &q, 1);
		const struct facts f = q.facts;
		if (f.state != answers[i].state || f.usage != answers[i].usage || f.limit != answers[i].limit ||
			f.messages != answers[i].messages || f.message_limit != answers[i].message_limit ||
			!strstr(buf_z(&q.note), answers[i].note))
			fail_msg("%s: state %d, %llu of %llu, %u of %u%s", answers[i].in, (int)f.state,
				(unsigned long long)f.usage, (unsigned long long)f.limit, f.messages, f.message_limit,
				text);
		assert_int_equal(f.firm, f.state == FACTS_FOUND);
	}
}

/* What is cut off anywhere is no answer. */
static void test_prefixes(void **state)
{
	static const char whole[] = ROWS(ROW("STORAGE", "10", "1024") "," ROW("MESSAGE", "7", "-"));
	(void)state;
	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		char text[256];
		struct store_question q = { .note = BUF(text) };
		assert_false(doveadm_answer_read((struct str){ whole, n }, &q, 1));
		assert_int_equal(q.facts.state, FACTS_FAILED);
	}
}

/* The depth of what is read has an end. */
static void test_depth(void **state)
{
	static char deep[60000];
	char text[256];
	struct store_question q = { .note = BUF(text) };
	(void)state;
	memset(deep, '[', sizeof(deep));
	assert_false(doveadm_answer_read((struct str){ deep, sizeof(deep) }, &q, 1));
	assert_int_equal(q.facts.state, FACTS_FAILED);
}

/* ---- several users in one answer ---- */

#define USED(value, tag) "[\"doveadmResponse\",[" ROW("STORAGE", value, "9") "],\"" tag "\"]"
#define ERROR(code, tag) "[\"error\",{\"type\":\"exitCode\", \"exitCode\":" code "},\"" tag "\"]"
#define THREE 3

static const struct {
	const char *in;
	bool good;
	enum facts_state states[THREE];
	uint64_t usage[THREE]; /* KiB */
} rows[] = {
	{ "[" USED("1", "0") "," USED("2", "1") "," USED("3", "2") "]", true, { FACTS_FOUND, FACTS_FOUND, FACTS_FOUND },
		{ 1, 2, 3 } },
	{ "[" USED("3", "2") "," USED("1", "0") "," USED("2", "1") "]", true, { FACTS_FOUND, FACTS_FOUND, FACTS_FOUND },
		{ 1, 2, 3 } },
	/* One that fails is nothing to the others. */
	{ "[" USED("1", "0") "," ERROR("67", "1") "," USED("3", "2") "]", true,
		{ FACTS_FOUND, FACTS_NO_MAILBOX, FACTS_FOUND }, { 1, 0, 3 } },
	{ "[" ERROR("75", "0") "," USED("x", "1") "," ERROR("68", "2") "]", true,
		{ FACTS_FAILED, FACTS_FAILED, FACTS_FOUND }, { 0 } },
	/* Not as many as were asked about, one twice, one of another. */
	{ "[" USED("1", "0") "," USED("2", "1") "]", false, { FACTS_FAILED }, { 0 } },
	{ "[" USED("1", "0") "," USED("2", "1") "," USED("3", "1") "]", false, { FACTS_FAILED }, { 0 } },
	{ "[" USED("1", "0") "," USED("2", "1") "," USED("3", "3") "]", false, { FACTS_FAILED }, { 0 } },
	{ "[" USED("1", "0") "," USED("2", "1") "," USED("3", "2") "," USED("4", "2") "]", false, { FACTS_FAILED },
		{ 0 } },
	{ "[" USED("1", "0") "," USED("2", "1") "," USED("3", "18446744073709551618") "]", false, { FACTS_FAILED },
		{ 0 } },
	{ "[" USED("1", "0") ",1,null]", false, { FACTS_FAILED }, { 0 } },
	/* What Dovecot 2.3 makes of a command that it does not have. */
	{ "[" USED("1", "0") "[\"error\",{\"type\":\"unknownMethod\", \"exitCode\":0},\"1\"]," USED("3", "2") "]",
		false, { FACTS_FAILED }, { 0 } },
};

static void test_several(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char texts[THREE][256];
		struct store_question many[THREE];
		for (size_t k = 0; k < THREE; k++)
			many[k] = (struct store_question){ .facts.usage = 77, .note = BUF(texts[k]) };
		assert_int_equal(doveadm_answer_read(str_of(rows[i].in), many, THREE), rows[i].good);
		for (size_t k = 0; k < THREE; k++) {
			if (many[k].facts.state != rows[i].states[k] || many[k].facts.usage != 1024 * rows[i].usage[k])
				fail_msg("%s: user %zu, state %d", rows[i].in, k, (int)many[k].facts.state);
			assert_true(many[k].note.len > 2);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_several),
	};
	return cmocka_run_group_tests_name("doveadm_answer", tests, NULL, NULL);
}
