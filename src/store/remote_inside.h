/* What the files of the store remote share. Only store/remote*.c and its tests include this. */
#ifndef STORE_REMOTE_INSIDE_H
#define STORE_REMOTE_INSIDE_H

#include "io/datagram.h"
#include "store/blocking.h"
#include "store/remote_conf.h"
#include "store/remote_host.h"
#include "store/remote_trail.h"

#define REMOTE_EVENTS_MAX 1024 /* on their way at once; more wait */
#define REMOTE_TELLING_MAX 64 /* of them to one host */
#define REMOTE_SLOTS 4096

/* One socket for each family of addresses. */
struct remote_socket {
	struct datagram_socket socket; /* first: the datagrams' calls get a pointer to it */
	struct remote *of;
	bool open;
};

enum { REMOTE_V4, REMOTE_V6, REMOTE_SOCKETS };

struct remote_stats {
	uint64_t strange; /* came, but not sealed with our key, or from elsewhere, or malformed */
	uint64_t late; /* came, but nobody waits for it: asked twice, answered twice */
	uint64_t untold; /* events that a host has not noted, and that are not told any more */
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
	struct list creditors; /* remote_host.creditor: who is owed events */
	struct list later; /* remote_debt.link: what is told once more, by `due` */
	uv_timer_t tick; /* runs while there are any */
	struct remote_socket sockets[REMOTE_SOCKETS];
	struct list slots[REMOTE_SLOTS]; /* requests that are out, by their id */
	struct list out, spare; /* all requests; as many are kept as were ever out at once */
	size_t events; /* among those that are out */
	uint64_t asker; /* a random number of this process */
	uint64_t sequence; /* of the latest message */
	struct hash_key key; /* random: ids are drawn with it */
	uint64_t drawn;
	unsigned handles; /* of the loop, that are not closed yet, and one more while the store is open */
	struct remote_stats stats;
};

/* A host that a request goes to. */
struct remote_leg {
	struct remote_host *host;
	size_t server; /* which of those in the configuration */
	bool probe; /* for its breaker */
	bool nameless; /* it has no address */
	bool marked; /* the transaction may be charged there */
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
	struct remote_leg *posted; /* it is asked by HTTP; null: not yet */
	unsigned urls; /* that were tried */
	char http_why[128]; /* NUL-terminated; empty: it was not asked by HTTP */
};

static inline msec remote_now(const struct remote *r)
{
	return (msec)uv_now(r->loop);
}

/* That we seal with, and they have to. Null: there is none, and networks are trusted. */
static inline const struct seal_key *remote_key(const struct remote *r)
{
	return r->keys ? &r->keys->at[0] : NULL;
}

/* ---- remote_request.c: requests, as such ---- */

/* Nobody else can foretell them. */
uint64_t remote_draw(struct remote *);

/* One that is out. Null: no memory. */
struct remote_request *remote_request_new(struct remote *);

/* Gives it an id, by which it is found; null: nobody has that one. Then `lookup` is set. */
void remote_request_name(struct remote_request *);
struct remote_request *remote_request_find(struct remote *, uint64_t id);

/* Whatever was asked of others for it is taken back; what comes for it later finds nobody. */
void remote_request_end(struct remote_request *);

/* The same, and its look-up is done. The look-up's store_data is void before the gate hears. */
void remote_request_answer(struct remote_request *, msec now);

/* The store closes: its requests `out`, or `spare`. */
void remote_requests_close(struct remote *, struct list *requests);

/* ---- remote_ask.c: from a question to its tries ---- */

void remote_ask(struct remote *, struct lookup *);
void remote_forget(struct remote *, struct lookup *);

/* The next try; when there are no more, the other way; when there is none, the end. */
void remote_proceed(struct remote_request *, msec now);

/* The URL that was asked does not know: the next one, or the end. */
void remote_proceed_by_http(struct remote_request *, msec now);

/* For remote_hosts_conf. */
void remote_settled(void *remote, struct remote_host *, msec now);

/* ---- remote_hear.c: answers ---- */

/* A datagram. */
void remote_hear(struct remote *, struct str in, const struct sockaddr *from);

/* For remote_errand. */
void remote_posted(struct remote_errand *, const struct remote_result *, msec now);

/* The leg of a question had its chance and did not answer; one that was never asked is none the worse. */
void remote_leg_silent(struct remote *, const struct remote_leg *, msec now);

/* ---- remote_news.c: what hosts are told of transactions ---- */

void remote_hear_news(struct remote *, const struct news *);

/* A question begins. It may charge. */
void remote_news_begin(const struct remote_request *question);

/* It goes to this host, who may charge it from now on, whether we hear that or not. */
void remote_news_mark(struct remote_request *question, struct remote_leg *, msec now);

/* It ends, answered by this leg; null: by none. */
void remote_news_asked(const struct remote_request *question, const struct remote_leg *answered, msec now);

/* An event ends. */
void remote_news_told(const struct remote_request *event, bool noted, msec now);

/* The host lives: what it is owed may go. */
void remote_news_pay(struct remote *, struct remote_host *, msec now);

/* For remote_hosts_conf. */
void remote_news_leaves(void *remote, struct remote_host *);

/* For the timer. */
void remote_news_tick(uv_timer_t *);

/* How much is owed. */
size_t remote_news_owed(const struct remote *);

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
