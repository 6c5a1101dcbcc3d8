/* Addresses of the benchmark's servers: unix sockets, loopback TCP and UDP. See endpoint.h. */
#include "endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096
#define CONNECT_SECONDS 10

static bool decode_unix(struct endpoint *out, const char *path)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&out->address;
	size_t n = strlen(path);

	if (path[0] != '/' || n >= sizeof un->sun_path)
		return false;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, n + 1);
	out->length = sizeof *un;
	return true;
}

static bool decode_inet(struct endpoint *out, const char *text)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&out->address;
	const char *colon = strchr(text, ':');
	char host[INET_ADDRSTRLEN], *end;
	unsigned long port;

	if (!colon || (size_t)(colon - text) >= sizeof host)
		return false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1 || (ntohl(in->sin_addr.s_addr) >> 24) != IN_LOOPBACKNET)
		return false;
	port = strtoul(colon + 1, &end, 10);
	if (end == colon + 1 || *end || port == 0 || port > 65535)
		return false;
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)port);
	out->length = sizeof *in;
	return true;
}

bool endpoint_decode(struct endpoint *out, const char *text)
{
	memset(out, 0, sizeof *out);
	out->type = SOCK_STREAM;
	if (strncmp(text, "unix:", 5) == 0)
		return decode_unix(out, text + 5);
	if (strncmp(text, "inet:", 5) == 0)
		return decode_inet(out, text + 5);
	out->type = SOCK_DGRAM;
	return strncmp(text, "udp:", 4) == 0 && decode_inet(out, text + 4);
}

static int fail(int fd)
{
	int e = errno;

	close(fd);
	errno = e;
	return -1;
}

int endpoint_connect(const struct endpoint *to)
{
	struct timeval wait = { .tv_sec = CONNECT_SECONDS };
	int one = 1, fd = socket(to->address.ss_family, to->type | SOCK_CLOEXEC, 0);
	bool tcp = to->address.ss_family == AF_INET && to->type == SOCK_STREAM;

	if (fd < 0)
		return -1;
	/* connect() obeys the send timeout, for both families: a full listen queue must not hang us. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait))
		return fail(fd);
	if (tcp && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one))
		return fail(fd);
	if (connect(fd, (const struct sockaddr *)&to->address, to->length))
		return fail(fd);
	return fd;
}

int endpoint_listen(const struct endpoint *at)
{
	int one = 1, fd = socket(at->address.ss_family, at->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (at->address.ss_family == AF_UNIX)
		unlink(((const struct sockaddr_un *)&at->address)->sun_path);
	else if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one))
		return fail(fd);
	if (bind(fd, (const struct sockaddr *)&at->address, at->length) || listen(fd, BACKLOG))
		return fail(fd);
	return fd;
}
