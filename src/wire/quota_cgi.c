#include "wire/quota_cgi.h"

/* Takes the text off the front of *in. */
static bool take(struct str *in, struct str text)
{
	if (!str_starts(*in, text))
		return false;
	*in = str_from(*in, text.len);
	return true;
}

/* Takes a blank and a number, at most `most`: a larger one is `most`. */
static bool take_number(struct str *in, uint64_t most, uint64_t *out)
{
	size_t digits = 0;
	if (!take(in, STR(" ")))
		return false;
	while (digits < in->len && in->at[digits] >= '0' && in->at[digits] <= '9')
		digits++;
	if (!str_u64((struct str){ in->at, digits }, out))
		return false;
	*in = str_from(*in, digits);
	*out = *out > most ? most : *out;
	return true;
}

int quota_cgi_decode(struct quota_cgi *q, struct str in, struct str asked)
{
	struct str rest = in;
	uint64_t messages = 0, message_quota = 0;
	*q = (struct quota_cgi){ 0 };
	q->over = take(&rest, STR("OVERQUOTA "));
	if (!q->over && !take(&rest, STR("OK ")))
		return -1;
	if (!take(&rest, asked) || !take_number(&rest, INT64_MAX, &q->usage) ||
		!take_number(&rest, INT64_MAX, &q->quota))
		return -1;
	if (str_starts(rest, STR(" ")) &&
		(!take_number(&rest, UINT32_MAX, &messages) || !take_number(&rest, UINT32_MAX, &message_quota)))
		return -1;
	q->messages = (uint32_t)messages;
	q->message_quota = (uint32_t)message_quota;
	take(&rest, STR("\r"));
	take(&rest, STR("\n"));
	return rest.len == 0 && in.len <= INT32_MAX ? (int)in.len : -1;
}
