#include "directory/ldap_link.h"

#include "io/secret.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#define SHUN SECONDS(30) /* how long a server that failed is tried last */
#define NO_WORDS "(unknown error code)" /* what libldap says of a certificate that is not good */
#define PASSWORD_MAX 1024
#define ANSWER_MAX (8 << 20) /* octets; entries in good order are a thousandth of it */

struct server {
	msec shunned; /* until when */
	uint64_t search; /* number of the last search that it was tried in */
};

struct ldap_link {
	const struct ldap_conf *conf;
	LDAP *ld; /* null: not connected */
	size_t server; /* that it is connected to */
	uint64_t searches;
	enum heard heard;
	msec until; /* what is under way ends */
	struct ldap_conncb callback;
	struct server servers[]; /* one for each of conf->uri */
};

struct ldap_link *ldap_link_new(const struct ldap_conf *conf)
{
	struct ldap_link *l = calloc(1, sizeof(*l) + conf->uri.n * sizeof(l->servers[0]));
	if (l)
		l->conf = conf;
	return l;
}

static void disconnect(struct ldap_link *l)
{
	if (l->ld)
		ldap_unbind_ext(l->ld, NULL, NULL);
	l->ld = NULL;
}

void ldap_link_free(struct ldap_link *l)
{
	disconnect(l);
	free(l);
}

LDAP *ldap_link_handle(const struct ldap_link *l)
{
	return l->ld;
}

msec ldap_link_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return SECONDS(t.tv_sec) + t.tv_nsec / 1000000;
}

static struct timeval timeval_of(msec m)
{
	if (m < 1)
		m = 1;
	return (struct timeval){ .tv_sec = m / 1000, .tv_usec = m % 1000 * 1000 };
}

enum heard ldap_link_heard(struct ldap_link *l)
{
	enum heard heard = l->heard;
	l->heard = HEARD_NOTHING;
	return heard;
}

/* What libldap makes of a server: results of its own are below 0. One of several servers that answers is enough. */
static void hear(struct ldap_link *l, int result)
{
	if (!LDAP_API_ERROR(result) && result != LDAP_BUSY && result != LDAP_UNAVAILABLE)
		l->heard = HEARD_ANSWER;
	else if (l->heard == HEARD_NOTHING)
		l->heard = HEARD_FAULT;
}

/* ---- why it failed ---- */

/* "ldap://host: what was done: libldap's word for it (the server's own)" */
static void say(struct ldap_link *l, const char *uri, const char *doing, int result, struct buf *note)
{
	char *own = NULL;
	hear(l, result);
	if (note->len)
		buf_puts(note, "; ");
	buf_put_clean(note, str_of(uri));
	buf_printf(note, ": %s", doing);
	buf_put_clean(note, str_of(ldap_err2string(result)));
	if (l->ld)
		ldap_get_option(l->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &own);
	if (own && strcmp(own, NO_WORDS) == 0) {
		buf_puts(note,
			" (the TLS handshake failed: is its certificate valid, for this name, and signed by a known "
			"authority?)");
	} else if (own && *own) {
		buf_puts(note, " (");
		buf_put_clean(note, str_of(own));
		buf_putc(note, ')');
	}
	ldap_memfree(own);
}

static void say_file(const struct err *why, struct buf *note)
{
	if (note->len)
		buf_puts(note, "; ");
	buf_put_clean(note, str_of(why->text));
}

/* ---- patience ---- */

/* A server that falls silent within the TLS handshake: libldap waits for it with plain reads and tries again whatever
   its own timeouts say, and only an error ends that. So a layer of our own, below TLS, waits in its stead. */

static int patient_setup(Sockbuf_IO_Desc *io, void *link)
{
	io->sbiod_pvt = link;
	return 0;
}

static int patient_remove(Sockbuf_IO_Desc *io)
{
	io->sbiod_pvt = NULL;
	return 0;
}

static int patient_ctrl(Sockbuf_IO_Desc *io, int option, void *value)
{
	return LBER_SBIOD_CTRL_NEXT(io, option, value);
}

/* False, with errno, when it is time to give up. */
static bool wait_for(Sockbuf_IO_Desc *io, short events)
{
	const struct ldap_link *l = io->sbiod_pvt;
	struct pollfd p = { .fd = -1, .events = events };
	msec left = l->until - ldap_link_now();
	ber_sockbuf_ctrl(io->sbiod_sb, LBER_SB_OPT_GET_FD, &p.fd);
	if (poll(&p, 1, left > 0 ? (int)left : 0) != 0)
		return true;
	errno = ETIMEDOUT;
	return false;
}

static ber_slen_t patient_read(Sockbuf_IO_Desc *io, void *to, ber_len_t n)
{
	return wait_for(io, POLLIN) ? LBER_SBIOD_READ_NEXT(io, to, n) : -1;
}

static ber_slen_t patient_write(Sockbuf_IO_Desc *io, void *from, ber_len_t n)
{
	return wait_for(io, POLLOUT) ? LBER_SBIOD_WRITE_NEXT(io, from, n) : -1;
}

static int patient_close(Sockbuf_IO_Desc *io)
{
	(void)io;
	return 0;
}

static Sockbuf_IO patient = {
	.sbi_setup = patient_setup,
	.sbi_remove = patient_remove,
	.sbi_ctrl = patient_ctrl,
	.sbi_read = patient_read,
	.sbi_write = patient_write,
	.sbi_close = patient_close,
};

static int on_connect(
	LDAP *ld, Sockbuf *socket, LDAPURLDesc *server, struct sockaddr *address, struct ldap_conncb *callback)
{
	(void)ld, (void)server, (void)address;
	return ber_sockbuf_add_io(socket, &patient, LBER_SBIOD_LEVEL_PROVIDER + 1, callback->lc_arg);
}

static void on_disconnect(LDAP *ld, Sockbuf *socket, struct ldap_conncb *callback)
{
	(void)ld, (void)socket, (void)callback;
}

/* ---- connecting ---- */

/* Without a password the server would take us for nobody, and succeed. */
static bool read_password(const char *path, char password[PASSWORD_MAX], struct err *err)
{
	return secret_line(password, PASSWORD_MAX, path, err) == SECRET_READ &&
	       (password[0] || err_set(err, "%s: the first line is empty", path));
}

static bool bind_as(struct ldap_link *l, const char *uri, struct buf *note)
{
	char password[PASSWORD_MAX];
	struct err err;
	int result = LDAP_SUCCESS;
	if (!l->conf->bind_dn)
		return true;
	bool known = read_password(l->conf->password_file, password, &err);
	if (known) {
		struct berval secret = { .bv_val = password, .bv_len = strlen(password) };
		result = ldap_sasl_bind_s(l->ld, l->conf->bind_dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
	}
	explicit_bzero(password, sizeof(password));
	if (!known)
		say_file(&err, note);
	else if (result != LDAP_SUCCESS)
		say(l, uri, "bind: ", result, note);
	return known && result == LDAP_SUCCESS;
}

static int set_timeouts(LDAP *ld, msec left)
{
	struct timeval t = timeval_of(left);
	int result = ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &t);
	return result ? result : ldap_set_option(ld, LDAP_OPT_TIMEOUT, &t);
}

static int set_tls(const struct ldap_conf *c, LDAP *ld)
{
	int verify = c->verify == LDAP_VERIFY_NEVER ? LDAP_OPT_X_TLS_NEVER : LDAP_OPT_X_TLS_DEMAND;
	int client = 0;
	const struct {
		int option;
		const void *value;
	} options[] = {
		{ LDAP_OPT_X_TLS_REQUIRE_CERT, &verify },
		{ LDAP_OPT_X_TLS_CACERTFILE, c->verify == LDAP_VERIFY_NEVER ? NULL : c->tls_ca_file },
		{ LDAP_OPT_X_TLS_CERTFILE, c->tls_cert_file }, { LDAP_OPT_X_TLS_KEYFILE, c->tls_key_file },
		{ LDAP_OPT_X_TLS_NEWCTX, &client }, /* last: the others take effect by it */
	};
	int result = LDAP_SUCCESS;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && result == LDAP_SUCCESS; i++)
		if (options[i].value)
			result = ldap_set_option(ld, options[i].option, options[i].value);
	return result;
}

static int set_options(const struct ldap_conf *c, const char *uri, LDAP *ld, msec left, struct ldap_conncb *callback)
{
	int version = LDAP_VERSION3;
	ber_len_t most = ANSWER_MAX;
	Sockbuf *socket = NULL;
	int result = ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	if (!result)
		result = ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	if (!result)
		result = ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_ON);
	if (!result)
		result = set_timeouts(ld, left);
	if (!result)
		result = ldap_get_option(ld, LDAP_OPT_SOCKBUF, &socket);
	if (!result && socket)
		ber_sockbuf_ctrl(socket, LBER_SB_OPT_SET_MAX_INCOMING, &most);
	if (!result)
		result = ldap_set_option(ld, LDAP_OPT_CONNECT_CB, callback);
	if (!result && (c->starttls || ldap_is_ldaps_url(uri)))
		result = set_tls(c, ld);
	return result;
}

static bool connect_to(struct ldap_link *l, size_t server, msec left, struct buf *note)
{
	const char *uri = l->conf->uri.at[server], *doing = "";
	int result = ldap_initialize(&l->ld, uri);
	l->until = ldap_link_now() + left;
	l->callback = (struct ldap_conncb){ .lc_add = on_connect, .lc_del = on_disconnect, .lc_arg = l };
	l->server = server;
	if (result == LDAP_SUCCESS && (result = set_options(l->conf, uri, l->ld, left, &l->callback)) != LDAP_SUCCESS)
		doing = "its options: ";
	if (result == LDAP_SUCCESS && l->conf->starttls &&
		(result = ldap_start_tls_s(l->ld, NULL, NULL)) != LDAP_SUCCESS)
		doing = "StartTLS: ";
	if (result != LDAP_SUCCESS)
		say(l, uri, doing, result, note);
	if (result == LDAP_SUCCESS && bind_as(l, uri, note))
		return true;
	disconnect(l);
	return false;
}

/* ---- asking ---- */

/* One search over the connection, with at most `left` for it. Any result but a whole answer ends the connection. */
static LDAPMessage *search(
	struct ldap_link *l, const struct ldap_search *s, msec left, bool *more, int *result, struct buf *note)
{
	LDAPMessage *answer = NULL;
	struct timeval timeout = timeval_of(left);
	/* libldap does not change the names, but its declaration does not say so. */
	char **attributes = (char **)(uintptr_t)s->attributes;
	set_timeouts(l->ld, left);
	l->until = ldap_link_now() + left;
	*result = ldap_search_ext_s(
		l->ld, s->base, s->scope, s->filter, attributes, 0, NULL, NULL, &timeout, s->most, &answer);
	*more = *result == LDAP_SIZELIMIT_EXCEEDED;
	if (*result == LDAP_SUCCESS || *more) {
		hear(l, *result);
		return answer;
	}
	ldap_msgfree(answer);
	say(l, l->conf->uri.at[l->server], "", *result, note);
	disconnect(l);
	return NULL;
}

/* A handle whose connection the server has closed would open a new one without binding. */
static bool is_connected(const struct ldap_link *l)
{
	int fd = -1;
	return l->ld && ldap_get_option(l->ld, LDAP_OPT_DESC, &fd) == LDAP_OPT_SUCCESS && fd >= 0;
}

static void mark(struct ldap_link *l, size_t server, bool good)
{
	l->servers[server].search = l->searches;
	l->servers[server].shunned = good ? 0 : ldap_link_now() + SHUN;
}

/* How long the next try may take: the time that is left is shared among the servers that are left. */
static msec share(const struct ldap_link *l, const struct ldap_search *s)
{
	msec left = 0;
	for (size_t i = 0; i < l->conf->uri.n; i++)
		left += l->servers[i].search != l->searches;
	return (s->until - ldap_link_now()) / (left ? left : 1);
}

/* Over the connection that was kept. That one has come to its end says nothing about the server. */
static LDAPMessage *search_kept(struct ldap_link *l, const struct ldap_search *s, bool *more, struct buf *note)
{
	int result;
	size_t said = note->len;
	LDAPMessage *answer = search(l, s, share(l, s), more, &result, note);
	if (result == LDAP_SERVER_DOWN)
		note->len = said;
	else
		mark(l, l->server, answer);
	return answer;
}

static LDAPMessage *search_anew(
	struct ldap_link *l, const struct ldap_search *s, size_t server, bool *more, struct buf *note)
{
	int result;
	LDAPMessage *answer = NULL;
	msec until = ldap_link_now() + share(l, s);
	if (connect_to(l, server, until - ldap_link_now(), note))
		answer = search(l, s, until - ldap_link_now(), more, &result, note);
	mark(l, server, answer);
	return answer;
}

static bool may_try(const struct ldap_link *l, const struct ldap_search *s, size_t server, bool shunned, msec began)
{
	const struct server *x = &l->servers[server];
	return x->search != l->searches && (shunned || x->shunned <= began) && ldap_link_now() < s->until;
}

/* The servers took it for what else there was to ask. */
static void say_late(struct ldap_link *l, struct buf *note)
{
	l->heard = HEARD_FAULT;
	buf_puts(note, "no time is left to ask a server");
}

LDAPMessage *ldap_link_search(struct ldap_link *l, const struct ldap_search *s, bool *more, struct buf *note)
{
	LDAPMessage *answer = NULL;
	msec began = ldap_link_now();
	size_t said = note->len;
	l->searches++;
	l->heard = HEARD_NOTHING;
	*more = false;
	if (is_connected(l))
		answer = search_kept(l, s, more, note);
	else
		disconnect(l);
	for (int shunned = 0; shunned <= 1; shunned++)
		for (size_t i = 0; i < l->conf->uri.n && !answer; i++)
			if (may_try(l, s, i, shunned, began))
				answer = search_anew(l, s, i, more, note);
	if (answer)
		note->len = said; /* what others said is of no interest */
	else if (note->len == said)
		say_late(l, note);
	return answer;
}
