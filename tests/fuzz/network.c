/*
 * Networks and addresses as the configuration and MTAs write them: what is read can be written and read again, and a
 * network has its own address, and none that differs in its prefix.
 */
#include "base/network.h"
#include "base/limit_text.h"
#include "fuzz.h"
#include "io/endpoint.h"
#include "store/server_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static void try_network(struct str in)
{
	struct network n, again, other;
	char text[INET6_ADDRSTRLEN + 8];
	struct err err = { "" };
	if (!network_parse(&n, in, &err)) {
		fuzz_require(err.text[0], "what is wrong is told");
		return;
	}
	fuzz_require(n.bits <= 128 && network_has(&n, &n), "a network has its own address");
	fuzz_require(inet_ntop(AF_INET6, n.octets, text, INET6_ADDRSTRLEN) != NULL, "octets are an address");
	size_t len = strlen(text);
	snprintf(text + len, sizeof(text) - len, "/%u", n.bits);
	fuzz_require(network_parse(&again, str_of(text), NULL), "what was read can be written and read again");
	fuzz_require(again.bits == n.bits && memcmp(again.octets, n.octets, 16) == 0, "and is the same");
	for (unsigned i = 0; i < 128; i++) {
		other = n;
		other.octets[i / 8] ^= (uint8_t)(0x80 >> i % 8);
		fuzz_require(network_has(&n, &other) == (i >= n.bits), "only the prefix counts");
	}
}

static void try_address(struct str in)
{
	struct network n;
	if (network_address(&n, in))
		fuzz_require(n.bits == 128 && network_has(&n, &n), "an address is a network of one");
}

static void try_endpoint(struct str in)
{
	struct endpoint e, again;
	struct err err = { "" };
	bool good = endpoint_parse(&e, in, &err);
	fuzz_require(good == endpoint_check(in, NULL), "the check of an option agrees");
	fuzz_require(good || err.text[0], "what is wrong is told");
	if (!good)
		return;
	fuzz_require(endpoint_parse(&again, in, NULL) && endpoint_eq(&e, &again), "it is the same each time");
	if (e.family == ENDPOINT_UNIX) {
		fuzz_require(str_eq(str_of(endpoint_path(&e)), str_from(in, 5)), "a path is as it was written");
		return;
	}
	const struct sockaddr_in *v4 = (const void *)&e.address;
	fuzz_require((e.address.ss_family == AF_INET && e.len == sizeof(struct sockaddr_in)) ||
			     (e.address.ss_family == AF_INET6 && e.len == sizeof(struct sockaddr_in6)),
		"a family and its length");
	fuzz_require(v4->sin_port != 0, "a port"); /* stands in the same place in both families */
}

static void try_server(struct str in)
{
	struct err err = { "" };
	struct endpoint e;
	if (!server_address_check(in, &err)) {
		fuzz_require(err.text[0], "what is wrong is told");
		return;
	}
	fuzz_require(!str_starts(in, STR("udp:")) && str_find(in, '\0') == in.len &&
			     fuzz_is_clean(in) == (str_starts(in, STR("inet:")) || fuzz_is_clean(in)),
		"a server is reached by a stream, and its name is clean");
	fuzz_require(str_starts(in, STR("inet:")) || endpoint_parse(&e, in, NULL), "a path is one of a socket");
}

static void try_limits(struct str in)
{
	uint64_t octets;
	uint32_t messages;
	for (uint64_t unit = 1; unit <= 1 << 20; unit <<= 10)
		if (limit_octets(in, unit, &octets))
			fuzz_require(octets <= INT64_MAX, "a limit is below 2^63");
		else
			fuzz_require(octets == 0, "no limit is 0");
	limit_messages(in, &messages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };
	try_network(in);
	try_address(in);
	try_endpoint(in);
	try_server(in);
	try_limits(in);
	return 0;
}
