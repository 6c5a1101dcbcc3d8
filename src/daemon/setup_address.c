#include "daemon/setup_address.h"

static bool is_unix(const struct config_listener *l)
{
	return l->endpoint.family == ENDPOINT_UNIX;
}

/* Of an inet address as it was written: the host that an MTA on this machine names, and the port. */
static struct str host_of(const struct config_listener *l, struct str *port)
{
	struct str whole = str_of(l->options->address), host = str_from(whole, str_find(whole, ':') + 1);
	size_t colon = str_rfind(host, ':');
	*port = str_from(host, colon + 1);
	host.len = colon;
	return str_eq(host, STR("*")) ? STR("127.0.0.1") : host;
}

void setup_put_postfix(struct buf *out, const struct config_listener *l)
{
	const struct str spool = STR("/var/spool/postfix/");
	if (is_unix(l)) {
		struct str path = str_of(endpoint_path(&l->endpoint));
		buf_puts(out, "unix:");
		buf_put(out, str_starts(path, spool) ? str_from(path, spool.len) : path);
		return;
	}
	struct str port, host = host_of(l, &port);
	buf_puts(out, "inet:");
	buf_put(out, host);
	buf_putc(out, ':');
	buf_put(out, port);
}

void setup_put_sendmail(struct buf *out, const struct config_listener *l)
{
	if (is_unix(l)) {
		buf_puts(out, "local:");
		buf_puts(out, endpoint_path(&l->endpoint));
		return;
	}
	struct str port, host = host_of(l, &port);
	bool v6 = host.len > 2 && host.at[0] == '[';
	if (v6)
		host = (struct str){ host.at + 1, host.len - 2 };
	buf_puts(out, v6 ? "inet6:" : "inet:");
	buf_put(out, port);
	buf_putc(out, '@');
	buf_put(out, host);
}

const char *setup_exim_socket(const struct config_listener *l)
{
	return is_unix(l) ? endpoint_path(&l->endpoint) : l->options->address;
}
