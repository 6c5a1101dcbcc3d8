/* See policy.h. On the path of every question: one pass, names told apart by their length. */
#include "wire/policy.h"

#include "base/scan.h"

/* Where the value of this attribute goes, null when nobody wants it. */
static struct str *slot(struct policy_request *r, struct str name)
{
#define IS(literal) (memcmp(name.at, literal, sizeof(literal) - 1) == 0)
	switch (name.len) {
	case 4: return IS("size") ? &r->size : NULL;
	case 6: return IS("sender") ? &r->sender : NULL;
	case 7: return IS("request") ? &r->request : IS("message") ? &r->message : NULL;
	case 8: return IS("instance") ? &r->instance : IS("queue_id") ? &r->queue_id : NULL;
	case 9: return IS("recipient") ? &r->recipient : NULL;
	case 10: return IS("recipients") ? &r->recipients : NULL;
	case 13: return IS("sasl_username") ? &r->sasl_username : NULL;
	case 14: return IS("protocol_state") ? &r->protocol_state : IS("client_address") ? &r->client_address : NULL;
	case 15: return IS("recipient_count") ? &r->recipient_count : NULL;
	}
#undef IS
	return NULL;
}

/* The line at `from` without its line end; *next is where the one after it begins, 0 when its end is not there yet. */
static struct str line_at(struct str in, size_t from, size_t *next)
{
	*next = 0;
	if (from >= in.len)
		return (struct str){ in.at, 0 };
	const char *start = in.at + from;
	const char *lf = memchr(start, '\n', in.len - from);
	if (!lf)
		return (struct str){ start, 0 };
	*next = (size_t)(lf - in.at) + 1;
	if (lf > start && lf[-1] == '\r')
		lf--;
	return (struct str){ start, (size_t)(lf - start) };
}

/* NUL is looked for once in all the lines: a memchr for each would cost more than the rest of the codec. */
static bool has_nul(struct str in, size_t from, size_t to)
{
	return to > from && memchr(in.at + from, '\0', to - from);
}

/* A request while it is being read. */
struct reader {
	struct policy_request *out;
	const char *line; /* where the one that is being read begins */
	const char *equals; /* its first "=", null: not seen yet */
};

/* The line ends before `lf`. 1: it is a good one, 0: it is the empty one, < 0: malformed. */
static int take_line(struct reader *r, const char *lf)
{
	size_t len = (size_t)(lf - r->line);
	if (len && lf[-1] == '\r')
		len--;
	if (len == 0)
		return 0;
	if (!r->equals)
		return -1;
	struct str *value = slot(r->out, (struct str){ r->line, (size_t)(r->equals - r->line) });
	const char *from = r->equals + 1;
	if (value && !value->at)
		*value = (struct str){ from, len - (size_t)(from - r->line) };
	r->line = lf + 1;
	r->equals = NULL;
	return 1;
}

/* The lines that end in the block at `block`, whose marks these are. As take_line(); 1: all are good, *lf is the last. */
static int take_lines(struct reader *r, const char *block, uint64_t ends, uint64_t equals, const char **lf)
{
	for (; ends; ends &= ends - 1) {
		const uint64_t before = scan_below(ends);
		if (!r->equals && (equals & before))
			r->equals = block + scan_first(equals & before);
		equals &= ~before;
		*lf = block + scan_first(ends);
		int n = take_line(r, *lf);
		if (n <= 0)
			return n;
	}
	if (!r->equals && equals)
		r->equals = block + scan_first(equals);
	return 1;
}

/* The loop of the hottest path: it reads every octet once, and lines cost no calls. */
ssize_t policy_decode(struct policy_request *out, struct str in)
{
	struct reader r = { .out = out, .line = in.at };
	char rest[SCAN_BLOCK] = "";
	int n = 1;
	memset(out, 0, sizeof(*out));
	for (size_t at = 0; at < in.len && n > 0; at += SCAN_BLOCK) {
		const char *block = in.at + at, *octets = block, *lf;
		if (in.len - at < SCAN_BLOCK)
			octets = memcpy(rest, block, in.len - at);
		n = take_lines(&r, block, scan_block(octets, '\n'), scan_block(octets, '='), &lf);
		if (n == 0)
			return r.line == in.at || has_nul(in, 0, (size_t)(r.line - in.at)) ? -1 : lf + 1 - in.at;
	}
	return n < 0 || has_nul(in, 0, (size_t)(r.line - in.at)) ? -1 : 0;
}

ssize_t policy_span(struct str in, size_t *checked)
{
	size_t at = *checked, next;
	for (;; at = next) {
		struct str line = line_at(in, at, &next);
		if (next == 0 || line.len == 0)
			break;
		if (!memchr(line.at, '=', line.len))
			return -1;
	}
	if (has_nul(in, *checked, at) || (next && at == 0))
		return -1;
	*checked = at;
	return (ssize_t)next;
}

uint64_t policy_size(struct str size)
{
	uint64_t n;
	if (!str_u64(size, &n))
		return 0;
	return n > INT64_MAX ? INT64_MAX : n;
}

void policy_encode(struct buf *out, struct str action)
{
	buf_put(out, STR("action="));
	buf_put(out, action);
	buf_put(out, STR("\n\n"));
}

ssize_t policy_reply_decode(struct str *action, struct str in, size_t max)
{
	size_t at = 0, next;
	*action = (struct str){ NULL, 0 };
	for (;; at = next) {
		struct str line = line_at(in, at, &next);
		if (next == 0 || next > max)
			return in.len >= max ? -1 : 0;
		if (line.len == 0)
			return at == 0 || has_nul(in, 0, at) ? -1 : (ssize_t)next;
		if (!memchr(line.at, '=', line.len))
			return -1;
		if (!action->at && str_starts(line, STR("action=")))
			*action = str_from(line, strlen("action="));
	}
}

/* The peer would read another value, or another line. */
static bool is_clean(struct str value)
{
	bool cr = value.len && value.at[value.len - 1] == '\r';
	return !cr && str_find(value, '\n') == value.len && str_find(value, '\0') == value.len;
}

bool policy_request_encode(struct buf *out, const struct policy_request *r)
{
	const struct {
		struct str name, value;
	} rows[] = {
		{ STR("request="), r->request.at ? r->request : STR("smtpd_access_policy") },
		{ STR("protocol_state="), r->protocol_state },
		{ STR("client_address="), r->client_address },
		{ STR("sender="), r->sender },
		{ STR("recipient="), r->recipient },
		{ STR("recipient_count="), r->recipient_count },
		{ STR("queue_id="), r->queue_id },
		{ STR("instance="), r->instance },
		{ STR("size="), r->size },
		{ STR("sasl_username="), r->sasl_username },
	};
	const struct buf before = *out;
	bool clean = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct str value = rows[i].value;
		if (!value.at)
			continue;
		clean = clean && is_clean(value);
		buf_put(out, rows[i].name);
		buf_put(out, value);
		buf_putc(out, '\n');
	}
	buf_putc(out, '\n');
	if (clean && !out->full)
		return true;
	*out = before;
	return false;
}
