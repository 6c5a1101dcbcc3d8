/* See milter.h. */
#include "wire/milter.h"

static uint32_t get_u32(const char *at)
{
	const unsigned char *o = (const unsigned char *)at;
	return (uint32_t)o[0] << 24 | (uint32_t)o[1] << 16 | (uint32_t)o[2] << 8 | o[3];
}

static void put_u32(struct buf *out, uint32_t n)
{
	const char octets[4] = { (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n };
	buf_put(out, (struct str){ octets, sizeof(octets) });
}

/* ---- packets ---- */

ssize_t milter_decode(struct milter_packet *out, struct str in)
{
	if (in.len < 4)
		return 0;
	uint32_t len = get_u32(in.at);
	if (len < 1 || len > MILTER_PACKET_MAX - 4)
		return -1;
	if (in.len < 4 + (size_t)len)
		return 0;
	out->command = (unsigned char)in.at[4];
	out->data = (struct str){ in.at + MILTER_HEAD, len - 1 };
	return 4 + (ssize_t)len;
}

static void begin(struct buf *out, unsigned char command)
{
	put_u32(out, 0);
	buf_putc(out, (char)command);
}

/* Writes the length of the packet that began where `before` ended; false, with *out as it was, when it was cut, is too
   long or not good. */
static bool end(struct buf *out, const struct buf *before, bool good)
{
	size_t len = out->len - before->len;
	if (!good || out->full || len > MILTER_PACKET_MAX) {
		*out = *before;
		return false;
	}
	struct buf head = { .at = out->at + before->len, .cap = 4 };
	put_u32(&head, (uint32_t)(len - 4));
	return true;
}

bool milter_encode(struct buf *out, unsigned char command, struct str data)
{
	const struct buf before = *out;
	begin(out, command);
	buf_put(out, data);
	return end(out, &before, true);
}

bool milter_string(struct str *out, struct str *rest)
{
	size_t n = str_find(*rest, '\0');
	if (n == rest->len)
		return false;
	*out = (struct str){ rest->at, n };
	*rest = str_from(*rest, n + 1);
	return true;
}

static bool put_string(struct buf *out, struct str s)
{
	buf_put(out, s);
	buf_putc(out, '\0');
	return str_find(s, '\0') == s.len;
}

/* ---- negotiation ---- */

bool milter_options_decode(struct milter_options *out, struct str data, struct str *rest)
{
	if (data.len < 12)
		return false;
	*out = (struct milter_options){ get_u32(data.at), get_u32(data.at + 4), get_u32(data.at + 8) };
	*rest = str_from(data, 12);
	return true;
}

bool milter_list_decode(struct milter_list *out, struct str *rest)
{
	struct str names = str_from(*rest, 4);
	if (rest->len < 4 || !milter_string(&out->names, &names))
		return false;
	out->stage = get_u32(rest->at);
	*rest = names;
	return true;
}

bool milter_options_encode(struct buf *out, const struct milter_options *o, const struct milter_list *lists, size_t n)
{
	const struct buf before = *out;
	bool good = true;
	begin(out, MILTER_OPTNEG);
	put_u32(out, o->version);
	put_u32(out, o->actions);
	put_u32(out, o->protocol);
	for (size_t i = 0; i < n; i++) {
		put_u32(out, lists[i].stage);
		good = put_string(out, lists[i].names) && good;
	}
	return end(out, &before, good);
}

bool milter_agree(struct milter_options *out, const struct milter_options *offer, uint32_t wanted)
{
	if (offer->version < MILTER_VERSION_MIN)
		return false;
	if (offer->version < 3)
		wanted &= ~(uint32_t)MILTER_NOUNKNOWN;
	if (offer->version < 4)
		wanted &= ~(uint32_t)MILTER_NODATA;
	out->version = offer->version < MILTER_VERSION ? offer->version : MILTER_VERSION;
	out->actions = 0;
	out->protocol = wanted & offer->protocol;
	return true;
}

/* ---- commands ---- */

bool milter_macro_decode(struct str *name, struct str *value, struct str *rest)
{
	return milter_string(name, rest) && milter_string(value, rest);
}

bool milter_macros_decode(unsigned char *command, struct str data, struct str *rest)
{
	struct str pairs = str_from(data, 1), name, value;
	if (data.len == 0)
		return false;
	*command = (unsigned char)data.at[0];
	*rest = pairs;
	while (pairs.len)
		if (!milter_macro_decode(&name, &value, &pairs))
			return false;
	return true;
}

/* The index of the > that ends the path, or arg.len. A local part in quotes may have one of its own (RFC 5321 4.1.2). */
static size_t find_path_end(struct str arg)
{
	bool quoted = false;
	for (size_t i = 0; i < arg.len; i++) {
		if (quoted && arg.at[i] == '\\')
			i++;
		else if (arg.at[i] == '"')
			quoted = !quoted;
		else if (arg.at[i] == '>' && !quoted)
			return i;
	}
	return arg.len;
}

/* Cuts the path off the first argument; what stands behind it are parameters. A path whose end nobody can find is left
   whole: no mailbox has such a name. */
static struct str take_path(struct str *arg)
{
	struct str path = str_trim(*arg);
	size_t end_at = path.len && path.at[0] == '<' ? find_path_end(path) : str_find(path, ' ');
	*arg = str_from(path, end_at + 1);
	if (path.len && path.at[0] == '<' && end_at < path.len)
		return (struct str){ path.at + 1, end_at - 1 };
	return (struct str){ path.at, end_at };
}

/* Of several the first counts. */
static void take_parameter(struct milter_envelope *out, struct str parameter)
{
	static const size_t n = sizeof("SIZE=") - 1;
	if (out->size == 0 && parameter.len > n && str_eq_nocase((struct str){ parameter.at, n }, STR("SIZE=")))
		out->size = milter_size(str_from(parameter, n));
}

bool milter_envelope_decode(struct milter_envelope *out, struct str data)
{
	struct str rest = data, arg;
	*out = (struct milter_envelope){ 0 };
	if (!milter_string(&arg, &rest))
		return false;
	out->address = take_path(&arg);
	while (arg.len)
		take_parameter(out, str_cut(&arg, ' '));
	while (rest.len) {
		if (!milter_string(&arg, &rest))
			return false;
		take_parameter(out, arg);
	}
	return true;
}

bool milter_connect_decode(struct str *address, struct str data)
{
	struct str rest = data, host;
	*address = (struct str){ data.at, 0 };
	if (!milter_string(&host, &rest) || rest.len == 0)
		return false;
	char family = rest.at[0];
	if (family == 'U')
		return true;
	if ((family != '4' && family != '6' && family != 'L') || rest.len < 3)
		return false;
	struct str named = str_from(rest, 3), where;
	if (!milter_string(&where, &named))
		return false;
	if (family != 'L')
		*address = where;
	return true;
}

uint64_t milter_size(struct str text)
{
	uint64_t n;
	if (!str_u64(text, &n))
		return 0;
	return n > INT64_MAX ? INT64_MAX : n;
}

bool milter_strings_encode(
	struct buf *out, unsigned char command, const char *first, const struct str *strings, size_t n)
{
	const struct buf before = *out;
	bool good = true;
	begin(out, command);
	if (first)
		buf_putc(out, *first);
	for (size_t i = 0; i < n; i++)
		good = put_string(out, strings[i]) && good;
	return end(out, &before, good);
}

/* ---- replies ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* What both MTAs want to see at the beginning of a refusal. */
static bool is_refusal(struct str line)
{
	if (line.len < 5 || (line.at[0] != '4' && line.at[0] != '5') || !is_digit(line.at[1]) ||
		!is_digit(line.at[2]) || line.at[3] != ' ')
		return false;
	if (is_digit(line.at[4]) && line.at[4] != line.at[0])
		return false;
	for (size_t i = 0; i < line.len; i++)
		if ((unsigned char)line.at[i] < 0x20 || line.at[i] == 0x7F)
			return false;
	return true;
}

/* How much of the line fits when every % counts twice; no character of UTF-8 is cut in two. */
static size_t fitting(struct str line)
{
	size_t n = 0, cost = 0;
	while (n < line.len && (cost += line.at[n] == '%' ? 2 : 1) <= MILTER_TEXT_MAX)
		n++;
	while (n > 0 && n < line.len && ((unsigned char)line.at[n] & 0xC0) == 0x80)
		n--;
	return n;
}

bool milter_refusal_encode(struct buf *out, struct str line)
{
	const struct buf before = *out;
	bool good = is_refusal(line);
	size_t n = good ? fitting(line) : 0;
	begin(out, MILTER_REPLYCODE);
	for (size_t i = 0; i < n; i++) {
		buf_putc(out, line.at[i]);
		if (line.at[i] == '%')
			buf_putc(out, '%');
	}
	buf_putc(out, '\0');
	return end(out, &before, good);
}

bool milter_refusal_decode(struct buf *line, struct str data)
{
	struct str rest = data, text;
	if (!milter_string(&text, &rest) || rest.len || !is_refusal(text) || text.len > MILTER_TEXT_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '%' && (i + 1 == text.len || text.at[++i] != '%'))
			return false;
		buf_putc(line, text.at[i]);
	}
	return true;
}
