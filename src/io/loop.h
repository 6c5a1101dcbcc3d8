/*
 * What libuv would end the process for: it aborts when its table of descriptors cannot grow, and when the kernel lets no more
 * descriptors into epoll. Here both are asked for beforehand, so that one client is lost and not all.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdbool.h>
#include <uv.h>

/* The table has room for so many descriptors, and does not grow until there are more. False: no memory. */
bool loop_reserve(uv_loop_t *, int descriptors);

/* The kernel will not refuse to watch this descriptor, which the loop is about to do. False: it refuses, errno says why. To be
   asked each time, for libuv takes descriptors that nobody waits for out of epoll when it likes; after uv_poll_start(), which
   does that too, and before the loop turns. */
bool loop_watches(uv_loop_t *, int fd);

/* The same for the descriptor of a handle; false, too, when it has none. */
bool loop_watches_handle(uv_handle_t *);

#endif
