/*
 * One connection to an IMAP server, for helper processes. libcurl makes it, encrypts it and logs in; what is said then is
 * ours (wire/imap_quota.h). Not a password is sent over a connection that is not encrypted and verified as demanded, the
 * environment names no proxy, and neither time nor octets are unbounded.
 */
#ifndef STORE_IMAP_LINK_H
#define STORE_IMAP_LINK_H

#include "base/heard.h"
#include "store/imap_conf.h"
#include "wire/imap_quota.h"

struct imap_link;

/* How a command went. */
enum imap_outcome {
	IMAP_ANSWERED,
	IMAP_ENDED, /* the server ended the connection, which may have been old; the question may be asked again */
	IMAP_FAILED,
};

/* Who logs in, NUL-terminated; authorize null: as himself. */
struct imap_login {
	const char *user, *authorize;
};

/* Connects to nothing yet. Null with the reason. `conf` must outlive it. */
struct imap_link *imap_link_new(const struct imap_conf *, struct err *);
void imap_link_free(struct imap_link *);

msec imap_link_now(void);

bool imap_link_is_open(const struct imap_link *);

/* Connects and logs in; `until` is a time of imap_link_now(). False with one line in `why`. */
bool imap_link_open(struct imap_link *, const struct imap_login *, msec until, struct buf *why);
void imap_link_close(struct imap_link *);

/* Whether the server has said anything since it was last connected to or asked. */
bool imap_link_was_heard(const struct imap_link *);

/* What the last connection or question came to, since this was last called. That it lets nobody in is no answer. */
enum heard imap_link_heard(struct imap_link *);

/* The tag of the next command. */
struct str imap_link_tag(struct imap_link *);

/*
 * Sends a command, with its tag and line end, and hands every response to `take` but the one that ends it, which is left
 * in *end with slices that last until the link is used again. Other outcomes than IMAP_ANSWERED: the connection is
 * closed, and one line is in `why`.
 */
enum imap_outcome imap_link_ask(struct imap_link *, struct str command, msec until,
	void (*take)(void *arg, const struct imap_response *), void *arg, struct imap_response *end, struct buf *why);

#endif
