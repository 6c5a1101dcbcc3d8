#include "store/server_address.h"

#include "io/desk.h"
#include "io/endpoint.h"
#include "store/remote_address.h"

#include <stddef.h>
#include <stdlib.h>

#define FRESH SECONDS(60)
#define AGAIN SECONDS(5)
#define NAME_OCTETS 255

struct report {
	uint32_t n;
	struct remote_packed at[REMOTE_ADDRESSES_MAX];
	char why[64]; /* when n is 0; only what is used is sent */
};

struct server_address {
	struct endpoint endpoint; /* when there is no name */
	char name[NAME_OCTETS + 1]; /* empty: none */
	uint16_t port;
	union remote_address at[REMOTE_ADDRESSES_MAX];
	size_t n, next;
	char why[80];
	msec stale_at, again_at;
	struct desk *desk; /* with a name */
	struct desk_ticket *ticket;
	void (*settled)(void *context, msec now);
	void *context;
};

/* ---- as written ---- */

static bool is_name(struct str s)
{
	if (s.len == 0 || s.len > NAME_OCTETS || s.at[0] == '-' || s.at[0] == '.')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i], small = (char)(c | 0x20);
		if (!(small >= 'a' && small <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_')
			return false;
	}
	return true;
}

/* A host that is a name. What endpoint_parse() takes is no name. */
static bool parse_name(struct str text, struct str *name, uint64_t *port)
{
	struct str rest = str_from(text, strlen("inet:"));
	size_t colon = str_rfind(rest, ':');
	*name = (struct str){ rest.at, colon };
	return str_starts(text, STR("inet:")) && is_name(*name) && str_u64(str_from(rest, colon + 1), port) &&
	       *port >= 1 && *port <= UINT16_MAX;
}

bool server_address_check(struct str text, struct err *err)
{
	struct endpoint e;
	struct str name;
	uint64_t port;
	if (str_starts(text, STR("unix:")))
		return endpoint_parse(&e, text, err);
	if (str_starts(text, STR("inet:*:")))
		return err_set(err, "a server has an address of its own");
	return (str_starts(text, STR("inet:")) && endpoint_parse(&e, text, NULL)) || parse_name(text, &name, &port) ||
	       err_set(err, "expected unix:/path, inet:HOST:PORT or inet:[v6]:PORT");
}

/* ---- the daemon's end ---- */

static bool take_report(struct server_address *s, const struct report *r, size_t len, msec now)
{
	if (len < offsetof(struct report, why) || len > sizeof(*r) || r->n > REMOTE_ADDRESSES_MAX)
		return false;
	struct buf why = BUF(s->why);
	buf_put_clean(&why, (struct str){ r->why, len - offsetof(struct report, why) });
	buf_z(&why);
	size_t n = 0;
	union remote_address found[REMOTE_ADDRESSES_MAX];
	for (; n < r->n; n++) {
		if (!remote_address_unpack(&found[n], &r->at[n]))
			return false;
		found[n].v4.sin_port = htons(s->port); /* stands in the same place in both families */
	}
	if (n == 0)
		return true; /* the former ones serve */
	memcpy(s->at, found, n * sizeof(found[0]));
	s->n = n;
	s->next = 0;
	s->stale_at = now + FRESH;
	return true;
}

static void on_found(void *context, void *asker, const void *reply, size_t len, const char *why, msec now)
{
	struct server_address *s = asker;
	(void)context;
	s->ticket = NULL;
	s->again_at = now + AGAIN;
	if (!reply || !take_report(s, reply, len, now))
		str_copy_z(s->why, sizeof(s->why), str_of(reply ? "the helper's answer makes no sense" : why));
	s->settled(s->context, now);
}

static bool open_desk(struct server_address *s, uv_loop_t *loop, struct nursery *nursery,
	const struct blocking_conf *conf, struct err *err)
{
	const struct desk_conf desk = {
		.name = conf->name,
		.set = conf->set,
		.helpers = 1,
		.hang = conf->hang,
		.answered = on_found,
	};
	s->desk = desk_open(loop, nursery, &desk, err);
	return s->desk != NULL;
}

struct server_address *server_address_open(uv_loop_t *loop, struct nursery *nursery, const struct blocking_conf *conf,
	const char *text, void (*settled)(void *, msec), void *context, struct err *err)
{
	struct server_address *s = calloc(1, sizeof(*s));
	struct str name;
	uint64_t port;
	if (!s) {
		err_set(err, "%s: no memory", conf->name);
		return NULL;
	}
	s->settled = settled;
	s->context = context;
	if (endpoint_parse(&s->endpoint, str_of(text), NULL))
		return s;
	if (parse_name(str_of(text), &name, &port) && str_copy_z(s->name, sizeof(s->name), name)) {
		s->port = (uint16_t)port;
		if (open_desk(s, loop, nursery, conf, err))
			return s;
	} else {
		err_set(err, "%s: no address of a server: %s", conf->name, text);
	}
	free(s);
	return NULL;
}

static void seek(struct server_address *s)
{
	struct str name = str_of(s->name);
	const struct desk_question q = { .text = name, .parts = { name } };
	s->ticket = desk_ask(s->desk, s, &q, 0);
	if (!s->ticket)
		str_copy_z(s->why, sizeof(s->why), STR("no memory"));
}

enum server_state server_address_get(struct server_address *s, const struct sockaddr **to, const char **why, msec now)
{
	if (!s->name[0]) {
		*to = (const struct sockaddr *)&s->endpoint.address;
		return SERVER_KNOWN;
	}
	if (now >= s->stale_at && now >= s->again_at && !s->ticket)
		seek(s);
	if (s->n == 0) {
		*why = s->why;
		return s->ticket ? SERVER_SOUGHT : SERVER_NAMELESS;
	}
	*to = &s->at[s->next % s->n].any;
	return SERVER_KNOWN;
}

void server_address_failed(struct server_address *s)
{
	s->next++;
}

struct pool_stats server_address_helpers(const struct server_address *s)
{
	return s->desk ? desk_stats(s->desk) : (struct pool_stats){ 0 };
}

void server_address_close(struct server_address *s)
{
	if (s->ticket)
		desk_forget(s->desk, s->ticket);
	if (s->desk)
		desk_close(s->desk);
	free(s);
}

/* ---- the helper's end ---- */

static void *seeker_open(const void *conf, struct err *err)
{
	static char nothing;
	(void)conf, (void)err;
	return &nothing;
}

static void seeker_close(void *state)
{
	(void)state;
}

static size_t answer(const void *arg, void *state, const struct desk_question *q, const char *trouble, void *reply)
{
	struct report *r = reply;
	struct buf why = BUF(r->why);
	(void)arg, (void)state;
	memset(r, 0, offsetof(struct report, why));
	if (trouble)
		buf_puts(&why, trouble);
	else
		r->n = remote_address_find(r->at, q->parts[0], &why);
	return offsetof(struct report, why) + why.len;
}

int server_address_run(int fd, const void *arg)
{
	const struct blocking_conf *conf = arg;
	const struct desk_service service = {
		.kind = "store",
		.name = conf->name,
		.conf = conf->conf,
		.open = seeker_open,
		.close = seeker_close,
		.answer = answer,
	};
	return desk_serve(fd, &service);
}
