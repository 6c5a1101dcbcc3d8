/* See drive.h. */
#include "drive.h"

#include <stdio.h>
#include <stdlib.h>

#define OUT_MAX 8192

static void require(bool held, const char *rule)
{
	if (held)
		return;
	fprintf(stderr, "the front broke its contract: %s\n", rule);
	abort();
}

static void *zeroed(size_t octets)
{
	void *p = calloc(1, octets ? octets : 1);
	require(p != NULL, "memory");
	return p;
}

static bool add_to_list(const struct opt *row, struct opt_list *list, const char *value, struct err *err)
{
	if (row->check && !row->check(str_of(value), err))
		return false;
	list->at = realloc(list->at, (list->n + 1) * sizeof(*list->at));
	require(list->at != NULL, "memory");
	list->at[list->n++] = value;
	return true;
}

static bool set_seconds(msec *member, struct str value, struct err *err)
{
	uint64_t n = 0;
	if (value.len == 0 || value.at[value.len - 1] != 's' || !str_u64((struct str){ value.at, value.len - 1 }, &n))
		return err_set(err, "the drive knows durations in seconds only, as 30s");
	*member = SECONDS((msec)n);
	return true;
}

static bool set_option(const struct opt *row, char *conf, const char *value, struct err *err)
{
	void *member = conf + row->offset;
	switch (row->type) {
	case OPT_STRING:
		if (row->check && !row->check(str_of(value), err))
			return false;
		memcpy(member, &value, sizeof(value));
		return true;
	case OPT_CHOICE:
		for (int i = 0; row->choices[i]; i++) {
			if (strcmp(row->choices[i], value) != 0)
				continue;
			memcpy(member, &i, sizeof(i));
			return true;
		}
		return err_set(err, "no such choice: %s", value);
	case OPT_BOOL: {
		bool on = strcmp(value, "true") == 0;
		memcpy(member, &on, sizeof(on));
		return true;
	}
	case OPT_LIST: return add_to_list(row, member, value, err);
	case OPT_DURATION: return set_seconds(member, str_of(value), err);
	case OPT_NUMBER:
	case OPT_OCTETS:
	case OPT_MODE:
	case OPT_SECTION: break;
	}
	return err_set(err, "%s is of a type that the drive does not know", row->name);
}

static bool find_option(const struct opt *rows, char *conf, struct str name, const char *value, struct err *err)
{
	struct str rest = name, head = str_cut(&rest, '.');
	for (const struct opt *row = rows; row->name; row++) {
		if (!str_eq(head, str_of(row->name)))
			continue;
		if (row->type == OPT_SECTION && rest.at)
			return find_option(row->rows, conf + row->offset, rest, value, err);
		return set_option(row, conf, value, err);
	}
	return err_set(err, "no option %.*s", (int)name.len, name.at);
}

static void set_defaults(const struct opt *rows, char *conf)
{
	for (const struct opt *row = rows; row->name; row++) {
		if (row->type == OPT_SECTION)
			set_defaults(row->rows, conf + row->offset);
		else if (row->def)
			require(set_option(row, conf, row->def, NULL), "a default of an option is refused");
	}
}

bool drive_option(struct drive *d, struct str name, const char *value, struct err *err)
{
	return find_option(d->front->opts, d->conf, name, value, err);
}

static void put_lines(struct buf *out, struct str sent)
{
	while (sent.len) {
		size_t n = str_find(sent, '\n');
		buf_puts(out, n ? "< " : "<");
		drive_put_escaped(out, (struct str){ sent.at, n }, false);
		buf_puts(out, n < sent.len ? "\n" : "\\\n");
		sent = str_from(sent, n + 1);
	}
}

void drive_init(struct drive *d, const struct front *front, struct buf transcript)
{
	*d = (struct drive){ .front = front, .transcript = transcript, .put_sent = put_lines };
	d->conf = zeroed(front->conf_size);
	d->shared = zeroed(front->shared_size);
	set_defaults(front->opts, d->conf);
}

static void disconnect(struct drive *d)
{
	free(d->session);
	free(d->input);
	d->session = NULL;
	d->input = NULL;
	d->eaten = d->unread = 0;
}

void drive_done(struct drive *d)
{
	disconnect(d);
	for (const struct opt *row = d->front->opts; row->name; row++)
		if (row->type == OPT_LIST)
			free(((struct opt_list *)(void *)((char *)d->conf + row->offset))->at);
	free(d->conf);
	free(d->shared);
}

void drive_put_escaped(struct buf *out, struct str s, bool is_word)
{
	bool utf8 = str_is_utf8(s);
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];
		if (c < 0x20 || c == 0x7F || c == '\\' || (c >= 0x80 && !utf8) || (c == ' ' && is_word))
			buf_printf(out, "\\x%02X", c);
		else
			buf_putc(out, (char)c);
	}
}

void drive_put_unescaped(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char hex[3] = { 0 };
		if (text.at[i] == '\\' && i + 3 < text.len && text.at[i + 1] == 'x') {
			memcpy(hex, text.at + i + 2, 2);
			buf_putc(out, (char)strtoul(hex, NULL, 16));
			i += 3;
		} else {
			buf_putc(out, text.at[i]);
		}
	}
}

static void put_member(struct buf *out, const char *name, struct str value)
{
	if (value.len == 0)
		return;
	buf_printf(out, " %s=", name);
	drive_put_escaped(out, value, true);
}

static size_t transaction_number(struct drive *d, struct hash transaction)
{
	for (size_t i = 0; i < d->n_seen; i++)
		if (hash_eq(d->seen[i], transaction))
			return i + 1;
	if (d->n_seen < DRIVE_TRANSACTIONS)
		d->seen[d->n_seen++] = transaction;
	return d->n_seen;
}

static void put_question(struct drive *d, const struct query *q)
{
	struct buf *t = &d->transcript;
	const char *what = q->kind == QUERY_PATH     ? "path"
			   : q->kind == QUERY_SENDER ? "mail"
			   : q->stage == STAGE_RCPT  ? "rcpt"
						     : "end-of-message";
	buf_printf(t, "? %s", what);
	put_member(t, "address", q->address);
	put_member(t, "recipients", q->recipients);
	if (q->size)
		buf_printf(t, " size=%llu", (unsigned long long)q->size);
	if (q->limit.named)
		buf_printf(t, " limit=%llu", (unsigned long long)q->limit.octets);
	put_member(t, "sender", q->sender);
	put_member(t, "client", q->client);
	if (q->authenticated)
		buf_puts(t, " authenticated");
	if (!hash_is_none(q->transaction))
		buf_printf(t, " transaction=%zu", transaction_number(d, q->transaction));
	if (q->unbound)
		buf_puts(t, " unbound");
	if (q->purpose != PURPOSE_DELIVER)
		buf_printf(t, " purpose=%s", q->purpose == PURPOSE_REPORT ? "report" : "peek");
	buf_putc(t, '\n');
}

static void put_complaint(struct drive *d)
{
	const char *complaint = d->front->complaint ? d->front->complaint(d->session) : NULL;
	if (complaint && !d->silent)
		buf_printf(&d->transcript, "complaint: %s\n", complaint);
}

static void put_transaction(struct drive *d, const char *what, const struct query *q)
{
	require(!hash_is_none(q->transaction), "the end of no transaction");
	buf_printf(&d->transcript, "%s %zu\n", what, transaction_number(d, q->transaction));
}

/* To memory of just this size, so that a sanitizer sees an octet read too many. */
static void move_input(struct drive *d, struct query *q, struct str more)
{
	const char *from = d->input ? d->input + d->eaten : NULL;
	char *to = zeroed(d->unread + more.len);
	if (d->unread)
		memcpy(to, from, d->unread);
	if (more.len)
		memcpy(to + d->unread, more.at, more.len);
	if (q && from)
		query_move(q, from, d->unread, to);
	free(d->input);
	d->input = to;
	d->eaten = 0;
	d->unread += more.len;
}

/* The question's slices lie in what was eaten, so that moves along. */
static void move_all(struct drive *d, struct query *q)
{
	size_t eaten = d->eaten;
	d->unread += eaten;
	d->eaten = 0;
	move_input(d, q, (struct str){ NULL, 0 });
	d->unread -= eaten;
	d->eaten = eaten;
}

static enum front_step answer(struct drive *d, struct query *q, struct buf *out)
{
	struct answer a = { 0 };
	put_question(d, q);
	put_complaint(d);
	if (d->moves)
		move_all(d, q);
	d->verdict(d->context, q, &a);
	enum front_step step = d->front->answer(d->session, q, &a, out);
	require(step != FRONT_MORE && step != FRONT_ASK && step != FRONT_METRICS,
		"answer() says send, close or the end");
	return step;
}

/* One call of feed(), or of feed_last(), and what follows from it. True when there may be more to do. */
static bool step_once(struct drive *d, bool last, size_t *idle)
{
	const struct front *front = d->front;
	char space[OUT_MAX];
	struct buf out = BUF(space);
	struct query q = { 0 };
	size_t eaten = 0, most = d->unread < d->front->request_max ? d->unread : d->front->request_max;
	if (d->moves)
		move_input(d, NULL, (struct str){ NULL, 0 });
	struct str in = { d->input + d->eaten, most };
	enum front_step step = (last ? front->feed_last : front->feed)(d->session, in, &eaten, &q, &out);
	require(eaten <= most, "eaten more than there was");
	require(step != FRONT_MORE || (eaten == 0 && out.len == 0), "more: all octets stay and nothing is sent");
	require((step != FRONT_ASK && step != FRONT_SEND) || eaten, "a request has octets");
	*idle = eaten ? 0 : *idle + 1;
	require(*idle < 4, "no progress");
	d->eaten += eaten;
	d->unread -= eaten;
	if (step == FRONT_MORE && (last || most < front->request_max))
		return false;
	if (step == FRONT_ASK)
		step = answer(d, &q, &out);
	else if (step == FRONT_SEND || step == FRONT_CLOSE)
		put_complaint(d);
	require(!out.full, "room for the answer");
	d->put_sent(&d->transcript, buf_str(&out));
	if (step == FRONT_ENDED || step == FRONT_ABANDONED) {
		put_transaction(d, step == FRONT_ENDED ? "ended" : "abandoned", &q);
		return true;
	}
	if (step == FRONT_SEND)
		return d->unread > 0;
	if (step == FRONT_METRICS)
		buf_puts(&d->transcript, "metrics\n");
	/* FRONT_CLOSE, FRONT_METRICS, or FRONT_MORE with request_max octets there. */
	buf_puts(&d->transcript, "close\n");
	d->unread = 0;
	drive_hangup(d);
	return false;
}

void drive_connect(struct drive *d, struct str host)
{
	static const struct hash_key key = { 0x0706050403020100, 0x0F0E0D0C0B0A0908 };
	drive_hangup(d);
	str_copy_z(d->host, sizeof(d->host), host);
	const struct front_peer peer = { .host = str_of(d->host),
		.key = &key,
		.keys = d->keys,
		.now = 1000,
		.wall = DRIVE_WALL,
		.listener = 1,
		.connection = ++d->connections };
	d->session = zeroed(d->front->session_size);
	d->front->start(d->session, d->conf, d->shared, &peer);
	buf_printf(&d->transcript, d->host[0] ? "connect %s\n" : "connect%s\n", d->host);
}

void drive_input(struct drive *d, struct str piece)
{
	size_t idle = 0;
	if (!d->session)
		return;
	move_input(d, NULL, piece);
	while (step_once(d, false, &idle))
		;
}

void drive_hangup(struct drive *d)
{
	struct query q = { 0 };
	size_t idle = 0;
	while (d->session && d->unread && d->front->feed_last && step_once(d, true, &idle))
		;
	if (!d->session)
		return;
	enum front_step step = d->front->end ? d->front->end(d->session, &q) : FRONT_MORE;
	if (step == FRONT_ENDED || step == FRONT_ABANDONED)
		put_transaction(d, step == FRONT_ENDED ? "ended" : "abandoned", &q);
	else
		require(step == FRONT_MORE, "end() says more, ended or abandoned");
	disconnect(d);
}
