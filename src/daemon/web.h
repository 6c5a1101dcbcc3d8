/*
 * A listener for HTTP, spoken by libmicrohttpd on our loop, without a thread. Its clients are the listener's own business
 * until the first octet of their first request: who may come and how many, and an idle one costs no buffer. From then on
 * the library has the socket, and we see requests whose head and body are complete.
 *
 *  - web.c: the listener: its door, its clients' clocks, its end.
 *  - web_client.c: one client: from the first octet of a request to the last of its answer.
 *  - web_server.c: the library on the loop. A reload that brings another certificate begins another one, which has the
 *    clients that come from then on.
 *  - web_head.c: what the library takes and we do not.
 *  - web_answer.c, web_check.c, web_facts.c: what is asked, and the answers.
 *  - web_secrets.c: tokens, certificate and its key.
 */
#ifndef DAEMON_WEB_H
#define DAEMON_WEB_H

#include "daemon/listener.h"

extern const struct listener_kind web_kind;

#endif
