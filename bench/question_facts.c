/*
 * The questions of a frontend to a backend (src/wire/facts_message.h), by datagram or by HTTP. Each has a sequence
 * number, an id, a time and a seal of its own, as the real ones have. Of the answers it is looked at whose they are and
 * what they say, not at their seals: the backend is what is measured. See question.h.
 */
#include "http_reply.h"
#include "question.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#define ASKER UINT64_C(0x7175656e63682d31) /* one frontend, however often this program runs */

static_assert(QUESTION_MAX >= 2 * FACTS_MESSAGE_MAX, "a message, and what HTTP says before it");

static uint64_t wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Numbers grow from one run of the program to the next, for they begin with the time. */
static uint64_t next_sequence(void)
{
	static uint64_t last;

	if (last == 0)
		last = wall_ns();
	return ++last;
}

static void encode(struct question *q)
{
	struct buf out = { .at = q->text + q->message_at, .cap = sizeof q->text - q->message_at };

	q->request.time = (msec)(wall_ns() / 1000000);
	facts_request_encode(&out, &q->request);
	seal_put(q->key, out.at, out.len);
	q->length = q->message_at + out.len;
}

static void facts_renew(struct question *q, unsigned user, uint64_t transaction)
{
	question_put_user(q->address + 1, user);
	q->request.transaction = (struct hash){ q->request.charge ? transaction : 0, 0 };
	q->request.sequence = next_sequence();
	/* An odd factor: numbers that differ give ids that differ, and their low halves do so too. */
	q->request.id = q->request.sequence * UINT64_C(0x9e3779b97f4a7c15);
	encode(q);
}

static void facts_repeat(struct question *q)
{
	q->request.sequence = next_sequence();
	encode(q);
}

static bool facts_write(struct question *q, const struct question_form *form)
{
	int n = snprintf(q->address, sizeof q->address, "u000000@%s", form->domain);

	if (n < 0 || (size_t)n >= sizeof q->address)
		return false;
	q->key = form->key;
	q->message_at = 0;
	q->request = (struct facts_request){ .kind = FACTS_QUESTION,
		.asker = ASKER,
		.size = form->size,
		.charge = !form->report,
		.address = { q->address, (size_t)n } };
	facts_renew(q, 0, 1);
	return true;
}

static enum reply read_message(const struct question *q, struct str in)
{
	struct facts_reply reply;
	uint64_t used;

	if (facts_reply_decode(&reply, in) < 0)
		return REPLY_ODD;
	if (reply.asker != q->request.asker || reply.id != q->request.id)
		return REPLY_LATE;
	if (reply.state != FACTS_REPLY_FOUND)
		return REPLY_ODD;
	used = reply.usage + reply.charge + q->request.size;
	return reply.limit && used > reply.limit ? REPLY_FULL : REPLY_PASS;
}

static enum reply facts_read(const struct question *q, const char *in, size_t n)
{
	return read_message(q, (struct str){ in, n });
}

const struct protocol facts_protocol = { .name = "facts",
	.datagrams = true,
	.write = facts_write,
	.renew = facts_renew,
	.repeat = facts_repeat,
	.read = facts_read };

/* ---- by HTTP ---- */

static bool facts_http_write(struct question *q, const struct question_form *form)
{
	int n;

	if (!facts_write(q, form))
		return false;
	n = snprintf(q->text, sizeof q->text,
		"POST /v1/facts HTTP/1.1\r\nHost: backend.example\r\nContent-Type: application/octet-stream\r\n"
		"Content-Length: %zu\r\n%s\r\n",
		q->length, form->single ? "Connection: close\r\n" : "");
	q->message_at = (size_t)n;
	facts_renew(q, 0, 1);
	return true;
}

static enum reply facts_http_read(const struct question *q, const char *in, size_t n)
{
	struct str body;
	enum reply reply;

	switch (http_reply_read((struct str){ in, n }, &body)) {
	case HTTP_REPLY_PART: return REPLY_PART;
	case HTTP_REPLY_ODD: return REPLY_ODD;
	case HTTP_REPLY_WHOLE: break;
	}
	reply = read_message(q, body);
	return reply == REPLY_LATE ? REPLY_ODD : reply; /* on a stream nothing is late */
}

const struct protocol facts_http_protocol = {
	.name = "facts-http", .write = facts_http_write, .renew = facts_renew, .read = facts_http_read
};
