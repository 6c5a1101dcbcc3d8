/* What the files of the store remote share. Only store/remote*.c and its tests include this. */
#ifndef STORE_REMOTE_INSIDE_H
#define STORE_REMOTE_INSIDE_H

#include "io/datagram.h"
#include "store/blocking.h"
#include "store/remote_conf.h"
#include "store/remote_host.h"
#include "store/remote_trail.h"

#define REMOTE_EVENTS_MAX 1024 /* on their way at once; more are not told */
#define REMOTE_SLOTS 4096

/* One socket for each family of addresses. */
struct remote_socket {
	struct datagram_socket socket; /* first: the datagrams' calls get a pointer to it */
	struct remote *of;
	bool open;
};

enum { REMOTE_V4, REMOTE_V6, REMOTE_SOCKETS };

/* What came that was no answer. */
struct remote_stats {
	uint64_t strange; /* not sealed with our key, from elsewhere, or malformed */
	uint64_t late; /* nobody waits for it: asked twice, answered twice */
	uint64_t untold; /* events for which there was no room */
};

struct remote {
	struct store store; /* first: the gate holds a pointer to it */
	uv_loop_t *loop;
	const char *name;
	const struct remote_conf *conf;
	const struct seal_keys *keys;
	struct breaker_conf breaker;
	struct remote_server servers[REMOTE_SERVERS_MAX];
	size_t n_servers;
	struct desk *desk;
	struct remote_hosts *hosts;
	struct remote_trails *trails;
	struct remote_socket sockets[REMOTE_SOCKETS];
	struct list slots[REMOTE_SLOTS]; /* requests that are out, by their id */
	struct list out, spare; /* all requests; as many are kept as were ever out at once */
	size_t events; /* among those that are out */
	uint64_t asker; /* a random number of this process */
	uint64_t sequence; /* of the latest message */
	struct hash_key key; /* random: ids are drawn with it */
	uint64_t drawn;
	unsigned handles; /* of the loop, that are not closed yet, and one while the store is open */
	struct remote_stats stats;
};

/* A host that a request goes to. */
struct remote_leg {
	struct remote_host *host;
	bool probe; /* for its breaker */
	bool nameless; /* it has no address */
	unsigned sent; /* datagrams */
};

/* A question or an event, with all its tries. */
struct remote_request {
	struct remote *of;
	struct list link; /* in `out` or `spare` */
	struct list same_slot;
	struct list waiting; /* for the addresses of a host */
	uv_timer_t timer;
	struct lookup *lookup; /* null: an event */
	struct facts_request message;
	char text[FACTS_ADDRESS_MAX]; /* the address of an event */
	struct remote_leg legs[REMOTE_SERVERS_MAX];
	unsigned n_legs, tries;
	struct {
		union remote_address to;
		unsigned leg;
	} sent[REMOTE_TRIES_MAX];
	unsigned n_sent;
	uint64_t first_sequence; /* of its messages; 0: none was made yet */
	struct remote_errand post;
	bool by_http;
	char http_why[128]; /* NUL-terminated; empty: it was not asked by HTTP */
};

/* ---- remote_ask.c: from a question to its answer ---- */

void remote_ask(struct remote *, struct lookup *);
void remote_forget(struct remote *, struct lookup *);

/* Sends an event to one host. What becomes of it, nobody waits for. */
void remote_tell(struct remote *, struct remote_host *, const struct facts_request *event);

/* A datagram. */
void remote_hear(struct remote *, struct str in, const struct sockaddr *from);

/* For remote_hosts_conf. */
void remote_settled(void *remote, struct remote_host *, msec now);

/* ---- remote_message.c: what messages say ---- */

/* The question that a look-up puts. Its address looks into the look-up. */
struct facts_request remote_question(const struct lookup *);

/* What the host's reply to it means. The gate's clock is `now`, that of the day `wall`. False: it is no reply to a
   question. */
bool remote_understand(struct lookup *, const struct facts_reply *, const char *host, msec now, msec wall);

/* Facts that say "failed". */
void remote_fail(struct lookup *, struct str why);

/* The time of day, as quotagates compare their clocks. */
msec remote_wall(void);

/* ---- remote.c ---- */

/* A handle of the loop is closed; with the last one the store is gone. */
void remote_handle_closed(struct remote *);

#endif
