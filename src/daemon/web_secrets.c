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

static enum secret_state read_tokens(struct web_secrets *out, struct safe *safe, const char *path, uid_t daemon,
	const struct hash_key *key, struct err *err)
{
	const struct secret_rule rule = { .owner = daemon };
	struct secret text;
	struct err why;
	enum secret_state state = safe_read(safe, &text, path, &rule, err);
	if (state == SECRET_READ && !parse_tokens(out, (struct str){ text.at, text.len }, key, &why)) {
		err_set(err, "%s: %s", path, why.text);
		state = SECRET_BAD;
	}
	secret_done(&text);
	return state;
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

/* PEM is text, and is handed over as such. `label` stands in its first line, or in one further down (RFC 7468). */
static enum secret_state read_pem(struct secret *out, struct safe *safe, const char *path,
	const struct secret_rule *rule, const char *label, struct err *err)
{
	enum secret_state state = safe_read(safe, out, path, rule, err);
	if (state != SECRET_READ || (strlen(out->at) == out->len && strstr(out->at, label)))
		return state;
	err_set(err, "%s: not in PEM: nothing in it ends with \"%s\"", path, label);
	return SECRET_BAD;
}

static enum secret_state read_tls(struct web_secrets *out, struct safe *safe, const struct http_conf *c, uid_t daemon,
	const struct hash_key *key, struct err *err)
{
	const struct secret_rule public = { .owner = daemon, .public = true }, private = { .owner = daemon };
	enum secret_state state = read_pem(&out->certificate, safe, c->certificate, &public, " CERTIFICATE-----", err);
	if (state == SECRET_READ)
		state = read_pem(&out->private_key, safe, c->private_key, &private, "PRIVATE KEY-----", err);
	if (state != SECRET_READ)
		return state;
	struct hash both[2] = { hash_of(key, out->certificate.at, out->certificate.len),
		hash_of(key, out->private_key.at, out->private_key.len) };
	out->tls = hash_of(key, both, sizeof(both));
	return SECRET_READ;
}

void web_secrets_forget_tls(struct web_secrets *s)
{
	secret_done(&s->certificate);
	secret_done(&s->private_key);
}

enum secret_state web_secrets_read(struct web_secrets *out, struct safe *safe, const struct http_conf *c, uid_t daemon,
	const struct hash_key *key, struct err *err)
{
	enum secret_state state = SECRET_READ;
	*out = (struct web_secrets){ .wants_token = c->token_file != NULL };
	if (c->token_file)
		state = read_tokens(out, safe, c->token_file, daemon, key, err);
	if (state == SECRET_READ && c->certificate)
		state = read_tls(out, safe, c, daemon, key, err);
	if (state == SECRET_READ)
		return state;
	web_secrets_forget_tls(out);
	*out = (struct web_secrets){ .wants_token = true };
	return state;
}
