/* Replies of the helpers that tell users of nearly full mailboxes: each run is counted once, whatever is said of it. */
#include "daemon/notify.h"
#include "hostile.h"

static struct notify notify;
static struct notify_conf conf;
static uint64_t seen;

static void begin(uv_loop_t *loop)
{
	struct desk *desk;
	conf = (struct notify_conf){ .command = "/bin/tell",
		.marks = { .at = { 80, 95 }, .n = 2 },
		.period = SECONDS(1),
		.timeout = SECONDS(3600),
		.helpers = 2,
		.queue = 6,
		.mailboxes = 32 };
	seen = 0;
	notify_init(&notify, (struct hash_key){ 1, 2 });
	fuzz_require(notify_open(&desk, loop, NULL, &conf, &notify, NULL), "memory");
	notify_use(&notify, desk, &conf);
	notices_complete(notify.notices);
}

static uint64_t counted(void)
{
	return notify.stats.told + notify.stats.failed + notify.stats.dropped;
}

/* A message came for a mailbox that is as full as the input says. */
static bool ask(unsigned i, struct octets *in)
{
	static const struct route_store store = { .name = { "s", 1 } };
	static msec now;
	struct address a;
	struct answer answer = { .limit = 100 };
	const char name[] = { (char)i };
	struct str text = fuzz_take(in, fuzz_choose(in, 300));
	answer.facts = (struct facts){ .state = FACTS_FOUND, .limit = 100, .usage = fuzz_choose(in, 128) };
	if (address_parse(&a, text, FOLD_NONE) != ADDRESS_OK)
		address_parse(&a, STR("joe@a.example"), FOLD_NONE);
	const struct judged judged = { .address = &a,
		.name = { name, 1 },
		.place = { name, 0 },
		.store = &store,
		.answer = &answer,
		.full = fuzz_choose(in, 8) == 0 };
	now += SECONDS(2);
	uint64_t before = counted() + notify.n_runs;
	notify_see(&notify, &judged, now, now);
	seen += counted() + notify.n_runs - before;
	fuzz_require(counted() + notify.n_runs - before <= 2, "a message is news as a mark and as a refusal");
	fuzz_require(notify.n_runs <= conf.queue, "so many wait");
	return false;
}

static void cancel(unsigned i)
{
	(void)i;
}

static void end(void)
{
	notify_done(&notify);
	fuzz_require(notify.n_runs == 0 && counted() == seen, "each run is counted once");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hostile_asker asker = {
		.open = begin, .ask = ask, .cancel = cancel, .close = end, .reply = 4
	};
	hostile_live(&asker, data, size);
	return 0;
}
