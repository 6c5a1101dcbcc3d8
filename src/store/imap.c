/*
 * Any IMAP server that tells quotas: each mailbox is asked about as its own user, or by somebody who may ask about all
 * (store/imap_ask.h). Where the rule is one of Dovecot's, its figures are read as Dovecot rounds them.
 */
#include "store/imap_ask.h"
#include "store/imap_conf.h"
#include "store/store.h"

const struct store_kind imap_type = {
	.name = "imap",
	.opts = imap_opts,
	.conf_size = sizeof(struct imap_conf),
	.rule = RULE_FITS,
	.check = imap_conf_check,
	.prepare = imap_conf_prepare,
	.told_domain = imap_conf_told_domain,
	.server = imap_conf_server,
	.heard = imap_ask_heard,
	.open = imap_ask_open,
	.ask = imap_ask,
	.close = imap_ask_close,
};
