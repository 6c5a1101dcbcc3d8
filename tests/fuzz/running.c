/*
 * What another process hears of the running daemon, over a socket: the answer to peek, the metrics by the control socket and by
 * HTTP. Octet 0 chooses, the rest is what is answered, by whoever sits there.
 */
#include "daemon/fetch.h"
#include "daemon/peek.h"
#include "fuzz.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct str answer;
static int other;

int __wrap_endpoint_connect(const struct endpoint *);

/* Somebody who has said all that he will say. */
int __wrap_endpoint_connect(const struct endpoint *e)
{
	int pair[2], room = 1 << 20;
	(void)e;
	fuzz_require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "a pair of sockets");
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if (answer.len)
		fuzz_require(send(pair[1], answer.at, answer.len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0, "room for it");
	shutdown(pair[1], SHUT_WR);
	other = pair[1];
	return pair[0];
}

static void fetch(const struct endpoint *e, bool http)
{
	struct fetched got;
	struct err err = { "" };
	if ((http ? fetch_http(&got, e, NULL, &err) : fetch_control(&got, e, &err)) && fetch_take(&got, &err)) {
		fuzz_require(got.text && got.len <= answer.len, "no more than was sent");
		fuzz_require(http || str_eq((struct str){ got.text, got.len }, answer), "all of it");
	} else {
		fuzz_require(!got.text && err.text[0] && fuzz_is_clean(str_of(err.text)), "a clean reason");
	}
	free(got.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct endpoint e = { .family = ENDPOINT_UNIX };
	struct octets in = OCTETS(data, size);
	struct peek p;
	struct peek_link link;
	unsigned choice = fuzz_choose(&in, 3);
	answer = fuzz_take(&in, size);
	if (choice < 2) {
		fetch(&e, choice == 1);
	} else {
		peek_open(&link, &e);
		peek_ask(&p, &link, STR("joe@a.example"));
		peek_close(&link);
		fuzz_require(p.reached || p.why[0], "it was reached, or why not is told");
	}
	close(other);
	return 0;
}
