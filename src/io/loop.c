#include "io/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool loop_watches(uv_loop_t *loop, int fd)
{
	/* libuv's own attempt then finds it there, and goes on to say which events it wants */
	struct epoll_event nothing = { .events = 0 };
	return epoll_ctl(uv_backend_fd(loop), EPOLL_CTL_ADD, fd, &nothing) == 0 || errno == EEXIST;
}

bool loop_watches_handle(uv_handle_t *handle)
{
	int fd;
	return uv_fileno(handle, &fd) == 0 && loop_watches(handle->loop, fd);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
	(void)poll, (void)status, (void)events;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

/* The table is as long as the highest number in it wants: one is watched for a moment. */
bool loop_reserve(uv_loop_t *loop, int descriptors)
{
	int low = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int high = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, descriptors - 1);
	uv_poll_t *poll = malloc(sizeof(*poll));
	/* libuv would not come back without it. Volatile, for compilers know that one may do without what is only freed */
	void *volatile trial = calloc((size_t)descriptors + 2, 2 * sizeof(void *));
	bool done = trial && poll && high >= 0 && uv_poll_init(loop, poll, high) == 0;
	free(trial);
	if (done) {
		uv_poll_start(poll, UV_READABLE, on_event);
		uv_close((uv_handle_t *)poll, on_closed);
	} else {
		free(poll);
	}
	if (high >= 0)
		close(high);
	if (low >= 0)
		close(low);
	return done;
}
