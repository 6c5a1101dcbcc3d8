/*
 * Dovecot's doveadm HTTP API (https://doc.dovecot.org, "doveadm HTTP API"), as the blocking part of a store: quotaGet for
 * one user at a time. Dovecot counts octets in KiB and rounds usage and limit up, and so does what is told here. A user
 * without quota has a mailbox without limit. Where libcurl or jansson is not there, neither is this: the functions exist
 * and say so.
 */
#ifndef STORE_DOVEADM_H
#define STORE_DOVEADM_H

#include "base/buf.h"
#include "base/err.h"
#include "base/heard.h"
#include "core/facts.h"
#include "core/mailbox.h"

extern const bool doveadm_is_there;

/* store_kind.open, .ask, .heard and .close; the conf is a struct dovecot_conf with a uri. */
void *doveadm_open(const void *conf, struct err *);
void doveadm_ask(void *state, const struct mailbox *, bool firm, struct facts *, struct buf *note);
enum heard doveadm_heard(void *state);
void doveadm_close(void *state);

#endif
