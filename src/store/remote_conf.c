#include "store/remote_conf.h"
#include "io/secret.h"

#include <stddef.h>

#define NO_HOST "the directory names no host"
#define BAD_HOST "what the directory names as host is none"

/* What a URL may be made of, past its host. */
#define IN_URL (TEMPLATE_ADDRESS | TEMPLATE_LOCAL | TEMPLATE_DOMAIN | TEMPLATE_HOST)

static const struct str datagrams = { "udp:", 4 };

/* ---- what values become ---- */

/* A name of DNS, or an address. Underscores are no letters of host names, but occur. */
static bool is_host(struct str s)
{
	if (s.len == 0 || s.len > REMOTE_HOST_MAX || s.at[0] == '-' || s.at[0] == '.')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i], small = (char)(c | 0x20);
		if (!(small >= 'a' && small <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_' &&
			c != ':')
			return false;
	}
	return true;
}

static bool put_name(struct buf *out, enum template_var var, struct str value)
{
	(void)var;
	if (!is_host(value))
		return false;
	buf_put(out, value);
	return true;
}

static bool is_unreserved(char c)
{
	char small = (char)(c | 0x20);
	return (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

static void put_encoded(struct buf *out, struct str value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (is_unreserved(value.at[i]))
			buf_putc(out, value.at[i]);
		else
			buf_printf(out, "%%%02X", (unsigned char)value.at[i]);
	}
}

static bool put_url(struct buf *out, enum template_var var, struct str value)
{
	bool is_address = memchr(value.at ? value.at : "", ':', value.len) != NULL;
	if (var != TEMPLATE_HOST) {
		put_encoded(out, value);
		return true;
	}
	if (!is_host(value))
		return false;
	buf_puts(out, is_address ? "[" : "");
	buf_put(out, value);
	buf_puts(out, is_address ? "]" : "");
	return true;
}

static bool expand(struct buf *out, struct str template, const struct mailbox *m, template_put *put, const char **why)
{
	if (template_expand(out, template, m, put))
		return true;
	*why = out->full ? "its name becomes too long" : m->host.len ? BAD_HOST : NO_HOST;
	return false;
}

bool remote_conf_name(struct buf *out, struct str template, const struct mailbox *m, const char **why)
{
	if (!expand(out, template, m, put_name, why))
		return false;
	*why = BAD_HOST;
	return is_host(buf_str(out));
}

bool remote_conf_url(struct buf *out, struct str template, const struct mailbox *m, const char **why)
{
	return expand(out, template, m, put_url, why);
}

/* ---- checks ---- */

static bool server_parse(struct remote_server *s, struct str text, struct err *err)
{
	uint64_t port = 0;
	struct str rest = str_from(text, datagrams.len);
	size_t colon = str_rfind(rest, ':');
	*s = (struct remote_server){ .host = { rest.at, colon } };
	bool bracketed = s->host.len > 2 && s->host.at[0] == '[' && s->host.at[colon - 1] == ']';
	if (!str_u64(str_from(rest, colon + 1), &port) || port == 0 || port > UINT16_MAX)
		return err_set(err, "a port, 1 to 65535, must stand behind the last colon");
	if (s->host.len == 0 || (!bracketed && str_find(s->host, ':') < s->host.len))
		return err_set(err, "expected udp:HOST:PORT, udp:[v6]:PORT or udp:%%{host}:PORT");
	s->port = (uint16_t)port;
	if (bracketed)
		s->host = (struct str){ s->host.at + 1, colon - 2 };
	int vars = template_vars(s->host, TEMPLATE_HOST, err);
	return vars > 0 || (vars == 0 && (is_host(s->host) || err_set(err, "this is no name of a host")));
}

/* An address of a mailbox must not choose whom we ask. */
static bool check_url(struct str url, const char *expected, struct err *err)
{
	size_t scheme = str_starts(url, STR("http://")) ? 7 : str_starts(url, STR("https://")) ? 8 : 0;
	struct str rest = str_from(url, scheme), authority = { rest.at, 0 };
	while (authority.len < rest.len && !strchr("/?#", authority.at[authority.len]))
		authority.len++;
	if (!scheme || authority.len == 0)
		return err_set(err, "%shttp://HOST:PORT or https://HOST:PORT", expected);
	if (str_find(authority, '@') < authority.len)
		return err_set(err, "a password does not stand in the URL; give `token_file`");
	return template_vars(authority, TEMPLATE_HOST, err) >= 0 &&
	       template_vars(str_from(rest, authority.len), IN_URL, err) >= 0;
}

static bool check_server(struct str text, struct err *err)
{
	struct remote_server s;
	return str_starts(text, datagrams) ? server_parse(&s, text, err)
					   : check_url(text, "expected udp:HOST:PORT, ", err);
}

static bool check_http(struct str url, struct err *err)
{
	size_t slashes = 0;
	for (size_t i = 0; i < url.len; i++)
		slashes += url.at[i] == '/';
	if (!check_url(url, "expected ", err))
		return false;
	if (slashes > 2)
		return err_set(err, "expected no path: it is always /v1/facts");
	return template_vars(url, TEMPLATE_HOST, err) >= 0;
}

bool remote_conf_is_datagram(const struct remote_conf *c)
{
	return c->server.n > 0 && str_starts(str_of(c->server.at[0]), datagrams);
}

struct remote_server remote_conf_server(const struct remote_conf *c, size_t i)
{
	struct remote_server s;
	server_parse(&s, str_of(c->server.at[i]), NULL);
	return s;
}

bool remote_conf_check(const void *conf, struct err *err)
{
	const struct remote_conf *c = conf;
	bool is_datagram = remote_conf_is_datagram(c);
	if (c->server.n == 0 || c->server.n > REMOTE_SERVERS_MAX)
		return err_set(err, "server: expected 1 to %d", REMOTE_SERVERS_MAX);
	for (size_t i = 0; i < c->server.n; i++)
		if (str_starts(str_of(c->server.at[i]), datagrams) != is_datagram)
			return err_set(err, "server: either all are asked by datagrams (udp:) or all by HTTP");
	if (c->http.n > REMOTE_URLS_MAX)
		return err_set(err, "http: expected at most %d", REMOTE_URLS_MAX);
	if (!is_datagram && (c->key_file || c->http.n))
		return err_set(err, "key_file and http go with a server that is asked by datagrams (udp:)");
	if (c->http.n && !c->key_file)
		return err_set(err, "http needs a key_file: without a key no quotagate takes messages by HTTP");
	return true;
}

/* ---- the table ---- */

#define ROW(member) offsetof(struct remote_conf, member)

const struct opt remote_opts[] = {
	{ .name = "server",
		.type = OPT_LIST,
		.offset = ROW(server),
		.required = true,
		.check = check_server,
		.help = "Who is asked. udp:HOST:PORT is another quotagate, with a listener of protocol facts; HOST is "
			"a "
			"name, an address, or %{host}, the host that a directory names for the mailbox. Several, at "
			"most 4, know the same mailboxes: a question goes to the first, each further try to the next. "
			"http://HOST/PATH or https://HOST/PATH is a web server with a quota.cgi; there %u, %n and %d "
			"may stand in the path and behind it." },
	{ .name = "key_file",
		.type = OPT_STRING,
		.offset = ROW(key_file),
		.check = opt_check_path,
		.help = "The file with the key that this quotagate and those it asks by datagrams share: one key a "
			"line, the first one seals. It belongs to root or the daemon's user, and others can neither "
			"read nor write it. Without it, whoever can forge a sender's address is believed. See "
			"quotagate-facts(7)." },
	{ .name = "timeout",
		.type = OPT_DURATION,
		.offset = ROW(timeout),
		.def = "300ms",
		.min = 10,
		.max = SECONDS(10),
		.help = "How long a datagram's answer is waited for before the next try, give or take a fifth." },
	{ .name = "tries",
		.type = OPT_NUMBER,
		.offset = ROW(tries),
		.def = "3",
		.min = 1,
		.max = REMOTE_TRIES_MAX,
		.help = "How many datagrams a question may cost." },
	{ .name = "http",
		.type = OPT_LIST,
		.offset = ROW(http),
		.check = check_http,
		.help = "Where to ask by HTTP when no datagram is answered: http://HOST:PORT or https://HOST:PORT, "
			"with "
			"%{host} as for server. There a listener of protocol http must know the same key. Several, at "
			"most 4, are asked one after the other: the first is that of the first server, and so on; what "
			"is left over is of the last server." },
	{ .name = "http_timeout",
		.type = OPT_DURATION,
		.offset = ROW(http_timeout),
		.def = "2s",
		.min = 100,
		.max = SECONDS(60),
		.help = "How long a question by HTTP may take, with the time for connecting." },
	{ .name = "ca_file",
		.type = OPT_STRING,
		.offset = ROW(ca_file),
		.check = opt_check_path,
		.help = "The certificates that servers' certificates are checked by, in PEM form. Default: those of "
			"the "
			"system. There is no way not to check them." },
	{ .name = "token_file",
		.type = OPT_STRING,
		.offset = ROW(token_file),
		.check = secret_option,
		.helper_reads = true,
		.help = "The file whose first line is sent with each question by HTTP as a bearer token. Those who are "
			"neither its owner nor in its group must not be able to read it. The store's user reads it "
			"when "
			"a helper starts." },
	{ .name = "hosts",
		.type = OPT_NUMBER,
		.offset = ROW(hosts),
		.def = "1000",
		.min = 1,
		.max = 100000,
		.help = "Of how many hosts addresses and fate are remembered; those not asked for longest go first." },
	{ .name = "breaker_failures",
		.type = OPT_NUMBER,
		.offset = ROW(breaker_failures),
		.def = "5",
		.min = 1,
		.max = 1000,
		.help = "After so many questions in a row without an answer a host is left alone for a while; "
			"questions "
			"about its mailboxes then fail at once." },
	{ .name = "breaker_pause",
		.type = OPT_DURATION,
		.offset = ROW(breaker_pause),
		.def = "5s",
		.min = 100,
		.max = SECONDS(60),
		.help = "For how long, at first, give or take a fifth. Then one question probes it; while that gets no "
			"answer the pause doubles, up to a minute." },
	OPT_END,
};
