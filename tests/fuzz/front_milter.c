/* The front of milters: whatever comes in, what goes out is "c", a refusal, or the one negotiation. */
#include "../packets.h"
#include "fuzz.h"

extern const struct front milter_front;

static void configure(struct drive *d, unsigned choice)
{
	d->put_sent = packets_put;
	if (choice & 1)
		fuzz_require(drive_option(d, STR("mailers"), "local", NULL), "a good mailer is taken");
}

static void check_line(struct str line, unsigned *negotiated)
{
	if (str_starts(line, STR("connect")))
		*negotiated = 0;
	if (!str_starts(line, STR("<")))
		return;
	if (str_starts(line, STR("< O "))) {
		fuzz_require(++*negotiated == 1, "one negotiation");
		return;
	}
	fuzz_require(*negotiated == 1, "nothing is sent before the negotiation");
	fuzz_require(
		str_eq(line, STR("< c")) || (str_starts(line, STR("< y \"452 4.2.2 ")) && line.at[line.len - 1] == '"'),
		"a reply of the protocol");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str transcript = fuzz_front(&milter_front, configure, data, size);
	unsigned negotiated = 0;
	while (transcript.len)
		check_line(str_cut(&transcript, '\n'), &negotiated);
	return 0;
}
