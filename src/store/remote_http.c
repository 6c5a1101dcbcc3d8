#include "store/remote_http.h"

#include "io/secret.h"
#include "store/http_client.h"
#include "store/remote_conf.h"

#include <stdlib.h>

#define TOKEN_MAX 2048

const bool remote_http_is_there = true;

struct remote_http {
	struct http_client *client;
	char authorization[TOKEN_MAX + 32]; /* the header's line; empty: none */
};

static bool is_printable(const char *z)
{
	for (; *z; z++)
		if (*z <= ' ' || *z > '~')
			return false;
	return true;
}

static bool read_token(struct remote_http *h, const char *path, struct err *err)
{
	char token[TOKEN_MAX];
	struct buf line = BUF(h->authorization);
	bool good = secret_line(token, sizeof(token), path, err) == SECRET_READ;
	if (good && (!*token || !is_printable(token)))
		good = err_set(err, "%s: the first line is no token", path);
	if (good)
		buf_printf(&line, "Authorization: Bearer %s", token);
	buf_z(&line);
	explicit_bzero(token, sizeof(token));
	return good;
}

struct remote_http *remote_http_new(const struct remote_conf *c, struct err *err)
{
	const struct http_client_conf conf = { .ca_file = c->ca_file, .timeout = c->http_timeout };
	struct remote_http *h = calloc(1, sizeof(*h));
	if (!h) {
		err_set(err, "out of memory");
		return NULL;
	}
	if (!c->token_file || read_token(h, c->token_file, err))
		h->client = http_client_new(&conf, err);
	if (h->client)
		return h;
	remote_http_free(h);
	return NULL;
}

void remote_http_free(struct remote_http *h)
{
	if (h->client)
		http_client_free(h->client);
	explicit_bzero(h->authorization, sizeof(h->authorization));
	free(h);
}

bool remote_http_ask(struct remote_http *h, const char *url, struct str body, struct buf *answer, struct buf *why)
{
	const struct http_request q = { .url = url,
		.body = body,
		.headers = {
			"Content-Type: application/octet-stream", h->authorization[0] ? h->authorization : NULL } };
	return http_client_ask(h->client, &q, answer, why);
}
