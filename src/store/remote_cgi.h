/*
 * Web servers with a quota.cgi, or quotagates with a front http: asked by GET, one line comes back (wire/quota_cgi.h).
 * Blocking, for helpers: the functions are those of a store_kind.
 */
#ifndef STORE_REMOTE_CGI_H
#define STORE_REMOTE_CGI_H

#include "base/buf.h"
#include "base/err.h"
#include "core/facts.h"
#include "core/mailbox.h"

void *remote_cgi_open(const void *conf, struct err *);
void remote_cgi_ask(void *state, const struct mailbox *, bool firm, struct facts *, struct buf *note);
void remote_cgi_close(void *state);

#endif
