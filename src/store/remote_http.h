/*
 * Questions by HTTP, for helper processes, by libcurl: connections are kept and used again, certificates are checked,
 * redirects are not followed, the environment names no proxy, and nothing but http and https is spoken. Where libcurl is
 * not there, neither is this: the functions exist and say so.
 */
#ifndef STORE_REMOTE_HTTP_H
#define STORE_REMOTE_HTTP_H

#include "base/buf.h"
#include "base/err.h"

struct remote_conf;
struct remote_http;

extern const bool remote_http_is_there;

/* Reads the token, if there is one. Null with the reason. The conf outlives it. */
struct remote_http *remote_http_new(const struct remote_conf *, struct err *);
void remote_http_free(struct remote_http *);

/* POSTs the body, or GETs when it is empty, within http_timeout. True with what an answer of status 200 holds; one that
   does not fit into `answer` is none. False with one line in `why`. */
bool remote_http_ask(struct remote_http *, const char *url, struct str body, struct buf *answer, struct buf *why);

#endif
