/*
 * Addresses as MTAs hand them on (RFC 5321 section 4.1.2, RFC 6531). Postfix writes the local part unquoted, `a b@x`,
 * Exim and milters may write `"a b"@x`: both become `a b@x`. Only a quote at the very beginning opens a quoted local
 * part; elsewhere quotes and backslashes are octets like others. One pair of <> around the address is taken away. Source
 * routes are not looked for: an MTA strips them (RFC 5321 section 4.1.1.3). Never allocates, never reads beyond `in`.
 */
#include "core/address.h"

/* Every octet of the local part behind a backslash, the quotes, the @ and a final dot. */
#define INPUT_MAX (2 * LOCAL_MAX + 2 + 1 + DOMAIN_MAX + 1)

static void set_slices(struct address *a, size_t local, size_t domain)
{
	size_t whole = domain ? local + 1 + domain : local;
	a->text[whole] = '\0';
	a->whole = (struct str){ a->text, whole };
	a->local = (struct str){ a->text, local };
	a->domain = (struct str){ a->text + (domain ? local + 1 : local), domain };
}

/* Well-formed, and without the control characters U+0080 to U+009F. */
static bool is_fit_utf8(struct str s)
{
	if (!str_is_utf8(s))
		return false;
	for (size_t i = 0; i + 1 < s.len; i++)
		if ((unsigned char)s.at[i] == 0xC2 && (unsigned char)s.at[i + 1] < 0xA0)
			return false;
	return true;
}

static bool is_fit(struct str s)
{
	unsigned char bits = 0, control = 0;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];
		control |= c < 0x20 || c == 0x7F;
		bits |= c;
	}
	return !control && (bits < 0x80 || is_fit_utf8(s));
}

/* Moves what stands between the quotes at the beginning of *in to out->text, without the backslashes. */
static enum address_fault unquote(struct address *out, struct str *in, size_t *len)
{
	size_t n = 0, i = 1;
	for (; i < in->len && in->at[i] != '"'; i++) {
		if (in->at[i] == '\\' && ++i == in->len)
			return ADDRESS_QUOTE;
		if (n == LOCAL_MAX)
			return ADDRESS_TOO_LONG;
		out->text[n++] = in->at[i];
	}
	if (i == in->len || (i + 1 < in->len && in->at[i + 1] != '@'))
		return ADDRESS_QUOTE;
	*in = str_from(*in, i + 1);
	*len = n;
	return ADDRESS_OK;
}

/* ASCII only: how other letters fold depends on the domain's own tables (RFC 5895), and those of a local part are nobody
   else's business (RFC 6530 section 4.2). */
static void fold_ascii(struct address *a, enum fold fold)
{
	size_t i = 0;
	switch (fold) {
	case FOLD_ALL: break;
	case FOLD_DOMAIN: i = a->local.len; break;
	case FOLD_NONE: return;
	}
	for (; i < a->whole.len; i++)
		a->text[i] = (char)(a->text[i] >= 'A' && a->text[i] <= 'Z' ? a->text[i] | 0x20 : a->text[i]);
}

static bool is_domain_octet(unsigned char c)
{
	unsigned char small = c | 0x20;
	return (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' ||
	       c == '[' || c == ']' || c == ':' || c >= 0x80;
}

/* Labels of allowed octets, none of them empty. */
static bool is_domain(const char *p, size_t len)
{
	bool at_label = true;
	for (size_t i = 0; i < len; i++) {
		if (!is_domain_octet((unsigned char)p[i]) || (at_label && p[i] == '.'))
			return false;
		at_label = p[i] == '.';
	}
	return !at_label;
}

enum address_fault address_parse(struct address *out, struct str in, enum fold fold)
{
	enum address_fault fault;
	size_t quoted = 0, at, domain = 0;
	out->whole = out->local = out->domain = (struct str){ NULL, 0 };
	if (in.len >= 2 && in.at[0] == '<' && in.at[in.len - 1] == '>')
		in = (struct str){ in.at + 1, in.len - 2 };
	if (in.len > INPUT_MAX)
		return ADDRESS_TOO_LONG;
	if (!is_fit(in))
		return ADDRESS_CONTROL;
	if (in.len && in.at[0] == '"' && (fault = unquote(out, &in, &quoted)) != ADDRESS_OK)
		return fault;
	if (in.len > sizeof(out->text) - quoted)
		return ADDRESS_TOO_LONG;
	if (in.len)
		memcpy(out->text + quoted, in.at, in.len);
	at = str_rfind(in, '@');
	if (quoted + at == 0)
		return ADDRESS_EMPTY;
	if (at < in.len) {
		domain = in.len - at - 1;
		if (domain && in.at[in.len - 1] == '.')
			domain--;
		if (!is_domain(in.at + at + 1, domain))
			return ADDRESS_DOMAIN;
	}
	if (quoted + at > LOCAL_MAX || domain > DOMAIN_MAX)
		return ADDRESS_TOO_LONG;
	set_slices(out, quoted + at, domain);
	fold_ascii(out, fold);
	return ADDRESS_OK;
}

bool address_base(struct address *out, const struct address *in, struct str delimiters)
{
	size_t cut = 0, domain = in->domain.len;
	while (cut < in->local.len && str_find(delimiters, in->local.at[cut]) == delimiters.len)
		cut++;
	if (cut == 0 || cut == in->local.len)
		return false;
	memmove(out->text, in->local.at, cut);
	if (domain) {
		memmove(out->text + cut + 1, in->domain.at, domain);
		out->text[cut] = '@';
	}
	set_slices(out, cut, domain);
	return true;
}

void address_copy(struct address *out, const struct address *in)
{
	size_t local = in->local.len, domain = in->domain.len;
	memmove(out->text, in->text, in->whole.len);
	set_slices(out, local, domain);
}

const char *address_fault_text(enum address_fault fault)
{
	switch (fault) {
	case ADDRESS_OK: return "is an address";
	case ADDRESS_EMPTY: return "has no local part";
	case ADDRESS_TOO_LONG: return "is longer than an address may be";
	case ADDRESS_CONTROL: return "holds a control character or ill-formed UTF-8";
	case ADDRESS_QUOTE: return "has quotes that do not enclose its local part";
	case ADDRESS_DOMAIN: return "has no valid domain after its @";
	}
	return "is no address";
}
