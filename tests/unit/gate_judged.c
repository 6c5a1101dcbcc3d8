/* What is told of each mailbox that a message was judged for: whether it was refused for what is in it. */
#include "../fake/world.h"

#define JOE "joe@a.example"

static struct {
	unsigned n;
	bool full;
	char name[64];
} told;

static void on_judged(void *context, const struct judged *j, msec now)
{
	(void)context, (void)now;
	told.n++;
	told.full = j->full;
	snprintf(told.name, sizeof(told.name), "%.*s %.*s", (int)j->store->name.len, j->store->name.at,
		(int)j->name.len, j->name.at);
	assert_int_equal(j->place.len, 0);
}

static int set_up_told(void **state)
{
	const struct gate_size size = { .mailboxes = 1000, .lookups = 16, .transactions = 64, .charges = 256 };
	const struct gate_stores reach = { &w.script, .start = scripted_start, .cancel = scripted_cancel,
		.tell = scripted_tell, .judged = on_judged };
	set_up(state);
	gate_free(w.gate);
	w.gate = gate_new(&size, &w.conf, &reach, (struct hash_key){ 3, 4 });
	assert_non_null(w.gate);
	return 0;
}

/* Client n asks in a transaction of its own. */
static void judged(unsigned n, const char *address, uint64_t size, enum reason reason, bool full)
{
	told.n = 0;
	struct client *c = ask(n, address, size, n + 1);
	while (w.script.n)
		answer_all();
	want(c, reason);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.full, full);
}

static void figures(void **state)
{
	(void)state;
	box(0, JOE, 700, 1000);
	judged(0, JOE, 1001, REASON_TOO_LARGE, false); /* of which an empty mailbox would be full */
	judged(1, JOE, 301, REASON_FULL, true);
	judged(2, JOE, 200, REASON_ROOM, false);
	judged(3, JOE, 200, REASON_FULL, false); /* 200 of others' stand in the way, who may not come */
	judged(4, JOE, 301, REASON_FULL, true);
	assert_string_equal(told.name, "vmail joe@a.example");
}

static void verdicts(void **state)
{
	(void)state;
	struct scripted_box *b = box(0, JOE, 0, 0);
	b->asked = true;
	b->room = 5000;
	b->whole = 8000;
	judged(0, JOE, 8001, REASON_TOO_LARGE, false);
	pass_time(SECONDS(130));
	judged(1, JOE, 5001, REASON_FULL, true);
	pass_time(SECONDS(130));
	judged(2, JOE, 3000, REASON_ROOM, false);
	judged(3, JOE, 3000, REASON_FULL, false);
}

static void one_at_a_time(void **state)
{
	(void)state;
	struct scripted_box *b = box(0, JOE, 0, 0);
	b->asked = true;
	b->room = 5000;
	w.stores[0].terms.alone = true;
	gate_configure(w.gate, &w.conf, w.now);
	judged(0, JOE, 1000, REASON_ROOM, false);
	judged(1, JOE, 1000, REASON_FULL, false); /* it waits for the one before */
}

static void nobody_is_refused_in_shadow_mode(void **state)
{
	(void)state;
	box(0, JOE, 1000, 1000);
	w.conf.shadow = true;
	gate_configure(w.gate, &w.conf, w.now);
	judged(0, JOE, 1, REASON_FULL, false);
}

static void a_store_that_is_not_told_the_domain(void **state)
{
	(void)state;
	box(2, "joe", 999, 0);
	judged(0, "joe@c.example", 100, REASON_FULL, true);
	assert_string_equal(told.name, "spool joe");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up_told, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(figures),
		CASE(verdicts),
		CASE(one_at_a_time),
		CASE(nobody_is_refused_in_shadow_mode),
		CASE(a_store_that_is_not_told_the_domain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
