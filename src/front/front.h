/*
 * A front: one protocol, server side, without a socket. It eats octets, makes questions of them and writes the answers,
 * so that tests and fuzzers drive the real thing. Fronts do not know each other, the gate or the loop.
 */
#ifndef FRONT_FRONT_H
#define FRONT_FRONT_H

#include "base/opt.h"
#include "core/query.h"
#include "core/verdict.h"
#include "wire/seal.h"

enum front_step {
	FRONT_MORE, /* no whole request yet; all octets stay */
	FRONT_ASK, /* *q is a question; answer() will be called, once, before feed() is called again */
	FRONT_SEND, /* the request is answered already; what was written to `out` goes out */
	FRONT_CLOSE, /* send `out`, then close the connection: a malformed request, or the protocol asks for it */
	FRONT_ENDED, /* `out` goes out and the transaction q->transaction is over; feed() wants to be called again with
			what is left */
	FRONT_ABANDONED, /* the same, but its message will not come: charges are given back */
	FRONT_METRICS, /* from feed() only: the daemon's metrics go out behind `out`, then the connection is closed */
};

#define FRONT_DATAGRAM_MAX 512

/* What the daemon tells a front about the connection. */
struct front_peer {
	struct str host; /* the client's address, "" on a unix socket */
	const struct hash_key *key; /* for transaction ids */
	const struct seal_keys *keys; /* of the front's key_file, null: none */
	msec now; /* of the loop's clock, and the time of day since 1970: when the connection, or the datagram, came */
	msec wall;
	unsigned listener;
	uint64_t connection; /* unique in this process, 0 for a datagram */
};

struct front {
	const char *name;
	const struct opt *opts; /* its own options of the `listen` section; the struct they fill is conf_size octets */
	size_t conf_size;
	size_t shared_size; /* zeroed octets kept per listener, shared by its sessions (0: none) */
	bool shared_by_all; /* all listeners of this protocol share one such block */
	/* The file with the keys that are to be in front_peer, null: none. May be null. */
	const char *(*key_file)(const void *conf);
	size_t session_size; /* zeroed octets per connection */
	size_t request_max; /* octets a request may have; a longer one closes the connection */
	bool datagrams; /* can be asked over "udp:" too: each datagram is a connection of its own with one request, whose
			   end of input is known (feed() gets `in` without anything behind it); answers go out as one of
			   at most FRONT_DATAGRAM_MAX octets. end() is not called for them */
	bool only_datagrams; /* cannot be asked over streams */
	bool quick_ack; /* the client writes its commands in two parts and would wait for our delayed ACK between them */
	bool (*check)(void *conf, struct err *); /* may be null: a look at the whole conf after the options are read */
	void (*start)(void *session, const void *conf, void *shared, const struct front_peer *);
	/* `in` begins where the last *eaten ended. *q is empty before the call. */
	enum front_step (*feed)(void *session, struct str in, size_t *eaten, struct query *q, struct buf *out);
	/* The same for what is left, one octet at least, when the client sends no more: for protocols whose last request
	   may lack its end. May be null: then what is left is a request that ends too early. */
	enum front_step (*feed_last)(void *session, struct str in, size_t *eaten, struct query *q, struct buf *out);
	/* FRONT_SEND or FRONT_CLOSE; or FRONT_ENDED or FRONT_ABANDONED, when with this answer q->transaction is over. */
	enum front_step (*answer)(void *session, const struct query *q, const struct answer *a, struct buf *out);
	/* The connection is gone: FRONT_MORE when no transaction was open, else FRONT_ENDED or FRONT_ABANDONED with
	   q->transaction. May be null. */
	enum front_step (*end)(void *session, struct query *q);
	/* What was wrong with the last request, null: nothing. One short sentence for the log. May be null. */
	const char *(*complaint)(const void *session);
};

#endif
