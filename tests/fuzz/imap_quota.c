/*
 * Responses of an IMAP server, one after the other, whole and as they grow octet by octet. The first line of the input is
 * the name of a mailbox, which is asked about.
 */
#include "wire/imap_quota.h"
#include "fuzz.h"

static void require_inside(struct str s, struct str in)
{
	fuzz_require(s.len == 0 || (s.at >= in.at && s.at + s.len <= in.at + in.len), "slices look into the input");
}

static void ask(struct str name)
{
	static char space[65536];
	struct buf out = BUF(space);
	bool good = imap_getquotaroot_encode(&out, STR("q1"), name);
	fuzz_require(good == str_is_utf8(name), "every name of UTF-8 can be asked about");
	for (size_t i = 0; i < out.len; i++)
		fuzz_require((space[i] >= ' ' && space[i] <= '~') || i + 2 >= out.len, "a question is one line");
}

static void take_names(struct str names)
{
	char space[64];
	struct buf out = BUF(space);
	while (imap_root_take(&names, &out))
		;
	fuzz_require(names.len == 0, "a name that was let in is one");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };
	struct imap_response r, again;
	ask(str_cut(&in, '\n'));
	while (in.len) {
		ssize_t n = imap_response_decode(&r, in);
		fuzz_require(n <= (ssize_t)in.len, "no more is eaten than there is");
		if (n <= 0)
			break;
		require_inside(r.tag, in);
		require_inside(r.line, in);
		require_inside(r.code, in);
		require_inside(r.text, in);
		require_inside(r.names, in);
		take_names(r.names);
		fuzz_require(r.storage.usage <= INT64_MAX && r.storage.limit <= INT64_MAX, "figures are below 2^63");
		for (ssize_t i = 0; i < n && n < 200; i++)
			fuzz_require(imap_response_decode(&again, (struct str){ in.at, (size_t)i }) == 0,
				"a part of a response is none");
		in = str_from(in, (size_t)n);
	}
	return 0;
}
