#include "wire/netstring.h"

ssize_t netstring_decode(struct str *payload, struct str in, size_t max)
{
	size_t len = 0, colon = 0;
	for (; colon < in.len && in.at[colon] != ':'; colon++) {
		char c = in.at[colon];
		if (c < '0' || c > '9' || (colon > 0 && len == 0))
			return -1;
		len = 10 * len + (size_t)(c - '0');
		if (len > max)
			return -1;
	}
	if (colon == in.len)
		return 0;
	if (colon == 0)
		return -1;
	struct str rest = str_from(in, colon + 1);
	if (rest.len <= len)
		return 0;
	if (rest.at[len] != ',')
		return -1;
	*payload = (struct str){ rest.at, len };
	return (ssize_t)(colon + 1 + len + 1);
}

void netstring_encode(struct buf *out, struct str payload)
{
	buf_put_u64(out, payload.len);
	buf_putc(out, ':');
	buf_put(out, payload);
	buf_putc(out, ',');
}
