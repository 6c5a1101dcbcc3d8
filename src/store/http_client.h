/*
 * Questions by HTTP, for helper processes, by libcurl: connections are kept and used again, certificates are checked,
 * redirects are not followed, the environment names no proxy, and nothing but http and https is spoken. No answer may be
 * longer than the room for it. Only where libcurl is.
 */
#ifndef STORE_HTTP_CLIENT_H
#define STORE_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/heard.h"
#include "base/time.h"

#define HTTP_HEADERS_MAX 4

struct http_client_conf {
	const char *ca_file; /* null: the system's certificates */
	msec timeout; /* of a question, the connection included */
};

struct http_request {
	const char *url;
	struct str body; /* is POSTed; empty: a GET */
	const char *headers[HTTP_HEADERS_MAX]; /* whole lines, the first null ends them */
};

struct http_client;

/* Null with the reason. */
struct http_client *http_client_new(const struct http_client_conf *, struct err *);
void http_client_free(struct http_client *);

/* True with what an answer of status 200 holds; one that does not fit into `answer` is none. False with one line in `why`,
   in the server's own words where it has some. */
bool http_client_ask(struct http_client *, const struct http_request *, struct buf *answer, struct buf *why);

/* Of the server, since this was last called. A status of 500 and above is no answer. */
enum heard http_client_heard(struct http_client *);

#endif
