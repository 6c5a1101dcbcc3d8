/* The pid file: locked as long as the daemon lives, so a second daemon with the same file does not start. */
#ifndef DAEMON_PIDFILE_H
#define DAEMON_PIDFILE_H

#include "base/err.h"

#include <sys/types.h>

/* A descriptor to be kept, -1 with the reason. The file becomes the user's, who removes it at the end. */
int pidfile_open(const char *path, uid_t, gid_t, struct err *);

void pidfile_close(int fd, const char *path);

/* Makes the folder of `path` (0755, the user's) when it lies in /run or /var/run, which are empty after a boot, and is not
   there. Any other that is not there is a slip of the pen, which whoever needs it will tell. */
void pidfile_make_folder(const char *path, uid_t, gid_t);

#endif
