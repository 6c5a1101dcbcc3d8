#include "store/imap_link.h"

#include "io/secret.h"

#include <curl/curl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define PASSWORD_MAX 1024
#define RESPONSE_MAX 16384 /* octets of one response, its literals included */
#define ANSWER_MAX (256 << 10) /* octets of all responses to one command, or of a log-in */
#define WORDS_MAX 200 /* octets of what a server said, in a note */

struct imap_link {
	const struct imap_conf *conf;
	CURL *curl; /* null: not connected */
	uint64_t commands;
	enum heard server;
	char tag[24];
	char said[CURL_ERROR_SIZE]; /* libcurl's own words on what failed */
	size_t heard; /* octets, since the log-in or the command began */
	char words[WORDS_MAX]; /* the last line while logging in, cut */
	size_t n_words;
	size_t used; /* of `input` */
	char input[RESPONSE_MAX];
};

struct imap_link *imap_link_new(const struct imap_conf *conf, struct err *err)
{
	struct imap_link *l = calloc(1, sizeof(*l));
	if (!l || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(l);
		err_set(err, "libcurl does not start");
		return NULL;
	}
	l->conf = conf;
	return l;
}

void imap_link_free(struct imap_link *l)
{
	imap_link_close(l);
	free(l);
}

msec imap_link_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return SECONDS(t.tv_sec) + t.tv_nsec / 1000000;
}

bool imap_link_is_open(const struct imap_link *l)
{
	return l->curl != NULL;
}

enum heard imap_link_heard(struct imap_link *l)
{
	enum heard heard = l->server;
	l->server = HEARD_NOTHING;
	return heard;
}

bool imap_link_was_heard(const struct imap_link *l)
{
	return l->heard > 0;
}

static curl_socket_t socket_of(struct imap_link *l)
{
	curl_socket_t fd = CURL_SOCKET_BAD;
	curl_easy_getinfo(l->curl, CURLINFO_ACTIVESOCKET, &fd);
	return fd;
}

/* A server that hears LOGOUT has no broken connection to log. It is not waited for. */
void imap_link_close(struct imap_link *l)
{
	size_t sent;
	if (!l->curl)
		return;
	curl_socket_t fd = socket_of(l);
	if (fd != CURL_SOCKET_BAD) {
		curl_easy_send(l->curl, "bye LOGOUT\r\n", strlen("bye LOGOUT\r\n"), &sent);
		shutdown(fd, SHUT_WR);
	}
	curl_easy_cleanup(l->curl);
	l->curl = NULL;
}

/* What the server said, after some words of ours. */
static enum imap_outcome quote(const char *what, struct str line, struct buf *why)
{
	line.len = str_find(line, '\n');
	if (line.len && line.at[line.len - 1] == '\r')
		line.len--;
	if (line.len > WORDS_MAX)
		line.len = WORDS_MAX;
	buf_puts(why, what);
	buf_put_clean(why, line);
	return IMAP_FAILED;
}

/* ---- logging in ---- */

/* Every line of the server comes here while libcurl speaks. */
static size_t on_line(char *at, size_t size, size_t n, void *arg)
{
	struct imap_link *l = arg;
	l->heard += size * n;
	l->n_words = size * n < WORDS_MAX ? size * n : WORDS_MAX;
	memcpy(l->words, at, l->n_words);
	return l->heard > ANSWER_MAX ? 0 : size * n;
}

/* The server's own words where it said no, else libcurl's, or the system's where they are shorter. */
static void explain(struct imap_link *l, CURLcode failed, struct buf *why)
{
	struct imap_response r;
	long number = 0;
	curl_easy_getinfo(l->curl, CURLINFO_OS_ERRNO, &number);
	bool is_response = imap_response_decode(&r, (struct str){ l->words, l->n_words }) > 0;
	if (l->heard > ANSWER_MAX)
		buf_printf(why, "it said more than %d octets before the log-in", ANSWER_MAX);
	else if (is_response && (r.kind == IMAP_NO || r.kind == IMAP_BAD || r.kind == IMAP_BYE))
		buf_put_clean(why, r.line);
	else if (failed == CURLE_OPERATION_TIMEDOUT && l->heard)
		quote("it did not end the log-in in time, and said last: ", (struct str){ l->words, l->n_words }, why);
	else if (failed == CURLE_OPERATION_TIMEDOUT)
		buf_puts(why, "it did not answer in time");
	else if (failed == CURLE_RECV_ERROR || failed == CURLE_SEND_ERROR)
		buf_puts(why, l->heard ? "it closed the connection during the log-in" : "it closed the connection");
	else if (failed == CURLE_COULDNT_CONNECT && number)
		buf_puts(why, strerror((int)number));
	else
		buf_put_clean(why, str_of(l->said[0] ? l->said : curl_easy_strerror(failed)));
	if (failed == CURLE_SSL_CONNECT_ERROR)
		buf_puts(why, "; does it speak TLS on this port?");
}

static bool set_options(struct imap_link *l, const struct imap_login *login, const char *password, msec left)
{
	const struct imap_conf *c = l->conf;
	CURL *curl = l->curl;
	bool demand = c->verify == IMAP_VERIFY_DEMAND;
	CURLcode n[] = {
		curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, l->said),
		curl_easy_setopt(curl, CURLOPT_URL, c->uri),
		curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L),
		curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L),
		curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "imap,imaps"),
		curl_easy_setopt(curl, CURLOPT_PROXY, ""),
		curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L),
		curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)(c->starttls ? CURLUSESSL_ALL : CURLUSESSL_NONE)),
		curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2),
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, demand ? 1L : 0L),
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, demand ? 2L : 0L),
		c->ca_file ? curl_easy_setopt(curl, CURLOPT_CAINFO, c->ca_file) : CURLE_OK,
		curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)left),
		curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)left),
		curl_easy_setopt(curl, CURLOPT_USERNAME, login->user),
		curl_easy_setopt(curl, CURLOPT_PASSWORD, password),
		/* Else a server that has only LOGIN would take us for the user who logs in. */
		login->authorize ? curl_easy_setopt(curl, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN") : CURLE_OK,
		login->authorize ? curl_easy_setopt(curl, CURLOPT_SASL_AUTHZID, login->authorize) : CURLE_OK,
		curl_easy_setopt(curl, CURLOPT_SASL_IR, 1L),
		curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_line),
		curl_easy_setopt(curl, CURLOPT_HEADERDATA, l),
	};
	for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++)
		if (n[i] != CURLE_OK)
			return false;
	return true;
}

static bool connect_as(
	struct imap_link *l, const struct imap_login *login, const char *password, msec until, struct buf *why)
{
	msec left = until - imap_link_now();
	l->said[0] = '\0';
	l->heard = l->n_words = l->used = 0;
	l->curl = curl_easy_init();
	if (!l->curl || !set_options(l, login, password, left > 1 ? left : 1)) {
		buf_puts(why, "libcurl does not take the options");
		return false;
	}
	CURLcode n = curl_easy_perform(l->curl);
	if (n != CURLE_OK)
		explain(l, n, why);
	return n == CURLE_OK;
}

bool imap_link_open(struct imap_link *l, const struct imap_login *login, msec until, struct buf *why)
{
	char password[PASSWORD_MAX];
	struct err err;
	imap_link_close(l);
	l->server = HEARD_NOTHING;
	if (secret_line(password, sizeof(password), l->conf->password_file, &err) != SECRET_READ) {
		buf_put_clean(why, str_of(err.text));
		return false;
	}
	bool good = connect_as(l, login, password, until, why);
	explicit_bzero(password, sizeof(password));
	l->server = good ? HEARD_ANSWER : HEARD_FAULT;
	if (!good) {
		curl_easy_cleanup(l->curl);
		l->curl = NULL;
	}
	return good;
}

/* ---- asking ---- */

struct str imap_link_tag(struct imap_link *l)
{
	struct buf tag = BUF(l->tag);
	buf_putc(&tag, 'q');
	buf_put_u64(&tag, ++l->commands);
	return str_of(buf_z(&tag));
}

static bool wait_for(struct imap_link *l, short events, msec until)
{
	struct pollfd p = { .fd = socket_of(l), .events = events };
	msec left = until - imap_link_now();
	return left > 0 && poll(&p, 1, (int)left) > 0;
}

static enum imap_outcome say(struct imap_link *l, struct str command, msec until, struct buf *why)
{
	while (command.len) {
		size_t n = 0;
		CURLcode sent = curl_easy_send(l->curl, command.at, command.len, &n);
		command = str_from(command, n);
		if (sent == CURLE_AGAIN && !wait_for(l, POLLOUT, until)) {
			buf_puts(why, "it takes no question");
			return IMAP_FAILED;
		}
		if (sent != CURLE_OK && sent != CURLE_AGAIN) {
			buf_puts(why, "it closed the connection");
			return IMAP_ENDED;
		}
	}
	return IMAP_ANSWERED;
}

/* More octets into the input, which has room. */
static enum imap_outcome hear(struct imap_link *l, msec until, struct buf *why)
{
	for (;;) {
		size_t n = 0;
		CURLcode got = curl_easy_recv(l->curl, l->input + l->used, RESPONSE_MAX - l->used, &n);
		if (got == CURLE_OK && n > 0) {
			l->used += n;
			l->heard += n;
			return IMAP_ANSWERED;
		}
		if (got != CURLE_AGAIN) {
			buf_puts(why,
				l->heard ? "it closed the connection amidst its answer" : "it closed the connection");
			return IMAP_ENDED;
		}
		if (!wait_for(l, POLLIN, until)) {
			buf_puts(why, l->heard ? "it did not end its answer in time" : "it did not answer in time");
			return IMAP_FAILED;
		}
	}
}

/* Looks at one response. IMAP_ANSWERED: it ends the command, or *more is set. */
static enum imap_outcome look(struct imap_link *l, const struct imap_response *r, bool *more, struct buf *why)
{
	*more = false;
	switch (r->kind) {
	case IMAP_OTHER:
	case IMAP_QUOTAROOT:
	case IMAP_QUOTA: *more = true; return IMAP_ANSWERED;
	case IMAP_BYE: quote("", r->line, why); return IMAP_ENDED;
	case IMAP_CONTINUE:
		return quote("it waits for more of a question that was whole", (struct str){ NULL, 0 }, why);
	case IMAP_OK:
	case IMAP_NO:
	case IMAP_BAD: break;
	}
	if (str_eq(r->tag, str_of(l->tag)))
		return IMAP_ANSWERED;
	return quote("it answered what was not asked: ",
		(struct str){ r->tag.at, (size_t)(r->line.at - r->tag.at) + r->line.len }, why);
}

static enum imap_outcome hear_out(struct imap_link *l, msec until, void (*take)(void *, const struct imap_response *),
	void *arg, struct imap_response *end, struct buf *why)
{
	size_t eaten = 0;
	for (;;) {
		struct str in = { l->input + eaten, l->used - eaten };
		ssize_t n = imap_response_decode(end, in);
		bool more = true;
		if (n < 0)
			return quote("it said what is no IMAP: ", in, why);
		eaten += (size_t)n;
		enum imap_outcome o = n ? look(l, end, &more, why) : IMAP_ANSWERED;
		if (o != IMAP_ANSWERED || !more) {
			l->used = 0; /* nothing was asked that would be answered behind it */
			return o;
		}
		if (n) {
			take(arg, end);
			continue;
		}
		memmove(l->input, l->input + eaten, l->used - eaten);
		l->used -= eaten;
		eaten = 0;
		if (l->used == RESPONSE_MAX || l->heard > ANSWER_MAX)
			return quote("its answer is too long: ", (struct str){ l->input, l->used }, why);
		o = hear(l, until, why);
		if (o != IMAP_ANSWERED)
			return o;
	}
}

enum imap_outcome imap_link_ask(struct imap_link *l, struct str command, msec until,
	void (*take)(void *arg, const struct imap_response *), void *arg, struct imap_response *end, struct buf *why)
{
	l->heard = l->used = 0;
	enum imap_outcome o = say(l, command, until, why);
	if (o == IMAP_ANSWERED)
		o = hear_out(l, until, take, arg, end, why);
	l->server = o == IMAP_ANSWERED ? HEARD_ANSWER : HEARD_FAULT;
	if (o != IMAP_ANSWERED)
		imap_link_close(l);
	return o;
}
