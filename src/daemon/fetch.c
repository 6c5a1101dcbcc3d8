#include "daemon/fetch.h"

#include "base/buf.h"
#include "base/time.h"
#include "io/secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#define PATIENCE SECONDS(5)
#define TOKEN_MAX 1024

static msec now_of_clock(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (msec)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool say_errno(struct err *err)
{
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return err_set(err, "it did not answer within %d seconds", (int)(PATIENCE / 1000));
	return err_set(err, "%s", uv_strerror(-errno));
}

/* One read, before `until`. False: an error, or too late; *more is false at the end. */
static bool read_some(int fd, struct fetched *f, size_t *cap, msec until, bool *more, struct err *err)
{
	msec left = until - now_of_clock();
	struct timeval wait = { .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 + 1 };
	errno = EAGAIN;
	if (left <= 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0)
		return say_errno(err);
	if (f->len == *cap) {
		size_t larger = *cap ? 2 * *cap : 65536;
		char *grown = larger <= FETCH_MAX ? realloc(f->text, larger) : NULL;
		if (!grown)
			return err_set(err, larger <= FETCH_MAX ? "out of memory" : "its answer is too long");
		f->text = grown;
		*cap = larger;
	}
	ssize_t n = recv(fd, f->text + f->len, *cap - f->len, 0);
	*more = n > 0 || (n < 0 && errno == EINTR);
	f->len += n > 0 ? (size_t)n : 0;
	return n >= 0 || errno == EINTR || say_errno(err);
}

static bool hear(struct fetched *f, struct err *err)
{
	msec until = now_of_clock() + PATIENCE;
	size_t cap = 0;
	bool more = true;
	while (more)
		if (!read_some(f->fd, f, &cap, until, &more, err))
			return false;
	return f->len || err_set(err, "it closed the connection without an answer; perhaps too many ask at once");
}

static bool ask(struct fetched *f, const struct endpoint *e, struct str request, struct err *err)
{
	struct ucred who = { 0 };
	socklen_t len = sizeof(who);
	*f = (struct fetched){ 0 };
	f->fd = endpoint_connect(e);
	if (f->fd < 0 && errno == EACCES)
		return err_set(err, "permission denied: it is for root and the daemon's user");
	if (f->fd < 0)
		return say_errno(err);
	if (e->family == ENDPOINT_UNIX && getsockopt(f->fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0) {
		f->pid = who.pid;
		f->uid = who.uid;
	}
	if (send(f->fd, request.at, request.len, MSG_NOSIGNAL) == (ssize_t)request.len)
		return true;
	say_errno(err);
	close(f->fd);
	return false;
}

bool fetch_control(struct fetched *f, const struct endpoint *e, struct err *err)
{
	return ask(f, e, STR("metrics\n"), err);
}

/* ---- by HTTP ---- */

/* The first one of the file, as a listener of protocol http reads it. */
static void put_token(struct buf *out, const char *file)
{
	const struct secret_rule rule = { .owner = SECRET_OF_ANYBODY };
	struct secret text;
	if (!file || secret_read(&text, file, &rule, NULL) != SECRET_READ)
		return;
	struct str rest = { text.at, text.len }, token;
	do
		token = secret_next(&rest);
	while (token.at && (token.len > TOKEN_MAX || !str_is_visible(token)));
	if (token.at) {
		buf_puts(out, "Authorization: Bearer ");
		buf_put(out, token);
		buf_puts(out, "\r\n");
	}
	secret_done(&text);
}

/* Takes the head away. HTTP/1.0 was asked for, so the body ends with the connection. */
static bool take_body(struct fetched *f, struct err *err)
{
	struct str answer = { f->text, f->len };
	struct str line = { answer.at, str_find(answer, '\n') };
	char said[80] = "";
	const char *end = memmem(f->text, f->len, "\r\n\r\n", 4);
	if (!str_starts(line, STR("HTTP/1.")) || line.len < 12 || !end)
		return err_set(err, "what it answers is no HTTP");
	if (!str_starts(str_from(line, 8), STR(" 200"))) {
		struct buf b = BUF(said);
		buf_put_clean(&b, str_trim((struct str){ line.at + 9, line.len - 10 }));
		return err_set(err, "it answers %s", buf_z(&b));
	}
	f->len -= (size_t)(end + 4 - f->text);
	memmove(f->text, end + 4, f->len);
	return true;
}

bool fetch_http(struct fetched *f, const struct endpoint *e, const char *token_file, struct err *err)
{
	char space[TOKEN_MAX + 256];
	struct buf request = BUF(space);
	buf_puts(&request, "GET /metrics HTTP/1.0\r\nHost: localhost\r\nAccept: text/plain\r\n");
	put_token(&request, token_file);
	buf_puts(&request, "\r\n");
	bool ok = ask(f, e, buf_str(&request), err);
	explicit_bzero(space, sizeof(space));
	f->http = true;
	return ok;
}

bool fetch_take(struct fetched *f, struct err *err)
{
	bool ok = hear(f, err) && (!f->http || take_body(f, err));
	close(f->fd);
	if (ok)
		return true;
	free(f->text);
	f->text = NULL;
	return false;
}
