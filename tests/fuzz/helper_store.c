/*
 * Replies of a store's helpers: a look-up has figures that can be, in a note that is one clean line. Each input is lived
 * through twice: with helpers that are told one question after the other, and with those that are told many at once.
 */
#include "core/asked.h"
#include "hostile.h"
#include "store/blocking.h"

static struct store *store;
static bool together;
static struct lookup lookups[HOSTILE_QUESTIONS];

void __wrap_lookup_done(struct lookup *, msec now);

void __wrap_lookup_done(struct lookup *l, msec now)
{
	const struct facts *f = &l->facts;
	(void)now;
	fuzz_require(f->state <= FACTS_NOT_OURS && f->source <= SOURCE_VERDICT && !f->ruled, "states that there are");
	fuzz_require(f->usage <= INT64_MAX && f->limit <= INT64_MAX, "figures are below 2^63");
	fuzz_require(f->state == FACTS_FOUND || (!f->usage && !f->limit && !f->messages && !f->message_limit),
		"figures come with a mailbox only");
	fuzz_require(memchr(l->note, '\0', LOOKUP_NOTE) && fuzz_is_clean(str_of(l->note)), "one clean line");
	hostile_answered((unsigned)(l - lookups));
}

/* Only helpers would call it. */
static size_t ask_many(void *state, struct store_question *many, size_t n)
{
	(void)state, (void)many;
	return n;
}

static void put_server(const void *conf, struct buf *out)
{
	(void)conf;
	buf_puts(out, "inet:127.0.0.1:1");
}

static void begin(uv_loop_t *loop)
{
	static const struct store_kind kinds[2] = { { .name = "one", .server = put_server },
		{ .name = "many", .server = put_server, .ask_many = ask_many } };
	static const struct blocking_conf confs[2] = {
		{ .name = "s", .type = &kinds[0], .helpers = 2, .hang = SECONDS(3600) },
		{ .name = "s", .type = &kinds[1], .helpers = 2, .hang = SECONDS(3600) },
	};
	store = blocking_open(loop, NULL, &confs[together], NULL);
	fuzz_require(store != NULL, "memory");
}

static bool ask(unsigned i, struct octets *in)
{
	struct lookup *l = &lookups[i];
	struct buf text = BUF(l->text);
	memset(l, 0, sizeof(*l));
	buf_put(&text, fuzz_take(in, fuzz_choose(in, MAILBOX_PATH_MAX + 1)));
	l->mailbox.address = buf_str(&text);
	l->mailbox.local = (struct str){ text.at, text.len / 2 };
	l->mailbox.domain = str_from(buf_str(&text), text.len / 2);
	l->key.a = i;
	l->firm = i & 1;
	store->type->start(store, l);
	return true;
}

static void cancel(unsigned i)
{
	store->type->cancel(store, &lookups[i]);
}

static void close_store(void)
{
	store->type->close(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hostile_asker asker = {
		.open = begin, .ask = ask, .cancel = cancel, .close = close_store, .reply = 36
	};
	for (int i = 0; i < 2; i++) {
		together = i;
		hostile_live(&asker, data, size);
	}
	return 0;
}
