#include "store/imap_conf.h"
#include "io/secret.h"

#define VARIABLES (TEMPLATE_ADDRESS | TEMPLATE_LOCAL | TEMPLATE_DOMAIN)

static const char *const verifications[] = { "demand", "never", NULL };

/* ---- what values become ---- */

/* Nobody's name holds control characters, and all has an end in NUL on its way. */
static bool is_name(struct str value)
{
	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.at[i] < ' ' || value.at[i] == 0x7F)
			return false;
	return value.len > 0;
}

static bool put_user(struct buf *out, enum template_var var, struct str value)
{
	(void)var;
	buf_put(out, value);
	return is_name(value);
}

static bool put_below_slash(struct buf *out, enum template_var var, struct str value)
{
	return put_user(out, var, value) && str_find(value, '/') == value.len;
}

static bool put_below_dot(struct buf *out, enum template_var var, struct str value)
{
	size_t local = var == TEMPLATE_DOMAIN ? 0 : str_rfind(value, '@');
	for (size_t i = 0; i < value.len; i++)
		buf_putc(out, i < local && value.at[i] == '.' ? '^' : value.at[i]);
	return is_name(value);
}

static bool is_dotted(struct str template)
{
	return str_find(template, '.') < str_find(template, '/');
}

bool imap_conf_mailbox(struct buf *out, const struct imap_conf *c, const struct mailbox *m)
{
	struct str template = str_of(c->mailbox ? c->mailbox : "INBOX");
	return template_expand(out, template, m, is_dotted(template) ? put_below_dot : put_below_slash);
}

bool imap_conf_user(struct buf *out, const char *template, const struct mailbox *m)
{
	return template_expand(out, str_of(template), m, put_user);
}

/* ---- checks ---- */

static bool check_template(struct str template, struct err *err)
{
	return template_vars(template, VARIABLES, err) >= 0 && (is_name(template) || err_set(err, "this is no name"));
}

static bool check_port(struct str text)
{
	uint64_t port;
	return text.len == 0 ||
	       (text.at[0] == ':' && str_u64(str_from(text, 1), &port) && port > 0 && port <= UINT16_MAX);
}

/* A name or an address of letters that stand in them, or [v6]; the rest is the port. */
static size_t host_length(struct str s)
{
	size_t n = 0, close = str_find(s, ']');
	if (s.len && s.at[0] == '[')
		return close < s.len ? close + 1 : 0;
	while (n < s.len && s.at[n] != ':')
		n++;
	return n;
}

static bool check_uri(struct str uri, struct err *err)
{
	size_t scheme = str_starts(uri, STR("imap://")) ? 7 : str_starts(uri, STR("imaps://")) ? 8 : 0;
	struct str rest = str_from(uri, scheme);
	if (rest.len && rest.at[rest.len - 1] == '/')
		rest.len--;
	struct str host = { rest.at, host_length(rest) };
	bool good = scheme && host.len > 0 && check_port(str_from(rest, host.len));
	for (size_t i = 0; i < host.len; i++)
		good = good && host.at[i] > ' ' && host.at[i] <= '~' && !strchr("/?#@%\\\"", host.at[i]);
	return good || err_set(err, "expected imap://HOST:PORT or imaps://HOST:PORT, and nothing else in it");
}

static int vars_of(const char *template)
{
	return template ? template_vars(str_of(template), VARIABLES, NULL) : 0;
}

bool imap_conf_is_personal(const struct imap_conf *c)
{
	return vars_of(c->login) || vars_of(c->authorize);
}

bool imap_conf_told_domain(const void *conf)
{
	const struct imap_conf *c = conf;
	int vars = vars_of(c->login) | vars_of(c->authorize) | vars_of(c->mailbox);
	return vars & (TEMPLATE_ADDRESS | TEMPLATE_DOMAIN);
}

void imap_conf_server(const void *conf, struct buf *out)
{
	buf_puts(out, ((const struct imap_conf *)conf)->uri);
}

bool imap_conf_check(const void *conf, struct err *err)
{
	const struct imap_conf *c = conf;
	if (c->starttls && c->uri && str_starts(str_of(c->uri), STR("imaps://")))
		return err_set(err, "`starttls` cannot go with imaps://, which is encrypted anyway");
	if (!imap_conf_is_personal(c) && !vars_of(c->mailbox))
		return err_set(err,
			"one of `mailbox`, `login` and `authorize` must say who is asked about, by %%u, or by %%n and "
			"perhaps %%d");
	return true;
}

void imap_conf_prepare(void *conf, enum store_rule rule)
{
	struct imap_conf *c = conf;
	c->dovecot = rule == RULE_DOVECOT_2_3 || rule == RULE_DOVECOT_2_4;
}

/* ---- the table ---- */

#define ROW(member) offsetof(struct imap_conf, member)

const struct opt imap_opts[] = {
	{ .name = "uri",
		.type = OPT_STRING,
		.offset = ROW(uri),
		.required = true,
		.check = check_uri,
		.help = "The server: imap://HOST:PORT, or imaps://HOST:PORT where TLS is spoken from the start. "
			"Without "
			"a port: 143, or 993." },
	{ .name = "login",
		.type = OPT_STRING,
		.offset = ROW(login),
		.required = true,
		.check = check_template,
		.help = "Who asks: an administrator, or somebody who may speak for the users (see authorize). A master "
			"user as Dovecot has them is written \"%u*master\"." },
	{ .name = "password_file",
		.type = OPT_STRING,
		.offset = ROW(password_file),
		.required = true,
		.check = secret_option,
		.helper_reads = true,
		.help = "The file whose first line is the password of login. Those who are neither its owner nor in "
			"its group must not be able to read it. The store's user reads it at each connection, so that "
			"a new password needs no restart." },
	{ .name = "authorize",
		.type = OPT_STRING,
		.offset = ROW(authorize),
		.check = check_template,
		.help = "As whom login acts, such as %u: the authorisation identity of SASL PLAIN. Each mailbox is "
			"then "
			"asked about over a connection of its own." },
	{ .name = "mailbox",
		.type = OPT_STRING,
		.offset = ROW(mailbox),
		.check = check_template,
		.help = "The mailbox that is asked about, in UTF-8, with %u (address), %n (local part) and %d "
			"(domain): "
			"\"user/%n@%d\", \"user/%n\" or \"user.%n\" for an administrator of Cyrus. Below user. a dot "
			"in a local part is asked about as ^. Default: INBOX." },
	{ .name = "starttls",
		.type = OPT_BOOL,
		.offset = ROW(starttls),
		.def = "no",
		.help = "Whether imap:// connections are encrypted by STARTTLS; without it no password is sent." },
	{ .name = "tls_verify",
		.type = OPT_CHOICE,
		.offset = ROW(verify),
		.def = "demand",
		.choices = verifications,
		.help = "Whether the server's certificate must be good: demand, or never." },
	{ .name = "ca_file",
		.type = OPT_STRING,
		.offset = ROW(ca_file),
		.check = opt_check_path,
		.help = "The certificates that the server's is checked by, in PEM form. Default: those of the "
			"system." },
	{ .name = "timeout",
		.type = OPT_DURATION,
		.offset = ROW(timeout),
		.def = "3s",
		.min = 50,
		.max = SECONDS(60),
		.help = "How long one question may take, with connecting and logging in. A server that did not answer "
			"in time is left alone for as long." },
	OPT_END,
};
