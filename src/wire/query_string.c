#include "wire/query_string.h"

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7F;
}

/* Without "http://authority", which a proxy may send. */
static struct str from_path(struct str in)
{
	static const char *const schemes[] = { "http://", "https://" };
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		struct str scheme = str_of(schemes[i]);
		if (in.len >= scheme.len && str_eq_nocase((struct str){ in.at, scheme.len }, scheme)) {
			struct str rest = str_from(in, scheme.len);
			return str_from(rest, str_find(rest, '/'));
		}
	}
	return in;
}

bool http_target_parse(struct http_target *out, struct str in)
{
	for (size_t i = 0; i < in.len; i++)
		if (is_control(in.at[i]) || in.at[i] == ' ')
			return false;
	struct str rest = from_path(in);
	out->path = str_cut(&rest, '?');
	out->query = rest;
	return out->path.len && out->path.at[0] == '/';
}

bool query_string_next(struct str *rest, struct query_pair *out)
{
	while (rest->at) {
		struct str pair = str_cut(rest, '&');
		if (pair.len == 0)
			continue;
		out->name = str_cut(&pair, '=');
		out->value = pair.at ? pair : str_from(out->name, out->name.len);
		return true;
	}
	return false;
}

/* -1: it is no hexadecimal digit. */
static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool percent_decode(struct buf *out, struct str in)
{
	for (size_t i = 0; i < in.len; i++) {
		char c = in.at[i];
		if (c == '%') {
			int high = in.len - i > 2 ? digit(in.at[i + 1]) : -1;
			int low = high >= 0 ? digit(in.at[i + 2]) : -1;
			if (low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (is_control(c))
			return false;
		buf_putc(out, c);
	}
	return !out->full;
}
