#include "wire/imap_quota.h"

#include "wire/imap_name.h"

#define NAME_MAX_OCTETS 8192 /* of a name that is written */

/* ---- where a response ends ---- */

/* How many octets follow a line that ends with {n} or {n+}. False when it does not. */
static bool literal_behind(struct str line, uint64_t *n)
{
	size_t open = str_rfind(line, '{');
	if (line.len == 0 || line.at[line.len - 1] != '}' || open + 2 > line.len)
		return false;
	struct str digits = { line.at + open + 1, line.len - open - 2 };
	if (digits.len && digits.at[digits.len - 1] == '+')
		digits.len--;
	return str_u64(digits, n);
}

static struct str without_cr(struct str line)
{
	if (line.len && line.at[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* The first line with its literals, and so perhaps several. Returns the octets with the last line end, 0: more is
   needed, < 0: no response is that long. *out is what stands before that line end. */
static ssize_t take_lines(struct str in, struct str *out)
{
	for (size_t at = 0;;) {
		struct str rest = str_from(in, at);
		size_t end = str_find(rest, '\n');
		uint64_t literal;
		if (end == rest.len)
			return 0;
		struct str line = without_cr((struct str){ rest.at, end });
		if (!literal_behind(line, &literal)) {
			*out = (struct str){ in.at, at + line.len };
			return (ssize_t)(at + end + 1);
		}
		if (literal > INT32_MAX)
			return -1;
		at += end + 1 + (size_t)literal;
		if (at > in.len)
			return 0;
	}
}

/* ---- what it is made of ---- */

static bool take(struct str *in, char c)
{
	if (in->len == 0 || in->at[0] != c)
		return false;
	*in = str_from(*in, 1);
	return true;
}

static bool take_blanks(struct str *in)
{
	size_t was = in->len;
	while (take(in, ' '))
		;
	return in->len < was;
}

/* A word: neither blank nor parenthesis nor quote. */
static struct str take_word(struct str *in)
{
	size_t n = 0;
	while (n < in->len && (unsigned char)in->at[n] > ' ' && !strchr("()\"", in->at[n]))
		n++;
	struct str word = { in->at, n };
	*in = str_from(*in, n);
	return word;
}

static bool skip_quoted(struct str *in)
{
	while (in->len && in->at[0] != '"') {
		if (in->at[0] == '\\')
			*in = str_from(*in, 1);
		*in = str_from(*in, 1);
	}
	return take(in, '"');
}

static bool skip_literal(struct str *in)
{
	uint64_t n;
	size_t end = str_find(*in, '\n');
	if (end == in->len || !literal_behind(without_cr((struct str){ in->at, end }), &n) || n > in->len - end - 1)
		return false;
	*in = str_from(*in, end + 1 + (size_t)n);
	return true;
}

static bool skip_name(struct str *in)
{
	if (take(in, '"'))
		return skip_quoted(in);
	if (in->len && in->at[0] == '{')
		return skip_literal(in);
	return take_word(in).len > 0;
}

/* ---- quotas ---- */

static uint64_t at_most(uint64_t n)
{
	return n > INT64_MAX ? INT64_MAX : n;
}

/* May be below zero. */
static int64_t room(const struct imap_resource *r)
{
	return (int64_t)r->limit - (int64_t)r->usage;
}

void imap_resource_merge(struct imap_resource *r, const struct imap_resource *other)
{
	if (other->limited && (!r->limited || room(other) < room(r)))
		*r = *other;
}

static bool note_resource(struct imap_resource *r, struct str usage, struct str limit)
{
	struct imap_resource is = { .limited = true };
	if (!str_u64(usage, &is.usage) || !str_u64(limit, &is.limit))
		return false;
	is.usage = at_most(is.usage);
	is.limit = at_most(is.limit);
	imap_resource_merge(r, &is);
	return true;
}

static bool take_resource(struct imap_response *r, struct str *in)
{
	struct str name = take_word(in), usage, limit;
	if (name.len == 0 || !take_blanks(in))
		return false;
	usage = take_word(in);
	if (usage.len == 0 || !take_blanks(in))
		return false;
	limit = take_word(in);
	if (limit.len == 0)
		return false;
	if (str_eq_nocase(name, STR("STORAGE")))
		return note_resource(&r->storage, usage, limit);
	if (str_eq_nocase(name, STR("MESSAGE")))
		return note_resource(&r->messages, usage, limit);
	return true;
}

/* root SP "(" [resource *(SP resource)] ")" */
static bool decode_quota(struct imap_response *r, struct str in)
{
	const char *name = in.at;
	if (!skip_name(&in))
		return false;
	r->names = (struct str){ name, (size_t)(in.at - name) };
	if (!take_blanks(&in) || !take(&in, '('))
		return false;
	for (take_blanks(&in); !take(&in, ')'); take_blanks(&in))
		if (!take_resource(r, &in))
			return false;
	take_blanks(&in);
	return in.len == 0;
}

/* mailbox *(SP root) */
static bool decode_quotaroot(struct imap_response *r, struct str in)
{
	if (!skip_name(&in))
		return false;
	r->names = in;
	while (take_blanks(&in) && in.len) {
		if (!skip_name(&in))
			return false;
		r->roots++;
	}
	return in.len == 0;
}

/* "quoted \\ string", {n}CRLF and n octets, or a word */
static void put_name(struct buf *out, struct str written)
{
	if (written.at[0] == '{') {
		buf_put(out, str_from(written, str_find(written, '\n') + 1));
		return;
	}
	if (written.at[0] != '"') {
		buf_put(out, written);
		return;
	}
	for (size_t i = 1; i + 1 < written.len; i++) {
		i += written.at[i] == '\\';
		buf_putc(out, written.at[i]);
	}
}

bool imap_root_take(struct str *names, struct buf *out)
{
	take_blanks(names);
	const struct str from = *names;
	if (from.len == 0 || !skip_name(names))
		return false;
	put_name(out, (struct str){ from.at, from.len - names->len });
	return true;
}

/* ---- responses ---- */

/* ["[" code "]" SP] text */
static void decode_text(struct imap_response *r, struct str in)
{
	size_t end = str_find(in, ']');
	r->text = in;
	if (in.len && in.at[0] == '[' && end < in.len) {
		r->code = (struct str){ in.at + 1, end - 1 };
		r->text = str_trim(str_from(in, end + 1));
	}
}

/* Those whose rest is a sentence, and holds no literal whatever it looks like. */
static bool is_status(struct str word)
{
	static const char *const words[] = { "OK", "NO", "BAD", "BYE", "PREAUTH" };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_eq_nocase(word, str_of(words[i])))
			return true;
	return false;
}

static bool decode_tagged(struct imap_response *r, struct str line)
{
	r->tag = take_word(&line);
	if (r->tag.len == 0 || !take_blanks(&line))
		return false;
	r->line = line;
	struct str word = take_word(&line);
	decode_text(r, str_trim(line));
	if (str_eq_nocase(word, STR("OK")))
		r->kind = IMAP_OK;
	else if (str_eq_nocase(word, STR("NO")))
		r->kind = IMAP_NO;
	else if (str_eq_nocase(word, STR("BAD")))
		r->kind = IMAP_BAD;
	else
		return false;
	return true;
}

/* `line` is the first one, without its end; `end` are its octets with that. */
static ssize_t decode_untagged(struct imap_response *r, struct str line, size_t end, struct str in)
{
	struct str rest = str_from(line, 2), word = take_word(&rest);
	r->kind = IMAP_OTHER;
	if (str_eq_nocase(word, STR("BYE"))) {
		r->kind = IMAP_BYE;
		r->line = str_from(line, 2);
		decode_text(r, str_trim(rest));
	}
	if (is_status(word))
		return (ssize_t)end;
	ssize_t n = take_lines(in, &line);
	if (n <= 0)
		return n;
	rest = str_from(line, 2 + word.len);
	take_blanks(&rest);
	if (str_eq_nocase(word, STR("QUOTA"))) {
		r->kind = IMAP_QUOTA;
		return decode_quota(r, rest) ? n : -1;
	}
	if (str_eq_nocase(word, STR("QUOTAROOT"))) {
		r->kind = IMAP_QUOTAROOT;
		return decode_quotaroot(r, rest) ? n : -1;
	}
	return n;
}

ssize_t imap_response_decode(struct imap_response *r, struct str in)
{
	size_t end = str_find(in, '\n');
	*r = (struct imap_response){ .kind = IMAP_CONTINUE };
	if (end == in.len)
		return 0;
	struct str line = without_cr((struct str){ in.at, end });
	if (str_starts(line, STR("* ")))
		return decode_untagged(r, line, end + 1, in);
	if (str_starts(line, STR("+")) || decode_tagged(r, line))
		return (ssize_t)end + 1;
	return -1;
}

/* ---- requests ---- */

static bool put_command(struct buf *out, struct str tag, const char *word, struct str name)
{
	char text[NAME_MAX_OCTETS];
	struct buf encoded = BUF(text);
	if (!imap_name_encode(&encoded, name))
		return false;
	buf_put(out, tag);
	buf_printf(out, " %s \"", word);
	for (size_t i = 0; i < encoded.len; i++) {
		if (text[i] == '"' || text[i] == '\\')
			buf_putc(out, '\\');
		buf_putc(out, text[i]);
	}
	buf_puts(out, "\"\r\n");
	out->full = out->full || encoded.full;
	return true;
}

bool imap_getquotaroot_encode(struct buf *out, struct str tag, struct str mailbox)
{
	return put_command(out, tag, "GETQUOTAROOT", mailbox);
}

bool imap_getquota_encode(struct buf *out, struct str tag, struct str root)
{
	return put_command(out, tag, "GETQUOTA", root);
}
