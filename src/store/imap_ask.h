/*
 * Questions to IMAP servers with quotas (RFC 9208), for helpers: GETQUOTAROOT of each mailbox. An administrator's
 * connection is kept from question to question; one that was made as a mailbox's own user is given up after it. The
 * functions are those of a store_kind.
 *
 * Servers count storage in units of 1024 octets, rounded down (Cyrus) or up (Dovecot, whose limit is, too). Usage is
 * taken for the largest and the limit for the smallest that the figures can mean: so no message is let in that would
 * bounce, and of those that would just have fitted some within the last 1023 octets (Dovecot: 2046) are refused for now.
 *
 * An OK is an answer only with a line QUOTAROOT, and a line QUOTA for each root that it names (but see find_missing).
 */
#ifndef STORE_IMAP_ASK_H
#define STORE_IMAP_ASK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/heard.h"
#include "core/facts.h"
#include "core/mailbox.h"

/* Cyrus: who logs in as himself must be an administrator, for to others it says of all mailboxes that they do not exist;
   and a limit of 0 is one. Of other servers it is none. */
void *imap_ask_open_cyrus(const void *conf, struct err *);
void *imap_ask_open(const void *conf, struct err *);

void imap_ask(void *state, const struct mailbox *, bool firm, struct facts *, struct buf *note);
enum heard imap_ask_heard(void *state);
void imap_ask_close(void *state);

#endif
