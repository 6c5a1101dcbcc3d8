#include "core/query.h"

static void move(struct str *s, const char *from, size_t len, const char *to)
{
	uintptr_t at = (uintptr_t)s->at, start = (uintptr_t)from;
	if (s->at && at >= start && at <= start + len)
		s->at = to + (at - start);
}

void query_move(struct query *q, const char *from, size_t len, const char *to)
{
	move(&q->address, from, len, to);
	move(&q->recipients, from, len, to);
	move(&q->sender, from, len, to);
	move(&q->client, from, len, to);
}
