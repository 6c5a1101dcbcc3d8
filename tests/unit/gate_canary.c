/* The canaries of stores: a store that suddenly has no mailbox at all has not lost its users but its disk. */
#include "../fake/world.h"

static unsigned lost, won;

static void trust(void *context, bool of_directory, unsigned index, bool good)
{
	(void)context;
	assert_false(of_directory);
	assert_int_equal(index, 0);
	won += good;
	lost += !good;
}

static int set_up_canary(void **state)
{
	const struct gate_size size = { .mailboxes = 1000, .lookups = 16, .transactions = 64, .charges = 256 };
	const struct gate_stores reach = { &w.script, scripted_start, scripted_cancel, trust };
	set_up(state);
	lost = won = 0;
	w.stores[0].canary.present = STR("bird@a.example");
	w.conf.rules.unknown = UNKNOWN_REJECT;
	w.conf.rules.error = ERROR_DEFER;
	gate_free(w.gate);
	w.gate = gate_new(&size, &w.conf, &reach, (struct hash_key){ 3, 4 });
	assert_non_null(w.gate);
	box(0, "bird@a.example", 1, 1000);
	return 0;
}

/* An answer may bring the next look-up. */
static void answer_until_none(void)
{
	while (w.script.n)
		answer_all();
}

static void judged(const char *address, enum action action, enum reason reason)
{
	const struct client *c = ask(0, address, 10, 0);
	answer_until_none();
	assert_int_equal(c->ask.answer.verdict.action, action);
	assert_int_equal(c->ask.answer.verdict.reason, reason);
}

static void a_no_is_believed_while_the_canary_is_well(void **state)
{
	(void)state;
	judged("nobody@a.example", ACTION_REJECT, REASON_NO_MAILBOX);
	assert_int_equal(w.script.stores[0].started, 2);
	judged("nobody@a.example", ACTION_REJECT, REASON_NO_MAILBOX); /* kept */
	assert_int_equal(w.script.stores[0].started, 2);
	w.now += 1;
	judged("noone@a.example", ACTION_REJECT, REASON_NO_MAILBOX); /* the canary is asked about again */
	assert_int_equal(w.script.stores[0].started, 4);
	assert_int_equal(lost + won, 0);
}

static void without_the_canary_no_mailbox_is_no_answer(void **state)
{
	(void)state;
	struct scripted_box *bird = &w.script.stores[0].boxes[0];
	box(0, "joe@a.example", 100, 1000);
	judged("joe@a.example", ACTION_PASS, REASON_ROOM);
	const struct facts was = bird->facts;
	bird->facts.state = FACTS_NO_MAILBOX;
	judged("nobody@a.example", ACTION_DEFER, REASON_ERROR);
	judged("nobody@a.example", ACTION_DEFER, REASON_ERROR);
	assert_int_equal(lost, 1);
	judged("joe@a.example", ACTION_PASS, REASON_ROOM);
	bird->facts = was;
	w.now += 1;
	judged("nobody@a.example", ACTION_REJECT, REASON_NO_MAILBOX);
	assert_int_equal(won, 1);
}

static void the_last_known_facts_serve_when_all_are_gone(void **state)
{
	(void)state;
	struct scripted_box *joe = box(0, "joe@a.example", 950, 1000);
	judged("joe@a.example", ACTION_PASS, REASON_ROOM);
	joe->facts.state = FACTS_NO_MAILBOX;
	w.script.stores[0].boxes[0].facts.state = FACTS_NO_MAILBOX;
	w.now += SECONDS(5);
	const struct client *c = ask(0, "joe@a.example", 60, 0);
	answer_until_none();
	assert_int_equal(c->ask.answer.verdict.reason, REASON_FULL);
	assert_true(c->ask.answer.verdict.stale);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_no_is_believed_while_the_canary_is_well, set_up_canary, tear_down),
		cmocka_unit_test_setup_teardown(without_the_canary_no_mailbox_is_no_answer, set_up_canary, tear_down),
		cmocka_unit_test_setup_teardown(the_last_known_facts_serve_when_all_are_gone, set_up_canary, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
