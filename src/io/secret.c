#include "io/secret.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_line(char *out, size_t cap, int fd, const char *path, struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return err_set(err, "%s is no regular file", path);
	if (st.st_mode & 07)
		return err_set(err, "%s may be read or written by others: chmod o= it", path);
	ssize_t n = read(fd, out, cap);
	if (n < 0)
		return err_set(err, "%s: %s", path, strerror(errno));
	struct str line = { out, (size_t)n };
	line.len = str_find(line, '\n');
	if (line.len && line.at[line.len - 1] == '\r')
		line.len--;
	if (line.len >= cap)
		return err_set(err, "%s: the first line is longer than %zu octets", path, cap - 1);
	if (str_find(line, '\0') < line.len)
		return err_set(err, "%s: the first line holds a NUL", path);
	out[line.len] = '\0';
	return true;
}

bool secret_read(char *out, size_t cap, const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_set(err, "%s: %s", path, strerror(errno));
	bool good = read_line(out, cap, fd, path, err);
	close(fd);
	return good;
}
