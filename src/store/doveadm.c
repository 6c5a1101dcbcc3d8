#include "store/doveadm.h"

#include "io/secret.h"
#include "store/doveadm_answer.h"
#include "store/dovecot_conf.h"
#include "store/http_client.h"
#include "wire/base64.h"

#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#define DOVEADM_SECRET_MAX 1024
#define COMMAND_MAX (64 + 6 * ADDRESS_MAX) /* an octet may be written as \u001f */
#define ANSWER_MAX (256 << 10)
/* Asked for many, it shall have answered after this part of the time that it has, so that one slow user among them does
   not use up what is left. */
#define SLOW(timeout) ((timeout) / 4)

const bool doveadm_is_there = true;

struct doveadm {
	const struct dovecot_conf *conf;
	struct http_client *client;
	size_t most; /* users in the next request, 1..DOVEADM_USERS_MAX */
	char question[DOVEADM_USERS_MAX * COMMAND_MAX];
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
	d->most = DOVEADM_USERS_MAX;
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
static bool put_command(json_t *all, struct str user, size_t number)
{
	char text[24];
	struct buf tag = BUF(text);
	buf_put_u64(&tag, number);
	json_t *command = json_pack("[s{s:s%}s]", "quotaGet", "user", user.at, user.len, buf_z(&tag));
	return command && json_array_append_new(all, command) == 0;
}

/* False: no memory. */
static bool put_commands(const struct store_question *many, size_t n, struct buf *out)
{
	json_t *all = json_array();
	bool good = all != NULL;
	for (size_t i = 0; i < n && good; i++)
		good = put_command(all, many[i].mailbox.address, i);
	out->len = good ? json_dumpb(all, out->at, out->cap, JSON_COMPACT) : 0;
	json_decref(all);
	return out->len > 0 && out->len <= out->cap;
}

/* A mask would have Dovecot ask about all of its users, one after the other; no user has a name with these. */
static bool can_be_user(struct str s)
{
	return s.len > 0 && s.len <= ADDRESS_MAX && str_is_utf8(s) && str_find(s, '*') == s.len &&
	       str_find(s, '?') == s.len;
}

static bool ask_server(
	struct doveadm *d, const struct store_question *many, size_t n, struct buf *answer, struct buf *why)
{
	char line[2 * DOVEADM_SECRET_MAX];
	struct buf body = BUF(d->question), authorization = BUF(line);
	struct err err;
	if (!put_commands(many, n, &body)) {
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

static msec clock_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return SECONDS(t.tv_sec) + t.tv_nsec / 1000000;
}

/* How many go in one request. */
static size_t choose(const struct doveadm *d, const struct store_question *many, size_t n)
{
	size_t chosen = 1;
	while (chosen < n && chosen < d->most && can_be_user(many[chosen].mailbox.address))
		chosen++;
	return chosen;
}

/* What the next request may hold: fewer users when this one was slow, more when it was not. */
static void pace(struct doveadm *d, msec took)
{
	if (took > SLOW(d->conf->timeout))
		d->most = d->most > 1 ? d->most / 2 : 1;
	else
		d->most = d->most < DOVEADM_USERS_MAX / 2 ? d->most * 2 : DOVEADM_USERS_MAX;
}

/* False when it has answered, but not this; nothing is filled then, if it was asked for several. */
static bool ask_some(struct doveadm *d, struct store_question *many, size_t n)
{
	struct buf answer = BUF(d->answer);
	char text[160];
	struct buf why = BUF(text);
	msec began = clock_now();
	bool answered = ask_server(d, many, n, &answer, &why);
	pace(d, clock_now() - began);
	for (size_t i = 0; i < n; i++) {
		struct store_question *q = &many[i];
		q->facts = (struct facts){ .state = FACTS_FAILED };
		q->note.len = 0;
		q->note.full = false;
		buf_puts(&q->note, "doveadm at ");
		put_server(d, &q->note);
		if (answered)
			continue;
		buf_puts(&q->note, ": ");
		buf_put(&q->note, buf_str(&why));
	}
	if (answered && doveadm_answer_read(buf_str(&answer), many, n))
		return true;
	d->most = 1;
	return !answered;
}

/* `firm` does not matter: there are no firmer facts. */
size_t doveadm_ask_many(void *state, struct store_question *many, size_t n)
{
	struct doveadm *d = state;
	if (!can_be_user(many[0].mailbox.address)) {
		many[0].facts = (struct facts){ .state = FACTS_NO_MAILBOX };
		buf_puts(&many[0].note, "no user of Dovecot can have this name");
		return 1;
	}
	size_t chosen = choose(d, many, n);
	if (ask_some(d, many, chosen) || chosen == 1)
		return chosen;
	/* Some errors of a single command Dovecot does not put into JSON when others stand beside it. */
	ask_some(d, many, 1);
	return 1;
}

void doveadm_ask(void *state, const struct mailbox *m, bool firm, struct facts *facts, struct buf *note)
{
	struct store_question q = { .mailbox = *m, .firm = firm, .note = *note };
	doveadm_ask_many(state, &q, 1);
	*facts = q.facts;
	*note = q.note;
}
