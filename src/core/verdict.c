/*
 * Replies as a postmaster writes them, "452 4.2.2 Quota exceeded for %u, try again later", and the line that the SMTP
 * client sees (RFC 5321 section 4.2; enhanced codes: RFC 3463 section 2). Never lets a line through that an SMTP server
 * could not send: no line break, no control character, at most 512 octets with its CRLF.
 */
#include "core/verdict.h"

#define TEXT_MAX 400
#define LINE_MAX_OCTETS 510 /* RFC 5321 section 4.5.3.1.5: 512 with CRLF */

const char *reason_name(enum reason reason)
{
	static const char *const names[REASON_COUNT] = {
		[REASON_ROOM] = "room",
		[REASON_NO_LIMIT] = "no-limit",
		[REASON_NOT_OURS] = "not-ours",
		[REASON_ELSEWHERE] = "elsewhere",
		[REASON_NO_MAILBOX] = "no-mailbox",
		[REASON_FULL] = "full",
		[REASON_FULL_LONG] = "full-long",
		[REASON_TOO_LARGE] = "too-large",
		[REASON_ERROR] = "error",
		[REASON_FORGED] = "forged",
		[REASON_BAD_ADDRESS] = "bad-address",
		[REASON_NOT_ASKED] = "not-asked",
	};
	return reason < REASON_COUNT ? names[reason] : "";
}

/* The word at fault, fit to be quoted in an error. */
struct quoted {
	char z[48];
};

static struct quoted quoted(struct str word)
{
	struct quoted q;
	struct buf b = BUF(q.z);
	buf_put_clean(&b, word);
	buf_z(&b);
	return q;
}

/* One word and the blanks behind it leave *rest. */
static struct str take_word(struct str *rest)
{
	struct str word = { rest->at, str_find(*rest, ' ') };
	*rest = str_trim(str_from(*rest, word.len));
	return word;
}

/* The second digit is one of those that RFC 5321 section 4.2.1 knows. So 522, a common slip for 552, is let through: it
   is a reply code, and mail servers treat it as 552. 421 and 521 are not: they end the connection. */
static bool parse_code(unsigned *out, struct str word, struct err *err)
{
	uint64_t code;
	if (word.len != 3 || !str_u64(word, &code) || code < 400 || code > 599)
		return err_set(err,
			"\"%s\" is no reply code; a refusal begins with 4xx (try again) or 5xx (for good), as in "
			"\"452 4.2.2 Quota exceeded for %%u\"",
			quoted(word).z);
	if (code / 10 % 10 > 5)
		return err_set(err,
			"there is no reply code %s: its second digit must be one of 0 to 5 (RFC 5321 section 4.2.1)",
			quoted(word).z);
	if (code == 421 || code == 521)
		return err_set(err,
			"reply code %s makes the mail server end the connection, for all recipients of the message; "
			"use 450, 452, 550 or 552",
			quoted(word).z);
	*out = (unsigned)code;
	return true;
}

/* One to three digits without a leading zero. */
static bool parse_subcode(unsigned *out, struct str digits)
{
	uint64_t n;
	if (digits.len > 3 || (digits.len > 1 && digits.at[0] == '0') || !str_u64(digits, &n))
		return false;
	*out = (unsigned)n;
	return true;
}

static bool parse_enhanced(struct reply *out, struct str word, struct err *err)
{
	unsigned class = 0;
	struct str rest = word;
	bool is_three = parse_subcode(&class, str_cut(&rest, '.')) &&
			parse_subcode(&out->subject, str_cut(&rest, '.')) && rest.at &&
			parse_subcode(&out->detail, rest);
	if (!is_three)
		return err_set(err,
			"after the reply code %u stands \"%s\" where an enhanced code such as %u.2.2 is expected "
			"(RFC 3463)",
			out->code, quoted(word).z, out->code / 100);
	if (class != out->code / 100)
		return err_set(err, "the enhanced code %s contradicts the reply code %u: it must begin with %u",
			quoted(word).z, out->code, out->code / 100);
	return true;
}

/* Printable: no control character of ASCII, none of C1 (U+0080 to U+009F), no line or paragraph separator. */
static bool is_printable(struct str s)
{
	if (!str_is_utf8(s))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];
		if (c < 0x20 || c == 0x7F)
			return false;
		if (c == 0xC2 && (unsigned char)s.at[i + 1] < 0xA0)
			return false;
		if (str_starts(str_from(s, i), STR("\xE2\x80\xA8")) || str_starts(str_from(s, i), STR("\xE2\x80\xA9")))
			return false;
	}
	return true;
}

static bool check_text(struct str text, struct err *err)
{
	if (text.len == 0)
		return err_set(err, "the reply has no text after its codes");
	if (text.len > TEXT_MAX)
		return err_set(err, "the text of the reply has %zu octets; %d are allowed", text.len, TEXT_MAX);
	if (!is_printable(text))
		return err_set(err, "the text of the reply must be one line of printable ASCII or UTF-8");
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] != '%')
			continue;
		i++;
		if (i == text.len)
			return err_set(err, "the reply ends with a single %%; write %%%% for a percent sign");
		if (text.at[i] != 'u' && text.at[i] != '%')
			return err_set(err, "\"%s\" in the reply is no variable; it knows %%u (the address) and %%%%",
				quoted((struct str){ text.at + i - 1, 2 }).z);
	}
	return true;
}

bool reply_parse(struct reply *out, struct str in, struct err *err)
{
	struct reply r = { 0 };
	struct str rest = str_trim(in);
	if (rest.len == 0)
		return err_set(err, "the reply is empty; a reply looks like \"452 4.2.2 Quota exceeded for %%u\"");
	if (!parse_code(&r.code, take_word(&rest), err) || !parse_enhanced(&r, take_word(&rest), err) ||
		!check_text(rest, err))
		return false;
	r.text = rest;
	*out = r;
	return true;
}

/* "452 4.2.2 ". Not by buf_printf(): this stands in every refusal, and formats cost more than all else in one. */
static void put_codes(struct buf *line, const struct reply *reply)
{
	const struct {
		unsigned number;
		char after;
	} parts[] = { { reply->code, ' ' }, { reply->code / 100, '.' }, { reply->subject, '.' },
		{ reply->detail, ' ' } };
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		buf_put_u64(line, parts[i].number);
		buf_putc(line, parts[i].after);
	}
}

void reply_print(struct buf *out, const struct reply *reply, struct str address)
{
	char text[LINE_MAX_OCTETS];
	struct buf line = BUF(text);
	put_codes(&line, reply);
	for (size_t i = 0; i < reply->text.len; i++) {
		char c = reply->text.at[i];
		if (c != '%' || i + 1 == reply->text.len)
			buf_putc(&line, c);
		else if (reply->text.at[++i] == 'u')
			buf_put_clean(&line, address);
		else
			buf_putc(&line, '%');
	}
	/* A cut must not leave half a character behind. */
	while (line.full && !str_is_utf8(buf_str(&line)))
		line.len--;
	buf_put(out, buf_str(&line));
}
