/*
 * What a Redis server sends, by way of hiredis and a real socket. Octet 0 has the options; the rest is sent when the store
 * connects, and what stands behind FF FE when it does so anew. A password and a database are asked for first.
 */
#include "fuzz.h"
#include "options.h"
#include "store/store.h"

#include <hiredis/hiredis.h>
#include <sys/socket.h>
#include <unistd.h>

#define ENDS 4

extern const struct store_kind redis_type;

static struct {
	struct str left;
	int ends[ENDS];
	size_t n;
} f;

redisContext *__wrap_redisConnectUnixWithTimeout(const char *path, const struct timeval);

/* A server that has said all that it will say. */
redisContext *__wrap_redisConnectUnixWithTimeout(const char *path, const struct timeval patience)
{
	int pair[2];
	size_t n = 0;
	(void)path, (void)patience;
	while (n + 1 < f.left.len && !str_starts(str_from(f.left, n), STR("\xFF\xFE")))
		n++;
	n = n + 1 < f.left.len ? n : f.left.len;
	if (f.n == ENDS || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return NULL;
	if (n)
		fuzz_require(send(pair[1], f.left.at, n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0, "a socket takes something");
	f.left = str_from(f.left, n + 2);
	shutdown(pair[1], SHUT_WR);
	f.ends[f.n++] = pair[1];
	return redisConnectFd(pair[0]);
}

static const void *conf_of(unsigned choice)
{
	static const void *confs[2];
	static const char *const texts[] = {
		"address = \"unix:/s\"",
		"address = \"unix:/s\" prefix = \"p/\" database = 7 missing = empty",
	};
	if (!confs[choice])
		confs[choice] = fuzz_options(redis_type.opts, redis_type.conf_size, texts[choice]);
	return confs[choice];
}

static void ask(void *state)
{
	const struct mailbox m = { .address = STR("joe@a.example"), .local = STR("joe"), .domain = STR("a.example") };
	struct facts facts;
	char text[LOOKUP_NOTE];
	struct buf note = BUF(text);
	redis_type.ask(state, &m, true, &facts, &note);
	fuzz_require(
		facts.state != FACTS_NOT_OURS && facts.usage <= INT64_MAX && facts.limit == 0, "figures that can be");
	fuzz_require(facts.state == FACTS_FOUND || (!facts.usage && !facts.messages), "figures come with a mailbox");
	fuzz_require(fuzz_is_clean(buf_str(&note)) && note.len, "one clean line");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct octets in = OCTETS(data, size);
	unsigned choice = fuzz_choose(&in, 256);
	void *state = redis_type.open(conf_of(choice & 1), NULL);
	fuzz_require(state != NULL, "memory");
	f.n = 0;
	f.left = fuzz_take(&in, size);
	for (unsigned i = 0; i < 1 + choice / 2 % 3; i++)
		ask(state);
	redis_type.close(state);
	for (size_t i = 0; i < f.n; i++)
		close(f.ends[i]);
	return 0;
}
