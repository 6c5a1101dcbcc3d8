/*
 * Where a database is, and the password for it, which is never part of the URI: the configuration is printed, and read by
 * more people than should know.
 */
#include "io/secret.h"
#include "io/sql_driver.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Copies a part of the URI without its %XX. */
static bool take(char *out, size_t cap, const char *what, struct str s, struct err *err)
{
	struct buf b = { .at = out, .cap = cap };
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		if (c == '%') {
			int high = i + 2 < s.len ? hex(s.at[i + 1]) : -1;
			int low = high < 0 ? -1 : hex(s.at[i + 2]);
			if (low < 0)
				return err_set(err, "%s: a %% is followed by two hexadecimal digits", what);
			c = (char)(high * 16 + low);
			i += 2;
		}
		if ((unsigned char)c < 0x20 || c == 0x7F)
			return err_set(err, "%s: an octet that is not printable", what);
		buf_putc(&b, c);
	}
	buf_z(&b);
	return !b.full || err_set(err, "the %s is longer than %zu octets", what, cap - 1);
}

static bool take_port(struct sql_place *p, struct str s, struct err *err)
{
	uint64_t port;
	if (!str_u64(s, &port) || port == 0 || port > 65535)
		return err_set(err, "\"%.*s\" is no port", (int)s.len, s.at);
	p->port = (unsigned)port;
	return true;
}

/* host, host:port, [v6], [v6]:port, or a socket's path with its slashes as %2F. */
static bool take_host(struct sql_place *p, struct str s, struct err *err)
{
	struct str host = s, port = { NULL, 0 };
	if (s.len && s.at[0] == '[') {
		size_t end = str_find(s, ']');
		if (end == s.len || (end + 1 < s.len && s.at[end + 1] != ':'))
			return err_set(err, "expected [address]:port");
		host = (struct str){ s.at + 1, end - 1 };
		port = str_from(s, end + 1);
	} else if (str_find(s, ':') < s.len) {
		host.len = str_find(s, ':');
		port = str_from(s, host.len);
	}
	if (port.len && !take_port(p, str_from(port, 1), err))
		return false;
	if (!take(p->host, sizeof(p->host), "host", host, err))
		return false;
	if (p->host[0] != '/')
		return true;
	p->host[0] = '\0';
	return take(p->path, sizeof(p->path), "socket", host, err);
}

static bool take_server(struct sql_place *p, struct str rest, struct err *err)
{
	struct str query = str_from(rest, str_find(rest, '?') + 1);
	rest.len = str_find(rest, '?');
	size_t slash = str_find(rest, '/');
	struct str authority = { rest.at, slash }, database = str_from(rest, slash + 1);
	size_t at = str_rfind(authority, '@');
	struct str user = { authority.at, at < authority.len ? at : 0 };
	struct str host = at < authority.len ? str_from(authority, at + 1) : authority;
	if (str_find(user, ':') < user.len)
		return err_set(err, "a password does not stand in the URI; give `password_file`");
	if (!take(p->user, sizeof(p->user), "user", user, err) || !take_host(p, host, err) ||
		!take(p->database, sizeof(p->database), "database", database, err))
		return false;
	if (query.len && !str_starts(query, STR("socket=/")))
		return err_set(err, "after the ? only socket=/path is known");
	if (query.len && !take(p->path, sizeof(p->path), "socket", str_from(query, strlen("socket=")), err))
		return false;
	if (p->path[0] && p->host[0])
		return err_set(err, "either a host or a socket");
	return p->database[0] || err_set(err, "the name of the database is missing");
}

bool sql_place_parse(struct sql_place *p, struct str uri, struct err *err)
{
	*p = (struct sql_place){ 0 };
	size_t colon = str_find(uri, ':');
	struct str rest = str_from(uri, colon + 1);
	p->driver = sql_driver_find((struct str){ uri.at, colon }, err);
	if (!p->driver)
		return false;
	if (p->driver->is_file) {
		if (str_starts(rest, STR("///")))
			rest = str_from(rest, 2);
		if (rest.len == 0 || rest.at[0] != '/')
			return err_set(err, "expected %s:/path/to/file", p->driver->scheme);
		return take(p->path, sizeof(p->path), "path", rest, err);
	}
	if (!str_starts(rest, STR("//")))
		return err_set(err, "expected %s://user@host/database", p->driver->scheme);
	return take_server(p, str_from(rest, 2), err);
}

void sql_place_put(const struct sql_place *p, struct buf *out)
{
	buf_puts(out, p->driver->name);
	buf_putc(out, ' ');
	buf_put_clean(out, str_of(p->host[0] ? p->host : p->path));
	if (p->port)
		buf_printf(out, ":%u", p->port);
	if (p->database[0] && (p->host[0] || p->path[0]))
		buf_putc(out, '/');
	buf_put_clean(out, str_of(p->database));
}

void sql_server_put(const char *uri, struct buf *out)
{
	struct str s = str_of(uri);
	const struct sql_driver *driver = sql_driver_find((struct str){ s.at, str_find(s, ':') }, NULL);
	if (driver && !driver->is_file)
		buf_put(out, s);
}

bool sql_password_read(char out[SQL_PASSWORD_MAX], const char *path, struct err *err)
{
	return secret_line(out, SQL_PASSWORD_MAX, path, err) == SECRET_READ;
}

bool sql_password_check(const char *path, struct err *err)
{
	char password[SQL_PASSWORD_MAX];
	enum secret_state state = secret_line(password, sizeof(password), path, err);
	explicit_bzero(password, sizeof(password));
	return state != SECRET_BAD;
}
