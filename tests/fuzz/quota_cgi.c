/* The answers of a quota.cgi. The first line of the input is what was asked about, the rest the answer. */
#include "wire/quota_cgi.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char space[4096];
	struct str in = { (const char *)data, size }, asked = str_cut(&in, '\n');
	struct buf out = BUF(space);
	struct quota_cgi q, again;
	int n = quota_cgi_decode(&q, in, asked);
	if (n < 0)
		return 0;
	fuzz_require((size_t)n == in.len, "all of it is eaten");
	fuzz_require(q.usage <= INT64_MAX && q.quota <= INT64_MAX, "figures are below 2^63");
	buf_puts(&out, q.over ? "OVERQUOTA " : "OK ");
	buf_put(&out, asked);
	buf_printf(&out, " %llu %llu %u %u\r\n", (unsigned long long)q.usage, (unsigned long long)q.quota, q.messages,
		q.message_quota);
	if (out.full)
		return 0;
	fuzz_require(quota_cgi_decode(&again, buf_str(&out), asked) > 0, "what was read can be written and read again");
	fuzz_require(again.over == q.over && again.usage == q.usage && again.quota == q.quota &&
			     again.messages == q.messages && again.message_quota == q.message_quota,
		"and is the same");
	return 0;
}
