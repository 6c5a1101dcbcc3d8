/*
 * The options of a store of type remote, and what they mean: which servers are asked in which way, and how an address
 * becomes part of a name or a URL. What a directory names as host is looked at before it goes anywhere.
 */
#ifndef STORE_REMOTE_CONF_H
#define STORE_REMOTE_CONF_H

#include "base/buf.h"
#include "base/opt.h"
#include "base/time.h"
#include "core/template.h"

#define REMOTE_SERVERS_MAX 4
#define REMOTE_URLS_MAX 4
#define REMOTE_TRIES_MAX 8
#define REMOTE_HOST_MAX 255 /* octets of a name */
#define REMOTE_URL_MAX 400 /* octets of a URL that is a question's part, see store/remote_errand.h */

struct remote_conf {
	struct opt_list server, http;
	const char *key_file, *ca_file, *token_file;
	msec timeout, http_timeout, breaker_pause;
	uint64_t tries, hosts, breaker_failures;
};

/* Who is asked by datagrams. */
struct remote_server {
	struct str host; /* a template of %{host}, without brackets */
	uint16_t port;
};

extern const struct opt remote_opts[];

/* What the options say together. */
bool remote_conf_check(const void *conf, struct err *);

/* True: quotagates, by datagrams first. False: web servers with a quota.cgi. */
bool remote_conf_is_datagram(const struct remote_conf *);

/* Server number i of one that is asked by datagrams. */
struct remote_server remote_conf_server(const struct remote_conf *, size_t i);

/* Writes a server's name or address, at most REMOTE_HOST_MAX octets, into `out`. False with why in a few words. */
bool remote_conf_name(struct buf *out, struct str template, const struct mailbox *, const char **why);

/* The same for a URL, all of it: a host as it is, or as an address in brackets, other values percent-encoded but for the
   unreserved characters of RFC 3986. */
bool remote_conf_url(struct buf *out, struct str template, const struct mailbox *, const char **why);

#endif
