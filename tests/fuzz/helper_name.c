/* Replies of the helper that finds the addresses of a server's name. */
#include "hostile.h"
#include "store/server_address.h"

static struct server_address *address;
static msec now;

static void on_settled(void *context, msec at)
{
	(void)context, (void)at;
}

static void begin(uv_loop_t *loop)
{
	static const struct blocking_conf conf = { .name = "s", .helpers = 1, .hang = SECONDS(3600) };
	address = server_address_open(loop, NULL, &conf, "inet:mail.example:25", on_settled, NULL, NULL);
	fuzz_require(address != NULL, "memory");
	now = (msec)1 << 50;
}

/* It asks by itself, when it thinks that it should: two minutes lie between any two looks at it. */
static bool ask(unsigned i, struct octets *in)
{
	const struct sockaddr *to = NULL;
	const char *why = NULL;
	(void)i, (void)in;
	now += SECONDS(120);
	switch (server_address_get(address, &to, &why, now)) {
	case SERVER_KNOWN:
		fuzz_require(to && (to->sa_family == AF_INET || to->sa_family == AF_INET6), "an address");
		server_address_failed(address);
		break;
	case SERVER_SOUGHT: break;
	case SERVER_NAMELESS: fuzz_require(why && fuzz_is_clean(str_of(why)), "a clean reason"); break;
	}
	return false;
}

static void cancel(unsigned i)
{
	(void)i;
}

static void close_address(void)
{
	server_address_close(address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hostile_asker asker = {
		.open = begin, .ask = ask, .cancel = cancel, .close = close_address, .reply = 4 + 20 * 8
	};
	hostile_live(&asker, data, size);
	return 0;
}
