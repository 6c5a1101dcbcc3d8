/* Answers of HTTP servers. See http_reply.h. */
#include "http_reply.h"

#include <strings.h>

static const struct str statuses[] = { { "HTTP/1.1 200 ", 13 }, { "HTTP/1.0 200 ", 13 } };

/* False when it is another header. */
static bool is_length(struct str line, uint64_t *length)
{
	static const struct str name = { "Content-Length:", 15 };

	if (line.len < name.len || strncasecmp(line.at, name.at, name.len) != 0)
		return false;
	if (line.at[line.len - 1] == '\r')
		line.len--;
	if (!str_u64(str_trim(str_from(line, name.len)), length))
		*length = UINT64_MAX;
	return true;
}

enum http_reply http_reply_read(struct str in, struct str *body)
{
	const char *end = in.len ? memmem(in.at, in.len, "\r\n\r\n", 4) : NULL;
	uint64_t length = UINT64_MAX;
	struct str head;

	if (!end)
		return HTTP_REPLY_PART;
	head = (struct str){ in.at, (size_t)(end - in.at) };
	if (!str_starts(head, statuses[0]) && !str_starts(head, statuses[1]))
		return HTTP_REPLY_ODD;
	while (head.at && !is_length(str_cut(&head, '\n'), &length))
		;
	*body = str_from(in, (size_t)(end - in.at) + 4);
	if (length == UINT64_MAX || body->len > length)
		return HTTP_REPLY_ODD;
	return body->len == length ? HTTP_REPLY_WHOLE : HTTP_REPLY_PART;
}
