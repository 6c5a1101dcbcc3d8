/* Replies of the helpers that find names and post messages for the store remote: addresses that can be called, or a reason. */
#include "hostile.h"
#include "store/blocking.h"
#include "store/remote_address.h"
#include "store/remote_errand.h"

static struct desk *desk;
static struct remote_errand errands[HOSTILE_QUESTIONS];

static void on_done(struct remote_errand *e, const struct remote_result *result, msec now)
{
	(void)now;
	fuzz_require(result->n <= REMOTE_ADDRESSES_MAX && result->body.len <= FACTS_MESSAGE_MAX, "bounds");
	fuzz_require(result->why.len || result->n || result->body.len, "an answer, or the reason why there is none");
	for (size_t i = 0; i < result->n; i++)
		fuzz_require(result->at[i].any.sa_family == AF_INET || result->at[i].any.sa_family == AF_INET6,
			"addresses are of the families that there are");
	fuzz_require(!e->ticket, "it is not out any more");
	hostile_answered((unsigned)(e - errands));
}

static void begin(uv_loop_t *loop)
{
	static const struct blocking_conf conf = { .name = "s", .helpers = 2, .hang = SECONDS(3600) };
	desk = remote_errand_desk(loop, NULL, &conf, NULL);
	fuzz_require(desk != NULL, "memory");
}

static bool ask(unsigned i, struct octets *in)
{
	errands[i] = (struct remote_errand){ .done = on_done };
	if (i & 1)
		return remote_errand_resolve(desk, &errands[i], fuzz_take(in, fuzz_choose(in, 256)));
	struct str url = fuzz_take(in, fuzz_choose(in, 200)),
		   message = fuzz_take(in, fuzz_choose(in, FACTS_MESSAGE_MAX));
	return remote_errand_post(desk, &errands[i], url, message);
}

static void cancel(unsigned i)
{
	remote_errand_forget(desk, &errands[i]);
}

static void close_desk(void)
{
	desk_close(desk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hostile_asker asker = {
		.open = begin, .ask = ask, .cancel = cancel, .close = close_desk, .reply = 8 + 20
	};
	hostile_live(&asker, data, size);
	return 0;
}
