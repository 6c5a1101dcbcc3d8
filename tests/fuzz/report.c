/*
 * What the daemon writes with a stranger's text in it: reports for people and as JSON, lines of the log, metrics. The input is
 * the text. Nothing in it can end a value or a line, and metrics are read back by our own reader.
 */
#include "daemon/report.h"
#include "daemon/decision.h"
#include "daemon/exposition.h"
#include "daemon/samples.h"
#include "fuzz.h"

#include <stdlib.h>

static void try_report(struct str in, bool json)
{
	struct report r;
	char *at = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&at, &len);
	fuzz_require(out != NULL, "memory");
	report_start(&r, out, json);
	report_begin(&r);
	report_str(&r, "text", in);
	report_end(&r);
	report_stop(&r);
	fclose(out);
	struct str text = { at, len };
	fuzz_require(str_is_utf8(text), "a report is UTF-8");
	for (size_t i = 0; i < len; i++)
		fuzz_require(at[i] == '\n' || ((unsigned char)at[i] >= 0x20 && at[i] != 0x7F), "and printable");
	if (json) {
		struct str head = STR("[\n{\"text\": \""), tail = STR("\"}\n]\n");
		fuzz_require(str_starts(text, head) && len >= head.len + tail.len &&
				     str_eq(str_from(text, len - tail.len), tail),
			"one object of one value");
		for (size_t i = head.len; i < len - tail.len; i++) {
			fuzz_require(at[i] != '"' && at[i] != '\n', "the value does not end");
			i += at[i] == '\\';
			fuzz_require(i < len - tail.len, "nor escape its end");
		}
	} else {
		fuzz_require(str_find(text, '\n') == len - 1, "one line");
	}
	free(at);
}

/* key=value and key="value": the value ends where it should. */
static void try_log(struct str in)
{
	static char space[1 << 17];
	struct buf out = BUF(space);
	decision_put(&out, "key", in);
	buf_puts(&out, " next=1");
	fuzz_require(fuzz_is_clean(buf_str(&out)) && str_is_utf8(buf_str(&out)), "one clean line");
	struct str value = str_from(buf_str(&out), strlen(" key="));
	size_t n = 0;
	if (value.at[0] != '"') {
		n = str_find(value, ' ');
	} else {
		for (n = 1; n < value.len && value.at[n] != '"'; n++)
			n += value.at[n] == '\\';
		n++;
	}
	fuzz_require(str_eq(str_from(value, n), STR(" next=1")), "a value ends where it ends");
}

static void try_metrics(struct str in)
{
	static char text[65536], back[65536];
	struct exposition x = { .at = NULL };
	struct samples s;
	struct err err;
	if (!str_copy_z(text, sizeof(text), in))
		return;
	exposition_family(&x, "m", "counter", text);
	exposition_count(&x, LABELS({ "a", text }, { "b", "1" }), 7);
	exposition_end(&x);
	fuzz_require(!x.failed, "memory");
	fuzz_require(samples_read(&s, (struct str){ x.at, x.len }, &err) && s.n == 1, "our own reader reads it");
	sample_label(&s.at[0], "a", back, sizeof(back));
	fuzz_require(!str_is_utf8(in) || str_eq(str_of(back), in), "and gets the text back");
	sample_label(&s.at[0], "b", back, sizeof(back));
	fuzz_require(strcmp(back, "1") == 0, "and what stands behind");
	samples_free(&s);
	free(x.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size < 30000 ? size : 30000 };
	try_report(in, true);
	try_report(in, false);
	try_log(in);
	try_metrics(in);
	return 0;
}
