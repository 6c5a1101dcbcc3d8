/*
 * A daemon as exim-quotad was: it forks for every connection, the child reads one line, the path of a mailbox, adds up
 * the maildirsize there, writes the octets used and ends. It stands for all that fork for each question and keep nothing,
 * at their cheapest: no interpreter to start, no configuration, no log, no look at who asks. Fit for a benchmark only.
 */
#include "endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_OCTETS 1024
#define FILE_OCTETS 5120 /* a maildirsize that is longer is no longer believed by anybody */

/* The line that the client sends, in place of its line feed a NUL; false when it hangs up before, or says too much. */
static bool read_path(int client, char *path, size_t size)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = read(client, path + got, size - got);

		if (n <= 0)
			return false;
		got += (size_t)n;
		if (path[got - 1] == '\n') {
			path[got - 1] = '\0';
			return true;
		}
	}
	return false;
}

/* The lines behind the first, which is the limit; 0 where there is no such file. */
static long long usage_of(const char *path)
{
	char name[PATH_OCTETS + 16], text[FILE_OCTETS + 1];
	long long used = 0;
	ssize_t n;
	int fd;

	snprintf(name, sizeof name, "%s/maildirsize", path);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, FILE_OCTETS);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	for (const char *line = strchr(text, '\n'); line && line[1]; line = strchr(line + 1, '\n'))
		used += strtoll(line + 1, NULL, 10);
	return used;
}

static int serve(int client)
{
	char path[PATH_OCTETS], answer[32];
	int n;

	if (!read_path(client, path, sizeof path))
		return 1;
	n = snprintf(answer, sizeof answer, "%lld\n", usage_of(path));
	return write(client, answer, (size_t)n) == n ? 0 : 1;
}

static int run(int listener)
{
	struct pollfd wait_for = { .fd = listener, .events = POLLIN };

	for (;;) {
		int client = accept(listener, NULL, NULL);
		pid_t child;

		if (client < 0) {
			if (errno != EAGAIN && errno != ECONNABORTED)
				return 1;
			poll(&wait_for, 1, -1);
			continue;
		}
		child = fork();
		if (child == 0)
			_exit(serve(client));
		close(client);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

int main(int argc, char **argv)
{
	struct endpoint to;
	int listener;

	if (argc != 2 || !endpoint_decode(&to, argv[1])) {
		fputs("usage: forking unix:PATH|inet:127.0.0.1:PORT\n", stderr);
		return 2;
	}
	listener = endpoint_listen(&to);
	if (listener < 0) {
		fprintf(stderr, "forking: cannot listen at %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	return run(listener);
}
