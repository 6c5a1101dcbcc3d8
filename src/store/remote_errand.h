/*
 * What the store remote has its helpers do, because it blocks: find the addresses of a name, and POST a message by HTTP.
 * Both ends of the record between them; the daemon's end checks every field of a reply.
 */
#ifndef STORE_REMOTE_ERRAND_H
#define STORE_REMOTE_ERRAND_H

#include "base/str.h"
#include "io/desk.h"
#include "store/remote_address.h"
#include "wire/facts_message.h"

struct blocking_conf;
struct remote_result;

/* Lies inside whatever waits for it. */
struct remote_errand {
	struct desk_ticket *ticket; /* null: it is not out */
	/* Exactly one per errand that is out, unless remote_errand_forget() came first; it may go out again. `result` is valid
	   during the call. */
	void (*done)(struct remote_errand *, const struct remote_result *, msec now);
};

struct remote_result {
	struct str why; /* one line: why there is none. Empty: there is one */
	union remote_address at[REMOTE_ADDRESSES_MAX]; /* without port */
	size_t n; /* at least 1 when a name was asked for */
	struct str body; /* what the server answered */
};

/* ---- the daemon's end ---- */

struct desk *remote_errand_desk(uv_loop_t *, struct nursery *, const struct blocking_conf *, struct err *);

/* False: no memory, and it is not out. */
bool remote_errand_resolve(struct desk *, struct remote_errand *, struct str name);

/* `url` has at most REMOTE_URL_MAX octets, `message` FACTS_MESSAGE_MAX. */
bool remote_errand_post(struct desk *, struct remote_errand *, struct str url, struct str message);

/* Harmless when it is not out. */
void remote_errand_forget(struct desk *, struct remote_errand *);

/* ---- the helper's end: nursery_set.run, of which `arg` is a const struct blocking_conf ---- */

int remote_errand_run(int fd, const void *arg);

#endif
