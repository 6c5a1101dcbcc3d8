/* A text of metrics, from whoever answers `quotagate status`. */
#include "fuzz.h"

#include "daemon/samples.h"

static bool is_inside(struct str part, struct str whole)
{
	return part.at >= whole.at && part.at + part.len <= whole.at + whole.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct samples s;
	struct err err;
	char label[16];
	if (samples_read(&s, text, &err))
		for (size_t i = 0; i < s.n; i++) {
			const struct sample *x = &s.at[i];
			fuzz_require(
				is_inside(x->name, text) && is_inside(x->labels, text), "slices look into the text");
			sample_label(x, "le", label, sizeof(label));
			fuzz_require(strlen(label) < sizeof(label), "a label has its end");
			samples_sum(&s, "a", x->labels, "le=\"1\"");
		}
	samples_free(&s);
	return 0;
}
