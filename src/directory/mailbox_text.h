/*
 * One line of a table of mailboxes.
 *	mailboxes	address [limit [messages]]	or virtual_mailbox_maps of Postfix: address path
 *	passwd		user:password:uid:gid:gecos:home:shell:extra, as Dovecot's passwd-file has it. Limits are in the
 *			extra fields: userdb_quota_rule=*:storage=10M:messages=5, quota_storage_size=10M; the home too.
 * Never allocates.
 */
#ifndef DIRECTORY_MAILBOX_TEXT_H
#define DIRECTORY_MAILBOX_TEXT_H

#include "core/decide.h"

struct mailbox_text {
	struct str key; /* as written; empty: the line names nobody */
	struct str home; /* empty: not told */
	struct limit limit;
};

/* Null, or what is wrong with the line. */
const char *mailbox_line(struct str line, struct mailbox_text *);
const char *mailbox_passwd(struct str line, struct mailbox_text *);

#endif
