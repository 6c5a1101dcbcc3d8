#include "daemon/web_secrets.h"

#define TOKEN_MIN 16

/* ---- tokens ---- */

static bool parse_tokens(struct web_secrets *out, struct str text, const struct hash_key *key, struct err *err)
{
	struct str token;
	while ((token = secret_next(&text)).at) {
		if (token.len < TOKEN_MIN || !str_is_visible(token))
			return err_set(
				err, "expected lines of %d printable characters at least, without blanks", TOKEN_MIN);
		if (out->n_tokens == WEB_TOKENS_MAX)
			return err_set(err, "more than %d tokens", WEB_TOKENS_MAX);
		out->tokens[out->n_tokens++] = hash_of(key, token.at, token.len);
	}
	return out->n_tokens || err_set(err, "no token in it");
}

static bool read_tokens(struct web_secrets *out, struct safe *safe, const char *path, uid_t daemon,
	const struct hash_key *key, struct err *err)
{
	const struct secret_rule rule = { .owner = daemon };
	struct secret text;
	struct err why;
	if (safe_read(safe, &text, path, &rule, err) != SECRET_READ)
		return false;
	bool good = parse_tokens(out, (struct str){ text.at, text.len }, key, &why);
	secret_done(&text);
	return good || err_set(err, "%s: %s", path, why.text);
}

bool web_secrets_admit(const struct web_secrets *s, struct str authorization, const struct hash_key *key)
{
	struct str scheme = STR("Bearer "), token = str_trim(str_from(authorization, scheme.len));
	if (!s->wants_token)
		return true;
	if (authorization.len < scheme.len || !str_eq_nocase((struct str){ authorization.at, scheme.len }, scheme))
		return false;
	struct hash h = hash_of(key, token.at, token.len);
	bool known = false;
	for (size_t i = 0; i < s->n_tokens; i++)
		known = known || hash_eq(h, s->tokens[i]);
	return known;
}

/* ---- TLS ---- */

/* PEM is text, and is handed over as such. */
static bool read_pem(
	struct secret *out, struct safe *safe, const char *path, const struct secret_rule *rule, struct err *err)
{
	if (safe_read(safe, out, path, rule, err) != SECRET_READ)
		return false;
	return strlen(out->at) == out->len || err_set(err, "%s: a NUL in it", path);
}

static bool read_tls(struct web_secrets *out, struct safe *safe, const struct http_conf *c, uid_t daemon,
	const struct hash_key *key, struct err *err)
{
	const struct secret_rule public = { .owner = daemon, .public = true }, private = { .owner = daemon };
	if (!read_pem(&out->certificate, safe, c->certificate, &public, err) ||
		!read_pem(&out->private_key, safe, c->private_key, &private, err))
		return false;
	struct hash both[2] = { hash_of(key, out->certificate.at, out->certificate.len),
		hash_of(key, out->private_key.at, out->private_key.len) };
	out->tls = hash_of(key, both, sizeof(both));
	return true;
}

void web_secrets_forget_tls(struct web_secrets *s)
{
	secret_done(&s->certificate);
	secret_done(&s->private_key);
}

bool web_secrets_read(struct web_secrets *out, struct safe *safe, const struct http_conf *c, uid_t daemon,
	const struct hash_key *key, struct err *err)
{
	*out = (struct web_secrets){ .wants_token = c->token_file != NULL };
	if ((!c->token_file || read_tokens(out, safe, c->token_file, daemon, key, err)) &&
		(!c->certificate || read_tls(out, safe, c, daemon, key, err)))
		return true;
	web_secrets_forget_tls(out);
	*out = (struct web_secrets){ .wants_token = true };
	return false;
}
