#include "base/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static const uint8_t v4_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF };

static void set_v4(struct network *n, const void *address)
{
	memcpy(n->octets, v4_prefix, sizeof(v4_prefix));
	memcpy(n->octets + sizeof(v4_prefix), address, 4);
	n->bits = 128;
}

static bool parse_address(struct network *n, struct str text, bool *v4)
{
	char z[INET6_ADDRSTRLEN];
	struct in_addr in;
	if (!str_copy_z(z, sizeof(z), text))
		return false;
	*v4 = inet_pton(AF_INET, z, &in) == 1;
	if (*v4)
		set_v4(n, &in);
	else if (inet_pton(AF_INET6, z, n->octets) != 1)
		return false;
	n->bits = 128;
	return true;
}

/* Clears what stands behind the prefix; false when something did. */
static bool mask(struct network *n)
{
	bool clean = true;
	for (unsigned i = 0; i < 16; i++) {
		unsigned kept = n->bits > 8 * i ? n->bits - 8 * i : 0;
		uint8_t keep = kept >= 8 ? 0xFF : (uint8_t)(0xFF00 >> kept);
		clean = clean && (n->octets[i] & ~keep) == 0;
		n->octets[i] &= keep;
	}
	return clean;
}

bool network_parse(struct network *n, struct str text, struct err *err)
{
	struct str rest = text;
	struct str address = str_cut(&rest, '/');
	uint64_t bits = 0;
	bool v4;
	if (!parse_address(n, address, &v4))
		return err_set(err, "expected an IP address or a network such as 10.0.0.0/24");
	if (!rest.at)
		return true;
	if (!str_u64(rest, &bits) || bits > (v4 ? 32 : 128))
		return err_set(err, "the prefix of the network has 0 to %d bits", v4 ? 32 : 128);
	n->bits = (unsigned)bits + (v4 ? 96 : 0);
	return mask(n) || err_set(err, "the address has bits set behind its prefix");
}

bool network_check(struct str text, struct err *err)
{
	struct network n;
	return network_parse(&n, text, err);
}

bool network_address(struct network *n, struct str text)
{
	bool v4;
	if (text.len > 2 && text.at[0] == '[' && text.at[text.len - 1] == ']')
		text = (struct str){ text.at + 1, text.len - 2 };
	if (text.len > 5 && str_eq_nocase((struct str){ text.at, 5 }, STR("IPv6:")))
		text = str_from(text, 5);
	return parse_address(n, text, &v4);
}

bool network_of_socket(struct network *n, const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		set_v4(n, &((const struct sockaddr_in *)(const void *)address)->sin_addr);
		return true;
	}
	if (address->sa_family != AF_INET6)
		return false;
	memcpy(n->octets, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, sizeof(n->octets));
	n->bits = 128;
	return true;
}

bool network_has(const struct network *n, const struct network *address)
{
	struct network masked = *address;
	masked.bits = n->bits;
	mask(&masked);
	return memcmp(masked.octets, n->octets, sizeof(n->octets)) == 0;
}
