/* The files of a listener for HTTP: its tokens, its certificate and the key of it. */
#ifndef DAEMON_WEB_SECRETS_H
#define DAEMON_WEB_SECRETS_H

#include "base/hash.h"
#include "front/http.h"
#include "io/safe.h"

#define WEB_TOKENS_MAX 8

struct web_secrets {
	bool wants_token;
	struct hash
		tokens[WEB_TOKENS_MAX]; /* under the engine's key: how long a comparison takes tells nothing of them */
	size_t n_tokens;
	struct secret certificate, private_key; /* empty: without TLS, or it has begun */
	struct hash tls; /* of both; none: without TLS */
};

/* Reads what the options name, by the rule for the user `daemon`. Unless SECRET_READ is returned, `err` has the reason, which
   begins with the path, and *out is empty. */
enum secret_state web_secrets_read(struct web_secrets *out, struct safe *, const struct http_conf *, uid_t daemon,
	const struct hash_key *, struct err *);

/* Wipes and frees what is needed only to begin TLS. */
void web_secrets_forget_tls(struct web_secrets *);

/* Is this the value of a header `Authorization` that lets its sender ask? `at` null: there was none. */
bool web_secrets_admit(const struct web_secrets *, struct str authorization, const struct hash_key *);

#endif
