#include "daemon/pidfile.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

void pidfile_make_folder(const char *path, uid_t uid, gid_t gid)
{
	char folder[4096];
	struct str s = str_of(path);
	s.len = str_rfind(s, '/');
	struct str parent = { s.at, str_rfind(s, '/') };
	if (!str_eq(parent, STR("/run")) && !str_eq(parent, STR("/var/run")))
		return;
	if (!str_copy_z(folder, sizeof(folder), s) || mkdir(folder, 0755) < 0)
		return; /* it is there, or whoever needs it will say why not */
	if (chown(folder, uid, gid) < 0)
		rmdir(folder);
}

int pidfile_open(const char *path, uid_t uid, gid_t gid, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		err_set(err, "%s: %s", path, strerror(errno));
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		err_set(err, "%s: another daemon holds it", path);
		close(fd);
		return -1;
	}
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0 || fchown(fd, uid, gid) < 0) {
		err_set(err, "%s: %s", path, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

void pidfile_close(int fd, const char *path)
{
	if (fd < 0)
		return;
	if (unlink(path) < 0 && ftruncate(fd, 0) < 0)
		return; /* neither is ours to do: the lock tells that it is stale */
	close(fd);
}
