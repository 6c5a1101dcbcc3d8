#include "daemon/web_secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)65536) /* octets */
#define TOKEN_MIN 16

enum secrecy { PUBLIC, SECRET };

static bool is_ours(const struct stat *st, enum secrecy secrecy, uid_t daemon, struct err *err)
{
	if (!S_ISREG(st->st_mode))
		return err_set(err, "expected a regular file");
	if (st->st_uid != 0 && st->st_uid != daemon)
		return err_set(err, "expected a file that belongs to root or to the daemon's user");
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, "expected a file that group and others cannot write (chmod go-w)");
	return secrecy == PUBLIC || !(st->st_mode & S_IRWXO) ||
	       err_set(err, "expected a file that others cannot read (chmod o=)");
}

/* Its octets and a NUL; null with the reason. */
static char *read_open(int fd, enum secrecy secrecy, uid_t daemon, struct err *err)
{
	struct stat st;
	size_t len = 0;
	ssize_t n = 1;
	if (fstat(fd, &st) != 0) {
		err_set(err, "%s", strerror(errno));
		return NULL;
	}
	if (!is_ours(&st, secrecy, daemon, err))
		return NULL;
	char *text = calloc(1, FILE_MAX + 1);
	err_set(err, "out of memory");
	while (text && n > 0 && len < FILE_MAX) {
		n = read(fd, text + len, FILE_MAX - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (text && n == 0 && strlen(text) == len)
		return text;
	if (text)
		err_set(err, "%s", n < 0 ? strerror(errno) : n > 0 ? "longer than 64 KiB" : "a NUL in it");
	if (text)
		explicit_bzero(text, FILE_MAX);
	free(text);
	return NULL;
}

static char *read_file(const char *path, enum secrecy secrecy, uid_t daemon, struct err *err)
{
	struct err why;
	/* Non-blocking: a FIFO must not stop the daemon. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text = NULL;
	if (fd < 0)
		err_set(&why, "%s", strerror(errno));
	else
		text = read_open(fd, secrecy, daemon, &why);
	if (!text)
		err_set(err, "%s: %s", path, why.text);
	if (fd >= 0)
		close(fd);
	return text;
}

static void free_text(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

/* ---- tokens ---- */

static bool is_token(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] <= ' ' || s.at[i] > '~')
			return false;
	return s.len >= TOKEN_MIN;
}

static bool parse_tokens(struct web_secrets *out, struct str text, const struct hash_key *key, struct err *err)
{
	while (text.at) {
		struct str line = str_cut(&text, '\n');
		if (line.len && line.at[line.len - 1] == '\r')
			line.len--;
		if (line.len == 0 || line.at[0] == '#')
			continue;
		if (!is_token(line))
			return err_set(
				err, "expected lines of %d printable characters at least, without blanks", TOKEN_MIN);
		if (out->n_tokens == WEB_TOKENS_MAX)
			return err_set(err, "more than %d tokens", WEB_TOKENS_MAX);
		out->tokens[out->n_tokens++] = hash_of(key, line.at, line.len);
	}
	return out->n_tokens || err_set(err, "no token in it");
}

static bool read_tokens(
	struct web_secrets *out, const char *path, uid_t daemon, const struct hash_key *key, struct err *err)
{
	struct err why;
	char *text = read_file(path, SECRET, daemon, err);
	if (!text)
		return false;
	bool good = parse_tokens(out, str_of(text), key, &why);
	if (!good)
		err_set(err, "%s: %s", path, why.text);
	free_text(text);
	return good;
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

static bool read_tls(
	struct web_secrets *out, const struct http_conf *c, uid_t daemon, const struct hash_key *key, struct err *err)
{
	out->certificate = read_file(c->certificate, PUBLIC, daemon, err);
	out->private_key = out->certificate ? read_file(c->private_key, SECRET, daemon, err) : NULL;
	if (!out->private_key)
		return false;
	struct hash both[2] = { hash_of(key, out->certificate, strlen(out->certificate)),
		hash_of(key, out->private_key, strlen(out->private_key)) };
	out->tls = hash_of(key, both, sizeof(both));
	return true;
}

void web_secrets_forget_tls(struct web_secrets *s)
{
	free_text(s->certificate);
	free_text(s->private_key);
	s->certificate = s->private_key = NULL;
}

bool web_secrets_read(
	struct web_secrets *out, const struct http_conf *c, uid_t daemon, const struct hash_key *key, struct err *err)
{
	*out = (struct web_secrets){ .wants_token = c->token_file != NULL };
	if ((!c->token_file || read_tokens(out, c->token_file, daemon, key, err)) &&
		(!c->certificate || read_tls(out, c, daemon, key, err)))
		return true;
	web_secrets_forget_tls(out);
	*out = (struct web_secrets){ .wants_token = true };
	return false;
}
