/* What the files of daemon/web.h know of each other. */
#ifndef DAEMON_WEB_INSIDE_H
#define DAEMON_WEB_INSIDE_H

#include "daemon/report.h"
#include "daemon/web.h"
#include "daemon/web_secrets.h"

#include <microhttpd.h>

#define WEB_MEMORY                                                                                                     \
	((size_t)24 * 1024) /* octets that the library may use for one client: head, body, head of the answer */
#define WEB_TARGET_MAX 4096 /* octets */
#define WEB_FORM_MAX 8192 /* octets of a body */

/* ---- the listener ---- */

struct web {
	struct listener *listener;
	int fd; /* it listens; -1 */
	uv_poll_t door;
	bool door_shut; /* there were no descriptors left */
	struct web_server *server; /* which gets who comes */
	struct list retired; /* servers that are to end with the last of their clients */
	struct web_secrets secrets;
	/* what a reload is going to bring; `next` null: the server stays */
	struct web_server *next;
	struct web_secrets next_secrets;
	size_t open; /* the door and the servers: with the last of them the listener is closed */
};

/* One of these is closed. */
void web_closed(struct web *);

/* ---- the library on the loop ---- */

struct web_client;

struct web_server {
	struct web *web;
	struct MHD_Daemon *library;
	struct list link;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned handles; /* that are with the loop */
	size_t clients;
	struct err why; /* it could not begin */
	struct web_client *coming; /* is being handed over to the library just now */
};

/* With the certificate of `secrets`, when there is one. Null with the reason. */
struct web_server *web_server_new(struct web *, const struct web_secrets *secrets, struct err *);

/* One that never was on the loop. */
void web_server_free(struct web_server *);

bool web_server_start(struct web_server *, struct err *);

/* Nobody comes any more: it ends when its last client has gone. */
void web_server_retire(struct web_server *);

/* Soon, for the library has something to do. */
void web_server_wake(struct web_server *);

/* Takes the client's socket, and closes it sooner or later. False: it is closed already. */
bool web_server_take(struct web_server *, struct web_client *);

/* ---- requests ---- */

enum web_method { WEB_OTHER, WEB_GET, WEB_HEAD, WEB_POST };

struct web_route;

/* One request and its answer. All zero between requests. */
struct web_request {
	enum web_method method;
	const struct web_route *route;
	const char *sent_target; /* where it is with the library, which writes over it; as many octets as: */
	size_t sent_len;
	char *target; /* a copy, sent_len octets; null: it is too long, or no memory */
	struct str path, query; /* of the target */
	char *body; /* null: none is coming */
	size_t body_len, body_size, body_max; /* octets that are here, that are coming, that may come */
	bool begun; /* its head is here */
	bool last; /* the connection is closed behind the answer */
	bool is_form; /* the body, unless it says otherwise */
	struct ask ask;
	void (*done)(struct web_client *); /* the gate has answered `ask` */

	/* the answer */
	unsigned status; /* 0: none yet */
	const char *type, *allow;
	char *answer; /* malloc'd */
	size_t answer_len;

	/* while /v1/check waits for the gate */
	struct report report;
	FILE *out;
	unsigned steps;

	const struct front *facts; /* which takes the message; its session */
	void *session;
	struct config *config; /* into which that looks: held */
};

struct web_head {
	uint64_t length; /* octets of the body */
	struct str type, authorization; /* null `at`: none */
};

/* ---- answers ---- */

/* Finds the route of the target, and says who may ask and how: sets an answer when it is no. */
void web_route(struct web_client *, const struct web_head *);

/* The request is complete: sets an answer, or leaves it to the gate. */
void web_serve(struct web_client *);

/* Sets the answer. Without memory for it the connection is closed. */
void web_say(struct web_request *, unsigned status, const char *type, struct str text);

/* The same for what goes wrong: one sentence, as text, or for the paths of programs as JSON. */
void web_refuse(struct web_request *, unsigned status, const char *why);

/* The same for what is the client's fault: it is told to the log as well. */
void web_reproach(struct web_client *, unsigned status, const char *why);

/* Decodes %XX in place, in the request's own copy: what is decoded is never longer. False: it is malformed. */
bool web_decode(struct str *);

/* Asks request.ask, and calls `done`, maybe at once. */
void web_ask(struct web_client *, void (*done)(struct web_client *));

/* A report that becomes the answer: JSON. False: no memory, and the connection will be closed. */
bool web_report_begin(struct web_request *);
void web_report_end(struct web_request *, unsigned status);

/* The group "facts" of what the gate answered. */
void web_report_facts(struct report *, const struct answer *, msec now);

/* The routes of web_check.c and web_facts.c. */
void web_check(struct web_client *);
void web_facts(struct web_client *);

/* ---- clients ---- */

enum web_phase {
	WEB_IDLE, /* between requests, or before the first */
	WEB_READING, /* a part of a request is here */
	WEB_ASKING, /* with the gate */
	WEB_ANSWERING, /* it is being sent */
};

struct web_client {
	struct web *web;
	struct web_server *server; /* null: the library does not have it yet */
	struct MHD_Connection *connection;
	int fd;
	uv_poll_t watch; /* for the first octet of a request */
	struct seat seat;
	enum web_phase phase;
	bool served; /* a request before */
	bool doomed; /* it is to be closed, whatever the library asks */
	bool asking_now; /* the gate is just being asked */
	char host[INET6_ADDRSTRLEN];
	struct web_request request;
};

/* Somebody has come; takes the socket. */
void web_client_new(struct web *, int fd, const char *host);

/* Closes it: now, or once it has its answer when its request has begun, or may have; or when web_client_expire() comes first. */
void web_client_leave(struct web_client *);

/* Closes it now, for a reason that is counted. */
void web_client_expire(struct web_client *);

/* Closes it now, for another is to have its place. */
void web_client_displace(struct seat *);

static inline struct web_client *web_client_of(struct list *link)
{
	return list_of(seat_of(link), struct web_client, seat);
}

static inline struct listener *web_listener(const struct web_client *c)
{
	return c->web->listener;
}

/* ---- web_head.c ---- */

/* What the library does not see to. Null, or what is wrong with the head of the request; *status is then the answer.
   `method` and `version` are where the library has them. */
const char *web_head_fault(
	const struct web_client *, const char *method, const char *version, struct web_head *, unsigned *status);

/* Is it this client whose head the library is about to refuse with two heads for one answer? Those that cannot read a
   Content-Length do so. */
bool web_head_is_answered_twice(const struct web_client *);

/* ---- for web_server.c: what the library says of a client ---- */

/* The first line is here. */
void web_client_begin(struct web_client *, const char *target);

/* Its head, a part of its body, or its end (*len 0) are here. False closes the connection. */
bool web_client_take(struct web_client *, const char *method, const char *version, const char *octets, size_t *len);

/* The answer is sent, or the request was given up (`whole` false). */
void web_client_finish(struct web_client *, bool whole);

/* The library has found fault with the head of some request: closes the client before it is answered twice. */
void web_client_cut(struct web *);

/* The library has closed it. */
void web_client_gone(struct web_client *);

#endif
