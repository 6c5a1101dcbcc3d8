/*
 * Cyrus IMAPd: an administrator asks it over IMAP about each mailbox (store/imap_ask.h). Its lmtpd takes a message as long
 * as usage is not above the limit already; with lmtp_strict_quota the message must fit, and then the rule is cyrus-strict.
 */
#include "store/imap_ask.h"
#include "store/imap_conf.h"
#include "store/store.h"

/* A user's own view of Cyrus has his INBOX; an administrator's has not. */
static bool cyrus_check(const void *conf, struct err *err)
{
	const struct imap_conf *c = conf;
	if (!imap_conf_is_personal(c) && !c->mailbox)
		return err_set(err,
			"`mailbox` is missing: \"user/%%n\", \"user/%%n@%%d\" or \"user.%%n\", as the server names "
			"them");
	return imap_conf_check(conf, err);
}

const struct store_kind cyrus_type = {
	.name = "cyrus",
	.opts = imap_opts,
	.conf_size = sizeof(struct imap_conf),
	.rule = RULE_CYRUS,
	.check = cyrus_check,
	.told_domain = imap_conf_told_domain,
	.server = imap_conf_server,
	.heard = imap_ask_heard,
	.open = imap_ask_open_cyrus,
	.ask = imap_ask,
	.close = imap_ask_close,
};
