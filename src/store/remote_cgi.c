#include "store/remote_cgi.h"

#include "store/remote_conf.h"
#include "store/remote_http.h"
#include "wire/quota_cgi.h"

#include <stdlib.h>

#define URL_MAX 4096 /* every octet of an address may become three */
#define ANSWER_MAX 1024

struct remote_cgi {
	const struct remote_conf *conf;
	struct remote_http *http;
};

void remote_cgi_close(void *state)
{
	struct remote_cgi *r = state;
	if (r->http)
		remote_http_free(r->http);
	free(r);
}

void *remote_cgi_open(const void *conf, struct err *err)
{
	struct remote_cgi *r = calloc(1, sizeof(*r));
	if (!r) {
		err_set(err, "out of memory");
		return NULL;
	}
	r->conf = conf;
	r->http = remote_http_new(conf, err);
	if (r->http)
		return r;
	remote_cgi_close(r);
	return NULL;
}

/* What stands for the user in the URL is what the answer repeats: %u, else %n. */
static struct str asked(const char *server, const struct mailbox *m)
{
	int vars = template_vars(str_of(server), ~0, NULL);
	return vars & TEMPLATE_ADDRESS ? m->address : m->local;
}

static void read_answer(struct str answer, struct str user, struct facts *facts, struct buf *note)
{
	struct quota_cgi q;
	if (quota_cgi_decode(&q, answer, user) < 0) {
		buf_puts(note, ": the answer is not one of a quota.cgi about this user");
		return;
	}
	*facts = (struct facts){ .state = FACTS_FOUND,
		.source = SOURCE_PEER,
		.firm = true,
		.usage = q.usage,
		.limit = q.quota,
		.messages = q.messages,
		.message_limit = q.message_quota };
	if (q.over)
		buf_puts(note, ": it says OVERQUOTA");
}

/* True: the server has spoken. The note names it without what follows its name, which may be long. */
static bool ask_server(
	struct remote_cgi *r, const char *server, const struct mailbox *m, struct facts *facts, struct buf *note)
{
	char address[URL_MAX + 1], text[ANSWER_MAX], said[200];
	struct buf url = { .at = address, .cap = URL_MAX }, answer = BUF(text), why = BUF(said);
	const char *wrong = NULL;
	if (!remote_conf_url(&url, str_of(server), m, &wrong)) {
		buf_puts(note, wrong);
		return true;
	}
	address[url.len] = '\0';
	struct str rest = str_from(buf_str(&url), strlen("https://"));
	size_t end = strlen("https://") + str_find(rest, '/');
	buf_put_clean(note, (struct str){ address, end < url.len ? end : url.len });
	if (remote_http_ask(r->http, address, (struct str){ NULL, 0 }, &answer, &why)) {
		read_answer(buf_str(&answer), asked(server, m), facts, note);
		return true;
	}
	buf_puts(note, ": ");
	buf_put(note, buf_str(&why));
	return false;
}

void remote_cgi_ask(void *state, const struct mailbox *m, bool firm, struct facts *facts, struct buf *note)
{
	struct remote_cgi *r = state;
	(void)firm; /* there are no firmer ones */
	*facts = (struct facts){ .state = FACTS_FAILED };
	for (size_t i = 0; i < r->conf->server.n; i++) {
		if (i > 0)
			buf_puts(note, "; ");
		if (ask_server(r, r->conf->server.at[i], m, facts, note))
			return;
	}
}
