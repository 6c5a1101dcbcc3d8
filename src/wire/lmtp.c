#include "wire/lmtp.h"

/* ---- replies ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One to three digits at the head of *s, which are taken off. */
static bool take_number(struct str *s, unsigned *out)
{
	size_t n = 0;
	for (*out = 0; n < s->len && n < 3 && is_digit(s->at[n]); n++)
		*out = 10 * *out + (unsigned)(s->at[n] - '0');
	*s = str_from(*s, n);
	return n > 0;
}

static bool take_char(struct str *s, char c)
{
	if (s->len == 0 || s->at[0] != c)
		return false;
	*s = str_from(*s, 1);
	return true;
}

/* "5.2.2" and a blank or the end; another class than the code's is text. */
static bool take_enhanced(struct lmtp_reply *r, struct str *text)
{
	struct str s = *text;
	unsigned class;
	bool good = take_number(&s, &class) && class == r->code / 100 && take_char(&s, '.') &&
		    take_number(&s, &r->subject) && take_char(&s, '.') && take_number(&s, &r->detail);
	if (!good || (s.len > 0 && !take_char(&s, ' '))) {
		r->subject = r->detail = 0;
		return false;
	}
	*text = s;
	return true;
}

static bool take_code(struct str line, unsigned *code, bool *last)
{
	if (line.len < 3 || !is_digit(line.at[0]) || !is_digit(line.at[1]) || !is_digit(line.at[2]))
		return false;
	*code = (unsigned)(100 * (line.at[0] - '0') + 10 * (line.at[1] - '0') + (line.at[2] - '0'));
	*last = line.len == 3 || line.at[3] == ' ';
	return *code >= 200 && *code <= 599 && (*last || line.at[3] == '-') && !memchr(line.at, '\0', line.len);
}

bool lmtp_line_decode(struct lmtp_reply *out, struct str line)
{
	bool last;
	*out = (struct lmtp_reply){ .lines = line };
	if (!take_code(line, &out->code, &last) || !last)
		return false;
	out->text = str_from(line, 4);
	out->enhanced = take_enhanced(out, &out->text);
	return true;
}

/* The line at the head of `in`, without its end; null: its end is not there. */
static struct str line_of(struct str in, size_t *octets)
{
	const char *lf = in.len ? memchr(in.at, '\n', in.len) : NULL;
	if (!lf)
		return (struct str){ NULL, 0 };
	*octets = (size_t)(lf - in.at) + 1;
	if (lf > in.at && lf[-1] == '\r')
		lf--;
	return (struct str){ in.at, (size_t)(lf - in.at) };
}

ssize_t lmtp_reply_decode(struct lmtp_reply *out, struct str in)
{
	size_t at = 0, octets = 0;
	unsigned code = 0, first = 0;
	for (bool last = false; !last; at += octets) {
		struct str line = line_of(str_from(in, at), &octets);
		if (!line.at)
			return in.len >= LMTP_REPLY_MAX ? -1 : 0;
		if (at + octets > LMTP_REPLY_MAX || !take_code(line, &code, &last) || (first && code != first))
			return -1;
		first = code;
		if (last && !lmtp_line_decode(out, line))
			return -1;
	}
	out->lines = (struct str){ in.at, at };
	return (ssize_t)at;
}

bool lmtp_offers(const struct lmtp_reply *hello, struct str keyword, struct str *parameters)
{
	struct str rest = hello->lines, line;
	size_t octets;
	for (bool first = true; (line = line_of(rest, &octets)).at; first = false, rest = str_from(rest, octets)) {
		struct str offer = str_from(line, 4);
		struct str word = str_cut(&offer, ' ');
		if (first || !str_eq_nocase(word, keyword))
			continue;
		*parameters = offer.at ? offer : STR("");
		return true;
	}
	return false;
}

/* ---- what they mean ---- */

static enum lmtp_meaning meaning_of_enhanced(const struct lmtp_reply *r)
{
	if (r->subject == 2 && r->detail == 2)
		return LMTP_FULL;
	if ((r->subject == 2 && r->detail == 3) || (r->subject == 3 && r->detail == 4))
		return LMTP_TOO_LARGE;
	/* A mailbox that is none, was moved away, or whose address cannot be: 1, 2, 3, 6 and 10. */
	bool none = (r->detail >= 1 && r->detail <= 3) || r->detail == 6 || r->detail == 10;
	return r->subject == 1 && none && r->code >= 500 ? LMTP_NO_MAILBOX : LMTP_UNKNOWN;
}

bool lmtp_is_definite(const struct lmtp_reply *r)
{
	return r->enhanced && r->subject >= 1 && r->subject <= 3 && r->detail > 0;
}

static bool is_of_else(struct str word)
{
	static const char *const parts[] = { "auth", "black", "block", "denied", "full", "limit", "many", "permit",
		"policy", "prohibit", "quota", "relay", "sender", "spam", "storage" };
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (str_holds_nocase(word, str_of(parts[i])))
			return true;
	return false;
}

/* MTAs refuse all sorts of things with 550. What is taken for "no such mailbox" by mistake costs a mailbox its mail where
   `unknown` rejects; the other way round nobody can tell, and that is all. The address may be called anything. */
static bool speaks_of_else(struct str lines)
{
	for (struct str word; lines.at;) {
		word = str_cut(&lines, ' ');
		if (!str_starts(word, STR("<")) && str_find(word, '@') == word.len && is_of_else(word))
			return true;
	}
	return false;
}

enum lmtp_meaning lmtp_meaning(const struct lmtp_reply *r)
{
	if (r->code < 300)
		return LMTP_TAKEN;
	if (r->code == 421)
		return LMTP_CLOSING;
	if (r->enhanced)
		return r->code >= 400 ? meaning_of_enhanced(r) : LMTP_UNKNOWN;
	switch (r->code) {
	case 452:
	case 552: return LMTP_FULL;
	case 550:
	case 551:
	case 553: return speaks_of_else(r->lines) ? LMTP_UNKNOWN : LMTP_NO_MAILBOX;
	default: return LMTP_UNKNOWN;
	}
}

/* ---- mailboxes ---- */

bool lmtp_is_ascii(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] >= 0x80)
			return false;
	return true;
}

static bool has_control(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7F)
			return true;
	return false;
}

static bool is_atom_char(char c)
{
	char small = (char)(c | 0x20);
	return (small >= 'a' && small <= 'z') || is_digit(c) || (unsigned char)c >= 0x80 ||
	       (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool is_dot_atom(struct str s)
{
	bool dot = true; /* none may stand first, last, or behind another */
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '.' ? dot : !is_atom_char(s.at[i]))
			return false;
		dot = s.at[i] == '.';
	}
	return !dot;
}

static void put_local(struct buf *out, struct str local)
{
	if (is_dot_atom(local)) {
		buf_put(out, local);
		return;
	}
	buf_putc(out, '"');
	for (size_t i = 0; i < local.len; i++) {
		if (local.at[i] == '"' || local.at[i] == '\\')
			buf_putc(out, '\\');
		buf_putc(out, local.at[i]);
	}
	buf_putc(out, '"');
}

/* Of a domain nothing is put in quotes: what could end it early must not be in it. */
static bool is_domain(struct str domain)
{
	for (size_t i = 0; i < domain.len; i++)
		if (domain.at[i] == ' ' || domain.at[i] == '<' || domain.at[i] == '>' || domain.at[i] == '@')
			return false;
	return true;
}

bool lmtp_put_mailbox(struct buf *out, struct str local, struct str domain, bool utf8)
{
	const struct buf before = *out;
	bool good = local.len > 0 && !has_control(local) && !has_control(domain) && is_domain(domain) &&
		    (utf8 || (lmtp_is_ascii(local) && lmtp_is_ascii(domain)));
	buf_putc(out, '<');
	put_local(out, local);
	buf_puts(out, domain.len ? "@" : "");
	buf_put(out, domain);
	buf_putc(out, '>');
	if (good && !out->full)
		return true;
	*out = before;
	return false;
}
