/* Requests: how they are made and named, found by their id, and taken back. */
#include "store/remote_inside.h"

#include <stdlib.h>

uint64_t remote_draw(struct remote *r)
{
	r->drawn++;
	return hash_of(&r->key, &r->drawn, sizeof(r->drawn)).a;
}

static struct list *slot_of(struct remote *r, uint64_t id)
{
	return &r->slots[(id >> 32) % REMOTE_SLOTS];
}

static struct remote_request *request_make(struct remote *r)
{
	struct remote_request *q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->of = r;
	uv_timer_init(r->loop, &q->timer);
	r->handles++;
	list_init(&q->link);
	list_init(&q->same_slot);
	list_init(&q->waiting);
	q->post.done = remote_posted;
	return q;
}

struct remote_request *remote_request_new(struct remote *r)
{
	struct remote_request *q;
	if (list_empty(&r->spare)) {
		q = request_make(r);
		if (!q)
			return NULL;
	} else {
		q = list_of(r->spare.next, struct remote_request, link);
		list_remove(&q->link);
	}
	q->lookup = NULL;
	q->n_legs = q->tries = q->n_sent = q->urls = 0;
	q->first_sequence = 0;
	q->posted = NULL;
	q->http_why[0] = '\0';
	list_insert(&r->out, &q->link);
	return q;
}

/* The low 32 bits name the loan that is wanted. */
void remote_request_name(struct remote_request *q)
{
	struct remote *r = q->of;
	uint64_t id;
	do
		id = (remote_draw(r) & ~(uint64_t)UINT32_MAX) | (q->lookup ? q->lookup->claim.number : 0);
	while (!id || remote_request_find(r, id));
	q->message.asker = r->asker;
	q->message.id = id;
	list_insert(slot_of(r, id), &q->same_slot);
}

struct remote_request *remote_request_find(struct remote *r, uint64_t id)
{
	struct list *slot = slot_of(r, id);
	list_each (n, slot) {
		struct remote_request *q = list_of(n, struct remote_request, same_slot);
		if (q->message.id == id)
			return q;
	}
	return NULL;
}

void remote_request_end(struct remote_request *q)
{
	struct remote *r = q->of;
	uv_timer_stop(&q->timer);
	remote_errand_forget(r->desk, &q->post);
	list_remove(&q->same_slot);
	list_remove(&q->waiting);
	for (unsigned i = 0; i < q->n_legs; i++)
		remote_hosts_put(q->legs[i].host);
	if (!q->lookup)
		r->events--;
	q->lookup = NULL;
	list_remove(&q->link);
	list_insert(r->spare.next, &q->link);
}

void remote_request_answer(struct remote_request *q, msec now)
{
	struct lookup *l = q->lookup;
	remote_request_end(q);
	if (!l)
		return;
	l->store_data = NULL;
	lookup_done(l, now);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct remote_request *q = list_of(handle, struct remote_request, timer);
	struct remote *r = q->of;
	free(q);
	remote_handle_closed(r);
}

void remote_requests_close(struct remote *r, struct list *requests)
{
	list_each_safe (n, requests) {
		struct remote_request *q = list_of(n, struct remote_request, link);
		remote_errand_forget(r->desk, &q->post);
		list_remove(&q->link);
		list_remove(&q->waiting);
		for (unsigned i = 0; requests == &r->out && i < q->n_legs; i++)
			remote_hosts_put(q->legs[i].host);
		uv_close((uv_handle_t *)&q->timer, on_timer_closed);
	}
}
