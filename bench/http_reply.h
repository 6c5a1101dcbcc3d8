/*
 * The answer of an HTTP server, as far as the load generator must understand it: status 200 and a body of known length.
 * What a server may also do (chunks, an end by the connection's end) is none of its business and counts as odd.
 */
#ifndef BENCH_HTTP_REPLY_H
#define BENCH_HTTP_REPLY_H

#include "base/str.h"

enum http_reply {
	HTTP_REPLY_PART, /* not all of it yet */
	HTTP_REPLY_WHOLE,
	HTTP_REPLY_ODD,
};

/* `body` is a slice of `in`, set when the answer is whole. */
enum http_reply http_reply_read(struct str in, struct str *body);

#endif
