/*
 * A Dovecot, asked what it knows of a mailbox itself: `uri` is its doveadm's HTTP service, which tells usage and limit
 * (store/doveadm.h); `address` is its quota-status, which gives verdicts (store/quota_status.h).
 */
#include "store/dovecot_conf.h"

#include "io/secret.h"
#include "store/doveadm.h"
#include "store/server_address.h"

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

#define ROW(member) offsetof(struct dovecot_conf, member)

static const struct opt rows[] = {
	{ .name = "address",
		.type = OPT_STRING,
		.offset = ROW(quota_status.caller.address),
		.check = server_address_check,
		.help = "Its quota-status: unix:/path or inet:HOST:PORT, where HOST is a name, an address, or [v6]. It "
			"gives verdicts. In the place of uri." },
	{ .name = "words",
		.type = OPT_SECTION,
		.offset = ROW(quota_status),
		.rows = quota_status_words,
		.help = "What the answers of quota-status mean." },
	{ .name = "trust_unknown",
		.type = OPT_BOOL,
		.offset = ROW(quota_status.trust_unknown),
		.def = "true",
		.help = "With address; false: that there is no such user counts as no answer." },
	CALLER_ROWS_BUT_TIMEOUT(dovecot_conf, quota_status.caller),
	{ .name = "uri",
		.type = OPT_STRING,
		.offset = ROW(uri),
		.check = check_uri,
		.help = "doveadm's HTTP service, such as http://127.0.0.1:8080/doveadm/v1, or the same with https. It "
			"tells usage and limit." },
	{ .name = "key_file",
		.type = OPT_STRING,
		.offset = ROW(key_file),
		.check = secret_option,
		.helper_reads = true,
		.help = "The file whose first line is Dovecot's doveadm_api_key. Others must not be able to read it. "
			"It is read at each question." },
	{ .name = "password_file",
		.type = OPT_STRING,
		.offset = ROW(password_file),
		.check = secret_option,
		.helper_reads = true,
		.help = "The same for doveadm_password; in the place of key_file." },
	{ .name = "ca_file",
		.type = OPT_STRING,
		.offset = ROW(ca_file),
		.check = opt_check_path,
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

static bool dovecot_gives_verdicts(const void *conf)
{
	return ((const struct dovecot_conf *)conf)->quota_status.caller.address != NULL;
}

static bool dovecot_check(const void *conf, struct err *err)
{
	const struct dovecot_conf *c = conf;
	if (!c->uri == !dovecot_gives_verdicts(c))
		return err_set(err, "either `uri` or `address` is needed, and not both");
	if (!c->uri)
		return !(c->key_file || c->password_file || c->ca_file) ||
		       err_set(err, "`key_file`, `password_file` and `ca_file` go with `uri`");
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

static void dovecot_prepare(void *conf, enum store_rule rule)
{
	struct dovecot_conf *c = conf;
	(void)rule;
	c->quota_status.caller.timeout = c->timeout;
}

/* Of quota-status, whose connections have a breaker of their own, nothing. */
static void dovecot_server(const void *conf, struct buf *out)
{
	const struct dovecot_conf *c = conf;
	if (c->uri)
		buf_puts(out, c->uri);
}

static struct store *dovecot_attach(
	uv_loop_t *loop, struct nursery *nursery, const struct blocking_conf *conf, struct err *err)
{
	const struct quota_status_conf *c = &((const struct dovecot_conf *)conf->conf)->quota_status;
	if (!dovecot_gives_verdicts(conf->conf))
		return blocking_open(loop, nursery, conf, err);
	return caller_open(loop, nursery, conf, &quota_status_protocol, &c->caller, c, err);
}

static int dovecot_run(int fd, const void *arg)
{
	const struct blocking_conf *conf = arg;
	return dovecot_gives_verdicts(conf->conf) ? server_address_run(fd, arg) : blocking_run(fd, arg);
}

const struct store_kind dovecot_type = {
	.name = "dovecot",
	.opts = rows,
	.conf_size = sizeof(struct dovecot_conf),
	.rule = RULE_DOVECOT_2_3,
	.grace = 10 << 20, /* quota_storage_grace of 2.4; that of 2.3 is a tenth of the limit, which is not told */
	.gives_verdicts = dovecot_gives_verdicts,
	.check = dovecot_check,
	.prepare = dovecot_prepare,
	.told_domain = dovecot_told_domain,
	.server = dovecot_server,
	.heard = doveadm_heard,
	.attach = dovecot_attach,
	.run = dovecot_run,
	.open = doveadm_open,
	.ask = doveadm_ask,
	.ask_many = doveadm_ask_many,
	.close = doveadm_close,
};
