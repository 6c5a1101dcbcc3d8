/*
 * What is looked at in the head of a request before anything is believed. Two readings of one request (RFC 9112, 11.2)
 * must not come into being between us and a proxy, so whatever could be read in another way is refused: body lengths
 * given twice or in two ways, lines that are folded, that end in a bare LF, or that hold a NUL or other control
 * characters. Bodies have their length told: those in chunks are not taken (411).
 *
 * Releases of the library before 0.9.77 accept some of this without a word. They read in place: a line is where it came in,
 * with NULs for the colon and the line's end. So the distance between two lines tells how the first one ended.
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

/* The empty line ends the head. More octets may have come behind it: they are not it. */
static bool ends_well(const struct scan *s)
{
	static const char empty[LINE_END] = { 0 };
	return !READS_IN_PLACE || memcmp(s->next, empty, LINE_END) == 0;
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
		return "a header that is folded, or a line without CR";
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

/* The first line: the target ends where the version begins. */
static bool is_whole(const struct web_request *r, const char *version)
{
	return !READS_IN_PLACE || r->sent_target + r->sent_len + 1 == version;
}

const char *web_head_fault(struct MHD_Connection *connection, const struct web_request *r, const char *version,
	struct web_head *head, unsigned *status)
{
	struct scan s = { .head = head, .next = version + strlen(version) + LINE_END };
	bool is_1_0 = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;
	if (!r->sent_target || !is_whole(r, version))
		return "a NUL in the first line";
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, &s);
	if (s.fault)
		return s.fault;
	if (!ends_well(&s))
		return "a line without CR";
	if (s.hosts > 1 || (s.hosts == 0 && !is_1_0))
		return s.hosts ? "two headers Host" : "no header Host";
	if (s.lengths > 1 || (s.lengths && s.encodings))
		return "a body whose length is told twice";
	if (s.encodings) {
		*status = MHD_HTTP_LENGTH_REQUIRED;
		return "a body whose length is not told";
	}
	return NULL;
}
