#include "io/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 511
#define DATAGRAM_BUFFER (1 << 20) /* octets for a burst; the kernel counts some 800 for a small datagram */

static bool parse_unix(struct endpoint *e, struct str path, struct err *err)
{
	struct sockaddr_un *un = (struct sockaddr_un *)(void *)&e->address;
	if (path.len == 0 || path.at[0] != '/')
		return err_set(err, "a unix socket needs an absolute path");
	if (!str_copy_z(un->sun_path, sizeof(un->sun_path), path))
		return err_set(err, "the path of a unix socket has at most %zu octets", sizeof(un->sun_path) - 1);
	e->family = ENDPOINT_UNIX;
	un->sun_family = AF_UNIX;
	e->len = sizeof(*un);
	return true;
}

static bool parse_host(struct endpoint *e, struct str host, uint16_t port, struct err *err)
{
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&e->address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&e->address;
	char text[INET6_ADDRSTRLEN];
	if (str_eq(host, STR("localhost")))
		host = STR("127.0.0.1");
	else if (str_eq(host, STR("*")))
		host = STR("0.0.0.0");
	if (str_copy_z(text, sizeof(text), host) && inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		e->len = sizeof(*in);
		return true;
	}
	if (text[0] && inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		e->len = sizeof(*in6);
		return true;
	}
	return err_set(err, "the host must be an IP address, \"localhost\" or \"*\"");
}

static bool parse_inet(struct endpoint *e, enum endpoint_family family, struct str rest, struct err *err)
{
	size_t colon = str_rfind(rest, ':');
	struct str host = { rest.at, colon };
	uint64_t port;
	if (colon == rest.len || !str_u64(str_from(rest, colon + 1), &port) || port < 1 || port > 65535)
		return err_set(err, "expected host:port with a port from 1 to 65535");
	if (host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		host = (struct str){ host.at + 1, host.len - 2 };
	e->family = family;
	return parse_host(e, host, (uint16_t)port, err);
}

bool endpoint_parse(struct endpoint *e, struct str text, struct err *err)
{
	*e = (struct endpoint){ 0 };
	if (str_starts(text, STR("unix:")))
		return parse_unix(e, str_from(text, 5), err);
	if (str_starts(text, STR("inet:")))
		return parse_inet(e, ENDPOINT_INET, str_from(text, 5), err);
	if (str_starts(text, STR("udp:")))
		return parse_inet(e, ENDPOINT_UDP, str_from(text, 4), err);
	return err_set(err, "expected unix:/path, inet:host:port or udp:host:port");
}

bool endpoint_check(struct str text, struct err *err)
{
	struct endpoint e;
	return endpoint_parse(&e, text, err);
}

bool endpoint_eq(const struct endpoint *a, const struct endpoint *b)
{
	return a->family == b->family && a->len == b->len && memcmp(&a->address, &b->address, a->len) == 0;
}

static bool option_of(int fd, int option, int *value)
{
	socklen_t len = sizeof(*value);
	return getsockopt(fd, SOL_SOCKET, option, value, &len) == 0;
}

/* What the kernel says, without what endpoint_parse() leaves empty. */
static bool copy_address(struct endpoint *e, const struct sockaddr_storage *from, socklen_t len)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)from;
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)from;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)from;
	struct sockaddr_in *in_to = (struct sockaddr_in *)(void *)&e->address;
	struct sockaddr_in6 *in6_to = (struct sockaddr_in6 *)(void *)&e->address;
	if (from->ss_family == AF_UNIX) {
		size_t most = len - offsetof(struct sockaddr_un, sun_path);
		return len > offsetof(struct sockaddr_un, sun_path) &&
		       parse_unix(e, (struct str){ un->sun_path, strnlen(un->sun_path, most) }, NULL);
	}
	if (from->ss_family == AF_INET) {
		in_to->sin_port = in->sin_port;
		in_to->sin_addr = in->sin_addr;
		e->len = sizeof(*in);
	} else {
		in6_to->sin6_port = in6->sin6_port;
		in6_to->sin6_addr = in6->sin6_addr;
		e->len = sizeof(*in6);
	}
	e->address.ss_family = from->ss_family;
	return true;
}

bool endpoint_of_socket(struct endpoint *e, int fd)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);
	int type, listens;
	*e = (struct endpoint){ 0 };
	if (getsockname(fd, (struct sockaddr *)&address, &len) != 0 || !option_of(fd, SO_TYPE, &type) ||
		!option_of(fd, SO_ACCEPTCONN, &listens))
		return false;
	bool inet = address.ss_family == AF_INET || address.ss_family == AF_INET6;
	bool stream = type == SOCK_STREAM && listens;
	if (!(stream && (inet || address.ss_family == AF_UNIX)) && !(inet && type == SOCK_DGRAM))
		return false;
	e->family = stream ? ENDPOINT_INET : ENDPOINT_UDP;
	return copy_address(e, &address, len);
}

const char *endpoint_path(const struct endpoint *e)
{
	return ((const struct sockaddr_un *)(const void *)&e->address)->sun_path;
}

static int connect_as(const struct endpoint *e, int flags)
{
	int fd = socket(e->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	const struct timeval patience = { .tv_sec = 5 };
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&e->address, e->len) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

int endpoint_connect(const struct endpoint *e)
{
	return connect_as(e, 0);
}

/* True when the path is free now: nothing was there, or the socket of a server that is gone. Does not wait for one whose
   queue is full: a reload may ask about a socket of our own, which nobody else empties. */
static bool clear_path(const struct endpoint *e, struct err *err)
{
	struct stat st;
	const char *path = endpoint_path(e);
	if (lstat(path, &st) < 0)
		return errno == ENOENT || err_set(err, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, "%s is there and is no socket", path);
	int fd = connect_as(e, SOCK_NONBLOCK);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 || errno == EAGAIN)
		return err_set(err, "%s: another server is listening there", path);
	if (errno != ECONNREFUSED)
		return err_set(err, "%s: %s", path, strerror(errno));
	return unlink(path) == 0 || err_set(err, "%s: cannot remove the stale socket: %s", path, strerror(errno));
}

static bool bind_unix(int fd, const struct endpoint *e, const struct endpoint_access *access, struct err *err)
{
	const char *path = endpoint_path(e);
	if (!clear_path(e, err))
		return false;
	/* The file gets its mode from the socket: nobody can connect before it is set, and no link is followed. */
	if (fchmod(fd, access->mode) < 0)
		return err_set(err, "%s: cannot set the mode: %s", path, strerror(errno));
	mode_t mask = umask(0);
	int bound = bind(fd, (const struct sockaddr *)&e->address, e->len);
	int error = errno;
	umask(mask);
	if (bound < 0)
		return err_set(err, "%s: %s", path, error == ENOENT ? "its folder is not there" : strerror(error));
	if (access->owner == (uid_t)-1 && access->group == (gid_t)-1)
		return true;
	if (fchownat(AT_FDCWD, path, access->owner, access->group, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	err_set(err, "%s: cannot set owner and group: %s", path, strerror(errno));
	unlink(path);
	return false;
}

/* SO_REUSEADDR would let two servers bind one address for datagrams, and the second take them from the first. */
static bool bind_inet(int fd, const struct endpoint *e, struct err *err)
{
	int on = 1, buffer = DATAGRAM_BUFFER;
	if (e->family == ENDPOINT_INET)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	else if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	if (e->address.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&e->address, e->len) == 0)
		return true;
	int error = errno;
	char host[INET6_ADDRSTRLEN], port[8];
	if (getnameinfo((const struct sockaddr *)&e->address, e->len, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return err_set(err, "cannot bind: %s", strerror(error));
	return err_set(
		err, e->address.ss_family == AF_INET6 ? "[%s]:%s: %s" : "%s:%s: %s", host, port, strerror(error));
}

int endpoint_listen(const struct endpoint *e, const struct endpoint_access *access, struct err *err)
{
	int type = e->family == ENDPOINT_UDP ? SOCK_DGRAM : SOCK_STREAM;
	int fd = socket(e->address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		err_set(err, "no socket: %s", strerror(errno));
		return -1;
	}
	bool bound = e->family == ENDPOINT_UNIX ? bind_unix(fd, e, access, err) : bind_inet(fd, e, err);
	if (bound && type == SOCK_STREAM && listen(fd, BACKLOG) < 0)
		bound = err_set(err, "cannot listen: %s", strerror(errno));
	if (bound)
		return fd;
	close(fd);
	return -1;
}

bool endpoint_stat(const struct endpoint *e, struct stat *st)
{
	return e->family == ENDPOINT_UNIX && lstat(endpoint_path(e), st) == 0;
}

void endpoint_remove(const struct endpoint *e, const struct stat *bound)
{
	struct stat now;
	if (endpoint_stat(e, &now) && now.st_dev == bound->st_dev && now.st_ino == bound->st_ino)
		unlink(endpoint_path(e));
}
