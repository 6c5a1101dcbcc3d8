/*
 * The options of stores of type cyrus and imap, and what they mean: how an address becomes the name of a mailbox or of
 * somebody to log in as.
 */
#ifndef STORE_IMAP_CONF_H
#define STORE_IMAP_CONF_H

#include "base/buf.h"
#include "base/opt.h"
#include "base/time.h"
#include "core/facts.h"
#include "core/template.h"

#define IMAP_NAME_MAX 1024 /* octets of a mailbox's or a user's name */

enum imap_verify { IMAP_VERIFY_DEMAND, IMAP_VERIFY_NEVER };

struct imap_conf {
	const char *uri;
	const char *login, *authorize, *mailbox; /* templates; authorize and mailbox may be null */
	const char *password_file, *ca_file;
	bool starttls;
	bool dovecot; /* the server is one, as the rule says */
	int verify;
	msec timeout;
};

extern const struct opt imap_opts[];

/* What the options say together, for either type. */
bool imap_conf_check(const void *conf, struct err *);

/* True when each mailbox is asked about as its own user, so that no connection serves two of them. */
bool imap_conf_is_personal(const struct imap_conf *);

bool imap_conf_told_domain(const void *conf);
void imap_conf_server(const void *conf, struct buf *out);

/* Settles what the rule says of the server. */
void imap_conf_prepare(void *conf, enum store_rule rule);

/* The name of the mailbox, in UTF-8. What the template has between its parts, `/` or `.`, separates levels: a value does
   not hold a `/`, and in the place of a dot in a local part Cyrus has a `^`. False when no mailbox can have that name. */
bool imap_conf_mailbox(struct buf *out, const struct imap_conf *, const struct mailbox *);

/* The name of a user, of `login` or `authorize`. False when there is none of that name. */
bool imap_conf_user(struct buf *out, const char *template, const struct mailbox *);

#endif
