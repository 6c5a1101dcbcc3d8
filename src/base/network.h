/* Networks in the notation of CIDR (RFC 4632, RFC 4291): 10.0.0.0/24, 192.0.2.7, 2001:db8::/32. An IPv4 address in
   IPv6 clothes (::ffff:192.0.2.7) is the IPv4 address. */
#ifndef BASE_NETWORK_H
#define BASE_NETWORK_H

#include "base/err.h"
#include "base/str.h"

struct sockaddr;

struct network {
	uint8_t octets[16]; /* IPv4 as ::ffff:a.b.c.d; bits behind the prefix are 0 */
	unsigned bits; /* 0..128 */
};

/* An address without /n is the network of that one address. Refuses bits that are set behind the prefix: 10.0.0.1/24 is
   more often a mistake than not. */
bool network_parse(struct network *, struct str text, struct err *);

/* For the check of an option row. */
bool network_check(struct str text, struct err *);

/* An address alone, as an MTA writes it (brackets and "IPv6:" in front are tolerated). */
bool network_address(struct network *, struct str text);

/* The address of a socket; false for other families than IPv4 and IPv6. */
bool network_of_socket(struct network *, const struct sockaddr *);

bool network_has(const struct network *, const struct network *address);

#endif
