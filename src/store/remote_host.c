#include "store/remote_host.h"

#include <assert.h>
#include <stdlib.h>

#define FRESH SECONDS(60)
#define AGAIN SECONDS(5)

struct remote_hosts {
	struct remote_hosts_conf conf;
	struct remote_host **at; /* n of them, in no order */
	size_t n;
	struct list *slots; /* conf.most of them, by key */
	struct list by_age; /* who was taken last stands last */
};

struct remote_hosts *remote_hosts_new(const struct remote_hosts_conf *conf)
{
	struct remote_hosts *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->conf = *conf;
	list_init(&t->by_age);
	t->at = calloc(conf->most, sizeof(struct remote_host *));
	t->slots = calloc(conf->most, sizeof(*t->slots));
	if (!t->at || !t->slots) {
		remote_hosts_free(t);
		return NULL;
	}
	for (size_t i = 0; i < conf->most; i++)
		list_init(&t->slots[i]);
	return t;
}

void remote_hosts_free(struct remote_hosts *t)
{
	for (size_t i = 0; i < t->n; i++) {
		remote_errand_forget(t->conf.desk, &t->at[i]->errand);
		free(t->at[i]);
	}
	free(t->at);
	free(t->slots);
	free(t);
}

static struct list *slot_of(const struct remote_hosts *t, struct hash key)
{
	return &t->slots[key.a % t->conf.most];
}

static void on_resolved(struct remote_errand *e, const struct remote_result *result, msec now)
{
	struct remote_host *h = list_of(e, struct remote_host, errand);
	struct buf why = BUF(h->why);
	h->again_at = now + AGAIN;
	if (result->why.len) {
		why.cap--;
		buf_put_clean(&why, result->why);
		h->why[why.len] = '\0';
	} else if (result->n) {
		h->n = result->n;
		h->first = 0;
		h->stale_at = now + FRESH;
		memcpy(h->at, result->at, result->n * sizeof(h->at[0]));
		for (size_t i = 0; i < h->n; i++)
			h->at[i].v4.sin_port = htons(h->port); /* stands in the same place in both families */
	}
	h->of->conf.settled(h->of->conf.context, h, now);
	remote_hosts_put(h);
}

_Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port), "one port for both");

static void set_up(struct remote_host *h, struct remote_hosts *t, struct hash key, struct str name, uint16_t port)
{
	struct buf text = BUF(h->peer.name);
	*h = (struct remote_host){ .of = t, .key = key, .port = port, .errand.done = on_resolved };
	list_init(&h->waiting);
	list_init(&h->owed);
	list_init(&h->creditor);
	str_copy_z(h->name, sizeof(h->name), name);
	buf_printf(&text, memchr(name.at, ':', name.len) ? "[%s]:%u" : "%s:%u", h->name, port);
	buf_z(&text);
	if (remote_address_parse(&h->at[0], h->name, port)) {
		h->n = 1;
		h->stale_at = MSEC_NEVER;
	}
	list_insert(slot_of(t, key), &h->same_slot);
	list_insert(&t->by_age, &h->by_age);
}

/* A place for one more; null: no memory, or all are held. */
static struct remote_host *take_place(struct remote_hosts *t)
{
	if (t->n < t->conf.most) {
		struct remote_host *h = calloc(1, sizeof(*h));
		if (h)
			t->at[t->n++] = h;
		return h;
	}
	list_each (n, &t->by_age) {
		struct remote_host *h = list_of(n, struct remote_host, by_age);
		if (h->holders > 0)
			continue;
		t->conf.leaves(t->conf.context, h);
		list_remove(&h->same_slot);
		list_remove(&h->by_age);
		return h;
	}
	return NULL;
}

struct remote_host *remote_hosts_hold(struct remote_host *h)
{
	list_remove(&h->by_age);
	list_insert(&h->of->by_age, &h->by_age);
	h->holders++;
	return h;
}

struct remote_host *remote_hosts_find(struct remote_hosts *t, struct hash key)
{
	list_each (n, slot_of(t, key)) {
		struct remote_host *h = list_of(n, struct remote_host, same_slot);
		if (hash_eq(h->key, key))
			return remote_hosts_hold(h);
	}
	return NULL;
}

struct remote_host *remote_hosts_get(struct remote_hosts *t, struct str name, uint16_t port)
{
	char text[sizeof(((struct remote_host *)0)->name) + 8];
	struct buf b = BUF(text);
	for (size_t i = 0; i < name.len; i++)
		buf_putc(&b, (char)(name.at[i] >= 'A' && name.at[i] <= 'Z' ? name.at[i] | 0x20 : name.at[i]));
	struct str small = buf_str(&b);
	assert(small.len == name.len && small.len < sizeof(((struct remote_host *)0)->name));
	buf_printf(&b, " %u", port);
	struct hash key = hash_of(&t->conf.key, text, b.len);
	struct remote_host *h = remote_hosts_find(t, key);
	if (h)
		return h;
	h = take_place(t);
	if (!h)
		return NULL;
	set_up(h, t, key, small, port);
	return remote_hosts_hold(h);
}

void remote_hosts_put(struct remote_host *h)
{
	assert(h->holders > 0);
	h->holders--;
}

struct remote_host *remote_hosts_at(const struct remote_hosts *t, size_t i)
{
	return i < t->n ? t->at[i] : NULL;
}

enum remote_ready remote_host_ready(struct remote_host *h, msec now)
{
	if (now >= h->stale_at && now >= h->again_at && !h->errand.ticket) {
		if (remote_errand_resolve(h->of->conf.desk, &h->errand, str_of(h->name)))
			h->holders++;
		else
			str_copy_z(h->why, sizeof(h->why), STR("no memory"));
	}
	if (h->n)
		return REMOTE_READY;
	return h->errand.ticket ? REMOTE_WAIT : REMOTE_NAMELESS;
}

void remote_host_heard(struct remote_host *h, const struct sockaddr *from)
{
	for (size_t i = 0; i < h->n; i++)
		if (remote_address_eq(&h->at[i], from))
			h->first = i;
}
