/*
 * The questions that frontends used to ask of a web server with a quota.cgi, and its answers (src/wire/quota_cgi.h).
 * See question.h.
 */
#include "http_reply.h"
#include "question.h"

#include "wire/quota_cgi.h"

#include <stdio.h>

static const char head[] = "GET /cgi-bin/quota.cgi?u=";

static bool cgi_write(struct question *q, const struct question_form *form)
{
	int n = snprintf(q->text, sizeof q->text, "%su000000@%s HTTP/1.1\r\nHost: backend.example\r\n%s\r\n", head,
		form->domain, form->single ? "Connection: close\r\n" : "");

	if (n < 0 || (size_t)n >= sizeof q->text)
		return false;
	q->user_at = sizeof head;
	q->transaction_at = 0;
	q->length = (size_t)n;
	return true;
}

static enum reply cgi_read(const struct question *q, const char *in, size_t n)
{
	struct str body, user = { q->text + sizeof head - 1, 0 };
	struct quota_cgi reply;

	while (user.at[user.len] != ' ')
		user.len++;
	switch (http_reply_read((struct str){ in, n }, &body)) {
	case HTTP_REPLY_PART: return REPLY_PART;
	case HTTP_REPLY_ODD: return REPLY_ODD;
	case HTTP_REPLY_WHOLE: break;
	}
	if (quota_cgi_decode(&reply, body, user) < 0 || reply.quota == 0)
		return REPLY_ODD; /* each user of a benchmark has a mailbox with a limit */
	return reply.over ? REPLY_FULL : REPLY_PASS;
}

const struct protocol cgi_protocol = { .name = "cgi", .write = cgi_write, .renew = question_renew, .read = cgi_read };
