#include "directory/file_conf.h"

#include "core/address.h"
#include "directory/files.h"

#include <stddef.h>

static bool check_path(struct str value, struct err *err)
{
	if (value.len && value.at[0] == '/')
		return true;
	return err_set(err, "must be the path of a text file, such as /etc/postfix/virtual");
}

static bool check_domain(struct str value, struct err *err)
{
	char text[ADDRESS_MAX + 1];
	struct buf b = BUF(text);
	struct address a;
	buf_puts(&b, "x@");
	buf_put(&b, value);
	return (!b.full && address_parse(&a, buf_str(&b), FOLD_ALL) == ADDRESS_OK && a.local.len == 1) ||
	       err_set(err, "is no domain");
}

#define ROW(member) offsetof(struct file_conf, member)

const struct opt file_opts[] = {
	{ .name = "aliases",
		.type = OPT_LIST,
		.offset = ROW(aliases),
		.check = check_path,
		.help = "Tables of aliases as virtual(5) has them, the text and not the .db of it: `joe@example.org "
			"ann@example.org, bob@example.net`. `@example.org` is a catch-all." },
	{ .name = "system_aliases",
		.type = OPT_LIST,
		.offset = ROW(system_aliases),
		.check = check_path,
		.help = "Tables of aliases as aliases(5) has them, such as /etc/aliases: `postmaster: root`. They hold "
			"for names without a domain." },
	{ .name = "mailboxes",
		.type = OPT_LIST,
		.offset = ROW(mailboxes),
		.check = check_path,
		.help = "Tables of mailboxes: `address [limit [messages]]` a line, the limit such as 200M; 0, -, none "
			"and unlimited mean that there is none. Where a path stands in its place, as in "
			"virtual_mailbox_maps of Postfix, no limit is named." },
	{ .name = "passwd",
		.type = OPT_LIST,
		.offset = ROW(passwd),
		.check = check_path,
		.help = "Dovecot's passwd-files: users, home directories, and limits in the fields userdb_quota_rule "
			"or quota_storage_size." },
	{ .name = "system_users",
		.type = OPT_BOOL,
		.offset = ROW(system_users),
		.def = "no",
		.help = "The users of the system (getpwnam(3)) have mailboxes; %h is their home." },
	{ .name = "domains",
		.type = OPT_LIST,
		.offset = ROW(domains),
		.check = check_domain,
		.help = "The domains these files are about: names without a domain hold in these, and without this "
			"option in every domain that asks (names in `aliases` in none). Where mailboxes, passwd or "
			"system_users are given, what stands nowhere in them does not exist." },
	OPT_END,
};

bool file_conf_check(const void *conf, struct err *err)
{
	const struct file_conf *c = conf;
	if (c->aliases.n + c->system_aliases.n + c->mailboxes.n + c->passwd.n == 0 && !c->system_users)
		return err_set(err, "a directory of files needs aliases, system_aliases, mailboxes, passwd or "
				    "system_users");
	if (c->aliases.n + c->system_aliases.n + c->mailboxes.n + c->passwd.n > FILES_MAX)
		return err_set(err, "more than %d files in one directory", FILES_MAX);
	return true;
}
