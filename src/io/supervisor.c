#include "io/supervisor.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A path, or '@' and a name in the abstract namespace. */
static socklen_t address_of(struct sockaddr_un *un, const char *name)
{
	size_t len = strlen(name);
	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if ((name[0] != '/' && name[0] != '@') || name[1] == '\0' || len >= sizeof(un->sun_path))
		return 0;
	memcpy(un->sun_path, name, len);
	if (name[0] == '@')
		un->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

bool supervisor_open(struct supervisor *s, struct err *err)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un un;
	s->fd = -1;
	if (!name)
		return true;
	socklen_t len = address_of(&un, name);
	if (len == 0)
		return err_set(err, "NOTIFY_SOCKET=%s: expected an absolute path or @name", name);
	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0 || connect(s->fd, (const struct sockaddr *)&un, len) < 0) {
		err_set(err, "NOTIFY_SOCKET=%s: %s", name, strerror(errno));
		supervisor_close(s);
		return false;
	}
	unsetenv("NOTIFY_SOCKET");
	return true;
}

void supervisor_say(const struct supervisor *s, const char *lines)
{
	if (s->fd >= 0)
		(void)!send(s->fd, lines, strlen(lines), MSG_NOSIGNAL);
}

void supervisor_close(struct supervisor *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}
