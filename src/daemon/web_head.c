/*
 * What is looked at in the head of a request before anything is believed. Two readings of one request (RFC 9112, 11.2)
 * must not come into being between us and a proxy, so whatever could be read in another way is refused: body lengths
 * given twice or in two ways, lines that are folded, that end in a bare LF, or that hold a NUL or other control
 * characters. Bodies have their length told: those in chunks are not taken (411).
 *
 * Releases of the library before 0.9.77 accept some of this without a word. They read in place: what they pass on is where
 * it came in, with NULs for the colons and the ends of lines. So the distances tell what stood between. What they cannot
 * tell from CR LF is another end of the same length, of CR, LF, NUL or a colon: no proxy passes that on.
 */
#include "daemon/web_inside.h"

#include <string.h>

#define HEADERS_MAX 64
#define LINE_END 2 /* octets of CR LF */

struct scan {
	const char *fault;
	const char *next; /* where the next line must begin */
	unsigned headers, hosts, lengths, encodings;
	struct web_head *head;
};

static bool is_token(struct str s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!letter && (c == '\0' || !strchr(others, c)))
			return false;
	}
	return s.len > 0;
}

static bool has_controls(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.at[i] < 0x20 && s.at[i] != '\t') || s.at[i] == 0x7F)
			return true;
	return false;
}

#if MHD_VERSION < 0x00097700
#define READS_IN_PLACE 1
#else
#define READS_IN_PLACE 0
#endif

/* Between the name and the value stand the colon, which is a NUL now, and blanks. */
static bool is_one_line(struct str name, struct str value)
{
	const char *p = name.at + name.len;
	if (value.at <= p || *p)
		return false;
	for (p++; p < value.at; p++)
		if (*p != ' ' && *p != '\t')
			return false;
	return true;
}

static bool is_where_it_came(const struct scan *s, struct str name, struct str value)
{
	return !READS_IN_PLACE || (name.at == s->next && is_one_line(name, value));
}

static bool take_length(struct scan *s, struct str value)
{
	uint64_t length;
	s->lengths++;
	if (!str_u64(value, &length) || length == UINT64_MAX)
		return false;
	s->head->length = length;
	return true;
}

static const char *header_fault(struct scan *s, struct str name, struct str value)
{
	if (++s->headers > HEADERS_MAX)
		return "more than 64 headers";
	if (!is_token(name) || has_controls(value))
		return "a header that is none";
	if (!is_where_it_came(s, name, value))
		return "a header that is folded, or a line without CR, or with a NUL";
	s->next = value.at + value.len + LINE_END;
	value = str_trim(value);
	if (str_eq_nocase(name, STR("Host")))
		s->hosts++;
	else if (str_eq_nocase(name, STR("Transfer-Encoding")))
		s->encodings++;
	else if (str_eq_nocase(name, STR("Content-Length")) && !take_length(s, value))
		return "a body whose length is no number";
	else if (str_eq_nocase(name, STR("Content-Type")))
		s->head->type = value;
	else if (str_eq_nocase(name, STR("Authorization")) && s->head->authorization.at)
		return "two headers Authorization";
	else if (str_eq_nocase(name, STR("Authorization")))
		s->head->authorization = value;
	return NULL;
}

static enum MHD_Result on_header(
	void *context, enum MHD_ValueKind kind, const char *key, size_t key_len, const char *value, size_t value_len)
{
	struct scan *s = context;
	(void)kind;
	s->fault = header_fault(s, (struct str){ key, key_len }, (struct str){ value ? value : "", value_len });
	return s->fault ? MHD_NO : MHD_YES;
}

/* The first line has one blank on each side of the target, and no NUL; the method is a word. */
static bool begins_well(const struct web_request *r, const char *method, const char *version)
{
	struct str word = str_of(method);
	return is_token(word) && (!READS_IN_PLACE || (method + word.len + 1 == r->sent_target &&
							     r->sent_target + r->sent_len + 1 == version));
}

/* The last line, and the empty one behind it, which are four NULs now: a line that begins with a colon ends a head as well. */
static bool ends_well(struct MHD_Connection *connection, const struct scan *s, const char *method)
{
	static const char ends[2 * LINE_END];
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	return !READS_IN_PLACE || (method + info->header_size == s->next + LINE_END &&
					  memcmp(s->next - LINE_END, ends, sizeof(ends)) == 0);
}

static const char *framing_fault(const struct scan *s, const char *version, unsigned *status)
{
	bool is_1_0 = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;
	if (s->hosts > 1 || (s->hosts == 0 && !is_1_0))
		return s->hosts ? "two headers Host" : "no header Host";
	if (s->lengths > 1 || (s->lengths && s->encodings))
		return "a body whose length is told twice";
	if (s->encodings) {
		*status = MHD_HTTP_LENGTH_REQUIRED;
		return "a body whose length is not told";
	}
	return NULL;
}

const char *web_head_fault(
	const struct web_client *c, const char *method, const char *version, struct web_head *head, unsigned *status)
{
	struct scan s = { .head = head, .next = version + strlen(version) + LINE_END };
	if (!c->request.sent_target || !begins_well(&c->request, method, version))
		return "a first line with further blanks, or a NUL, or a method that is no word";
	MHD_get_connection_values_n(c->connection, MHD_HEADER_KIND, on_header, &s);
	if (s.fault)
		return s.fault;
	if (!ends_well(c->connection, &s, method))
		return "a line without CR, or with a NUL";
	return framing_fault(&s, version, status);
}

bool web_head_is_answered_twice(const struct web_client *c)
{
	const char *value = NULL;
	size_t len = 0;
	uint64_t length;
	if (!READS_IN_PLACE || !c->request.sent_target || c->request.begun)
		return false;
	return MHD_lookup_connection_value_n(c->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH,
		       strlen(MHD_HTTP_HEADER_CONTENT_LENGTH), &value, &len) == MHD_YES &&
	       (!str_u64((struct str){ value ? value : "", len }, &length) || length == UINT64_MAX);
}
