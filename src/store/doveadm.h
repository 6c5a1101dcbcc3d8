/*
 * Dovecot's doveadm HTTP API (https://doc.dovecot.org, "doveadm HTTP API"), as the blocking part of a store: quotaGet for
 * as many users in one request as wait; Dovecot goes through them one after the other, which spares it most of what a
 * request costs. So long as it does not answer, or takes a good part of the time there is, it is asked for fewer. What
 * its figures mean stands in store/doveadm_answer.h; a user without quota has a mailbox without limit. Where libcurl or
 * jansson is not there, neither is this: the functions exist and say so.
 */
#ifndef STORE_DOVEADM_H
#define STORE_DOVEADM_H

#include "store/store.h"

extern const bool doveadm_is_there;

/* store_kind.open, .ask, .ask_many, .heard and .close; the conf is a struct dovecot_conf with a uri. */
void *doveadm_open(const void *conf, struct err *);
void doveadm_ask(void *state, const struct mailbox *, bool firm, struct facts *, struct buf *note);
size_t doveadm_ask_many(void *state, struct store_question *, size_t n);
enum heard doveadm_heard(void *state);
void doveadm_close(void *state);

#endif
