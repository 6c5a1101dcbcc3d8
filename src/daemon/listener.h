/*
 * Listeners: sockets on one side, a front on the other, questions to the gate in between. A listener on a stream socket
 * has connections (daemon/connection.h), each of which asks one question at a time; what comes meanwhile waits with the
 * kernel. One on a UDP socket has questions only (daemon/datagrams.h). HTTP is spoken by a library (daemon/web.h). Who may
 * ask, who is turned away and what is logged of it is the same for all.
 */
#ifndef DAEMON_LISTENER_H
#define DAEMON_LISTENER_H

#include "base/list.h"
#include "base/seats.h"
#include "base/throttle.h"
#include "daemon/engine.h"
#include "io/datagram.h"
#include "io/stream.h"

struct listener;

/* How the clients of a listener come in. */
struct listener_kind {
	/* Can the files with secrets that the front's own options name be used, by the rule for the user `daemon`? May be
	   null. */
	enum secret_state (*look)(const void *own, struct safe *, uid_t daemon, struct err *);
	/* Reads what a reload may bring anew and what may be wrong with it (secrets), by this specification; nothing
	   changes before configure(). Before open() it is called once, with all rights. May be null. */
	bool (*prepare)(struct listener *, const struct config_listener *, struct err *);
	/* Takes over the bound socket. After a failure the listener frees itself. */
	bool (*open)(struct listener *, int fd, struct err *);
	void (*configure)(struct listener *); /* it has another specification, which was prepared. May be null */
	void (*close)(struct listener *);
	void (*abort)(struct listener *);
	void (*expire)(struct listener *, msec now);
	/* Closes a connection, which leaves its seat, to make room for another. Null: they are no connections. */
	void (*displace)(struct seat *);
	void (*done)(struct listener *); /* it is about to be freed. May be null */
};

struct web;

struct listener {
	union {
		struct server server;
		struct datagram_socket datagrams; /* with an endpoint for datagrams */
	} socket; /* first: its callbacks get a pointer to it */
	struct engine *engine;
	struct config *config; /* held: `spec` belongs to it */
	const struct config_listener *spec;
	const struct listener_kind *kind;
	struct web *web; /* of daemon/web.c */
	unsigned number; /* unique in this process, for transaction ids */
	char name[64];
	struct endpoint endpoint;
	int fd; /* bound, not yet with the loop; -1 */
	bool inherited; /* its address, and its socket file, are the service manager's */
	struct stat bound; /* the socket file */
	void *shared; /* the front's; with `shared_by_all` it is the engine's */
	struct list all; /* the daemon's listeners */
	struct seats seats; /* its connections. Datagrams only ask */
	struct list spare; /* what datagrams leave behind for the next ones */
	unsigned n_spare;
	struct listener_stats stats;
	struct throttle complaints, strangers;
	msec crowded; /* when that there was no place was last logged */
	bool closing, closed;
};

/* Takes over `fd`, a socket that was handed down to us, also when it fails; or binds one, with -1. Null with the
   reason. */
struct listener *listener_new(
	struct engine *, struct config *, const struct config_listener *, unsigned number, int fd, struct err *);

/* One that was never opened. */
void listener_free(struct listener *);

/* Begins to accept. Apart from listener_new(), for rights are given up in between. After a failure it frees itself. */
bool listener_open(struct listener *, struct err *);

/* Before listener_configure(), while all can still be called off: reads the secrets that `spec` names. */
bool listener_prepare(struct listener *, const struct config_listener *, struct err *);

/* The configuration changed, but for the address and the protocol. Connections keep what they began with. */
void listener_configure(struct listener *, struct config *, const struct config_listener *);

/* How long a client that has just come may take to ask, or to finish its request, when its listener is being closed. */
#define LISTENER_GRACE SEATS_GRACE

/* No more connections; idle ones are closed, the others as soon as they are answered. It frees itself when the last is
   gone. The socket file is removed. */
void listener_close(struct listener *);

/* Closes every connection now, answered or not. */
void listener_abort(struct listener *);

/* Once a second: closes connections that have been idle, or that have not asked, or not to the end, for too long. */
void listener_expire(struct listener *, msec now);

/* ---- for its connections and datagrams ---- */

/* True when one more client may be let in and was counted: where there is no place, another may have been closed for it.
   Else this was counted. Both are logged now and then. */
bool listener_enter(struct listener *);

/* A client of it has gone. */
void listener_left(struct listener *);

/* Its socket is closed. */
void listener_closed(struct listener *);

/* Whether this address may ask: always over a unix socket. A refusal is counted, and logged now and then. */
bool listener_admits(struct listener *, const char *host);

/* A client's request was no good: counted, and logged once per client and minute. `host` is "" for a local one. */
void listener_complain(struct listener *, const char *host, const char *what);

/* The gate has answered: this is counted and logged. */
void listener_decided(struct listener *, const struct ask *);

/* The same, and the front writes the answer. FRONT_SEND or FRONT_CLOSE. */
enum front_step listener_answer(struct listener *, struct ask *, void *session, struct buf *out);

/* What a front is told of a client at `host`, which lasts as long as the peer is used. */
struct front_peer listener_peer(const struct listener *, const char *host);

/* For requests that come as a whole. The front may be another one than the listener's: HTTP carries messages. */

/* Feeds `request`, all that will come, until the front has a question or an answer. FRONT_ASK: *q is the question; else `out`
   has the answer, when there is one. What is wrong is complained of, and transactions that the request ends are over. */
enum front_step listener_take(struct listener *, const struct front *, void *session, const char *host,
	struct str request, struct query *q, struct buf *out);

/* The front writes the gate's answer. FRONT_SEND or FRONT_CLOSE. */
enum front_step listener_write(
	struct listener *, const struct front *, void *session, const struct ask *, struct buf *out);

#endif
