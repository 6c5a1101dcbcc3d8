/* The helper's side of a pool: plain blocking calls, one record at a time, two fixed buffers, nothing allocated. */
#include "io/log.h"
#include "io/pool.h"
#include "io/pool_wire.h"

#include <errno.h>
#include <sys/socket.h>

struct message {
	struct pool_head head;
	uint64_t record[POOL_RECORD_MAX / sizeof(uint64_t)];
};

int pool_serve(int fd, size_t (*answer)(void *state, const void *record, size_t len, void *reply), void *state)
{
	static struct message in, out;
	for (;;) {
		ssize_t n = recv(fd, &in, sizeof(in), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return 0; /* the daemon has closed its end */
		if (n < (ssize_t)sizeof(in.head))
			return 1;
		size_t len = answer(state, in.record, (size_t)n - sizeof(in.head), out.record);
		bool retired = len == POOL_RETIRED;
		out.head = (struct pool_head){ .seq = in.head.seq, .retired = retired };
		if (retired)
			len = 0;
		log_flush();
		do
			n = send(fd, &out, sizeof(out.head) + len, MSG_NOSIGNAL);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return errno == EPIPE || errno == ECONNRESET ? 0 : 1;
		if (retired)
			return 0;
	}
}
