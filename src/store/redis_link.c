#include "store/redis_link.h"

#include "base/buf.h"
#include "io/secret.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <time.h>

#define PASSWORD_MAX 1024
#define PENDING_MAX 16384 /* octets of an answer that has not come to its end */

enum reply_kind { REPLY_TEXT, REPLY_NONE, REPLY_ERROR, REPLY_OTHER };

/* The answer that hiredis reads at the moment; its own replies are not used, for they have no bounds. */
struct reply {
	enum reply_kind kind;
	size_t len; /* of what is in text; a longer error is cut */
	char text[REDIS_VALUE_MAX];
};

struct redis_link {
	const struct redis_link_conf *conf;
	redisContext *context; /* null: not connected */
	struct reply reply;
	msec deadline;
	enum heard heard;
};

/* A connection that was good before may have been closed meanwhile: that is worth a second try, a refusal is not. */
enum outcome { DONE, LOST, FAILED };

/* ---- answers ---- */

static void *keep(const redisReadTask *task, enum reply_kind kind, const char *at, size_t len)
{
	struct reply *r = task->privdata;
	r->kind = task->parent || (kind == REPLY_TEXT && len > sizeof(r->text)) ? REPLY_OTHER : kind;
	r->len = len < sizeof(r->text) ? len : sizeof(r->text);
	if (r->len)
		memcpy(r->text, at, r->len);
	return r;
}

static void *on_string(const redisReadTask *task, char *at, size_t len)
{
	return keep(task, task->type == REDIS_REPLY_ERROR ? REPLY_ERROR : REPLY_TEXT, at, len);
}

static void *on_integer(const redisReadTask *task, long long n)
{
	(void)n; /* nothing here is answered by one */
	return keep(task, REPLY_OTHER, NULL, 0);
}

static void *on_nil(const redisReadTask *task)
{
	return keep(task, REPLY_NONE, NULL, 0);
}

/* Arrays are not made. */
static redisReplyObjectFunctions functions = {
	.createString = on_string, .createInteger = on_integer, .createNil = on_nil
};

/* ---- the connection ---- */

static msec clock_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return SECONDS(t.tv_sec) + t.tv_nsec / 1000000;
}

static void disconnect(struct redis_link *l)
{
	if (l->context)
		redisFree(l->context);
	l->context = NULL;
}

/* host and port of inet:host:port or inet:[v6]:port. */
static bool split(struct str address, struct str *host, uint64_t *port)
{
	struct str rest = str_from(address, strlen("inet:"));
	size_t colon = str_rfind(rest, ':');
	*host = (struct str){ rest.at, colon };
	if (host->len > 2 && host->at[0] == '[' && host->at[host->len - 1] == ']')
		*host = (struct str){ host->at + 1, host->len - 2 };
	return colon < rest.len && host->len && str_u64(str_from(rest, colon + 1), port) && *port >= 1 &&
	       *port <= 65535;
}

bool redis_link_check_address(struct str address, struct err *err)
{
	char name[256];
	struct str host;
	uint64_t port;
	if (str_starts(address, STR("unix:/")))
		return str_copy_z(name, sizeof(((struct sockaddr_un *)0)->sun_path), str_from(address, 5)) ||
		       err_set(err, "the path of a unix socket is too long");
	if (!str_starts(address, STR("inet:")))
		return err_set(err, "expected inet:host:port or unix:/path");
	return (split(address, &host, &port) && str_copy_z(name, sizeof(name), host)) ||
	       err_set(err, "expected inet:host:port with a port from 1 to 65535");
}

static redisContext *dial(const struct redis_link *l)
{
	const char *address = l->conf->address;
	const struct timeval patience = { l->conf->timeout / 1000, l->conf->timeout % 1000 * 1000 };
	char name[256];
	struct str host;
	uint64_t port;
	if (strncmp(address, "unix:", 5) == 0)
		return redisConnectUnixWithTimeout(address + 5, patience);
	if (!split(str_of(address), &host, &port) || !str_copy_z(name, sizeof(name), host))
		return NULL;
	return redisConnectWithTimeout(name, (int)port, patience);
}

/* What hiredis says of the connection. */
static enum outcome fail(struct redis_link *l, struct err *err)
{
	l->heard = HEARD_FAULT;
	char text[200];
	struct buf line = BUF(text);
	buf_put_clean(&line, str_of(l->context->errstr));
	err_set(err, "%s", buf_z(&line));
	disconnect(l);
	return LOST;
}

static enum outcome give_up(struct redis_link *l, const char *why, struct err *err)
{
	err_set(err, "%s", why);
	disconnect(l);
	return FAILED;
}

/* Only this key's value is at fault. */
static enum outcome answered(struct redis_link *l, const char *why, struct err *err)
{
	l->heard = HEARD_ANSWER;
	return give_up(l, why, err);
}

static enum outcome fault(struct redis_link *l, const char *why, struct err *err)
{
	l->heard = HEARD_FAULT;
	return give_up(l, why, err);
}

/* Waits for the next answer. */
static enum outcome read_reply(struct redis_link *l, struct err *err)
{
	void *got = NULL;
	for (;;) {
		if (redisReaderGetReply(l->context->reader, &got) != REDIS_OK)
			return fault(l, "the answer is none of Redis", err);
		if (got == &l->reply && l->reply.kind != REPLY_OTHER) {
			l->heard = HEARD_ANSWER;
			return DONE;
		}
		if (got)
			return answered(l, "the answer makes no sense", err);
		if (l->context->reader->len - l->context->reader->pos > PENDING_MAX)
			return answered(l, "the answer is too long", err);
		struct pollfd p = { .fd = l->context->fd, .events = POLLIN };
		msec left = l->deadline - clock_now();
		if (left <= 0)
			return fault(l, "no answer in time", err);
		int n = poll(&p, 1, (int)left);
		if (n > 0 && redisBufferRead(l->context) != REDIS_OK)
			return fail(l, err);
	}
}

/* Writes what is in the pipeline. */
static enum outcome flush(struct redis_link *l, struct err *err)
{
	for (int done = 0; !done;)
		if (redisBufferWrite(l->context, &done) != REDIS_OK)
			return fail(l, err);
	return DONE;
}

/* The error of the server, as it says it: NOAUTH, WRONGPASS, LOADING, MOVED. */
static enum outcome refuse(struct redis_link *l, struct err *err)
{
	char text[200];
	struct buf line = BUF(text);
	buf_put_clean(&line, (struct str){ l->reply.text, l->reply.len });
	return give_up(l, buf_z(&line), err);
}

static enum outcome command(struct redis_link *l, int n, const char **words, struct err *err)
{
	if (redisAppendCommandArgv(l->context, n, words, NULL) != REDIS_OK)
		return fail(l, err);
	enum outcome outcome = flush(l, err);
	if (outcome == DONE)
		outcome = read_reply(l, err);
	return outcome == DONE && l->reply.kind == REPLY_ERROR ? refuse(l, err) : outcome;
}

static enum outcome log_in(struct redis_link *l, struct err *err)
{
	char password[PASSWORD_MAX];
	const char *words[3] = { "AUTH", l->conf->login ? l->conf->login : password, password };
	if (!l->conf->password_file)
		return DONE;
	enum outcome outcome = FAILED;
	if (secret_line(password, sizeof(password), l->conf->password_file, err) == SECRET_READ) {
		outcome = command(l, l->conf->login ? 3 : 2, words, err);
	} else {
		l->heard = HEARD_NOTHING;
		disconnect(l);
	}
	explicit_bzero(password, sizeof(password));
	return outcome;
}

static enum outcome select_database(struct redis_link *l, struct err *err)
{
	char number[16];
	const char *words[2] = { "SELECT", number };
	snprintf(number, sizeof(number), "%u", l->conf->database);
	return l->conf->database ? command(l, 2, words, err) : DONE;
}

static enum outcome connect_now(struct redis_link *l, struct err *err)
{
	l->context = dial(l);
	if (!l->context) {
		l->heard = HEARD_NOTHING;
		err_set(err, "out of memory");
		return FAILED;
	}
	enum outcome outcome = l->context->err ? fail(l, err) : DONE;
	if (outcome == DONE) {
		const struct timeval patience = { l->conf->timeout / 1000, l->conf->timeout % 1000 * 1000 };
		redisSetTimeout(l->context, patience);
		l->context->reader->fn = &functions;
		l->context->reader->privdata = &l->reply;
		outcome = log_in(l, err);
	}
	if (outcome == DONE)
		outcome = select_database(l, err);
	return outcome;
}

struct redis_link *redis_link_new(const struct redis_link_conf *conf)
{
	struct redis_link *l = calloc(1, sizeof(*l));
	if (l)
		l->conf = conf;
	return l;
}

void redis_link_free(struct redis_link *l)
{
	disconnect(l);
	free(l);
}

/* ---- questions ---- */

static enum outcome get(
	struct redis_link *l, const struct str *keys, size_t n, struct redis_value *values, struct err *err)
{
	enum outcome outcome = DONE;
	for (size_t i = 0; i < n; i++) {
		const char *words[2] = { "GET", keys[i].at };
		const size_t lens[2] = { 3, keys[i].len };
		if (redisAppendCommandArgv(l->context, 2, words, lens) != REDIS_OK)
			return fail(l, err);
	}
	outcome = flush(l, err);
	for (size_t i = 0; outcome == DONE && i < n; i++) {
		outcome = read_reply(l, err);
		if (outcome == DONE && l->reply.kind == REPLY_ERROR)
			outcome = refuse(l, err);
		values[i].there = l->reply.kind == REPLY_TEXT;
		values[i].len = l->reply.len;
		memcpy(values[i].text, l->reply.text, l->reply.len);
	}
	return outcome;
}

/* Whatever comes unasked, the end of the connection too. */
static bool is_stale(const struct redis_link *l)
{
	const redisReader *r = l->context->reader;
	struct pollfd p = { .fd = l->context->fd, .events = POLLIN };
	return r->len > r->pos || poll(&p, 1, 0) != 0;
}

enum heard redis_link_heard(struct redis_link *l)
{
	enum heard heard = l->heard;
	l->heard = HEARD_NOTHING;
	return heard;
}

bool redis_link_get(struct redis_link *l, const struct str *keys, size_t n, struct redis_value *values, struct err *err)
{
	l->deadline = clock_now() + l->conf->timeout;
	l->heard = HEARD_FAULT; /* until it answers */
	if (l->context && is_stale(l))
		disconnect(l);
	bool kept = l->context != NULL;
	enum outcome outcome = kept ? DONE : connect_now(l, err);
	if (outcome == DONE)
		outcome = get(l, keys, n, values, err);
	if (outcome == LOST && kept && connect_now(l, err) == DONE)
		outcome = get(l, keys, n, values, err);
	return outcome == DONE;
}
