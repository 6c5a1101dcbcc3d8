#include "store/remote_address.h"

#include <arpa/inet.h>
#include <netdb.h>

#define NAME_MAX_OCTETS 255

bool remote_address_parse(union remote_address *a, const char *text, uint16_t port)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, text, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons(port);
		return true;
	}
	if (inet_pton(AF_INET6, text, &a->v6.sin6_addr) != 1)
		return false;
	a->v6.sin6_family = AF_INET6;
	a->v6.sin6_port = htons(port);
	return true;
}

bool remote_address_eq(const union remote_address *a, const struct sockaddr *other)
{
	const union remote_address *b = (const void *)other;
	if (a->any.sa_family != other->sa_family)
		return false;
	if (other->sa_family == AF_INET)
		return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return a->v6.sin6_port == b->v6.sin6_port &&
	       memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
}

bool remote_address_unpack(union remote_address *a, const struct remote_packed *p)
{
	memset(a, 0, sizeof(*a));
	switch (p->family) {
	case 4:
		a->v4.sin_family = AF_INET;
		memcpy(&a->v4.sin_addr, p->octets, sizeof(a->v4.sin_addr));
		return true;
	case 6:
		a->v6.sin6_family = AF_INET6;
		memcpy(&a->v6.sin6_addr, p->octets, sizeof(a->v6.sin6_addr));
		return true;
	default: return false;
	}
}

static bool pack(struct remote_packed *p, const struct sockaddr *s)
{
	const union remote_address *a = (const void *)s;
	*p = (struct remote_packed){ 0 };
	if (s->sa_family == AF_INET) {
		p->family = 4;
		memcpy(p->octets, &a->v4.sin_addr, sizeof(a->v4.sin_addr));
	} else if (s->sa_family == AF_INET6) {
		p->family = 6;
		memcpy(p->octets, &a->v6.sin6_addr, sizeof(a->v6.sin6_addr));
	}
	return p->family != 0;
}

uint32_t remote_address_find(struct remote_packed *out, struct str name, struct buf *why)
{
	const struct addrinfo want = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *found = NULL;
	char text[NAME_MAX_OCTETS + 1];
	uint32_t n = 0;
	if (!str_copy_z(text, sizeof(text), name)) {
		buf_puts(why, "the name is too long");
		return 0;
	}
	int error = getaddrinfo(text, NULL, &want, &found);
	if (error != 0) {
		buf_puts(why, gai_strerror(error));
		return 0;
	}
	for (struct addrinfo *a = found; a && n < REMOTE_ADDRESSES_MAX; a = a->ai_next)
		n += pack(&out[n], a->ai_addr);
	freeaddrinfo(found);
	if (n == 0)
		buf_puts(why, "the name has no address");
	return n;
}
