/* The front for socketmap: whatever comes in, what goes out is whole netstrings with one of the replies. */
#include "fuzz.h"
#include "wire/netstring.h"

extern const struct front socketmap_front;

static void put_replies(struct buf *out, struct str sent)
{
	struct str reply;
	for (ssize_t n; sent.len; sent = str_from(sent, (size_t)n)) {
		n = netstring_decode(&reply, sent, sent.len);
		fuzz_require(n > 0, "a whole netstring");
		fuzz_require(!str_eq(str_trim(reply), STR("OK")), "no OK without data");
		fuzz_require(str_starts(reply, STR("OK ")) || str_starts(reply, STR("NOTFOUND ")) ||
				     str_starts(reply, STR("TEMP ")) || str_starts(reply, STR("PERM ")),
			"one of the replies");
		buf_puts(out, "< ");
		drive_put_escaped(out, reply, false);
		buf_putc(out, '\n');
	}
}

static void configure(struct drive *d, unsigned choice)
{
	d->put_sent = put_replies;
	fuzz_require(drive_option(d, STR("style"), choice & 1 ? "smmapd" : "access", NULL), "a style is taken");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_front(&socketmap_front, configure, data, size);
	return 0;
}
