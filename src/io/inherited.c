#include "io/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST 3 /* SD_LISTEN_FDS_START */

/* How many, when they are meant for this process. */
static bool count(size_t *n, struct err *err)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t number;
	*n = 0;
	if (!pid || !fds || !str_u64(str_of(pid), &number) || number != (uint64_t)getpid())
		return true;
	if (!str_u64(str_of(fds), &number) || number > INHERITED_MAX)
		return err_set(
			err, "LISTEN_FDS=%s: the service manager may hand down 0 to %d sockets", fds, INHERITED_MAX);
	*n = (size_t)number;
	return true;
}

static bool look_at(struct inherited_socket *s, int fd, struct str name, struct err *err)
{
	*s = (struct inherited_socket){ .fd = fd };
	if (!str_copy_z(s->name, sizeof(s->name), name))
		s->name[0] = '\0';
	if (!endpoint_of_socket(&s->endpoint, fd))
		return err_set(err,
			"descriptor %d, which the service manager handed down, is no socket that listens (unix or TCP) "
			"or is bound (UDP)",
			fd);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_set(err, "descriptor %d: %s", fd, strerror(errno));
	return true;
}

bool inherited_open(struct inherited *in, struct err *err)
{
	const char *listed = getenv("LISTEN_FDNAMES");
	struct str names = str_of(listed);
	size_t n;
	bool good = count(&n, err);
	for (in->n = 0; good && in->n < n; in->n++)
		good = look_at(&in->sockets[in->n], FIRST + (int)in->n, str_cut(&names, ':'), err);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return good;
}

static struct inherited_socket *find_address(struct inherited *in, const struct endpoint *e)
{
	for (size_t i = 0; i < in->n; i++)
		if (endpoint_eq(&in->sockets[i].endpoint, e))
			return &in->sockets[i];
	return NULL;
}

/* The sockets of one unit share a name unless it says otherwise: a name that two have means neither. */
static struct inherited_socket *find_name(struct inherited *in, const char *name, const struct endpoint *e)
{
	struct inherited_socket *found = NULL;
	for (size_t i = 0; i < in->n; i++) {
		struct inherited_socket *s = &in->sockets[i];
		if (strcmp(s->name, name) != 0 || s->endpoint.family != e->family)
			continue;
		if (found)
			return NULL;
		found = s;
	}
	return found;
}

int inherited_take(struct inherited *in, const char *name, const struct endpoint *e)
{
	struct inherited_socket *s = find_address(in, e);
	if (!s)
		s = find_name(in, name, e);
	errno = 0;
	if (!s)
		return -1;
	int fd = fcntl(s->fd, F_DUPFD_CLOEXEC, FIRST);
	int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		int error = errno;
		if (fd >= 0)
			close(fd);
		errno = error;
		return -1;
	}
	s->used = true;
	return fd;
}

const struct inherited_socket *inherited_unused(const struct inherited *in)
{
	for (size_t i = 0; i < in->n; i++)
		if (!in->sockets[i].used)
			return &in->sockets[i];
	return NULL;
}
