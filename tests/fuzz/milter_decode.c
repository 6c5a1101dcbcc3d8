/* The codec of milters: prefixes say "more", what was read can be written and read again, and a refusal is one line of
   its own class with one NUL. The input is a stream of packets, then a line to be refused with. */
#include "fuzz.h"
#include "wire/milter.h"

static char space[1 << 18];

static void check_commands(const struct milter_packet *p)
{
	struct milter_options o, agreed;
	struct milter_envelope e;
	struct milter_list list;
	struct str rest, name, value;
	unsigned char command;
	if (milter_envelope_decode(&e, p->data)) {
		fuzz_require(e.size <= INT64_MAX, "sizes are below 2^63");
		fuzz_require(e.address.len <= p->data.len && str_find(e.address, '\0') == e.address.len,
			"an address is a part of the first string");
	}
	if (milter_macros_decode(&command, p->data, &rest)) {
		while (rest.len)
			fuzz_require(milter_macro_decode(&name, &value, &rest), "good macros are pairs to the end");
	}
	if (milter_options_decode(&o, p->data, &rest)) {
		if (milter_agree(&agreed, &o, 0x373))
			fuzz_require((agreed.protocol & ~o.protocol) == 0 && agreed.version <= o.version,
				"no more than offered");
		while (milter_list_decode(&list, &rest))
			fuzz_require(str_find(list.names, '\0') == list.names.len, "names are a string");
	}
	milter_connect_decode(&value, p->data);
}

static void check_refusal(struct str line)
{
	static char text[1024];
	struct buf out = BUF(space), back = BUF(text);
	struct milter_packet p;
	if (!milter_refusal_encode(&out, line))
		return;
	fuzz_require(milter_decode(&p, buf_str(&out)) == (ssize_t)out.len, "a refusal is a packet");
	fuzz_require(p.data.len <= MILTER_TEXT_MAX + 1, "a refusal is short");
	fuzz_require(milter_refusal_decode(&back, p.data), "a refusal is read by Sendmail and Postfix");
	fuzz_require(str_starts(line, buf_str(&back)), "a refusal says what it should");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };
	struct milter_packet p, part;
	ssize_t n;
	while ((n = milter_decode(&p, in)) > 0) {
		struct buf out = BUF(space);
		fuzz_require((size_t)n <= in.len && p.data.len + MILTER_HEAD == (size_t)n, "eaten what is there");
		for (size_t len = 0; len<(size_t)n; len += n> 512 ? 61 : 1)
			fuzz_require(milter_decode(&part, (struct str){ in.at, len }) == 0, "a prefix wants more");
		fuzz_require(milter_encode(&out, p.command, p.data), "what was read can be written");
		fuzz_require(str_eq(buf_str(&out), (struct str){ in.at, (size_t)n }), "and is the same");
		check_commands(&p);
		in = str_from(in, (size_t)n);
	}
	check_refusal(in);
	return 0;
}
