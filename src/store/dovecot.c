/*
 * A Dovecot, asked what it knows of a mailbox itself: `uri` is its doveadm's HTTP service, which tells usage and limit
 * (store/doveadm.h).
 */
#include "store/dovecot_conf.h"

#include "store/doveadm.h"
#include "store/store.h"

#include <stddef.h>

static bool check_uri(struct str uri, struct err *err)
{
	if (!str_starts(uri, STR("http://")) && !str_starts(uri, STR("https://")))
		return err_set(err, "expected http://host:port/doveadm/v1 or https://host:port/doveadm/v1");
	if (str_find(uri, '@') < uri.len)
		return err_set(err, "a password does not stand in the URI; give `key_file` or `password_file`");
	for (size_t i = 0; i < uri.len; i++)
		if (uri.at[i] <= ' ' || uri.at[i] > '~')
			return err_set(err, "an octet that no URI has");
	return true;
}

static bool check_file(struct str path, struct err *err)
{
	return (path.len && path.at[0] == '/') || err_set(err, "expected an absolute path");
}

#define ROW(member) offsetof(struct dovecot_conf, member)

static const struct opt rows[] = {
	{ .name = "uri",
		.type = OPT_STRING,
		.offset = ROW(uri),
		.check = check_uri,
		.help = "doveadm's HTTP service, such as http://127.0.0.1:8080/doveadm/v1, or the same with https. It "
			"tells usage and limit." },
	{ .name = "key_file",
		.type = OPT_STRING,
		.offset = ROW(key_file),
		.check = check_file,
		.help = "The file whose first line is Dovecot's doveadm_api_key. Others must not be able to read it. "
			"It is read at each question." },
	{ .name = "password_file",
		.type = OPT_STRING,
		.offset = ROW(password_file),
		.check = check_file,
		.help = "The same for doveadm_password; in the place of key_file." },
	{ .name = "ca_file",
		.type = OPT_STRING,
		.offset = ROW(ca_file),
		.check = check_file,
		.help = "The certificates in PEM that may vouch for that of https. Without it: those of the system." },
	{ .name = "timeout",
		.type = OPT_DURATION,
		.offset = ROW(timeout),
		.def = "3s",
		.min = 50,
		.max = SECONDS(60),
		.help = "How long an answer may take, its connection included." },
	OPT_END,
};

static bool dovecot_check(const void *conf, struct err *err)
{
	const struct dovecot_conf *c = conf;
	if (!c->uri)
		return err_set(err, "`uri` is missing");
	if (!c->key_file == !c->password_file)
		return err_set(err, "with `uri`, either `key_file` or `password_file` is needed");
	return doveadm_is_there ||
	       err_set(err, "this quotagate is built without libcurl or jansson, and cannot ask doveadm");
}

static bool dovecot_told_domain(const void *conf)
{
	(void)conf;
	return true;
}

const struct store_kind dovecot_type = {
	.name = "dovecot",
	.opts = rows,
	.conf_size = sizeof(struct dovecot_conf),
	.rule = RULE_DOVECOT_2_3,
	.check = dovecot_check,
	.told_domain = dovecot_told_domain,
	.open = doveadm_open,
	.ask = doveadm_ask,
	.close = doveadm_close,
};
