/* Replays tests/cases/decide.cases, and what a line of it cannot say: sizes, limits and replies that speak by themselves. */
#include "core/decide.h"

#include "cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct question {
	struct rules rules;
	struct terms terms;
	struct query query;
	struct facts facts;
	struct charge charge;
	uint64_t full_for, full_since, now;
};

static struct reply reply(const char *z)
{
	struct reply r = { 0 };
	assert_true(reply_parse(&r, str_of(z), NULL));
	return r;
}

static struct rules default_rules(void)
{
	return (struct rules){
		.full = reply("452 4.2.2 Quota exceeded for %u, try again later"),
		.put_off = reply("452 4.2.2 Quota exceeded for %u, try again later"),
		.full_long = reply("552 5.2.2 Mailbox full"),
		.too_large = reply("552 5.2.3 Message too large for the mailbox"),
		.unknown_reject = reply("550 5.1.1 No such mailbox"),
		.unknown_defer = reply("450 4.1.1 No such mailbox"),
		.error_defer = reply("451 4.3.0 Try again later"),
	};
}

static bool read_number(struct str s, uint64_t *out)
{
	static const char suffixes[] = "kMGT";
	uint64_t shift = 0;
	if (str_eq(s, STR("max")) || str_eq(s, STR("max32"))) {
		*out = s.len == 3 ? UINT64_MAX : UINT32_MAX;
		return true;
	}
	for (size_t i = 0; i < 4; i++)
		if (s.len && s.at[s.len - 1] == suffixes[i])
			shift = 10 * (i + 1);
	if (shift)
		s.len--;
	if (!str_u64(s, out))
		return false;
	*out <<= shift;
	return true;
}

/* OCTETS or OCTETS/MESSAGES */
static bool read_pair(struct str s, uint64_t *octets, uint32_t *messages)
{
	uint64_t n = 0;
	struct str head = str_cut(&s, '/');
	if (!read_number(head, octets) || (s.at && !read_number(s, &n)) || n > UINT32_MAX)
		return false;
	*messages = (uint32_t)n;
	return true;
}

static bool read_limit(struct str s, struct limit *out)
{
	out->named = true;
	return read_pair(s, &out->octets, &out->messages);
}

static bool read_word(struct str s, const char *const *words, unsigned *out)
{
	for (*out = 0; words[*out]; ++*out)
		if (str_eq(s, str_of(words[*out])))
			return true;
	return false;
}

static bool read_choice(struct question *q, struct str key, struct str value)
{
	static const char *const states[] = { "failed", "found", "no-mailbox", "not-ours", NULL };
	static const char *const unknown[] = { "pass", "reject", "defer", NULL };
	static const char *const error[] = { "pass", "defer", NULL };
	static const char *const kinds[] = { "full", "too-large", NULL };
	static const char *const sources[] = { "none", "server", NULL };
	unsigned n;
	if (str_eq(key, STR("rule")) && read_word(value, store_rule_names, &n))
		q->terms.rule = q->facts.rule = (enum store_rule)n;
	else if (str_eq(key, STR("state")) && read_word(value, states, &n))
		q->facts.state = (enum facts_state)n;
	else if (str_eq(key, STR("unknown")) && read_word(value, unknown, &n))
		q->rules.unknown = (enum on_unknown)n;
	else if (str_eq(key, STR("error")) && read_word(value, error, &n))
		q->rules.error = (enum on_error)n;
	else if (str_eq(key, STR("source")) && read_word(value, sources, &n))
		q->facts.source = n ? SOURCE_SERVER : SOURCE_NONE;
	else if (str_eq(key, STR("kind")) && read_word(value, kinds, &n))
		q->facts.too_large = n == 1;
	else if (str_eq(key, STR("alone")) && str_eq(value, STR("yes")))
		q->terms.alone = true;
	else if (str_eq(key, STR("limit_from")) && str_eq(value, STR("config")))
		q->terms.ignore_store_limit = true;
	else
		return false;
	return true;
}

static bool read_field(struct question *q, struct str key, struct str value)
{
	const struct {
		const char *key;
		uint64_t *at;
	} numbers[] = {
		{ "size", &q->query.size },
		{ "added", &q->rules.added },
		{ "grace", &q->terms.grace },
		{ "took", &q->facts.usage },
		{ "refused", &q->facts.limit },
		{ "full_for", &q->full_for },
		{ "full_since", &q->full_since },
		{ "now", &q->now },
	};
	for (size_t i = 0; i < COUNT(numbers); i++)
		if (str_eq(key, str_of(numbers[i].key)))
			return read_number(value, numbers[i].at);
	if (str_eq(key, STR("used")))
		return read_pair(value, &q->facts.usage, &q->facts.messages);
	if (str_eq(key, STR("limit")))
		return read_pair(value, &q->facts.limit, &q->facts.message_limit);
	if (str_eq(key, STR("charge")))
		return read_pair(value, &q->charge.octets, &q->charge.messages);
	if (str_eq(key, STR("directory")))
		return read_limit(value, &q->terms.directory);
	if (str_eq(key, STR("domain")))
		return read_limit(value, &q->terms.domain);
	if (str_eq(key, STR("section")))
		return read_limit(value, &q->terms.store);
	return read_choice(q, key, value);
}

/* `action reason [code enhanced]`, or what is wrong with the case. */
static void answer(struct buf *out, struct str fields)
{
	static const char *const actions[] = { "pass", "defer", "reject" };
	struct question q = { .rules = default_rules(), .facts.state = FACTS_FOUND };
	while (fields.at) {
		struct str value = str_cut(&fields, ' ');
		if (value.len == 0)
			continue;
		struct str key = str_cut(&value, '=');
		if (!read_field(&q, key, value)) {
			buf_puts(out, "cannot read ");
			buf_put(out, key);
			return;
		}
	}
	q.facts.ruled = q.facts.rule == RULE_ASKED; /* a store of this rule names it */
	q.rules.full_for = (msec)q.full_for;
	q.facts.full_since = (msec)q.full_since;
	struct verdict v = decide(&q.rules, &q.terms, &q.query, &q.facts, q.charge, (msec)q.now);
	buf_printf(out, "%s %s", actions[v.action], reason_name(v.reason));
	if (v.reply)
		buf_printf(out, " %u %u.%u.%u", v.reply->code, v.reply->code / 100, v.reply->subject, v.reply->detail);
}

static void decides_as_the_cases_say(void **state)
{
	(void)state;
	struct cases cases;
	struct str at;
	assert_true(cases_open(&cases, "decide.cases"));
	while ((at = cases_next(&cases)).at) {
		char text[256];
		struct buf got = BUF(text);
		size_t arrow = 0;
		while (arrow < at.len && !str_starts(str_from(at, arrow), STR("->")))
			arrow++;
		answer(&got, (struct str){ at.at, arrow });
		cases_want(&cases, buf_str(&got), str_trim(str_from(at, arrow + 2)));
	}
	assert_true(cases_close(&cases));
}

static void size_is_declared_and_added(void **state)
{
	(void)state;
	static const struct {
		uint64_t size, added, want;
	} cases[] = {
		{ 0, 0, 1 },
		{ 0, 500, 1 },
		{ 1, 0, 1 },
		{ 10, 500, 510 },
		{ INT64_MAX, 0, INT64_MAX },
		{ INT64_MAX, 1, INT64_MAX },
		{ UINT64_MAX, 0, INT64_MAX },
		{ UINT64_MAX, UINT64_MAX, INT64_MAX },
		{ 1, UINT64_MAX, INT64_MAX },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rules rules = { .added = cases[i].added };
		struct query q = { .size = cases[i].size };
		assert_int_equal(decide_size(&rules, &q), cases[i].want);
		q.borrower.name = (struct hash){ 1, 2 }; /* a frontend: it has added what its MTA adds */
		rules.added = 0;
		uint64_t told = decide_size(&rules, &q);
		rules.added = cases[i].added;
		assert_int_equal(decide_size(&rules, &q), told);
	}
}

static void limit_says_whether_anybody_named_one(void **state)
{
	(void)state;
	struct terms terms = { .rule = RULE_FITS };
	struct facts facts = { .state = FACTS_FOUND };
	assert_false(decide_limit(&terms, &facts).named);
	facts.message_limit = 7;
	struct limit limit = decide_limit(&terms, &facts);
	assert_true(limit.named && limit.octets == 0 && limit.messages == 7);
	terms.store = (struct limit){ .named = true, .octets = 1000, .messages = 9 };
	limit = decide_limit(&terms, &facts);
	assert_true(limit.named && limit.octets == 1000 && limit.messages == 7);
	terms.ignore_store_limit = true;
	assert_int_equal(decide_limit(&terms, &facts).messages, 9);
	terms.directory = (struct limit){ .named = true };
	limit = decide_limit(&terms, &facts);
	assert_true(limit.named && limit.octets == 0 && limit.messages == 0);
	/* The store was told all that, and has the last word. */
	facts.ruled = true;
	facts.limit = 1100;
	limit = decide_limit(&terms, &facts);
	assert_true(limit.named && limit.octets == 1100 && limit.messages == 7);
	facts.limit = facts.message_limit = 0;
	assert_false(decide_limit(&terms, &facts).named);
}

static void action_follows_the_code_of_the_reply(void **state)
{
	(void)state;
	struct rules rules = default_rules();
	struct terms terms = { .rule = RULE_FITS };
	struct query q = { .size = 1 };
	struct facts facts = { .state = FACTS_FOUND, .usage = 10, .limit = 10 };
	struct verdict v = decide(&rules, &terms, &q, &facts, (struct charge){ 0 }, 0);
	assert_int_equal(v.action, ACTION_DEFER);
	assert_ptr_equal(v.reply, &rules.full);
	assert_false(v.stale);
	rules.full = reply("552 5.2.2 Mailbox full");
	v = decide(&rules, &terms, &q, &facts, (struct charge){ 0 }, 0);
	assert_int_equal(v.action, ACTION_REJECT);
	assert_int_equal(v.reason, REASON_FULL);
	/* What only charges make full is never refused for good: they may not come. */
	facts.usage = 9;
	v = decide(&rules, &terms, &q, &facts, (struct charge){ 1, 1 }, 0);
	assert_int_equal(v.action, ACTION_DEFER);
	assert_int_equal(v.reason, REASON_FULL);
	assert_ptr_equal(v.reply, &rules.put_off);
}

/* What waits for others to come is put off, even where the postmaster refuses for good who finds a mailbox full. */
static void nobody_who_waits_is_refused_for_good(void **state)
{
	(void)state;
	struct rules rules = default_rules();
	struct terms terms = { .rule = RULE_ASKED, .alone = true };
	struct query q = { .size = 100 };
	struct facts facts = { .state = FACTS_FOUND, .ruled = true, .rule = RULE_ASKED, .usage = 500 };
	rules.full = reply("552 5.2.2 Mailbox full");
	struct verdict v = decide(&rules, &terms, &q, &facts, (struct charge){ 1, 1 }, 0);
	assert_int_equal(v.action, ACTION_DEFER);
	assert_ptr_equal(v.reply, &rules.put_off);
	facts.limit = 101;
	facts.usage = 0;
	v = decide(&rules, &terms, &q, &facts, (struct charge){ 1, 1 }, 0);
	assert_int_equal(v.action, ACTION_DEFER);
	v = decide(&rules, &terms, &(struct query){ .size = 101 }, &facts, (struct charge){ 1, 1 }, 0);
	assert_int_equal(v.action, ACTION_REJECT);
	assert_ptr_equal(v.reply, &rules.full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decides_as_the_cases_say),
		cmocka_unit_test(size_is_declared_and_added),
		cmocka_unit_test(limit_says_whether_anybody_named_one),
		cmocka_unit_test(action_follows_the_code_of_the_reply),
		cmocka_unit_test(nobody_who_waits_is_refused_for_good),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
