#include "store/doveadm.h"

#include "io/secret.h"
#include "store/doveadm_answer.h"
#include "store/dovecot_conf.h"
#include "store/http_client.h"
#include "wire/base64.h"

#include <jansson.h>
#include <stdlib.h>

#define DOVEADM_SECRET_MAX 1024
#define QUESTION_MAX (64 + 6 * ADDRESS_MAX) /* an octet may be written as \u001f */
#define ANSWER_MAX 65536

const bool doveadm_is_there = true;

struct doveadm {
	const struct dovecot_conf *conf;
	struct http_client *client;
	char answer[ANSWER_MAX];
};

void doveadm_close(void *state)
{
	struct doveadm *d = state;
	if (d->client)
		http_client_free(d->client);
	free(d);
}

void *doveadm_open(const void *conf, struct err *err)
{
	const struct dovecot_conf *c = conf;
	const struct http_client_conf client = { .ca_file = c->ca_file, .timeout = c->timeout };
	struct doveadm *d = calloc(1, sizeof(*d));
	if (!d) {
		err_set(err, "out of memory");
		return NULL;
	}
	d->conf = c;
	d->client = http_client_new(&client, err);
	if (d->client)
		return d;
	doveadm_close(d);
	return NULL;
}

enum heard doveadm_heard(void *state)
{
	return http_client_heard(((struct doveadm *)state)->client);
}

/* The server without what follows its name, which may be long. */
static void put_server(const struct doveadm *d, struct buf *note)
{
	struct str uri = str_of(d->conf->uri), rest = str_from(uri, strlen("https://"));
	buf_put_clean(note, (struct str){ uri.at, uri.len - rest.len + str_find(rest, '/') });
}

/* The line of the header that says who we are. */
static bool put_authorization(const struct dovecot_conf *c, struct buf *line, struct err *err)
{
	char secret[DOVEADM_SECRET_MAX], text[DOVEADM_SECRET_MAX + 16];
	struct buf plain = BUF(text);
	const char *path = c->key_file ? c->key_file : c->password_file;
	bool good = secret_line(secret, sizeof(secret), path, err) == SECRET_READ;
	if (good && !secret[0])
		good = err_set(err, "%s: the first line is empty", path);
	if (good) {
		buf_puts(&plain, c->key_file ? "" : "doveadm:");
		buf_puts(&plain, secret);
		buf_puts(line, c->key_file ? "Authorization: X-Dovecot-API " : "Authorization: Basic ");
		base64_put(line, buf_str(&plain));
	}
	buf_z(line);
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(text, sizeof(text));
	return good;
}

/* False: no memory. */
static bool put_question(struct str user, struct buf *out)
{
	json_t *q = json_pack("[[s{s:s%}s]]", "quotaGet", "user", user.at, user.len, DOVEADM_TAG);
	if (!q)
		return false;
	out->len = json_dumpb(q, out->at, out->cap, JSON_COMPACT);
	json_decref(q);
	return out->len > 0 && out->len <= out->cap;
}

/* A mask would have Dovecot ask about all of its users, one after the other; no user has a name with these. */
static bool can_be_user(struct str s)
{
	return s.len > 0 && s.len <= ADDRESS_MAX && str_is_utf8(s) && str_find(s, '*') == s.len &&
	       str_find(s, '?') == s.len;
}

static bool ask_server(struct doveadm *d, struct str user, struct buf *answer, struct buf *why)
{
	char question[QUESTION_MAX], line[2 * DOVEADM_SECRET_MAX];
	struct buf body = BUF(question), authorization = BUF(line);
	struct err err;
	if (!put_question(user, &body)) {
		buf_puts(why, "out of memory");
		return false;
	}
	if (!put_authorization(d->conf, &authorization, &err)) {
		buf_put_clean(why, str_of(err.text));
		return false;
	}
	const struct http_request q = {
		.url = d->conf->uri, .body = buf_str(&body), .headers = { "Content-Type: application/json", line }
	};
	bool good = http_client_ask(d->client, &q, answer, why);
	explicit_bzero(line, sizeof(line));
	return good;
}

void doveadm_ask(void *state, const struct mailbox *m, bool firm, struct facts *facts, struct buf *note)
{
	struct doveadm *d = state;
	struct buf answer = BUF(d->answer);
	char text[160];
	struct buf why = BUF(text);
	(void)firm; /* there are no firmer ones */
	*facts = (struct facts){ .state = FACTS_FAILED };
	if (!can_be_user(m->address)) {
		facts->state = FACTS_NO_MAILBOX;
		buf_puts(note, "no user of Dovecot can have this name");
		return;
	}
	buf_puts(note, "doveadm at ");
	put_server(d, note);
	if (ask_server(d, m->address, &answer, &why)) {
		doveadm_answer_read(buf_str(&answer), facts, note);
		return;
	}
	buf_puts(note, ": ");
	buf_put(note, buf_str(&why));
}
