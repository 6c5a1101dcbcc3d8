#include "directory/ldap_conf.h"

#include "core/template.h"
#include "io/secret.h"

#include <ldap.h>

enum schema { SCHEMA_NONE, SCHEMA_INETLOCAL, SCHEMA_QMAIL, SCHEMA_IREDMAIL };

const char *const ldap_schema_names[] = { "none", "inetlocal", "qmail", "iredmail", NULL };

static const struct ldap_names schemas[] = {
	[SCHEMA_NONE] = { .filter = "(mailLocalAddress=%u)" },
	/* misc.schema of OpenLDAP, read as Sendmail's LDAP routing does */
	[SCHEMA_INETLOCAL] = {
		.filter = "(&(objectClass=inetLocalMailRecipient)(mailLocalAddress=%u))",
		.attribute = { [LDAP_ROUTING] = "mailRoutingAddress", [LDAP_HOST] = "mailHost" },
	},
	[SCHEMA_QMAIL] = {
		.filter = "(&(objectClass=qmailUser)(|(mail=%u)(mailAlternateAddress=%u))(!(accountStatus=deleted)))",
		.attribute = {
			[LDAP_MAILBOX] = "mail",
			[LDAP_FORWARD] = "mailForwardingAddress",
			[LDAP_DELIVERY] = "deliveryMode",
			[LDAP_HOST] = "mailHost",
			[LDAP_HOME] = "mailMessageStore",
			[LDAP_LIMIT] = "mailQuotaSize",
			[LDAP_MESSAGES] = "mailQuotaCount",
		},
	},
	[SCHEMA_IREDMAIL] = {
		.filter = "(&(accountStatus=active)(enabledService=mail)"
			  "(|(mail=%u)(&(enabledService=shadowaddress)(shadowAddress=%u))))",
		.domain_filter = "(&(objectClass=mailDomain)(accountStatus=active)(domainName=%d))",
		.attribute = {
			[LDAP_MAILBOX] = "mail",
			[LDAP_FORWARD] = "mailForwardingAddress",
			[LDAP_HOME] = "homeDirectory",
			[LDAP_LIMIT] = "mailQuota",
		},
		.mailbox_class = "mailUser",
	},
};

static const char *const scopes[] = { "sub", "one", "base", NULL };
static const char *const verifications[] = { "demand", "never", NULL };
static const char *const units[] = { "octets", "k", "m", NULL };

/* ---- checks of single options ---- */

static bool check_uri(struct str uri, struct err *err)
{
	LDAPURLDesc *parts = NULL;
	bool good = ldap_url_parse(uri.at, &parts) == LDAP_URL_SUCCESS && !parts->lud_attrs && !parts->lud_exts &&
		    (!parts->lud_dn || !*parts->lud_dn) && (!parts->lud_filter || !*parts->lud_filter);
	ldap_free_urldesc(parts);
	return good || err_set(err, "expected ldap://HOST:PORT, ldaps://HOST:PORT or ldapi://PATH with %%2F for /");
}

/* Parentheses that are not escaped go in pairs, and the whole stands in one pair. */
static bool is_bracketed(struct str filter)
{
	size_t depth = 0;
	for (size_t i = 0; i < filter.len; i++) {
		if (filter.at[i] == '(')
			depth++;
		else if (filter.at[i] == ')' && depth-- == 0)
			return false;
		if (depth == 0 && i + 1 < filter.len)
			return false;
	}
	return filter.len > 2 && depth == 0;
}

static bool check_filter_of(struct str filter, int allowed, const char *needs, struct err *err)
{
	int vars = template_vars(filter, allowed, err);
	if (vars < 0)
		return false;
	if (!is_bracketed(filter))
		return err_set(err, "expected a filter of RFC 4515 in parentheses, such as (mail=%%u)");
	return vars != 0 || err_set(err, "it must use %s", needs);
}

static bool check_filter(struct str filter, struct err *err)
{
	return check_filter_of(
		filter, TEMPLATE_ADDRESS | TEMPLATE_LOCAL | TEMPLATE_DOMAIN, "%u, or %n and perhaps %d", err);
}

static bool check_domain_filter(struct str filter, struct err *err)
{
	return filter.len == 0 || check_filter_of(filter, TEMPLATE_DOMAIN, "%d", err);
}

/* RFC 4512, 1.4: letters, digits, hyphens, or an OID; options may follow a semicolon. */
static bool check_attribute(struct str name, struct err *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.;_";
	return strspn(name.at, letters) == name.len || err_set(err, "this is no name of an attribute");
}

/* ---- the table ---- */

#define ROW(member) offsetof(struct ldap_conf, member)

#define ATTRIBUTE(option, role, text)                                                                                  \
	{                                                                                                              \
		.name = (option), .type = OPT_STRING, .offset = ROW(attribute[role]), .check = check_attribute,        \
		.help = (text)                                                                                         \
	}

const struct opt ldap_opts[] = {
	{ .name = "uri",
		.type = OPT_LIST,
		.offset = ROW(uri),
		.required = true,
		.check = check_uri,
		.help = "The servers: ldap://, ldaps:// or ldapi:// URIs. They are tried in this order, one that "
			"failed lately last." },
	{ .name = "base",
		.type = OPT_STRING,
		.offset = ROW(base),
		.required = true,
		.help = "The entry below which addresses are looked for." },
	{ .name = "scope",
		.type = OPT_CHOICE,
		.offset = ROW(scope),
		.def = "sub",
		.choices = scopes,
		.help = "How far below the base: sub is all of the tree, one the base's children, base the base "
			"itself." },
	{ .name = "schema",
		.type = OPT_CHOICE,
		.offset = ROW(schema),
		.def = "none",
		.choices = ldap_schema_names,
		.help = "Gives filters and attributes their defaults. inetlocal: inetLocalMailRecipient as Sendmail's "
			"LDAP routing reads it. qmail: qmail.schema of qmail-ldap. iredmail: the tree of iRedMail. An "
			"option that is set to an empty text switches that default off." },
	{ .name = "filter",
		.type = OPT_STRING,
		.offset = ROW(filter),
		.check = check_filter,
		.help = "What finds the entry of an address: %u is the address, %n its local part, %d its domain, "
			"escaped as RFC 4515 demands. For a catch-all %u is \"@domain\" and %n is empty; a filter "
			"without %u is not asked for one. Default: as schema says, without one "
			"\"(mailLocalAddress=%u)\". Two entries for one address are no answer." },
	{ .name = "domain_filter",
		.type = OPT_STRING,
		.offset = ROW(domain_filter),
		.check = check_domain_filter,
		.help = "What finds an entry if the domain %d is ours, for instance "
			"\"(&(objectClass=sendmailMTAClass)(sendmailMTAClassName=w)(sendmailMTAClassValue=%d))\". "
			"If it finds none, this directory says nothing of the domain's addresses. Answers are "
			"remembered for a minute. Default: as schema says; without one, the directory lists every "
			"address of the domains that it is asked about." },
	{ .name = "domain_base",
		.type = OPT_STRING,
		.offset = ROW(domain_base),
		.help = "The entry below which domain_filter looks. Default: base." },
	{ .name = "starttls",
		.type = OPT_BOOL,
		.offset = ROW(starttls),
		.def = "no",
		.help = "Whether ldap:// and ldapi:// connections are encrypted by StartTLS; without it no "
			"question is asked." },
	{ .name = "tls_verify",
		.type = OPT_CHOICE,
		.offset = ROW(verify),
		.def = "demand",
		.choices = verifications,
		.help = "Whether the server's certificate must be good: demand, or never." },
	{ .name = "tls_ca_file",
		.type = OPT_STRING,
		.offset = ROW(tls_ca_file),
		.def = "/etc/ssl/certs/ca-certificates.crt",
		.check = opt_check_path,
		.help = "The certificates that servers' certificates are checked by, in PEM form." },
	{ .name = "tls_cert_file",
		.type = OPT_STRING,
		.offset = ROW(tls_cert_file),
		.check = opt_check_path,
		.help = "The certificate that this client shows, in PEM form." },
	{ .name = "tls_key_file",
		.type = OPT_STRING,
		.offset = ROW(tls_key_file),
		.check = opt_check_path,
		.help = "The key of tls_cert_file." },
	{ .name = "bind_dn",
		.type = OPT_STRING,
		.offset = ROW(bind_dn),
		.help = "As whom to ask. Default: nobody in particular (anonymous)." },
	{ .name = "password_file",
		.type = OPT_STRING,
		.offset = ROW(password_file),
		.check = secret_option,
		.helper_reads = true,
		.help = "The file whose first line is the password of bind_dn. Those who are neither its owner nor in "
			"its group must not be able to read it, and only its owner to write it. It is read at each "
			"connection, so that a new password needs no restart." },
	{ .name = "timeout",
		.type = OPT_DURATION,
		.offset = ROW(timeout),
		.def = "3s",
		.min = 100,
		.max = SECONDS(60),
		.help = "How long one question may take, with all servers that are tried." },
	ATTRIBUTE("mailbox_attribute", LDAP_MAILBOX,
		"Where the address of the entry's mailbox stands. Without it, it is the address that was asked."),
	{ .name = "mailbox_class",
		.type = OPT_STRING,
		.offset = ROW(mailbox_class),
		.help = "The object class of entries that have a mailbox; others are aliases and lists, which always "
			"have room. Default: every entry has one." },
	ATTRIBUTE("routing_attribute", LDAP_ROUTING,
		"Where the address stands that takes the place of the one asked: a mailbox at the host of "
		"host_attribute when there is one, else an address that is looked up in its turn."),
	ATTRIBUTE("forward_attribute", LDAP_FORWARD,
		"Where addresses stand that get this one's mail. The mailbox itself gets it if it is among them, or "
		"as delivery_attribute says."),
	ATTRIBUTE("delivery_attribute", LDAP_DELIVERY,
		"Where the words of qmail's deliveryMode stand: nolocal, the mailbox gets no mail; noforward, others "
		"get none. When this option is set, a mailbox keeps what is forwarded unless nolocal says otherwise."),
	ATTRIBUTE("host_attribute", LDAP_HOST, "Where the host stands that has the mailbox, for %{host} of a store."),
	ATTRIBUTE("home_attribute", LDAP_HOME, "Where the home directory stands, for %h of a store."),
	ATTRIBUTE("store_attribute", LDAP_STORE, "Where the name of the store stands that has the mailbox."),
	ATTRIBUTE("limit_attribute", LDAP_LIMIT,
		"Where the mailbox's limit stands: a number, perhaps with a suffix k, M, G or T, or Courier's "
		"\"10000000S,1000C\". 0, -, unlimited and none mean no limit."),
	{ .name = "limit_unit",
		.type = OPT_CHOICE,
		.offset = ROW(unit),
		.def = "octets",
		.choices = units,
		.help = "What a number without suffix in limit_attribute counts: octets, k (1024 octets), or m." },
	ATTRIBUTE("message_limit_attribute", LDAP_MESSAGES, "Where the limit of messages stands."),
	OPT_END,
};

/* ---- the whole ---- */

static const char *given(const char *option, const char *preset)
{
	const char *name = option ? option : preset;
	return name && *name ? name : NULL;
}

struct ldap_names ldap_conf_names(const struct ldap_conf *c)
{
	struct ldap_names names = schemas[c->schema];
	names.unit = (enum ldap_unit)c->unit;
	if (c->filter)
		names.filter = c->filter;
	for (size_t i = 0; i < LDAP_CLASS; i++)
		names.attribute[i] = given(c->attribute[i], names.attribute[i]);
	names.domain_filter = given(c->domain_filter, names.domain_filter);
	names.mailbox_class = given(c->mailbox_class, names.mailbox_class);
	names.attribute[LDAP_CLASS] = names.mailbox_class ? "objectClass" : NULL;
	return names;
}

static bool starts_nocase(const char *z, struct str prefix)
{
	struct str s = str_of(z);
	return s.len >= prefix.len && str_eq_nocase((struct str){ s.at, prefix.len }, prefix);
}

bool ldap_conf_check(const void *conf, struct err *err)
{
	const struct ldap_conf *c = conf;
	if (c->uri.n == 0)
		return err_set(err, "`uri` must name a server");
	for (size_t i = 0; i < c->uri.n; i++)
		if (c->starttls && starts_nocase(c->uri.at[i], STR("ldaps://")))
			return err_set(
				err, "`starttls` cannot go with %.200s, which is encrypted anyway", c->uri.at[i]);
	if (!c->bind_dn != !c->password_file)
		return err_set(err, "`bind_dn` and `password_file` go together");
	if (!c->tls_cert_file != !c->tls_key_file)
		return err_set(err, "`tls_cert_file` and `tls_key_file` go together");
	if (c->domain_base && !ldap_conf_names(c).domain_filter)
		return err_set(err, "`domain_base` needs `domain_filter`");
	return true;
}
