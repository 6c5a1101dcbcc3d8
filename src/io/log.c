/*
 * Lines gather in one buffer, already as they will be written, each with its time or its "<priority>". Whatever goes
 * wrong with writing, the buffer stays and is tried again at the next flush; only a line that finds no room is dropped.
 * Never blocks, never allocates.
 */
#include "io/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define STAMP_MAX 32 /* octets of a time or a "<priority>" */

/* How the target takes octets without blocking. */
enum target {
	TARGET_UNKNOWN, /* stderr, not looked at yet */
	TARGET_FILE, /* write() */
	TARGET_SOCKET, /* send() with MSG_DONTWAIT: the journal */
	TARGET_PIPE, /* pipe or terminal, shared with others, so not to be made non-blocking: poll() and small writes */
	TARGET_SYSLOG,
};

static struct {
	enum log_level level;
	enum target target;
	int fd; /* -1 with syslog */
	bool priorities; /* lines begin with "<6>" instead of the time */
	char time[STAMP_MAX];
	size_t time_len; /* 0: the clock must be read; once between two flushes */
	uint64_t dropped; /* lines, not told yet */
	size_t len; /* octets in `lines` */
	char lines[65536];
} out = { .level = LOG_LEVEL_INFO, .fd = STDERR_FILENO };

static int priority(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR: return LOG_ERR;
	case LOG_LEVEL_WARNING: return LOG_WARNING;
	case LOG_LEVEL_INFO: return LOG_INFO;
	case LOG_LEVEL_DEBUG: return LOG_DEBUG;
	}
	return LOG_INFO;
}

static enum target target_of(int fd)
{
	struct stat st;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return TARGET_FILE;
	if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
		return TARGET_SOCKET;
	return TARGET_PIPE;
}

static void use_stderr(void)
{
	out.fd = STDERR_FILENO;
	out.target = target_of(STDERR_FILENO);
	out.priorities = getenv("JOURNAL_STREAM") != NULL;
}

static void leave_target(void)
{
	if (out.target == TARGET_SYSLOG)
		closelog();
	else if (out.fd != STDERR_FILENO)
		close(out.fd);
}

/* A link that root or we made is somebody's word; one that is another's may lead root to any file. */
static bool is_trusted_link(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && (st.st_uid == 0 || st.st_uid == geteuid());
}

static int open_file(const char *path)
{
	/* non-blocking for the sake of a named pipe */
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	int fd = open(path, flags | O_NOFOLLOW, 0640);
	if (fd < 0 && errno == ELOOP && is_trusted_link(path))
		fd = open(path, flags, 0640);
	return fd;
}

bool log_open(const char *to, enum log_level level, struct err *err)
{
	int fd = -1;
	if (to[0] == '/') {
		fd = open_file(to);
		if (fd < 0)
			return err_set(err, "cannot open the log %s: %s", to, strerror(errno));
	} else if (strcmp(to, "stderr") != 0 && strcmp(to, "syslog") != 0) {
		return err_set(err, "cannot log to %s: expected stderr, syslog or an absolute path", to);
	}
	log_flush();
	leave_target();
	for (size_t i = 0; i < out.len; i++) /* what the old target did not take is lost with it */
		out.dropped += out.lines[i] == '\n';
	out.len = 0;
	out.level = level;
	if (fd >= 0) {
		out.fd = fd;
		out.target = target_of(fd);
		out.priorities = false;
	} else if (strcmp(to, "syslog") == 0) {
		openlog("quotagate", LOG_PID | LOG_NDELAY, LOG_MAIL);
		out.fd = -1;
		out.target = TARGET_SYSLOG;
		out.priorities = true;
	} else {
		use_stderr();
	}
	return true;
}

bool log_give(uid_t uid, gid_t gid, struct err *err)
{
	struct stat st;
	if (out.target != TARGET_FILE || out.fd == STDERR_FILENO)
		return true;
	if (fstat(out.fd, &st) < 0 || (st.st_nlink == 1 && fchown(out.fd, uid, gid) < 0))
		return err_set(err, "cannot give the log file away: %s", strerror(errno));
	return st.st_nlink == 1 ||
	       err_set(err, "the log file has %ju names: it stays its owner's", (uintmax_t)st.st_nlink);
}

bool log_wants(enum log_level level)
{
	return level <= out.level;
}

static struct str stamp(enum log_level level)
{
	static char mark[] = "<6>";
	struct timespec now;
	struct tm tm;
	if (out.priorities) {
		mark[1] = (char)('0' + priority(level));
		return (struct str){ mark, sizeof(mark) - 1 };
	}
	if (out.time_len == 0) {
		clock_gettime(CLOCK_REALTIME, &now);
		gmtime_r(&now.tv_sec, &tm);
		size_t n = strftime(out.time, sizeof(out.time), "%Y-%m-%dT%H:%M:%S", &tm);
		int m = snprintf(out.time + n, sizeof(out.time) - n, ".%03ldZ ", now.tv_nsec / 1000000);
		out.time_len = n + (m > 0 ? (size_t)m : 0);
	}
	return (struct str){ out.time, out.time_len };
}

/* False when there is no room. */
static bool gather(enum log_level level, struct str line)
{
	struct str head = stamp(level);
	if (line.len > LOG_LINE_MAX)
		line.len = LOG_LINE_MAX;
	if (head.len + line.len + 1 > sizeof(out.lines) - out.len)
		return false;
	struct buf b = { out.lines, out.len, sizeof(out.lines), false };
	buf_put(&b, head);
	buf_put(&b, line);
	buf_putc(&b, '\n');
	out.len = b.len;
	return true;
}

void log_put(enum log_level level, struct str line)
{
	if (!log_wants(level))
		return;
	if (out.target == TARGET_UNKNOWN)
		use_stderr();
	if (!gather(level, line)) {
		log_flush();
		if (!gather(level, line))
			out.dropped++;
	}
	if (level == LOG_LEVEL_ERROR)
		log_flush();
}

void log_line(enum log_level level, const char *format, ...)
{
	char raw[LOG_LINE_MAX], clean[LOG_LINE_MAX];
	struct buf r = BUF(raw), c = BUF(clean);
	va_list ap;
	if (!log_wants(level))
		return;
	va_start(ap, format);
	int n = vsnprintf(raw, sizeof(raw), format, ap);
	va_end(ap);
	r.len = n < 0 ? 0 : (size_t)n < sizeof(raw) ? (size_t)n : sizeof(raw) - 1;
	buf_put_clean(&c, buf_str(&r));
	log_put(level, buf_str(&c));
}

/* A pipe that poll() calls writable takes PIPE_BUF octets without blocking; whole lines, so that those of other
   processes do not fall between. */
static ssize_t write_pipe(struct str lines)
{
	struct pollfd p = { .fd = out.fd, .events = POLLOUT };
	if (poll(&p, 1, 0) <= 0 || !(p.revents & POLLOUT))
		return -1;
	if (lines.len > PIPE_BUF) {
		size_t cut = str_rfind((struct str){ lines.at, PIPE_BUF }, '\n');
		lines.len = cut < PIPE_BUF ? cut + 1 : PIPE_BUF;
	}
	return write(out.fd, lines.at, lines.len);
}

/* The first line goes as one message. */
static ssize_t write_syslog(struct str lines)
{
	size_t n = str_find(lines, '\n');
	if (n >= 3)
		syslog(lines.at[1] - '0', "%.*s", (int)(n - 3), lines.at + 3);
	return (ssize_t)(n < lines.len ? n + 1 : n);
}

/* The octets taken, at least one; -1: none for now. */
static ssize_t write_some(struct str lines)
{
	switch (out.target) {
	case TARGET_FILE: return write(out.fd, lines.at, lines.len);
	case TARGET_SOCKET: return send(out.fd, lines.at, lines.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	case TARGET_UNKNOWN:
	case TARGET_PIPE: return write_pipe(lines);
	case TARGET_SYSLOG: return write_syslog(lines);
	}
	return -1;
}

static void write_out(void)
{
	size_t at = 0;
	while (at < out.len) {
		ssize_t n = write_some((struct str){ out.lines + at, out.len - at });
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	out.len -= at;
	if (at && out.len)
		memmove(out.lines, out.lines + at, out.len);
}

void log_flush(void)
{
	char text[64];
	struct buf b = BUF(text);
	out.time_len = 0;
	if (out.len == 0)
		return;
	write_out();
	if (out.dropped == 0 || out.len)
		return;
	buf_printf(&b, "log dropped=%llu", (unsigned long long)out.dropped);
	out.dropped = 0;
	gather(LOG_LEVEL_WARNING, buf_str(&b));
	write_out();
}

void log_forked(void)
{
	leave_target();
	out.len = 0;
	out.dropped = 0;
	out.time_len = 0;
	use_stderr();
}
